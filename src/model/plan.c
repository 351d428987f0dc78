/* plan.c - marks to be made later. */
#include "config.h"

#include "model/plan.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

#define SECOND_NS UINT64_C(1000000000)

static bool
is_made(struct mark_plan *plan, const struct snapshot *snapshot)
{
	bool made = false;

	if (!plan->at)
		return false;
	for (; plan->marks_seen < snapshot->mark_count; plan->marks_seen++) {
		uint32_t text = snapshot->marks[plan->marks_seen].text;

		made |= !strcmp(names_text(snapshot->names, text), plan->at);
	}
	return made;
}

const char *
plan_step(struct mark_plan *plan, const struct snapshot *snapshot)
{
	char size[TEXT_SIZE_MAX];

	if (!plan->first_ns)
		plan->first_ns = snapshot->mono_ns;
	if (is_made(plan, snapshot))
		return plan->at;
	if (plan->after_ns &&
	    snapshot->mono_ns - plan->first_ns >= plan->after_ns) {
		snprintf(plan->name, sizeof(plan->name), "after %.3g s",
			 (double)plan->after_ns / SECOND_NS);
		plan->after_ns = 0;
		return plan->name;
	}
	if (plan->after_bytes && snapshot->live_bytes >= plan->after_bytes) {
		snprintf(plan->name, sizeof(plan->name), "at %s",
			 text_size(size, plan->after_bytes));
		plan->after_bytes = 0;
		return plan->name;
	}
	return NULL;
}
