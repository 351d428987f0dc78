/* view_header.c - the process at a glance, in the room there is. */
#include "config.h"

#include <math.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "base/text.h"
#include "model/merge.h"
#include "model/rate.h"
#include "viewer/format.h"
#include "viewer/view.h"

#define GRID_WIDTH 76 /* of the full header without its gaps */
#define GAP_MAX	   8  /* between its columns */

/* Growth of all live bytes since the mark, not of the filtered ones. */
static void
growth(const struct viewer *viewer, int64_t *bytes, int64_t *count)
{
	const struct snapshot *snapshot = viewer->snapshot;

	*bytes = query_growth(&viewer->query, snapshot);
	*count = (int64_t)(snapshot->live_count - viewer->mark.live_count);
}

/* Live bytes a second since the older rate mark. */
static double
rate(const struct viewer *viewer)
{
	const struct mark *from = &viewer->rates[0];
	uint64_t ns = viewer->snapshot->mono_ns - from->mono_ns;

	if (!from->tick || !ns)
		return 0;
	return ((double)viewer->snapshot->live_bytes -
		(double)viewer->rate_bytes[0]) /
	       (double)ns * 1e9;
}

static double
agent_share(const struct viewer *viewer)
{
	uint64_t ns = viewer->snapshot->mono_ns - viewer->rates[0].mono_ns;

	if (!viewer->rates[0].tick || !ns)
		return 0;
	return (double)(viewer->snapshot->agent_cpu_ns -
			viewer->rate_cpu_ns[0]) /
	       (double)ns;
}

/* "exited 0 after 0:42", "killed by SIGKILL after 0:42", "running" */
static enum role
state_text(const struct viewer *viewer, char *out, size_t size)
{
	const struct process *process =
	    viewer->snapshot ? &viewer->snapshot->process : NULL;
	int status = viewer->child_status;
	char after[FORMAT_MAX];

	if (viewer->child_ended) {
		format_duration(after, viewer->child_end_ns - viewer->start_ns);
		if (WIFSIGNALED(status))
			snprintf(out, size, "killed by SIG%s after %s",
				 sigabbrev_np(WTERMSIG(status))
				     ? sigabbrev_np(WTERMSIG(status))
				     : "?",
				 after);
		else
			snprintf(out, size, "exited %d after %s",
				 WEXITSTATUS(status), after);
		return ROLE_WARNING;
	}
	snprintf(out, size, "%s",
		 process && process->state ? process->state : "waiting");
	return process && process->alive && !viewer->switched_off
		   ? ROLE_VALUE
		   : ROLE_WARNING;
}

/* Draws text so that it ends before `end`, after a separating dot. Returns
 * the new end, or the old one when it would cross `begin`. */
static int
title_piece(struct canvas *canvas, int begin, int end, enum role role,
	    const char *text, bool first)
{
	int width = canvas_width(canvas, text);

	if (end - width - (first ? 0 : 3) < begin)
		return end;
	if (!first) {
		canvas_glyph(canvas, 0, end - 2, ROLE_DIM, GLYPH_DOT);
		end -= 3;
	}
	canvas_text(canvas, 0, end - width, width, role, text);
	return end - width;
}

const char *
command_short(const char *command)
{
	size_t word = strcspn(command, " ");

	while (word > 0 && command[word - 1] != '/')
		word--;
	return command[word] && command[word] != ' ' ? command + word : command;
}

int
command_draw(struct canvas *canvas, int y, int x, int width, enum role role,
	     const char *command)
{
	char text[TEXT_MAX];
	size_t used = 0;
	bool begins = true;

	command = command_short(command);
	if (canvas_width(canvas, command) <= width)
		return canvas_text(canvas, y, x, width, role, command);
	for (; *command && used + 1 < sizeof(text); command++) {
		size_t word = strcspn(command, " ");

		if (begins && *command == '/')
			while (memchr(command, '/', word) && word > 1)
				command++, word--;
		text[used++] = *command;
		begins = *command == ' ';
	}
	text[used] = '\0';
	return canvas_text(canvas, y, x, width, role, text);
}

