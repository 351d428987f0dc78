/* flame_name.c - names of functions that are cut at their joints. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "viewer/canvas.h"
#include "viewer/trees.h"

/* Bytes of an operator's name at text, 0 none: its signs are no brackets. */
static size_t
operator_size(const char *text)
{
	static const char word[] = "operator";
	size_t size = sizeof(word) - 1;

	if (strncmp(text, word, size))
		return 0;
	if (!strncmp(text + size, "()", 2))
		return size + 2;
	return size + strspn(text + size, "<>=-+*/&|^!~%,[]");
}

/* Native names without what stands in brackets: arguments of templates and of
 * functions, unnamed namespaces. */
static void
brackets_drop(const char *text, char *out, size_t size)
{
	size_t used = 0;
	int depth = 0;

	while (*text && used + 1 < size) {
		size_t kept = depth ? 0 : operator_size(text);

		if (kept) {
			kept = kept < size - used - 1 ? kept : size - used - 1;
			memcpy(out + used, text, kept);
			used += kept;
			text += kept;
			continue;
		}
		if (strchr("<([", *text))
			depth++;
		if (!depth)
			out[used++] = *text;
		if (strchr(">)]", *text) && depth)
			depth--;
		text++;
		if (!depth && !strncmp(text, "::", 2) && !used)
			text += 2;
	}
	out[used] = '\0';
	/* Qualifiers and clones stand behind the arguments. */
	if (strncmp(out, "operator", 8) && !strstr(out, "::operator"))
		out[strcspn(out, " ")] = '\0';
}

/* What stands behind the last joint. */
static const char *
last_part(const char *text, enum frame_kind kind)
{
	const char *joint = kind == FRAME_PYTHON ? "." : "::";
	const char *part = text;

	for (const char *at; (at = strstr(part, joint));)
		part = at + strlen(joint);
	return part;
}

const char *
flame_name(const struct canvas *canvas, const char *function,
	   enum frame_kind kind, int width, char *out, size_t size)
{
	const char *part;

	if (canvas_width(canvas, function) <= width) {
		snprintf(out, size, "%s", function);
		return out;
	}
	if (kind == FRAME_NATIVE)
		brackets_drop(function, out, size);
	else
		snprintf(out, size, "%s", function);
	if (canvas_width(canvas, out) <= width)
		return out;
	part = last_part(out, kind);
	if (canvas_width(canvas, part) > width)
		return "";
	return part;
}
