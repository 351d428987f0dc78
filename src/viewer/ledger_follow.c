/*
 * ledger_follow.c - when the viewer looks at what is resident: while its screen
 * is open, and once at each mark, so that growth counts from there.
 */
#include "config.h"

#include "viewer/ledger_follow.h"

#include "base/clock.h"
#include "viewer/view.h"

#define EVERY_NS  UINT64_C(2000000000)
#define COST_MAX  50 /* of the time, one part in so many */
#define RECENT_NS UINT64_C(3000000000)

void
ledger_forget(struct viewer *viewer)
{
	viewer->ledger = (struct ledger_follow){0};
}

static void
look(struct viewer *viewer)
{
	struct ledger_follow *ledger = &viewer->ledger;
	const struct feed *feed = &viewer->feed;
	uint64_t begin = clock_ns();
	struct err err;
	uint64_t spent;

	ledger->problem[0] = '\0';
	if (viewer->newest->merge)
		snprintf(ledger->problem, sizeof(ledger->problem), "%s",
			 ONE_AT_A_TIME);
	else if (feed->memory && !feed->memory(feed->context, &err))
		snprintf(ledger->problem, sizeof(ledger->problem), "%.127s",
			 err.text);
	spent = (clock_ns() - begin) * COST_MAX;
	ledger->next_ns =
	    viewer->now_ns + (spent > EVERY_NS ? spent : EVERY_NS);
	ledger_make(&ledger->now, viewer->newest);
}

/* A mark of the past has no ledger: growth counts from the first then. */
static void
base_choose(struct viewer *viewer)
{
	struct ledger_follow *ledger = &viewer->ledger;
	const struct mark *mark = &viewer->mark;

	if (!ledger->first.time_ns) {
		ledger->first = ledger->base = ledger->now;
		ledger->first_tick = mark->tick;
	} else if (mark->tick != ledger->first_tick &&
		   viewer->newest->mono_ns - mark->mono_ns < RECENT_NS) {
		ledger->base = ledger->now;
	} else {
		ledger->base = ledger->first;
	}
	ledger->base_tick = mark->tick;
}

void
ledger_follow(struct viewer *viewer)
{
	struct ledger_follow *ledger = &viewer->ledger;
	bool seen = viewer_view(viewer) == VIEW_LEDGER;
	bool marked =
	    !ledger->first.time_ns || ledger->base_tick != viewer->mark.tick;

	if (!viewer->newest || !viewer->newest->tick || (!seen && !marked) ||
	    (viewer->now_ns < ledger->next_ns && !(marked && seen)))
		return;
	look(viewer);
	if (marked && ledger->now.time_ns)
		base_choose(viewer);
}