/* "pid 4242", or "3 processes", "3 of 5 processes" once some have ended. */
static void
process_words(const struct snapshot *snapshot, char *out, size_t size)
{
	const struct merge *merge = snapshot->merge;
	size_t all = merge ? merge_count(merge) : 0;

	if (!merge)
		snprintf(out, size, "pid %u", snapshot->process.pid);
	else if (merge_members(merge) < all)
		snprintf(out, size, "%zu of %zu processes",
			 merge_members(merge), all);
	else
		snprintf(out, size, "%zu processes", all);
}

static void
title_draw(struct viewer *viewer)
{
	struct canvas *canvas = &viewer->canvas;
	const struct process *process =
	    viewer->snapshot ? &viewer->snapshot->process : NULL;
	char text[64];
	char age[FORMAT_MAX];
	enum role role = state_text(viewer, text, sizeof(text));
	int begin = canvas->width / 3;
	int end = canvas->width - 1;
	int right = title_piece(canvas, begin, end, role, text, true);

	if (process && process->pid) {
		process_words(viewer->snapshot, text, sizeof(text));
		right = title_piece(canvas, begin, right, ROLE_VALUE, text,
				    right == end);
	}
	if (process && process->python) {
		snprintf(text, sizeof(text), "python %u.%u.%u",
			 process->python >> 24, process->python >> 16 & 255,
			 process->python >> 8 & 255);
		right = title_piece(canvas, begin, right, ROLE_VALUE, text,
				    right == end);
	}
	if (process && process->start_ns &&
	    viewer->snapshot->time_ns > process->start_ns) {
		snprintf(text, sizeof(text), "up %s",
			 format_duration(age, viewer->snapshot->time_ns -
						  process->start_ns));
		right = title_piece(canvas, begin, right, ROLE_VALUE, text,
				    right == end);
	}
	command_draw(canvas, 0, 1, right - 3, ROLE_TITLE,
		     process && process->command && *process->command
			 ? process->command
			 : "heaptop");
}

/* A label and its value, right-aligned in `width` cells from x. */
static void
field(struct canvas *canvas, int y, int x, int label, int width, enum role role,
      const char *name, const char *value)
{
	canvas_text(canvas, y, x, label, ROLE_LABEL, name);
	canvas_right(canvas, y, x + label, width, role, value);
}

static void
blocks(struct canvas *canvas, int y, int x, enum role role, const char *count)
{
	canvas_format(canvas, y, x, 15, role, "%8s", count);
	canvas_text(canvas, y, x + 8, 7, ROLE_LABEL, " blocks");
}

static void
mark_text(const struct viewer *viewer, char *out, size_t size)
{
	uint64_t now = viewer->snapshot->mono_ns;
	uint64_t then = viewer->mark.mono_ns;
	char age[FORMAT_MAX];

	format_duration(age, now > then ? now - then : then - now);
	snprintf(out, size, "%s, %s %s", viewer->mark.name, age,
		 now >= then ? "ago" : "later");
}

static void
losses_field(struct viewer *viewer, int y, int x, int width)
{
	const struct snapshot *snapshot = viewer->snapshot;
	struct canvas *canvas = &viewer->canvas;
	static const char hint[] = ", see l";
	uint64_t sum = 0;
	char count[FORMAT_MAX];
	int used;

	canvas_text(canvas, y, x, 7, ROLE_LABEL, "Lost");
	for (size_t i = 0; i < snapshot->loss_count; i++)
		sum += snapshot->losses[i].count;
	if (!snapshot->loss_count) {
		canvas_text(canvas, y, x + 7, width - 7, ROLE_DIM, "nothing");
		return;
	}
	used = 7 + canvas_text(canvas, y, x + 7, width - 7, ROLE_WARNING,
			       format_count(count, sum));
	if (snapshot->loss_count > 1)
		used += canvas_format(canvas, y, x + used, width - used,
				      ROLE_WARNING, " of %zu kinds",
				      snapshot->loss_count);
	if (used + (int)strlen(hint) <= width)
		canvas_text(canvas, y, x + used, width - used, ROLE_DIM, hint);
	zone_add(viewer, y, x, x + width, ZONE_COMMAND, COMMAND_LOSSES);
}

