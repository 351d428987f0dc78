/* view_trace.c - the way to an allocation, innermost call first. */
#include "config.h"

#include <string.h>

#include "model/merge.h"
#include "viewer/format.h"
#include "viewer/place.h"
#include "viewer/view.h"

#define RANKS_MAX 5
#define APART_MAX 1024 /* locations of a stack that are compared */

static const struct site *
site_of(const struct viewer *viewer, size_t index)
{
	uint32_t id = viewer->trace.sites[index];

	return id && id <= viewer->snapshot->site_count
		   ? &viewer->snapshot->sites[id - 1]
		   : NULL;
}

/* The locations of a stack, innermost first; at most max. Returns how many. */
static size_t
stack_flatten(struct names *names, uint32_t stack, struct location *out,
	      size_t max)
{
	size_t used = 0;

	while (stack && used < max) {
		const struct stack *step = names_stack(names, stack);
		size_t count;
		const struct location *locations =
		    names_locations(names, step->frame, &count);

		for (size_t i = 0; i < count && used < max; i++)
			out[used++] = locations[i];
		stack = step->parent;
	}
	return used;
}

static bool
same_location(const struct location *a, const struct location *b)
{
	return a->function == b->function && a->file == b->file &&
	       a->line == b->line;
}

/*
 * What tells two stacks of one row apart: the first call, seen from outside,
 * that `stack` makes and `other` does not. False when there is none; then *less
 * is how many calls `other` makes in addition.
 */
static bool
stack_apart(struct names *names, uint32_t stack, uint32_t other,
	    struct location *apart, size_t *less)
{
	static struct location mine[APART_MAX];
	static struct location its[APART_MAX];
	size_t a = stack_flatten(names, stack, mine, APART_MAX);
	size_t b = stack_flatten(names, other, its, APART_MAX);

	while (a > 0 && b > 0 && same_location(&mine[a - 1], &its[b - 1])) {
		a--;
		b--;
	}
	if (a > 0)
		*apart = mine[a - 1];
	*less = b;
	return a > 0;
}

static void
domain_draw(struct canvas *canvas, int y, int x, const struct site *site)
{
	canvas_format(
	    canvas, y, x, canvas->width - x, ROLE_DIM, "blocks from %s",
	    site->domain < DOMAIN_COUNT ? domain_names[site->domain] : "?");
}

static void
apart_draw(struct viewer *viewer, int y, int x, size_t index)
{
	struct names *names = viewer->snapshot->names;
	const size_t other_index = index ? 0 : 1;
	const struct site *site = site_of(viewer, index);
	const struct site *other = site_of(viewer, other_index);
	struct canvas *canvas = &viewer->canvas;
	struct location apart;
	struct place place;
	size_t less;

	if (!site || !other)
		return;
	if (!stack_apart(names, site->stack, other->stack, &apart, &less)) {
		if (less == 1)
			canvas_format(canvas, y, x, canvas->width - x, ROLE_DIM,
				      "as %zu without its last call",
				      other_index + 1);
		else if (less)
			canvas_format(canvas, y, x, canvas->width - x, ROLE_DIM,
				      "as %zu without its last %zu calls",
				      other_index + 1, less);
		else
			domain_draw(canvas, y, x, site);
		return;
	}
	place.file = names_text(names, apart.file);
	place.function = names_text(names, apart.function);
	place.line = apart.line;
	place.module = "";
	place.function_first = false;
	x += canvas_text(canvas, y, x, canvas->width - x, ROLE_DIM, "via ");
	place_draw(canvas, y, x, canvas->width - x - 1, ROLE_TEXT, &place);
}

