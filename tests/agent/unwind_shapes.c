/*
 * unwind_shapes.c - frames of every shape. Built without frame pointers, but
 * where a function asks for them.
 */
#include "config.h"

#include "unwind_shapes.h"

#include <alloca.h>
#include <stdlib.h>

#define NOINLINE      __attribute__((noinline, noclone))
#define USE(pointer_) __asm__ volatile("" ::"r"(pointer_) : "memory")
#define ENTER()	      enter((uint64_t)__builtin_return_address(0))

/* What is still to be called. */
struct plan {
	const enum shape *shapes;
	unsigned count;
	void (*leaf)(void *);
	void *arg;
};

_Thread_local struct truth truth;

static void
enter(uint64_t pc)
{
	if (truth.count == TRUTH_MAX)
		abort();
	truth.pcs[truth.count++] = pc;
}

static void
leave(void)
{
	truth.count--;
}

void
shapes_gap(void)
{
	enter(0);
}

void
shapes_gap_end(void)
{
	leave();
}

static void next(struct plan plan);

static NOINLINE void
call_plain(struct plan *plan)
{
	ENTER();
	next(*plan);
	leave();
}

static NOINLINE void
call_wide(struct plan *plan)
{
	uint64_t a[40];
	uint64_t b = plan->count, c = b * 3, d = c * 5, e = d * 7, f = e * 11,
		 g = f * 13;

	ENTER();
	USE(a);
	next(*plan);
	a[b & 31] = b + c + d + e + f + g;
	USE(a);
	__asm__ volatile("" ::"r"(b), "r"(c), "r"(d), "r"(e), "r"(f), "r"(g));
	leave();
}

static NOINLINE __attribute__((optimize("no-omit-frame-pointer"))) void
call_frame_pointer(struct plan *plan)
{
	ENTER();
	next(*plan);
	leave();
}

static NOINLINE void
call_alloca(struct plan *plan)
{
	char *room = alloca(plan->count % 7 * 100 + 1);

	ENTER();
	USE(room);
	next(*plan);
	leave();
}

static NOINLINE __attribute__((force_align_arg_pointer)) void
call_realigned(struct plan *plan)
{
	char room[256] __attribute__((aligned(64)));

	ENTER();
	USE(room);
	next(*plan);
	leave();
}

static NOINLINE void
call_huge(struct plan *plan)
{
	char room[100000];

	ENTER();
	USE(room);
	next(*plan);
	leave();
}

static NOINLINE void
take_arguments(struct plan *plan, long b, long c, long d, long e, long f,
	       long g, long h, long i)
{
	ENTER();
	__asm__ volatile("" ::"r"(b + c + d + e + f + g + h + i));
	next(*plan);
	leave();
}

static NOINLINE void
call_arguments(struct plan *plan)
{
	ENTER();
	take_arguments(plan, 2, 3, 4, 5, 6, 7, plan->count, 9);
	leave();
}

static NOINLINE __attribute__((cold)) void
call_unlikely(struct plan *plan)
{
	ENTER();
	next(*plan);
	leave();
}

static NOINLINE void
call_cold(struct plan *plan)
{
	volatile unsigned count = plan->count;

	ENTER();
	if (count < 100000)
		call_unlikely(plan);
	leave();
}

/* Saves bp only on the way to the call. */
static NOINLINE void
call_saved_late(struct plan *plan)
{
	if (!plan->leaf)
		return;
	ENTER();
	__asm__ volatile("" ::: "rbp", "rbx");
	next(*plan);
	leave();
}

static void (*const calls[SHAPE_COUNT])(struct plan *) = {
    [SHAPE_PLAIN] = call_plain,
    [SHAPE_WIDE] = call_wide,
    [SHAPE_FRAME_POINTER] = call_frame_pointer,
    [SHAPE_ALLOCA] = call_alloca,
    [SHAPE_REALIGNED] = call_realigned,
    [SHAPE_HUGE] = call_huge,
    [SHAPE_ARGUMENTS] = call_arguments,
    [SHAPE_COLD] = call_cold,
    [SHAPE_FRAME_POINTER_SAVED_LATE] = call_saved_late,
};

static NOINLINE void
next(struct plan plan)
{
	enum shape shape;

	ENTER();
	if (plan.count == 0) {
		plan.leaf(plan.arg);
	} else {
		shape = *plan.shapes++;
		plan.count--;
		calls[shape](&plan);
	}
	leave();
}

void NOINLINE
shapes_call(const enum shape *shapes, unsigned count, void (*leaf)(void *),
	    void *arg)
{
	struct plan plan = {shapes, count, leaf, arg};

	ENTER();
	next(plan);
	leave();
}

static NOINLINE void
call_last(void (*leaf)(void *), void *arg)
{
	ENTER();
	leaf(arg);
	__builtin_unreachable();
}

void NOINLINE
shapes_call_last(void (*leaf)(void *), void *arg)
{
	ENTER();
	call_last(leaf, arg);
}