/* With what it has cost of late, and not only in the last tick. */
static struct process
process_shown(const struct viewer *viewer)
{
	struct process process = viewer->snapshot->process;

	if (viewer->past.held_by == HELD_NOT && process.cost_ppm)
		process.cost_ppm = (uint32_t)(viewer->cost_ppm + 0.5);
	return process;
}

/* With the cost and the budget where they fit, else only "sampled 512 KiB". */
static void
mode_draw(struct viewer *viewer, int y, int x, int width)
{
	struct canvas *canvas = &viewer->canvas;
	struct process process = process_shown(viewer);
	char text[RATE_TEXT_MAX];
	char interval[FORMAT_MAX];

	if (canvas_width(canvas, rate_text_cost(text, &process)) > width)
		rate_text(text, &process);
	if (canvas_width(canvas, text) > width) {
		format_size(interval, process.sample_bytes, true);
		snprintf(text, sizeof(text), "sampled %s", interval);
	}
	canvas_text(canvas, y, x, width, ROLE_VALUE, text);
	zone_add(viewer, y, x, x + width, ZONE_COMMAND, COMMAND_RATE);
}

/* Draws text after x if all of it fits; returns the new end. */
static int
piece(struct canvas *canvas, int y, int x, int end, const char *text)
{
	int width = canvas_width(canvas, text);

	if (x + width > end)
		return x;
	return x + canvas_text(canvas, y, x, width, ROLE_VALUE, text);
}

/*
 * What the agent takes: of the program's CPU time where it measures that, of
 * the budget too where the line of the mode has no room for it, else what its
 * thread takes of one processor.
 */
static void
agent_draw(struct viewer *viewer, int y, int x, int width)
{
	struct canvas *canvas = &viewer->canvas;
	struct process process = process_shown(viewer);
	int end = x + width;
	char text[128], number[RATE_TEXT_MAX];

	if (process.cost_ppm)
		snprintf(text, sizeof(text), "%.20s%%",
			 rate_percent(number, process.cost_ppm));
	else
		snprintf(text, sizeof(text), "%s%%",
			 format_percent(number, agent_share(viewer)));
	x = piece(canvas, y, x, end, text);
	if (process.budget_ppm &&
	    canvas_width(canvas, rate_text_cost(number, &process)) > width) {
		snprintf(text, sizeof(text), "/%g%%", process.budget_ppm / 1e4);
		x = piece(canvas, y, x, end, text);
	}
	format_size(number, viewer->snapshot->agent_bytes, false);
	if (x + 1 + canvas_width(canvas, number) > end)
		format_size(number, viewer->snapshot->agent_bytes, true);
	snprintf(text, sizeof(text), " %s", number);
	x = piece(canvas, y, x, end, text);
	if (!process.live_map)
		return;
	snprintf(text, sizeof(text), "  live map: %.100s", process.live_map);
	piece(canvas, y, x, end, text);
}

/* Units of work a second since the older rate mark. */
static double
pace(const struct viewer *viewer)
{
	const struct mark *from = &viewer->rates[0];
	uint64_t ns = viewer->snapshot->mono_ns - from->mono_ns;

	if (!from->tick || !ns ||
	    viewer->snapshot->work_units < from->work_units)
		return 0;
	return (double)(viewer->snapshot->work_units - from->work_units) /
	       (double)ns * 1e9;
}

/* "12.3/s" and the program's last mark: "after warm-up, 0:42 ago". */
static void
pace_draw(struct viewer *viewer, int y, int x, int width)
{
	const struct snapshot *snapshot = viewer->snapshot;
	struct canvas *canvas = &viewer->canvas;
	const struct program_mark *last;
	char text[FORMAT_MAX];
	int end = x + width;

	if (snapshot->work_units)
		x += canvas_format(canvas, y, x, width, ROLE_VALUE, "%.*f/s  ",
				   pace(viewer) < 100, pace(viewer));
	if (!snapshot->mark_count)
		return;
	last = &snapshot->marks[snapshot->mark_count - 1];
	x += canvas_sentence(canvas, y, x, end - x, ROLE_VALUE,
			     names_text(snapshot->names, last->text));
	format_duration(text, snapshot->time_ns > last->time_ns
				  ? snapshot->time_ns - last->time_ns
				  : 0);
	canvas_format(canvas, y, x, end - x, ROLE_DIM, ", %s ago", text);
}

