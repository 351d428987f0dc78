/*
 * unwind_shapes.h - calls through frames of every shape a compiler makes,
 * with the truth kept on the side: each function notes the address it will
 * return to, as the compiler knows it.
 */
#ifndef HEAPTOP_TESTS_AGENT_UNWIND_SHAPES_H
#define HEAPTOP_TESTS_AGENT_UNWIND_SHAPES_H

#include <stdint.h>

#define TRUTH_MAX 8192

/* Return addresses, outermost first; 0: any number of frames of others. */
struct truth {
	uint64_t pcs[TRUTH_MAX];
	unsigned count;
};
extern _Thread_local struct truth truth;

enum shape {
	SHAPE_PLAIN,
	SHAPE_WIDE, /* many locals, every register saved */
	SHAPE_FRAME_POINTER,
	SHAPE_ALLOCA,
	SHAPE_REALIGNED,
	SHAPE_HUGE,	 /* a frame that no compact rule can hold */
	SHAPE_ARGUMENTS, /* pushes around the call */
	SHAPE_COLD,	 /* calls from the part set aside as unlikely */
	SHAPE_FRAME_POINTER_SAVED_LATE,
	SHAPE_COUNT,
};

/* Calls leaf(arg) through frames of the given shapes, outermost first. */
void shapes_call(const enum shape *shapes, unsigned count, void (*leaf)(void *),
		 void *arg);

/* Calls leaf(arg) where nothing follows the call: leaf must not return. */
void shapes_call_last(void (*leaf)(void *), void *arg);

/* Notes that frames of others come now. */
void shapes_gap(void);
void shapes_gap_end(void);

#endif
