/* action_rate.c - handlers: how much of the program is recorded. */
#include "config.h"

#include "model/rate.h"
#include "viewer/action.h"
#include "viewer/view.h"

#define WAIT_NS (3 * UINT64_C(1000000000))

static const struct {
	const char *label;
	const char *help;
	struct rate rate;
} rates[] = {
    {"exact", "every block", {.sample_bytes = 1}},
    {"64 KiB", "one block in 64 KiB, on average", {.sample_bytes = 64 << 10}},
    {"512 KiB", "hardly any cost", {.sample_bytes = 512 << 10}},
    {"4 MiB", "only what is big", {.sample_bytes = 4 << 20}},
    {"budget 2 %",
     "as finely as 2 % of CPU time allows",
     {.budget_ppm = 20000}},
};
#define RATES (sizeof(rates) / sizeof(*rates))
_Static_assert(RATES <= MENU_MAX && RATES <= 9, "a digit each");

static unsigned
choose_rate(struct viewer *viewer, int value)
{
	const struct feed *feed = &viewer->feed;
	struct err err;

	viewer->rate = rates[value].rate;
	err_set(&err, "nobody can be asked");
	if (viewer->ended || !feed->ask_rate ||
	    !feed->ask_rate(feed->context, &viewer->rate, &err)) {
		viewer_message(viewer, ROLE_WARNING, "the rate stays: %s",
			       viewer->ended ? "the process has ended"
					     : err.text);
		return STALE_DRAW;
	}
	viewer->rate_asked_ns = viewer->now_ns;
	viewer_message(viewer, ROLE_ACCENT, "asked for: %s",
		       rates[value].label);
	return STALE_DRAW;
}

void
rate_follow(struct viewer *viewer)
{
	const struct process *process = &viewer->newest->process;
	char text[RATE_TEXT_MAX];
	bool late = viewer->now_ns - viewer->rate_asked_ns > WAIT_NS;

	if (!viewer->rate_asked_ns)
		return;
	if (rate_is_met(&viewer->rate, process) ||
	    (late && rate_is_near(&viewer->rate, process)))
		viewer_message(viewer, ROLE_ACCENT, "recording: %s",
			       rate_text_cost(text, process));
	else if (late)
		viewer_message(viewer, ROLE_WARNING,
			       "the rate has not changed: the agent does not "
			       "answer");
	else
		return;
	viewer->rate_asked_ns = 0;
}

unsigned
do_rate(struct viewer *viewer, enum command_id command, uint32_t key)
{
	struct menu *menu = &viewer->menu;

	(void)command, (void)key;
	if (!viewer->newest)
		return 0;
	*menu = (struct menu){.title = "Record", .choose = choose_rate};
	for (size_t i = 0; i < RATES; i++) {
		menu->entries[i] = (struct menu_entry){
		    .key = '1' + (uint32_t)i,
		    .label = rates[i].label,
		    .help = rates[i].help,
		    .value = (int)i,
		};
		if (rate_is_met(&rates[i].rate, &viewer->newest->process))
			menu->cursor = i;
	}
	menu->count = RATES;
	return STALE_DRAW;
}
