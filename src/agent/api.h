/*
 * api.h - what the agent exports for share/python: tracemalloc's questions.
 *
 * The module finds these names in the process it runs in, so they are an
 * interface between two things that may be of different age: it asks for the
 * version first. 64-bit and 32-bit fields, nothing that depends on a compiler.
 *
 * Context: any thread of the program, outside hooks.
 */
#ifndef HEAPTOP_AGENT_API_H
#define HEAPTOP_AGENT_API_H

#include <stdint.h>

#define HEAPTOP_TRACE_VERSION 1
#define HEAPTOP_API	      __attribute__((visibility("default")))

/* Blocks of one stack and domain that are live. In sampled mode an estimate. */
struct heaptop_trace_row {
	uint32_t stack;	 /* its innermost frame, for heaptop_trace_frames */
	uint32_t domain; /* enum wire_domain */
	uint64_t bytes;
	uint64_t count;
};

/* A frame. Texts are UTF-8 and live as long as the process. */
struct heaptop_trace_frame {
	uint32_t parent;      /* the frame it was called from, 0: none */
	uint32_t line;	      /* of Python's source, 0: unknown, or native */
	uint32_t depth;	      /* frames of the stack from here outwards */
	uint32_t python;      /* of these, Python's */
	const char *file;     /* of the source, or the module; NULL: unknown */
	const char *function; /* NULL: native */
	uint64_t offset;      /* native: in the module's file as linked */
};

/*
 * For who has put the agent into a process that runs, by dlopen: recording
 * begins. settings: what the environment would tell an agent that was preloaded
 * (agent.c), NAME=value, each ended by a NUL, all ended by an empty one; it is
 * not kept. NULL: the environment is read. Takes well under a millisecond; the
 * agent's own thread does the rest. Returns 0; 1: it was on already; -1: it
 * cannot. Its name is WIRE_ATTACH_SYMBOL.
 */
HEAPTOP_API int heaptop_agent_attach(const char *settings);

/* The version of this interface. */
HEAPTOP_API uint32_t heaptop_trace_version(void);

/* From now on blocks are traced, from nothing; also to begin anew. Returns 0;
 * -1: the agent is off, or there is no memory. */
HEAPTOP_API int heaptop_trace_start(void);
/* No block is traced any more. The agent goes on for its viewers. */
HEAPTOP_API void heaptop_trace_stop(void);
/* 1: blocks are traced. */
HEAPTOP_API int heaptop_trace_on(void);

/* Bytes of Python's allocators, traced and live: now, and the most there were
 * since the start or the reset. 0 when nothing is traced. */
HEAPTOP_API uint64_t heaptop_trace_live(void);
HEAPTOP_API uint64_t heaptop_trace_peak(void);
HEAPTOP_API void heaptop_trace_reset_peak(void);

/* Memory that the agent itself uses, as of its last tick. */
HEAPTOP_API uint64_t heaptop_trace_overhead(void);

/* What is traced and live, in memory of the agent: give it back by drop. NULL:
 * nothing, or no memory. */
HEAPTOP_API const struct heaptop_trace_row *heaptop_trace_take(uint32_t *count);
HEAPTOP_API void heaptop_trace_drop(const struct heaptop_trace_row *);

/* The frames with these numbers; those that do not exist are all zero. */
HEAPTOP_API void heaptop_trace_frames(const uint32_t *stacks, uint32_t count,
				      struct heaptop_trace_frame *);

/* The stack of the traced block that begins at an address, if it has more than
 * `size` bytes; 0: there is none. The block must be the caller's. */
HEAPTOP_API uint32_t heaptop_trace_block(const void *address, uint64_t size);

#endif
