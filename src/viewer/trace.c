/* trace.c - the stacks behind a row, and the lines of one of them. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "symbol/symbol.h"
#include "viewer/place.h"
#include "viewer/view.h"

static void
line_fini(struct trace_line *line)
{
	free(line->function);
	free(line->file);
	free(line->module);
	free(line->text);
}

static void
lines_free(struct trace *trace)
{
	for (size_t i = 0; i < trace->line_count; i++)
		line_fini(&trace->lines[i]);
	trace->line_count = 0;
}

void
trace_fini(struct trace *trace)
{
	struct trace kept = {.full_paths = trace->full_paths,
			     .context = trace->context};

	lines_free(trace);
	line_fini(&trace->title);
	free(trace->lines);
	*trace = kept;
}

static void
sites_find(struct viewer *viewer, const struct row *row)
{
	struct trace *trace = &viewer->trace;

	trace->all =
	    engine_sites(viewer->engine, row, trace->sites, TRACE_STACKS_MAX);
	trace->count =
	    trace->all < TRACE_STACKS_MAX ? trace->all : TRACE_STACKS_MAX;
}

void
trace_open(struct viewer *viewer, const struct row *row)
{
	struct trace *trace = &viewer->trace;
	struct place place;

	trace->identity = row->identity;
	trace->shown = 0;
	row_place(viewer, row, &place);
	line_fini(&trace->title);
	trace->title = (struct trace_line){
	    .function = mem_string(place.function),
	    .file = mem_string(place.file),
	    .module = mem_string(place.module),
	    .line = place.line,
	};
	sites_find(viewer, row);
}

void
trace_update(struct viewer *viewer)
{
	const struct rows *rows = viewer->rows;
	struct trace *trace = &viewer->trace;
	uint32_t site = trace->count ? trace->sites[trace->shown] : 0;
	size_t i = rows_find(rows, trace->identity);

	if (i == rows->count)
		return; /* freed or filtered: what was found stays */
	sites_find(viewer, rows_get(rows, i));
	trace->shown = 0;
	for (i = 0; i < trace->count; i++)
		if (trace->sites[i] == site)
			trace->shown = i;
	if (trace->count && trace->sites[trace->shown] != site)
		trace_build(viewer);
}

static struct trace_line *
line_add(struct trace *trace)
{
	struct trace_line *line;

	trace->lines = mem_room(trace->lines, &trace->line_room,
				trace->line_count, sizeof(*trace->lines));
	line = &trace->lines[trace->line_count++];
	memset(line, 0, sizeof(*line));
	return line;
}

/* Bytes of text that make at most `cells` characters. */
static size_t
bytes_of(const char *text, size_t cells)
{
	size_t bytes = 0;

	while (text[bytes] && cells--)
		do
			bytes++;
		while ((text[bytes] & 0xc0) == 0x80);
	return bytes;
}

/* The whole path of the frame that was added last, on lines of its own. */
static void
path_add(struct trace *trace, int width)
{
	const struct trace_line *of = &trace->lines[trace->line_count - 1];
	char *text = *of->file ? mem_format("%s:%u", of->file, of->line)
			       : mem_string(of->module);
	size_t room = width > 20 ? (size_t)width - 10 : 10;

	for (const char *rest = text; *rest;) {
		size_t bytes = bytes_of(rest, room);
		struct trace_line *line = line_add(trace);

		line->path = true;
		line->text = mem_format("%.*s", (int)bytes, rest);
		rest += bytes;
	}
	free(text);
}

static struct trace_line *
source_add(struct trace *trace, char *text)
{
	struct trace_line *line = line_add(trace);

	line->source = true;
	line->text = text;
	return line;
}

/* Cells of white space before the text; tabs go to every eighth. */
static int
indent_of(const char **text)
{
	int cells = 0;

	for (; **text == ' ' || **text == '\t'; (*text)++)
		cells += **text == '\t' ? 8 - cells % 8 : 1;
	return cells;
}

/* The line and those around it, numbered, without the indent they share. */
static void
context_add(struct trace *trace, const char *root, const char *file,
	    uint32_t number)
{
	uint32_t first = number > 1 ? number - 1 : number;
	int least = 1000;

	for (uint32_t i = first; i <= number + 1; i++) {
		const char *text = source_text_raw(root, file, i);
		int indent = text ? indent_of(&text) : 0;

		if (text && *text && indent < least)
			least = indent;
	}
	for (uint32_t i = first; i <= number + 1; i++) {
		const char *text = source_text_raw(root, file, i);
		struct trace_line *line;
		int indent;

		if (!text)
			continue;
		indent = indent_of(&text);
		if (!*text)
			indent = least;
		line = source_add(trace, mem_format("%c%5u  %*s%s",
						    i == number ? '>' : ' ', i,
						    indent - least, "", text));
		line->around = i != number;
	}
}

static void
location_add(struct viewer *viewer, const struct frame *frame,
	     const struct location *location)
{
	const struct names *names = viewer->snapshot->names;
	struct trace *trace = &viewer->trace;
	struct trace_line *line = line_add(trace);
	const char *root =
	    viewer->resolve ? resolve_root(viewer->resolve) : NULL;
	const char *file = names_text(names, location->file);
	const char *text;

	line->kind = frame->kind;
	line->inlined = location->flags & LOCATION_INLINED;
	line->own = !(location->flags & (LOCATION_FOREIGN | LOCATION_GLUE));
	line->function = mem_string(names_text(names, location->function));
	line->file = mem_string(file);
	line->line = location->line;
	line->module = mem_string(
	    frame->module
		? names_text(names, names_module(names, frame->module)->path)
		: "");
	if (trace->full_paths)
		path_add(trace, viewer->canvas.width);
	if (!*file || !location->line)
		return;
	if (trace->context) {
		context_add(trace, root, file, location->line);
		return;
	}
	text = source_text_line(root, file, location->line);
	if (text && *text)
		source_add(trace, mem_string(text));
}

void
trace_build(struct viewer *viewer)
{
	struct trace *trace = &viewer->trace;
	struct names *names = viewer->snapshot->names;
	uint32_t site = trace->sites[trace->shown];
	uint32_t stack;

	lines_free(trace);
	if (!site || site > viewer->snapshot->site_count)
		return;
	stack = viewer->snapshot->sites[site - 1].stack;
	while (stack) {
		const struct stack *step = names_stack(names, stack);
		size_t count;
		const struct location *locations =
		    names_locations(names, step->frame, &count);
		const struct frame *frame = names_frame(names, step->frame);

		for (size_t i = 0; i < count; i++)
			location_add(viewer, frame, &locations[i]);
		stack = step->parent;
	}
}