static bool
has_said(const struct snapshot *snapshot)
{
	return snapshot->work_units || snapshot->mark_count;
}

/* What the program says of itself: work done, bytes kept for each unit. */
static void
said_draw(struct viewer *viewer, int y, int a, int b, int c)
{
	const struct snapshot *snapshot = viewer->snapshot;
	struct canvas *canvas = &viewer->canvas;
	uint64_t work = query_work(&viewer->query, snapshot);
	char text[FORMAT_MAX];
	int64_t bytes;
	int64_t count;
	double each;

	growth(viewer, &bytes, &count);
	each = work ? (double)bytes / (double)work : 0;
	if (snapshot->work_units) {
		field(canvas, y, a, 7, 11, ROLE_VALUE, "Work",
		      format_count(text, snapshot->work_units));
		canvas_format(canvas, y, a + 18, 15, ROLE_VALUE, "%8s",
			      format_count_diff(text, (int64_t)work));
		canvas_text(canvas, y, a + 26, 7, ROLE_LABEL, " units");
		field(canvas, y, b, 6, 11, growth_role(each), "Each",
		      work ? format_size_diff(text, llround(each), false)
			   : "-");
	}
	canvas_text(canvas, y, c, 7, ROLE_LABEL,
		    snapshot->work_units ? "Pace" : "Marked");
	pace_draw(viewer, y, c + 7, canvas->width - c - 8);
}

static void
live_draw(struct viewer *viewer, int x)
{
	const struct snapshot *snapshot = viewer->snapshot;
	struct canvas *canvas = &viewer->canvas;
	char text[64];
	int64_t bytes;
	int64_t count;

	growth(viewer, &bytes, &count);
	field(canvas, 1, x, 7, 11, ROLE_TITLE, "Live",
	      format_size(text, snapshot->live_bytes, false));
	blocks(canvas, 1, x + 18, ROLE_VALUE,
	       format_count(text, snapshot->live_count));
	field(canvas, 2, x, 7, 11, growth_role((double)bytes), "Growth",
	      format_size_diff(text, bytes, false));
	blocks(canvas, 2, x + 18, growth_role((double)count),
	       format_count_diff(text, count));
	mark_text(viewer, text, sizeof(text));
	canvas_text(canvas, 3, x, 7, ROLE_LABEL, "Since");
	canvas_sentence(canvas, 3, x + 8, 24,
			viewer->marked ? ROLE_ACCENT : ROLE_VALUE, text);
}

static void
resident_draw(struct viewer *viewer, int x)
{
	const struct process *process = &viewer->snapshot->process;
	struct canvas *canvas = &viewer->canvas;
	char text[FORMAT_MAX];

	field(canvas, 1, x, 6, 11, ROLE_VALUE, "RSS",
	      process->rss_bytes ? format_size(text, process->rss_bytes, false)
				 : "-");
	field(canvas, 2, x, 6, 11, ROLE_VALUE, "Peak",
	      process->peak_rss_bytes
		  ? format_size(text, process->peak_rss_bytes, false)
		  : "-");
	field(canvas, 3, x, 6, 11, growth_role(rate(viewer)), "Rate",
	      format_rate(text, rate(viewer), false));
}