static void
rank_draw(struct viewer *viewer, int y, size_t index, uint64_t sum, bool named)
{
	const struct site *site = site_of(viewer, index);
	uint32_t id = viewer->trace.sites[index];
	struct canvas *canvas = &viewer->canvas;
	enum role role = index == viewer->trace.shown ? ROLE_ACCENT : ROLE_TEXT;
	char text[FORMAT_MAX];
	uint64_t live;
	int64_t diff;
	int x = 1;

	if (!site)
		return;
	live = site_live_bytes(site);
	diff = (int64_t)(live - mark_bytes(&viewer->mark, id - 1));
	if (index == viewer->trace.shown)
		canvas_glyph(canvas, y, x, role, GLYPH_POINTER);
	canvas_format(canvas, y, x + 2, 10, role, "%3zu", index + 1);
	format_percent(text, sum ? (double)live / (double)sum : 0);
	canvas_right(canvas, y, x + 5, 6, role, text);
	canvas_text(canvas, y, x + 11, 1, role, "%");
	canvas_right(canvas, y, x + 12, 10, role,
		     format_size(text, live, false));
	if (canvas->width > 34)
		canvas_right(canvas, y, x + 22, 11, growth_role((double)diff),
			     format_size_diff(text, diff, false));
	if (canvas->width > 42)
		canvas_right(canvas, y, x + 33, 7, role,
			     format_count(text, site_live_count(site)));
	x += 41;
	if (named)
		apart_draw(viewer, y, x, index);
	else
		domain_draw(canvas, y, x, site);
}

/* The stacks of the row, ranked. Returns the lines used. */
static int
ranks_draw(struct viewer *viewer, struct box box)
{
	const struct trace *trace = &viewer->trace;
	size_t lines = box.height >= 20 ? RANKS_MAX : box.height >= 12 ? 3 : 1;
	uint64_t sum = 0;
	size_t top;

	if (lines > trace->count)
		lines = trace->count;
	for (size_t i = 0; i < trace->count; i++)
		if (site_of(viewer, i))
			sum += site_live_bytes(site_of(viewer, i));
	top = trace->shown < lines ? 0 : trace->shown - lines + 1;
	for (size_t i = 0; i < lines; i++)
		rank_draw(viewer, box.y + (int)i, top + i, sum,
			  trace->count > 1);
	if (trace->count > lines && box.height >= 12) {
		canvas_format(&viewer->canvas, box.y + (int)lines, 1, box.width,
			      ROLE_DIM, "   stack %zu of %zu", trace->shown + 1,
			      trace->all);
		lines++;
	}
	return (int)lines;
}

#define SHARES_MAX	   8
#define SHARE_GROWTH_WIDTH 64 /* what room the growth needs */

static void
share_draw(struct viewer *viewer, int y, const struct share *share,
	   uint64_t sum)
{
	const struct process *process =
	    merge_process(viewer->snapshot->merge, share->member);
	struct canvas *canvas = &viewer->canvas;
	char text[FORMAT_MAX];
	int x = 39;

	canvas_format(canvas, y, 1, 5, ROLE_LABEL, "pid");
	canvas_format(canvas, y, 5, 8, ROLE_TEXT, "%u", process->pid);
	format_percent(text, sum ? (double)share->size / (double)sum : 0);
	canvas_right(canvas, y, 13, 5, ROLE_TEXT, text);
	canvas_text(canvas, y, 18, 1, ROLE_TEXT, "%");
	canvas_right(canvas, y, 19, 11, ROLE_TEXT,
		     format_size(text, share->size, false));
	if (canvas->width > 42)
		canvas_right(canvas, y, 30, 9, ROLE_TEXT,
			     format_count(text, share->count));
	if (share->size_diff && canvas->width > SHARE_GROWTH_WIDTH) {
		canvas_right(canvas, y, x, 11,
			     share->size_diff > 0 ? ROLE_GROW : ROLE_SHRINK,
			     format_size_diff(text, share->size_diff, false));
		x += 11;
	}
	x += 3;
	canvas_text(canvas, y, x, canvas->width - x - 1, ROLE_DIM,
		    command_short(process->command));
}

/* What each process has of all these stacks, most first. Returns the lines
 * used. */
static int
shares_draw(struct viewer *viewer, struct box box)
{
	const struct trace *trace = &viewer->trace;
	const struct merge *merge = viewer->snapshot->merge;
	struct share shares[SHARES_MAX], sum;
	uint64_t rest;
	size_t lines = box.height >= 30 ? SHARES_MAX : box.height >= 12 ? 3 : 1;
	size_t count, shown;
	char text[FORMAT_MAX];

	if (!merge)
		return 0;
	count = merge_shares(
	    merge, viewer->query.mark ? viewer->query.mark->parts : NULL,
	    trace->sites, trace->count, shares, lines, &sum);
	shown = count < lines ? count : lines;
	rest = sum.size;
	for (size_t i = 0; i < shown; i++) {
		share_draw(viewer, box.y + (int)i, &shares[i], sum.size);
		rest -= shares[i].size;
	}
	if (shown == count)
		return (int)shown;
	canvas_format(&viewer->canvas, box.y + (int)shown, 1, box.width,
		      ROLE_DIM, "and %zu more with %s", count - shown,
		      format_size(text, rest, false));
	return (int)shown + 1;
}

