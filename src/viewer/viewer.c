/* viewer.c - the viewer without its terminal: data in, keys in, cells out. */
#include "config.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "model/classify.h"
#include "viewer/action.h"
#include "viewer/view.h"

#define MESSAGE_NS (5 * UINT64_C(1000000000))
#define RATE_NS	   (2 * UINT64_C(1000000000))
#define COST_NS	   10e9 /* in which half of an old cost is forgotten */

void
viewer_message(struct viewer *viewer, enum role role, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(viewer->message, sizeof(viewer->message), format, arguments);
	va_end(arguments);
	viewer->message_role = role;
	viewer->message_end_ns = viewer->now_ns + MESSAGE_NS;
}

/* An option was checked when it was parsed, a setting when it was read. */
static void
libraries_take(struct viewer *viewer, const char *list)
{
	struct err err;

	if (!classify_choose(list, &err))
		viewer_message(viewer, ROLE_WARNING, "%s", err.text);
}

void
viewer_init(struct viewer *viewer, struct feed feed,
	    const struct viewer_options *options, struct viewer_host *host)
{
	*viewer = (struct viewer){.options = options, .host = host};
	viewer->ascii = options->ascii;
	viewer->delay_s =
	    options->delay_s > 0 ? options->delay_s : VIEWER_DELAY_S;
	viewer->engine = engine_new();
	viewer->query = (struct query){
	    .group_by = options->group_by,
	    .inclusive = options->inclusive,
	    .mine = options->mine,
	    .sort = options->sort_set ? options->sort : COLUMN_SIZE,
	    .ascending = options->ascending,
	};
	viewer->sort_chosen = options->sort_set;
	text_units_set(options->units);
	libraries_take(viewer, options->libraries);
	viewer->no_mouse = options->no_mouse;
	snprintf(viewer->theme_name, sizeof(viewer->theme_name), "%s",
		 options->theme ? options->theme : "dark");
	choice_init(&viewer->choice, options->columns, options->column_count);
	if (options->filter)
		snprintf(viewer->filter, sizeof(viewer->filter), "%s",
			 options->filter);
	viewer->lists[VIEW_TRACE].scrolls = true;
	viewer->lists[VIEW_TYPES].scrolls = true;
	viewer->lists[VIEW_LEDGER].scrolls = true;
	viewer->lists[VIEW_OUTPUT].scrolls = true;
	viewer->lists[VIEW_HELP].scrolls = true;
	viewer->lists[VIEW_LOSSES].scrolls = true;
	viewer->views[0] = VIEW_SITES;
	viewer->depth = 1;
	viewer_set_feed(viewer, feed);
}

static void
marks_fini(struct viewer *viewer)
{
	past_fini(viewer);
	for (int i = 0; i < 2; i++)
		mark_fini(&viewer->rates[i]);
	viewer->rates[0] = viewer->rates[1] = (struct mark){0};
	viewer->query.rate = NULL;
	viewer->cost_ns = 0;
}

/* Names of what is shown from now on are looked up in the background. */
static void
resolve_start(struct viewer *viewer)
{
	if (!viewer->feed.context || !viewer->feed.resolves)
		return;
	viewer->resolve = resolve_new(&viewer->snapshot->process, true);
	resolve_names(viewer->resolve, viewer->snapshot->names);
}

static void
resolve_stop(struct viewer *viewer)
{
	if (!viewer->resolve)
		return;
	names_set_resolver(viewer->snapshot->names, NULL);
	resolve_free(viewer->resolve);
	viewer->resolve = NULL;
}

void
viewer_fini(struct viewer *viewer)
{
	resolve_stop(viewer);
	if (viewer->picked)
		source_close(viewer->picked);
	marks_fini(viewer);
	trace_fini(&viewer->trace);
	told_fini(&viewer->told);
	trees_fini(&viewer->trees);
	engine_free(viewer->engine);
	listing_fini(&viewer->listing);
	free(viewer->suspects);
	picker_fini(&viewer->picker);
	canvas_fini(&viewer->canvas);
}

void
viewer_set_feed(struct viewer *viewer, struct feed feed)
{
	resolve_stop(viewer);
	marks_fini(viewer);
	trace_fini(&viewer->trace);
	told_fini(&viewer->told);
	listing_fini(&viewer->listing);
	trees_fini(&viewer->trees);
	ledger_forget(viewer);
	viewer->lists[VIEW_FLAME].count = viewer->lists[VIEW_CALLS].count = 0;
	viewer->feed = feed;
	viewer->newest = feed.context ? feed.snapshot(feed.context) : NULL;
	viewer->snapshot = viewer->newest;
	/* It was opened before the settings were read. */
	if (viewer->newest && *classify_chosen())
		names_reclassify(viewer->newest->names);
	past_init(viewer);
	viewer->plan = viewer->options->plan;
	resolve_start(viewer);
	viewer->rows = NULL;
	viewer->ended = false;
	viewer->rate_asked_ns = 0;
	viewer->marks_seen = 0;
	viewer->pinned = false;
	viewer->paused = false;
	viewer->problem[0] = '\0';
	viewer->lists[VIEW_SITES].cursor = viewer->lists[VIEW_SITES].top = 0;
}

