/*
 * py_walk_bench.c - what a captured Python stack costs, by method and depth.
 *
 * Prints ns per stack (ns per frame), over frames made by hand in the layouts
 * of several versions: on a stack of their own, at the distances that real
 * functions have, or scattered as the frame objects of 3.10 and before.
 *
 *	unchanged     the same stack again and again
 *	moved on      its innermost frame runs another instruction each time
 *	varied        one of 64 stacks each time, which share the outer half
 *	new           one of two stacks that share nothing
 */
#include "config.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/py/py.h"
#include "agent/py/pykept.h"
#include "agent/py/pyruntime.h"
#include "agent/record.h"

#define DEPTH_MAX 400
#define STACKS	  64
#define CODES	  97
#define ROUNDS	  40
#define WALKS	  2000
#define AREA	  (DEPTH_MAX * 256)

enum change {
	CHANGE_NONE,
	CHANGE_MOVED_ON,
	CHANGE_VARIED,
	CHANGE_NEW,
	CHANGE_COUNT
};

static const char *const change_names[CHANGE_COUNT] = {
    [CHANGE_NONE] = "unchanged",
    [CHANGE_MOVED_ON] = "moved on",
    [CHANGE_VARIED] = "varied",
    [CHANGE_NEW] = "new",
};

static struct {
	char thread[512];
	uint64_t cframe[2];
	char codes[CODES][1024];
	char nothing[128]; /* what code objects point at */
	/* One for the outer half that is shared, then each its own. */
	char areas[STACKS + 1][AREA] __attribute__((aligned(64)));
	char *innermost[STACKS];
	struct py_kept kept;
	uint64_t words[PY_KEPT_FRAMES];
	uint64_t sum;
} bench;

static void *
get_thread(void)
{
	return bench.thread;
}

static int
answer_no(void)
{
	return 0;
}

static void
put(char *object, int16_t offset, uint64_t value)
{
	memcpy(object + offset, &value, sizeof(value));
}

static void
put_instr(char *frame, const char *code, uint32_t unit)
{
	const struct py_layout *layout = py_runtime.layout;
	int32_t last = (int32_t)(2 * unit);

	if (layout->instr == PY_INSTR_POINTER)
		put(frame, layout->frame_instr,
		    (uint64_t)code + (uint64_t)layout->code_bytecode + last);
	else
		memcpy(frame + layout->frame_instr, &last, sizeof(last));
}

/* A frame in the area, `place` of `count`, called by outer. */
static char *
make_frame(char *area, unsigned place, unsigned count, char *outer)
{
	const struct py_layout *layout = py_runtime.layout;
	uint64_t dice = (uint64_t)place * 2654435761u;
	bool scattered = layout->frame_owner == PY_ABSENT;
	unsigned at = scattered ? place * 7 % count * 248 : place * 136;
	char *frame = area + at + (scattered ? 0 : (dice >> 8) % 4 * 8);
	const char *code = bench.codes[(dice >> 16) % CODES];

	memset(frame, 0, 120);
	put(frame, layout->frame_previous, (uint64_t)outer);
	put(frame, layout->frame_code, (uint64_t)code);
	put_instr(frame, code, 40 + (uint32_t)(dice >> 20) % 200);
	return frame;
}

/* Code objects that say nothing of themselves. */
static void
make_codes(void)
{
	const struct py_layout *layout = py_runtime.layout;
	const uint64_t nothing = (uint64_t)bench.nothing;

	for (unsigned i = 0; i < CODES; i++) {
		char *code = bench.codes[i];

		memset(code, 0, sizeof(bench.codes[i]));
		put(code, layout->ob_type, (uint64_t)py_runtime.code_type);
		put(code, layout->code_filename, nothing);
		put(code, layout->code_name, nothing);
		put(code, layout->code_lines, nothing);
		if (layout->code_qualname != PY_ABSENT)
			put(code, layout->code_qualname, nothing);
		py_code_freed(code);
	}
}

static void
make_stacks(unsigned depth, unsigned shared)
{
	char *outer = NULL;

	for (unsigned i = 0; i < shared; i++)
		outer = make_frame(bench.areas[STACKS], i, shared, outer);
	for (unsigned i = 0; i < STACKS; i++) {
		char *frame = outer;

		for (unsigned place = shared; place < depth; place++)
			frame = make_frame(bench.areas[i], place - shared,
					   depth - shared, frame);
		bench.innermost[i] = frame;
	}
	memset(&bench.kept, 0, sizeof(bench.kept));
}

static void
run_on(char *innermost)
{
	const struct py_layout *layout = py_runtime.layout;

	bench.cframe[layout->cframe_current == 8] = (uint64_t)innermost;
	put(bench.thread, layout->thread_frame,
	    layout->cframe_current == PY_ABSENT ? (uint64_t)innermost
						: (uint64_t)bench.cframe);
}

static void
change_stack(enum change change, unsigned i)
{
	unsigned which = 0;

	if (change == CHANGE_VARIED)
		which = i * 2654435761u >> 26;
	if (change == CHANGE_NEW)
		which = i % 2;
	if (change == CHANGE_MOVED_ON)
		put_instr(bench.innermost[0], bench.codes[0], 40 + i % 200);
	run_on(bench.innermost[which]);
}

static void
walk(bool is_kept)
{
	bool cut = false;

	if (is_kept)
		bench.sum +=
		    py_kept_look(&bench.kept, true) + bench.kept.found.count;
	else
		bench.sum += py_walk(bench.words, PY_KEPT_FRAMES, true, &cut);
}

static double
now_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

/* The best of many short rounds: other work on the machine only ever adds. */
static double
measure(enum change change, unsigned depth, bool is_kept)
{
	double best = 1e18;

	make_stacks(depth, change == CHANGE_VARIED ? depth / 2 : 0);
	for (unsigned round = 0; round < ROUNDS; round++) {
		double start = now_ns();

		for (unsigned i = 0; i < WALKS; i++) {
			change_stack(change, i);
			walk(is_kept);
		}
		if (now_ns() - start < best)
			best = now_ns() - start;
	}
	return best / WALKS;
}

static void
print_table(unsigned minor)
{
	static const unsigned depths[] = {5, 20, 50, 100, 400};

	py_runtime.layout = py_layout_find(minor, false);
	if (!py_runtime.layout)
		return;
	py_kept_setup();
	make_codes();
	printf("\n| 3.%u | depth 5 | 20 | 50 | 100 | 400 |\n"
	       "|---|---|---|---|---|---|\n",
	       minor);
	for (unsigned i = 0; i < 2 * CHANGE_COUNT; i++) {
		enum change change = (enum change)(i / 2);
		bool is_kept = i % 2;

		printf("| %s%s |", change_names[change],
		       is_kept ? ", last stack kept" : "");
		for (unsigned k = 0; k < 5; k++) {
			double ns = measure(change, depths[k], is_kept);

			printf(" %.0f (%.1f) |", ns, ns / depths[k]);
			fflush(stdout);
		}
		printf("\n");
	}
}

int
main(void)
{
	py_runtime.code_type = bench.thread;
	py_runtime.str_type = bench.thread;
	py_runtime.bytes_type = bench.thread;
	py_runtime.attached_current = true;
	py_runtime.this_thread = get_thread;
	py_runtime.current = get_thread;
	py_runtime.is_finalizing = answer_no;
	printf("ns per stack (ns per frame), with finding the thread\n");
	print_table(8);
	print_table(11);
	print_table(13);
	return 0;
}
