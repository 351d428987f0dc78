/* glyph.c - the table of characters. */
#include "config.h"

#include "viewer/glyph.h"

#define GLYPH_ROW_(id_, utf8_, ascii_) {utf8_, ascii_},
static const char *const glyphs[][2] = {GLYPH_LIST(GLYPH_ROW_)};
_Static_assert(sizeof(glyphs) / sizeof(*glyphs) == GLYPH_COUNT, "glyphs");

const char *
glyph_text(enum glyph glyph, bool ascii)
{
	return glyphs[glyph][ascii];
}