/* Says that the program has made a mark since the last look. */
static void
marks_follow(struct viewer *viewer)
{
	const struct snapshot *snapshot = viewer->newest;
	size_t count = snapshot->mark_count;
	char text[128];

	/* Those from before the viewer came are no news. */
	if (count > viewer->marks_seen && viewer->mark.tick) {
		const char *from = names_text(snapshot->names,
					      snapshot->marks[count - 1].text);

		text_clean(text, sizeof(text), from, strlen(from));
		viewer_message(viewer, ROLE_ACCENT, "the program's mark: %s",
			       text);
	}
	viewer->marks_seen = count;
}

/* Says what it means that the agent has been switched off, and what undoes
 * it. */
static void
life_follow(struct viewer *viewer)
{
	const struct process *process = &viewer->newest->process;
	bool gone = process->state && !strcmp(process->state, "detached");
	bool off = gone || process->asleep;

	if (off && !viewer->switched_off)
		viewer_message(viewer, ROLE_WARNING,
			       gone ? "detached, totals final: heaptop attach "
				      "%u begins anew"
				    : "asleep: heaptop attach %u wakes it",
			       process->pid);
	viewer->switched_off = off;
}

/* What was asked for when the viewer was started. */
static void
plan_follow(struct viewer *viewer)
{
	const char *name = plan_step(&viewer->plan, viewer->newest);
	struct mark mark;
	char text[64];

	if (!name)
		return;
	text_clean(text, sizeof(text), name, strlen(name));
	/* What is paused or past stays on the screen. */
	history_pin(viewer->past.history, viewer->newest);
	mark_take(&mark, viewer->newest, "");
	past_mark(viewer, &mark, text);
	viewer->asked_settled = false; /* the rows are others in any case */
	if (!viewer->sort_chosen)
		viewer->query.sort = COLUMN_SIZE_DIFF;
	viewer_message(viewer, ROLE_ACCENT, "marked %s: growth counts from now",
		       text);
}

/* Grows with every allocation and free, so the same number means that no site
 * has changed. */
static uint64_t
totals_events(const struct snapshot *snapshot)
{
	return snapshot->alloc_bytes + 2 * snapshot->alloc_count -
	       snapshot->live_count + snapshot->site_count;
}

/* From one tick to the next it goes up and down with what the program does:
 * it is a mean that forgets. */
static void
cost_step(struct viewer *viewer)
{
	const struct snapshot *snapshot = viewer->newest;
	double passed = (double)(snapshot->mono_ns - viewer->cost_ns);
	double weight = passed / (passed + COST_NS);

	if (!viewer->cost_ns || viewer->cost_ns > snapshot->mono_ns ||
	    viewer->cost_sample != snapshot->process.sample_bytes)
		weight = 1;
	viewer->cost_ppm +=
	    weight * ((double)snapshot->process.cost_ppm - viewer->cost_ppm);
	viewer->cost_ns = snapshot->mono_ns;
	viewer->cost_sample = snapshot->process.sample_bytes;
}

/* Rates count from 2 to 4 seconds back. */
static void
rates_step(struct viewer *viewer)
{
	const struct snapshot *snapshot = viewer->snapshot;
	struct mark *rates = viewer->rates;

	if (rates[1].tick && snapshot->mono_ns - rates[1].mono_ns < RATE_NS)
		return;
	if (rates[1].tick) {
		mark_fini(&rates[0]);
		rates[0] = rates[1];
		viewer->rate_cpu_ns[0] = viewer->rate_cpu_ns[1];
		viewer->rate_bytes[0] = viewer->rate_bytes[1];
		viewer->rate_events[0] = viewer->rate_events[1];
	} else {
		mark_take(&rates[0], snapshot, "");
		viewer->rate_cpu_ns[0] = snapshot->agent_cpu_ns;
		viewer->rate_bytes[0] = snapshot->live_bytes;
		viewer->rate_events[0] = totals_events(snapshot);
	}
	mark_take(&rates[1], snapshot, "");
	viewer->rate_cpu_ns[1] = snapshot->agent_cpu_ns;
	viewer->rate_bytes[1] = snapshot->live_bytes;
	viewer->rate_events[1] = totals_events(snapshot);
	viewer->query.rate = &rates[0];
}

