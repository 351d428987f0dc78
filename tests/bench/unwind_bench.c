/*
 * unwind_bench.c - what a captured stack costs, by method and depth.
 *
 * Prints ns per stack (ns per frame). "same": the same stack again and again.
 * "varied": one of some hundred stacks each time, so that caches and branch
 * prediction see what a real program's would; the calls themselves are
 * measured too, and subtracted. The functions keep no frame pointers.
 */
#include "config.h"

#include <dlfcn.h>
#include <execinfo.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "agent/record.h"
#include "agent/unwind.h"
#include "agent/unwind_kept.h"
#include "heaptop/wire.h"

#define FRAMES_MAX 256
#define FUNCTIONS  8

enum method {
	METHOD_NONE,
	METHOD_RULES,
	METHOD_KEPT,
	METHOD_LIBUNWIND,
	METHOD_BACKTRACE,
	METHOD_COUNT,
};

static const char *const method_names[METHOD_COUNT] = {
    [METHOD_NONE] = "(the calls)",
    [METHOD_RULES] = "rules",
    [METHOD_KEPT] = "rules, last stack kept",
    [METHOD_LIBUNWIND] = "unw_backtrace",
    [METHOD_BACKTRACE] = "backtrace",
};

static struct {
	enum method method;
	unsigned repeats; /* walks at the end of each descent */
	int (*unw_backtrace)(void **, int);
	struct unwind_bounds bounds;
	struct unwind_kept kept;
	uint64_t pcs[FRAMES_MAX];
	uint64_t frames; /* walked in all */
} bench;

static __attribute__((noinline)) void
capture(void)
{
	static const struct unwind_limits limits = {0, 0, FRAMES_MAX};
	struct unwind_trace trace;
	struct unwind_state state;
	enum unwind_end end;
	bool stopped;

	switch (bench.method) {
	case METHOD_RULES:
		RECORD_CALLER(&state);
		bench.frames +=
		    unwind_walk(state, &bench.bounds, 0, 0, bench.pcs,
				FRAMES_MAX, &stopped, &end);
		break;
	case METHOD_KEPT:
		RECORD_CALLER(&state);
		unwind_walk_kept(&bench.kept, &state, &bench.bounds, &limits,
				 &trace);
		bench.frames += trace.count;
		break;
	case METHOD_LIBUNWIND:
		bench.frames += (uint64_t)bench.unw_backtrace(
		    (void **)bench.pcs, FRAMES_MAX);
		break;
	case METHOD_BACKTRACE:
		bench.frames +=
		    (uint64_t)backtrace((void **)bench.pcs, FRAMES_MAX);
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
		for (unsigned i = 0; i < bench.repeats; i++)
			capture();
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

static double
now_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

/* The best of many short rounds: other work on the machine only ever adds. */
static double
measure(enum method method, unsigned depth, bool varied)
{
	const unsigned walks = method == METHOD_BACKTRACE ? 700 : 7000;
	double best = 1e18;

	bench.method = method;
	bench.repeats = varied ? 1 : walks;
	for (unsigned round = 0; round < 25; round++) {
		double start = now_ns();

		bench.frames = 0;
		for (unsigned i = 0; i < (varied ? walks : 1); i++)
			next(depth - 4, varied ? i % 700 * 2654435761u : 7);
		if (now_ns() - start < best)
			best = now_ns() - start;
	}
	return best / walks;
}

static void
print_table(bool varied)
{
	static const unsigned depths[] = {5, 20, 50, 100};

	printf("\n| %s | depth 5 | 20 | 50 | 100 |\n|---|---|---|---|---|\n",
	       varied ? "varied" : "same");
	for (int method = METHOD_RULES; method < METHOD_COUNT; method++) {
		if (method == METHOD_LIBUNWIND && !bench.unw_backtrace)
			continue;
		printf("| %s |", method_names[method]);
		for (unsigned i = 0; i < 4; i++) {
			double base = measure(METHOD_NONE, depths[i], varied);
			double ns =
			    measure((enum method)method, depths[i], varied) -
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
	unwind_init(WIRE_UNWINDER_RULES);
	printf("ns per stack (ns per frame)\n");
	print_table(false);
	print_table(true);
	return 0;
}
