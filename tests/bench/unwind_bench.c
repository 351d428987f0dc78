/*
 * unwind_bench.c - what a captured stack costs, by method and depth.
 *
 * Prints ns per stack (ns per frame), for stacks that are
 *
 *	the same	again and again
 *	like the last	all but the innermost four frames
 *	unlike		the last, but for main
 *
 * of some hundred each time, so that caches and branch prediction see what a
 * real program's would. The calls themselves are measured too, and subtracted.
 * The functions keep no frame pointers. "heaptop" is what a hook does: walking
 * the stack and finding its site; the others only walk it.
 */
#include "config.h"

#include <dlfcn.h>
#include <execinfo.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "agent/capture.h"
#include "agent/record.h"
#include "agent/thread.h"
#include "agent/unwind.h"
#include "heaptop/wire.h"

#define FRAMES_MAX 256
#define FUNCTIONS  8
#define STACKS	   700
#define INNER	   4 /* frames that change in stacks like the last */
#define OWN	   4 /* frames of the program's beside those of the descent */
#define ROUNDS	   15

enum method {
	METHOD_NONE,
	METHOD_HEAPTOP,
	METHOD_RULES,
	METHOD_LIBUNWIND,
	METHOD_BACKTRACE,
	METHOD_COUNT,
};

static const char *const method_names[METHOD_COUNT] = {
    [METHOD_NONE] = "(the calls)",
    [METHOD_HEAPTOP] = "heaptop, with the site",
    [METHOD_RULES] = "rules alone, each frame",
    [METHOD_LIBUNWIND] = "unw_backtrace",
    [METHOD_BACKTRACE] = "backtrace",
};

enum stacks { STACKS_SAME, STACKS_LIKE, STACKS_UNLIKE, STACKS_COUNT };

static const char *const stacks_names[STACKS_COUNT] = {
    [STACKS_SAME] = "the same stack",
    [STACKS_LIKE] = "like the last but for 4 frames",
    [STACKS_UNLIKE] = "unlike the last",
};

static struct {
	enum method method;
	void (*arrive)(void); /* what happens at the end of a descent */
	unsigned walks;
	int (*unw_backtrace)(void **, int);
	struct thread *thread;
	struct unwind_bounds bounds;
	uint64_t pcs[FRAMES_MAX];
} bench;

static __attribute__((noinline)) void
capture(void)
{
	struct unwind_state state;
	enum unwind_end end;
	bool stopped;

	switch (bench.method) {
	case METHOD_HEAPTOP:
		RECORD_CALLER(&state);
		capture_site(bench.thread, WIRE_DOMAIN_MALLOC, &state);
		break;
	case METHOD_RULES:
		RECORD_CALLER(&state);
		unwind_walk(state, &bench.bounds, 0, 0, bench.pcs, FRAMES_MAX,
			    &stopped, &end);
		break;
	case METHOD_LIBUNWIND:
		bench.unw_backtrace((void **)bench.pcs, FRAMES_MAX);
		break;
	case METHOD_BACKTRACE:
		backtrace((void **)bench.pcs, FRAMES_MAX);
		break;
	case METHOD_NONE:
	case METHOD_COUNT:
		break;
	}
}

typedef void (*call)(unsigned depth, uint32_t path);
static const call calls[FUNCTIONS];

static inline void
next(unsigned depth, uint32_t path)
{
	if (depth == 0) {
		bench.arrive();
		return;
	}
	calls[path % FUNCTIONS](depth - 1, path * 1664525u + 1013904223u);
}

/* Frames of several sizes, each with three calls to others: 24 return
 * addresses in all. The barrier keeps tail calls away. */
#define FUNCTION(n_, size_)                                             \
	static __attribute__((noinline)) void call_##n_(unsigned depth, \
							uint32_t path)  \
	{                                                               \
		volatile char room[size_];                              \
                                                                        \
		room[0] = (char)path;                                   \
		if (path & 1u << 20)                                    \
			next(depth, path + 1);                          \
		else if (path & 1u << 21)                               \
			next(depth, path + 2);                          \
		else                                                    \
			next(depth, path + 3);                          \
		__asm__ volatile("" ::"r"(room[0]) : "memory");         \
	}
FUNCTION(0, 8)
FUNCTION(1, 40)
FUNCTION(2, 72)
FUNCTION(3, 16)
FUNCTION(4, 104)
FUNCTION(5, 8)
FUNCTION(6, 200)
FUNCTION(7, 24)

static const call calls[FUNCTIONS] = {call_0, call_1, call_2, call_3,
				      call_4, call_5, call_6, call_7};

static uint32_t
path_of(unsigned number)
{
	return number % STACKS * 2654435761u;
}

static void
arrive_same(void)
{
	for (unsigned i = 0; i < bench.walks; i++)
		capture();
}

static void
arrive_like(void)
{
	bench.arrive = capture;
	for (unsigned i = 0; i < bench.walks; i++)
		next(INNER, path_of(i));
}

static void
descend(enum stacks stacks, unsigned depth)
{
	switch (stacks) {
	case STACKS_SAME:
		bench.arrive = arrive_same;
		next(depth - OWN, 7);
		break;
	case STACKS_LIKE:
		bench.arrive = arrive_like;
		next(depth > OWN + INNER ? depth - OWN - INNER : 0, 7);
		break;
	case STACKS_UNLIKE:
	case STACKS_COUNT:
		bench.arrive = capture;
		for (unsigned i = 0; i < bench.walks; i++)
			next(depth - OWN, path_of(i));
		break;
	}
}

static double
now_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

/* The best of many short rounds: other work on the machine only ever adds. */
static double
measure(enum method method, enum stacks stacks, unsigned depth)
{
	double best = 1e18;

	bench.method = method;
	bench.walks = method == METHOD_BACKTRACE ? STACKS : 10 * STACKS;
	for (unsigned round = 0; round < ROUNDS; round++) {
		double start = now_ns();
		double taken;

		descend(stacks, depth);
		taken = (now_ns() - start) / bench.walks;
		if (taken < best)
			best = taken;
	}
	return best;
}

static void
print_table(enum stacks stacks)
{
	static const unsigned depths[] = {5, 20, 50, 100};

	printf("\n| %s | depth 5 | 20 | 50 | 100 |\n|---|---|---|---|---|\n",
	       stacks_names[stacks]);
	for (int method = METHOD_HEAPTOP; method < METHOD_COUNT; method++) {
		if (method == METHOD_LIBUNWIND && !bench.unw_backtrace)
			continue;
		printf("| %s |", method_names[method]);
		for (unsigned i = 0; i < 4; i++) {
			double base = measure(METHOD_NONE, stacks, depths[i]);
			double ns =
			    measure((enum method)method, stacks, depths[i]) -
			    base;

			printf(" %.0f (%.1f) |", ns, ns / depths[i]);
			fflush(stdout);
		}
		printf("\n");
	}
}

int
main(void)
{
	void *library = dlopen("libunwind.so.8", RTLD_NOW | RTLD_LOCAL);

	if (library)
		*(void **)&bench.unw_backtrace =
		    dlsym(library, "unw_backtrace");
	bench.thread = thread_self();
	if (!bench.thread)
		return 1;
	printf("ns per stack (ns per frame)\n");
	if (!bench.unw_backtrace)
		printf("libunwind is not installed: without unw_backtrace\n");
	for (int stacks = 0; stacks < STACKS_COUNT; stacks++)
		print_table((enum stacks)stacks);
	return 0;
}