static void
host_poll(struct viewer *viewer)
{
	struct viewer_host *host = viewer->host;
	struct source *source;

	if (host->exited && !viewer->child_ended &&
	    host->exited(host->context, &viewer->child_status)) {
		viewer->child_ended = true;
		viewer->child_end_ns = viewer->now_ns;
	}
	if (!host->source || (viewer->feed.context && !viewer->ended))
		return;
	source = host->source(host->context);
	if (source && source != viewer->feed.context)
		viewer_set_feed(viewer, feed_source(source));
}

/* A process that called exec goes on under the same number, and one whose
 * segment somebody cut short tells all again in a new one. */
static void
follow_again(struct viewer *viewer)
{
	const struct feed *feed = &viewer->feed;
	bool was_cut = viewer->problem[0];
	struct source *source;

	if (!viewer->ended || !feed->again || (viewer->host && !viewer->picked))
		return;
	source = feed->again(feed->context);
	if (!source)
		return;
	viewer_set_feed(viewer, feed_source(source));
	if (viewer->picked)
		source_close(viewer->picked);
	viewer->picked = source;
	viewer_message(viewer, ROLE_ACCENT,
		       was_cut ? "its segment was cut short: "
				 "this is the new one, with the same totals"
			       : "the process called exec: "
				 "this is the program it runs now");
}

/* Whether the rows would be the same again: a program that rests costs
 * nothing, however many sites it has. */
static bool
rows_are_fresh(struct viewer *viewer)
{
	uint64_t events = totals_events(viewer->snapshot);
	bool settled = viewer->rate_events[0] == events;
	bool fresh = viewer->rows && settled && viewer->asked_settled &&
		     viewer->asked_events == events;

	viewer->asked_events = events;
	viewer->asked_settled = settled;
	return fresh;
}

unsigned
viewer_refresh(struct viewer *viewer)
{
	struct err err;
	int result;

	if (viewer->host)
		host_poll(viewer);
	follow_again(viewer);
	if (viewer_view(viewer) == VIEW_PROCESSES)
		views[VIEW_PROCESSES].open(viewer);
	family_hint(viewer);
	if (!viewer->feed.context || viewer->ended)
		return STALE_DRAW;
	result = viewer->feed.refresh(viewer->feed.context, &err);
	if (result < 0) {
		snprintf(viewer->problem, sizeof(viewer->problem), "%.255s",
			 err.text);
		viewer->ended = true;
		return STALE_DRAW;
	}
	viewer->ended = !viewer->feed.is_live(viewer->feed.context);
	viewer->newest = viewer->feed.snapshot(viewer->feed.context);
	if (viewer->past.held_by == HELD_NOT)
		viewer->snapshot = viewer->newest;
	rate_follow(viewer);
	life_follow(viewer);
	if (!viewer->newest->tick || (!result && viewer->rows))
		return STALE_DRAW;
	past_step(viewer, viewer->ended);
	marks_follow(viewer);
	if (!viewer->past.mark_count)
		past_mark(viewer, NULL, NULL);
	plan_follow(viewer);
	ledger_follow(viewer);
	cost_step(viewer);
	if (viewer->past.held_by != HELD_NOT)
		return STALE_DRAW | (viewer->rows ? 0 : STALE_ROWS);
	rates_step(viewer);
	return STALE_DRAW | (rows_are_fresh(viewer) ? 0 : STALE_ROWS);
}

/* Puts the cursor back on the row it was on. */
static void
selection_restore(struct viewer *viewer)
{
	struct list *list = &viewer->lists[VIEW_SITES];
	size_t found;

	if (!viewer->pinned) {
		list->cursor = list->top = 0;
		return;
	}
	found = rows_find(viewer->rows, viewer->identity);
	if (found < viewer->rows->count)
		list->cursor = found;
}

bool
viewer_update(struct viewer *viewer, unsigned stale)
{
	if ((stale & STALE_ROWS) && viewer->snapshot &&
	    viewer->snapshot->tick) {
		viewer->query.filter = *viewer->filter ? viewer->filter : NULL;
		viewer->query.history = viewer->past.history;
		viewer->query.later = true;
		viewer->rows = engine_run(viewer->engine, viewer->snapshot,
					  &viewer->query);
		selection_restore(viewer);
		if (viewer_view(viewer) == VIEW_TRACE)
			trace_update(viewer);
		if (viewer_view(viewer) == VIEW_SOURCE)
			listing_follow(viewer);
		if (viewer_view(viewer) == VIEW_SUSPECTS)
			suspects_follow(viewer);
		if (viewer_view(viewer) == VIEW_HISTORY)
			past_follow_row(viewer);
	}
	if ((stale & (STALE_ROWS | STALE_TREE) || viewer->trees.behind) &&
	    viewer->rows &&
	    (viewer_view(viewer) == VIEW_CALLS ||
	     viewer_view(viewer) == VIEW_FLAME))
		trees_update(viewer, stale & STALE_TREE);
	if ((stale & STALE_TRACE) && viewer->trace.count)
		trace_build(viewer);
	if (viewer->message[0] && viewer->now_ns > viewer->message_end_ns) {
		viewer->message[0] = '\0';
		stale |= STALE_DRAW;
	}
	return stale != 0;
}

