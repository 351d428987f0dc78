/*
 * pyeval.c - finds the code of the interpreter's loop.
 *
 * Code is looked at byte by byte, not decoded: what looks like a jump may be
 * something else. So nothing is believed because of one jump.
 *
 * Context: setup, but py_eval_is_base: hook.
 */
#include "config.h"

#include "agent/py/pyeval.h"

#include <stddef.h>
#include <string.h>

#include "agent/arch/arch_unwind.h"
#include "agent/py/py.h"
#include "agent/unwind_cfi.h"
#include "agent/unwind_module.h"
#include "agent/unwind_stop.h"

#define PARTS_MAX   512
#define OPCODES	    256
#define STARTER_MAX 1024 /* bytes of the function that goes to a handler */
#define PADDING_MAX 64	 /* between functions that lie together */

uint64_t py_eval_low, py_eval_high;

static struct {
	struct cfi_image image;
	struct unwind_part text; /* the segment that the loop is in */
	uint32_t bases;		 /* so many of the parts are no handlers */
	uint32_t count;
	struct unwind_part parts[PARTS_MAX];
	uint32_t stop_count;
	struct unwind_part stops[PARTS_MAX]; /* sorted, joined */
} eval;

static bool
holds(struct unwind_part part, uint64_t address)
{
	return address - part.low < part.high - part.low;
}

static bool
is_known(uint64_t address)
{
	for (uint32_t i = 0; i < eval.count; i++)
		if (holds(eval.parts[i], address))
			return true;
	return false;
}

static void
add(struct unwind_part part)
{
	if (eval.count < PARTS_MAX)
		eval.parts[eval.count++] = part;
}

/* The function that address is in, as the unwind tables have it. */
static bool
find_function(uint64_t address, struct unwind_part *found)
{
	return holds(eval.text, address) &&
	       cfi_find_code(&eval.image, address, &found->low, &found->high) &&
	       holds(eval.text, found->high - 1);
}

static bool
begins_function(uint64_t address)
{
	struct unwind_part found;

	return find_function(address, &found) && found.low == address;
}

/* Whether nothing was pushed yet where the code begins: it is called. */
static bool
is_called(struct unwind_part part)
{
	struct cfi_row row;

	return !cfi_find_row(&eval.image, part.low, &row) ||
	       (row.cfa_register == ARCH_SP &&
		row.cfa_value == -ARCH_RETURN_AT);
}

/* Where what looks like a jump leads; 0: it does not. */
static uint64_t
jump_at(uint64_t at)
{
	return eval.text.high - at < ARCH_JUMP_MAX
		   ? 0
		   : arch_jump_target((const uint8_t *)at);
}

/* Whether a jump in part leads into the middle of `into`. */
static bool
jumps_into(struct unwind_part part, struct unwind_part into)
{
	for (uint64_t at = part.low; at < part.high; at++) {
		uint64_t target = jump_at(at);

		if (target != into.low && holds(into, target))
			return true;
	}
	return false;
}

/* Where a jump out of `from` leads, if that is more of the loop. */
static bool
is_more(struct unwind_part from, bool is_handler, uint64_t target,
	struct unwind_part *found)
{
	if (!holds(eval.text, target) || is_known(target) ||
	    !find_function(target, found))
		return false;
	if (is_handler && found->low == target)
		return true;
	return !is_called(*found) && jumps_into(*found, from);
}

/* Adds what parts from `first` on jump to; that too is looked at. */
static void
follow_jumps(uint32_t first, bool are_handlers)
{
	for (uint32_t i = first; i < eval.count; i++) {
		struct unwind_part from = eval.parts[i];
		struct unwind_part found;

		for (uint64_t at = from.low; at < from.high; at++)
			if (is_more(from, are_handlers, jump_at(at), &found))
				add(found);
	}
}

/* Adds all handlers if their table is at that address. */
static bool
take_table(uint64_t table)
{
	const uint64_t *handlers = (const uint64_t *)table;
	struct unwind_part found;
	uint64_t low, high;

	if (table % sizeof(*handlers) || holds(eval.text, table) ||
	    !cfi_image_segment(&eval.image, table, PF_R, &low, &high) ||
	    high - table < OPCODES * sizeof(*handlers))
		return false;
	for (unsigned i = 0; i < OPCODES; i++)
		if (!begins_function(handlers[i]))
			return false;
	for (unsigned i = 0; i < OPCODES; i++)
		if (!is_known(handlers[i]) &&
		    find_function(handlers[i], &found))
			add(found);
	return true;
}

/* A table of handlers whose address is taken in that code. */
static bool
find_table(struct unwind_part code)
{
	for (uint64_t at = code.low; at + ARCH_ADDRESS_MAX <= code.high; at++) {
		uint64_t table = arch_address_taken((const uint8_t *)at);

		if (table && take_table(table))
			return true;
	}
	return false;
}

/* The loop's function itself goes to the first handler, or calls what does. */
static void
find_handlers(struct unwind_part base)
{
	uint32_t first = eval.count;
	struct unwind_part called;
	bool found = find_table(base);

	for (uint64_t at = base.low + ARCH_CALL_MAX; !found && at <= base.high;
	     at++) {
		uint64_t target = arch_call_target((const uint8_t *)at);

		if (find_function(target, &called) && called.low == target &&
		    called.high - called.low <= STARTER_MAX)
			found = find_table(called);
	}
	if (found)
		follow_jumps(first, true);
}

/* Puts a part among the stops, which stay sorted. */
static void
add_stop(struct unwind_part part)
{
	uint32_t at = eval.stop_count++;

	for (; at > 0 && eval.stops[at - 1].low > part.low; at--)
		eval.stops[at] = eval.stops[at - 1];
	eval.stops[at] = part;
}

/* Functions that lie together become one part. */
static void
join_stops(void)
{
	uint32_t last = 0;

	for (uint32_t i = 1; i < eval.stop_count; i++) {
		struct unwind_part next = eval.stops[i];
		struct unwind_part *part = &eval.stops[last];

		if (next.low > part->high + PADDING_MAX)
			eval.stops[++last] = next;
		else if (next.high > part->high)
			part->high = next.high;
	}
	eval.stop_count = last + 1;
}

static void
find_parts(struct unwind_part base)
{
	const char *name;

	if (!module_find(base.low, &eval.image, &name) ||
	    !cfi_image_segment(&eval.image, base.low, PF_R | PF_X,
			       &eval.text.low, &eval.text.high) ||
	    !holds(eval.text, base.high - 1))
		return;
	follow_jumps(0, false);
	eval.bases = eval.count;
	find_handlers(base);
}

void
py_eval_find(uint64_t start, uint64_t size)
{
	struct unwind_part base = {start, start + size};

	if (size == 0)
		return;
	eval.count = eval.stop_count = 0;
	add(base);
	eval.bases = 1;
	find_parts(base);
	for (uint32_t i = 0; i < eval.count; i++)
		add_stop(eval.parts[i]);
	join_stops();
	if (eval.stop_count > 1)
		unwind_stops_set(eval.stops, eval.stop_count);
	py_eval_high = eval.stops[eval.stop_count - 1].high;
	__atomic_store_n(&py_eval_low, eval.stops[0].low, __ATOMIC_RELEASE);
}

bool
py_eval_is_base(uint64_t pc)
{
	for (uint32_t i = 0; i < eval.bases; i++)
		if (holds(eval.parts[i], pc))
			return true;
	return false;
}
