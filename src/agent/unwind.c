/*
 * unwind.c - chooses the unwinder, and keeps what it needs of the process.
 *
 * Context: hook, but unwind_init: setup, and unwind_modules_scan.
 */
#include "config.h"

#include "agent/unwind.h"

#include <string.h>

#include "agent/unwind_check.h"
#include "agent/unwind_libunwind.h"
#include "agent/unwind_module.h"
#include "agent/unwind_rules.h"
#include "agent/unwind_table.h"
#include "heaptop/wire.h"

int walk_kind;
uint64_t unwind_changes = 1;

static struct {
	bool is_forked;
} unwind;

bool
unwind_init(int kind)
{
	bool done = true;

	module_init(true);
	stack_init();
	rule_init();
	if (kind != WIRE_UNWINDER_RULES) {
		done = libunwind_init();
		check_init();
		if (!done)
			kind = WIRE_UNWINDER_RULES;
	}
	walk_kind = kind;
	return done;
}

void
unwind_modules_changed(void)
{
	rule_forget();
	stack_forget();
	__atomic_fetch_add(&unwind_changes, 1, __ATOMIC_RELEASE);
}

void
unwind_modules_scan(void)
{
	module_scan();
}

void
unwind_unmapped(void)
{
	stack_forget();
}

/* libunwind may wait for ever for a lock that was held at the fork. */
void
unwind_forked(void)
{
	unwind.is_forked = true;
}

bool
unwind_find_module(uint64_t pc, struct unwind_module *found)
{
	struct cfi_image image;
	const char *name;

	if (!module_find(pc, &image, &name))
		return false;
	found->start = image.start;
	found->end = image.end;
	found->bias = image.bias;
	found->name = name ? name : "";
	return true;
}

void
unwind_check_counts(uint64_t *compared, uint64_t *differed)
{
	const struct check_counts *counts = check_counts();

	*differed = 0;
	for (unsigned i = CHECK_SAME + 1; i < CHECK_COUNT; i++)
		*differed +=
		    __atomic_load_n(&counts->verdicts[i], __ATOMIC_RELAXED);
	*compared = *differed + __atomic_load_n(&counts->verdicts[CHECK_SAME],
						__ATOMIC_RELAXED);
}

void
walk_check(const uint64_t *pcs, size_t count, size_t max, bool stopped,
	   enum unwind_end end)
{
	if (!unwind.is_forked)
		check_walk(pcs, count, max, stopped, end);
}

/* Leaves the frames from the first on that is to be stopped at. */
static void
walk_by_libunwind(struct walk *walk)
{
	size_t count = 0;

	walk->end = UNWIND_END_NO_RULE;
	if (!unwind.is_forked)
		count = libunwind_walk(walk->first.pc, walk->pcs, walk->max);
	if (count == 0) {
		walk_take(walk, walk->first.pc);
		return;
	}
	walk->end = count == walk->max ? UNWIND_END_FULL : UNWIND_END_OUTERMOST;
	while (walk->count < count && walk_take(walk, walk->pcs[walk->count]))
		;
}

size_t
unwind_walk(struct unwind_state state, struct unwind_bounds *bounds,
	    uint64_t stop_low, uint64_t stop_high, uint64_t *pcs, size_t max,
	    bool *stopped, enum unwind_end *end)
{
	struct walk walk;

	walk.first = state;
	walk.bounds = bounds;
	walk.stop_low = stop_low;
	walk.stop_size = stop_high - stop_low;
	walk.pcs = pcs;
	walk.max = max;
	walk.count = 0;
	walk.stopped = false;
	if (unlikely(walk_kind == WIRE_UNWINDER_LIBUNWIND)) {
		walk_by_libunwind(&walk);
	} else if (__builtin_expect(!stack_enter(bounds, state.sp, &walk.range),
				    0)) {
		if (walk_take(&walk, state.pc))
			walk.end = UNWIND_END_BOUNDS;
	} else {
		walk_by_rules(&walk);
		if (unlikely(walk_kind == WIRE_UNWINDER_CHECK))
			walk_check(pcs, walk.count, max, walk.stopped,
				   walk.end);
	}
	*stopped = walk.stopped;
	*end = walk.end;
	return walk.count;
}