const struct row *
viewer_row(const struct viewer *viewer)
{
	size_t cursor = viewer->lists[VIEW_SITES].cursor;

	if (!viewer->rows || cursor >= viewer->rows->count)
		return NULL;
	return rows_get(viewer->rows, cursor);
}

void
viewer_pin(struct viewer *viewer)
{
	const struct row *row = viewer_row(viewer);

	viewer->pinned = row && viewer->lists[VIEW_SITES].cursor > 0;
	viewer->identity = row ? row->identity : 0;
}

void
viewer_push(struct viewer *viewer, enum view_id view)
{
	size_t i = 0;

	/* A view that is open below comes up again instead of twice. */
	while (i < viewer->depth && viewer->views[i] != view)
		i++;
	if (i < viewer->depth) {
		viewer->depth = i + 1;
	} else if (viewer->depth < VIEW_DEPTH_MAX) {
		viewer->views[viewer->depth++] = view;
		viewer->lists[view].top = viewer->lists[view].cursor = 0;
	}
	if (views[view].open)
		views[view].open(viewer);
}

/* Where something was clicked on, or NULL. */
static const struct zone *
zone_at(const struct viewer *viewer, int y, int x)
{
	/* The last one that was drawn lies on top. */
	for (size_t i = viewer->zone_count; i--;) {
		const struct zone *zone = &viewer->zones[i];

		if (zone->y == y && x >= zone->begin && x < zone->end)
			return zone;
	}
	return NULL;
}

static unsigned
click_column(struct viewer *viewer, enum column column)
{
	struct query *query = &viewer->query;

	query->ascending = query->sort == column && !query->ascending;
	query->sort = column;
	viewer->sort_chosen = true;
	return STALE_ROWS | STALE_DRAW;
}

/* The line under the cursor is opened, any other gets the cursor. */
static unsigned
click_line(struct viewer *viewer, size_t line)
{
	struct list *list = viewer_list(viewer);
	bool again = list->cursor == line;
	const struct command *command;

	list->cursor = line;
	if (viewer_view(viewer) == VIEW_SITES)
		viewer_pin(viewer);
	command = again ? command_find(viewer_view(viewer), INPUT_ENTER) : NULL;
	return command ? command->run(viewer, command->id, INPUT_ENTER)
		       : STALE_DRAW;
}

static unsigned
click(struct viewer *viewer, const struct event *event)
{
	const struct zone *zone = zone_at(viewer, event->y, event->x);
	uint32_t key[COMMAND_KEYS_MAX];

	if (!zone)
		return 0;
	switch (zone->kind) {
	case ZONE_MENU:
		viewer->menu.cursor = zone->value;
		return menu_key(viewer, INPUT_ENTER);
	case ZONE_COMMAND:
		command_keys(&commands[zone->value], key);
		return commands[zone->value].run(
		    viewer, commands[zone->value].id, key[0]);
	case ZONE_COLUMN:
		return click_column(viewer, (enum column)zone->value);
	case ZONE_TIME:
		return history_click(viewer, event->x);
	case ZONE_PICKER:
		return picker_sort_by(viewer, (enum picker_sort)zone->value);
	case ZONE_LINE:
		return click_line(viewer, zone->value);
	}
	return 0;
}

static unsigned
wheel(struct viewer *viewer, enum command_id direction)
{
	for (int i = 0; i < 3; i++)
		do_move(viewer, direction, 0);
	return STALE_DRAW;
}

unsigned
viewer_event(struct viewer *viewer, const struct event *event)
{
	const struct command *command;

	if (event->key == INPUT_RESIZE) {
		canvas_resize(&viewer->canvas, event->y, event->x);
		return STALE_DRAW | STALE_TRACE | STALE_TERMINAL;
	}
	if (event->key == INPUT_CLICK)
		return click(viewer, event);
	if (viewer->menu.title)
		return menu_key(viewer, event->key);
	if (viewer->prompt.open)
		return prompt_key(viewer, event->key);
	if (event->key == INPUT_WHEEL_UP)
		return wheel(viewer, COMMAND_UP);
	if (event->key == INPUT_WHEEL_DOWN)
		return wheel(viewer, COMMAND_DOWN);
	command = command_find(viewer_view(viewer), event->key);
	return command ? command->run(viewer, command->id, event->key) : 0;
}