/* Three columns, further apart where there is room. */
static void
full_draw(struct viewer *viewer)
{
	struct canvas *canvas = &viewer->canvas;
	int room = (canvas->width - GRID_WIDTH) / 3;
	int gap = room < 0 ? 0 : room > GAP_MAX ? GAP_MAX : room;
	int a = 1;
	int b = a + 35 + gap;
	int c = b + 19 + gap;
	int rest = canvas->width - c - 1;

	live_draw(viewer, a);
	resident_draw(viewer, b);
	canvas_text(canvas, 1, c, 7, ROLE_LABEL, "Mode");
	mode_draw(viewer, 1, c + 7, rest - 7);
	losses_field(viewer, 2, c, rest);
	canvas_text(canvas, 3, c, 7, ROLE_LABEL, "Agent");
	agent_draw(viewer, 3, c + 7, rest - 7);
	if (has_said(viewer->snapshot))
		said_draw(viewer, 4, a, b, c);
}

/* Draws " text" at *x if all of it fits. */
static void
word(struct canvas *canvas, int y, int *x, enum role role, const char *text)
{
	int width = canvas_width(canvas, text);

	if (*x + width >= canvas->width)
		return;
	*x += canvas_text(canvas, y, *x, width, role, text) + 1;
}

/* Draws the same of a word and a text. */
static void
words(struct canvas *canvas, int y, int *x, enum role role, const char *what,
      const char *text)
{
	char both[2 * FORMAT_MAX + 16];

	snprintf(both, sizeof(both), "%s %s", what, text);
	word(canvas, y, x, role, both);
}

static void
short_work(struct viewer *viewer, int y, int *x)
{
	const struct snapshot *snapshot = viewer->snapshot;
	char all[FORMAT_MAX], diff[FORMAT_MAX], text[2 * FORMAT_MAX + 4];

	snprintf(text, sizeof(text), "%s (%s)",
		 format_count(all, snapshot->work_units),
		 format_count_diff(
		     diff, (int64_t)query_work(&viewer->query, snapshot)));
	words(&viewer->canvas, y, x, ROLE_VALUE, "work", text);
}

static void
short_draw(struct viewer *viewer, int y)
{
	const struct snapshot *snapshot = viewer->snapshot;
	struct canvas *canvas = &viewer->canvas;
	char text[FORMAT_MAX], clock[TEXT_TIME_MAX];
	int64_t bytes;
	int64_t count;
	int x = canvas->width >= 30;

	growth(viewer, &bytes, &count);
	if (viewer->past.held_by == HELD_BACK)
		words(canvas, y, &x, ROLE_WARNING, "AS OF",
		      text_time(clock, snapshot->time_ns) + 11);
	word(canvas, y, &x, ROLE_TITLE,
	     format_size(text, snapshot->live_bytes, true));
	word(canvas, y, &x, growth_role((double)bytes),
	     format_size_diff(text, bytes, true));
	word(canvas, y, &x, growth_role(rate(viewer)),
	     format_rate(text, rate(viewer), true));
	if (snapshot->process.rss_bytes)
		words(canvas, y, &x, ROLE_VALUE, "RSS",
		      format_size(text, snapshot->process.rss_bytes, true));
	if (snapshot->work_units)
		short_work(viewer, y, &x);
	if (snapshot_is_sampled(snapshot)) {
		char rate[RATE_TEXT_MAX];

		word(canvas, y, &x, ROLE_VALUE,
		     rate_text(rate, &snapshot->process));
	}
	if (snapshot->loss_count)
		word(canvas, y, &x, ROLE_WARNING, "losses");
	if (viewer->paused)
		word(canvas, y, &x, ROLE_WARNING, "PAUSED");
}

int
header_draw(struct viewer *viewer, int height)
{
	bool ready = viewer->snapshot && viewer->snapshot->tick;

	if (height < 4)
		return 0;
	if (height < 8 && ready) {
		short_draw(viewer, 0);
		return 1;
	}
	if (!viewer->feed.context && !viewer->host) {
		canvas_text(&viewer->canvas, 0, 1, viewer->canvas.width,
			    ROLE_TITLE, "heaptop");
		return height < 8 ? 1 : 2;
	}
	title_draw(viewer);
	if (height < 8)
		return 1;
	if (height < 16 || viewer->canvas.width < GRID_WIDTH) {
		if (ready)
			short_draw(viewer, 1);
		return 2;
	}
	if (ready)
		full_draw(viewer);
	return ready && has_said(viewer->snapshot) ? 5 : 4;
}
