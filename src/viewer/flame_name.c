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

/* Where the arguments or a clone's remark end, nothing but qualifiers come. */
static bool
is_over(const char *text, bool closed)
{
	return (closed && *text == ' ') || !strncmp(text, " [", 2);
}

/* Native names without what stands in brackets: arguments of templates and of
 * functions, unnamed namespaces. Returns where in out the name begins. */
static const char *
brackets_drop(const char *text, char *out, size_t size)
{
	size_t used = 0, begin = 0;
	int depth = 0;
	bool closed = false;

	while (*text && used + 1 < size && !(!depth && is_over(text, closed))) {
		size_t kept = depth ? 0 : operator_size(text);

		if (kept) {
			kept = kept < size - used - 1 ? kept : size - used - 1;
			memcpy(out + used, text, kept);
			used += kept;
			text += kept;
			/* "operator new", "operator bool" */
			if (*text == ' ' && used + 1 < size)
				out[used++] = *text++;
			continue;
		}
		depth += strchr("<([", *text) != NULL;
		if (!depth) {
			/* A result type stands before the name. */
			begin = *text == ' ' ? used + 1 : begin;
			out[used++] = *text;
		}
		closed = depth && *text == ')';
		depth -= strchr(">)]", *text) && depth;
		text++;
		if (!depth && used == begin && !strncmp(text, "::", 2))
			text += 2;
	}
	out[used] = '\0';
	return out + begin;
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
	part = kind == FRAME_NATIVE ? brackets_drop(function, out, size)
				    : function;
	if (canvas_width(canvas, part) <= width)
		return part;
	return last_part(part, kind);
}