static int
function_width(const struct viewer *viewer, int width)
{
	const struct trace *trace = &viewer->trace;
	int most = 8;

	for (size_t i = 0; i < trace->line_count; i++) {
		int cells;

		if (!trace->lines[i].function)
			continue;
		cells = canvas_width(&viewer->canvas, trace->lines[i].function);
		most = cells > most ? cells : most;
	}
	return most < width * 2 / 5 ? most : width * 2 / 5;
}

static void
frame_draw(struct viewer *viewer, int y, int functions,
	   const struct trace_line *line)
{
	struct canvas *canvas = &viewer->canvas;
	struct place place = {.file = line->file,
			      .function = "",
			      .module = line->module,
			      .line = line->line};
	bool native = line->kind == FRAME_NATIVE;
	int x = 1;

	if (canvas->width >= 30) {
		canvas_text(canvas, y, x, 3, native ? ROLE_NATIVE : ROLE_DIM,
			    native ? "nat" : "py");
		x += 4;
	}
	if (line->inlined)
		canvas_glyph(canvas, y, x, ROLE_DIM, GLYPH_INLINED);
	x += 2;
	canvas_text(canvas, y, x, functions,
		    line->own ? ROLE_TITLE : ROLE_FUNCTION,
		    *line->function ? line->function : "?");
	x += functions + 2;
	if (!viewer->trace.full_paths)
		place_draw_file(canvas, y, x, canvas->width - x - 1,
				line->own ? ROLE_TEXT : ROLE_DIM, &place);
}

/* The stacks and who has them; a blank line after each, where there is room.
 * Returns the lines used. */
static int
above_draw(struct viewer *viewer, struct box box)
{
	bool blank = box.height >= 12;
	struct box below = box;
	int used, lines;

	if (!viewer->trace.count || box.height < 4)
		return 0;
	used = ranks_draw(viewer, box) + blank;
	below.y += used;
	lines = shares_draw(viewer, below);
	return used + lines + (lines && blank);
}

/* A frame, or what stands below one: its path, or source text. */
static void
line_draw(struct viewer *viewer, int y, int width, int functions,
	  const struct trace_line *line)
{
	int x = width >= 30 ? 9 : 5;
	bool plain = line->path || (viewer->trace.context && !line->around);

	if (line->text)
		canvas_text(&viewer->canvas, y, x, width - x - 1,
			    plain ? ROLE_TEXT : ROLE_SOURCE, line->text);
	else
		frame_draw(viewer, y, functions, line);
	canvas_paint_match(&viewer->canvas, y, 0, width, ROLE_MATCH,
			   viewer->search);
}

void
view_trace_draw(struct viewer *viewer, struct box box)
{
	const struct trace *trace = &viewer->trace;
	struct list *list = &viewer->lists[VIEW_TRACE];
	int functions = function_width(viewer, box.width);
	int used = above_draw(viewer, box);

	box.y += used;
	box.height -= used;
	list_fit(list, trace->line_count,
		 box.height > 0 ? (size_t)box.height : 0);
	if (!trace->line_count)
		canvas_text(&viewer->canvas, box.y, 2, box.width, ROLE_DIM,
			    "no stack was recorded for these blocks");
	for (size_t i = 0; i < list->page && list->top + i < list->count; i++)
		line_draw(viewer, box.y + (int)i, box.width, functions,
			  &trace->lines[list->top + i]);
}

bool
view_trace_text(struct viewer *viewer, size_t line, char *out, size_t size)
{
	const struct trace *trace = &viewer->trace;
	const struct trace_line *of;
	struct place place;

	if (line >= trace->line_count)
		return false;
	if (trace->lines[line].text) {
		snprintf(out, size, "%s", trace->lines[line].text);
		return true;
	}
	of = &trace->lines[line];
	place = (struct place){.file = of->file,
			       .function = of->function,
			       .module = of->module,
			       .line = of->line};
	place_text(out, size, &place);
	return true;
}
