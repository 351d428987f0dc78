/*
 * py.h - what the rest of the agent knows of CPython.
 *
 * No Python API is called in a hook, no Python header is needed to build, and
 * an interpreter that is not in the table of layouts is never guessed at.
 */
#ifndef HEAPTOP_AGENT_PY_PY_H
#define HEAPTOP_AGENT_PY_PY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/hidden.h"

/*
 * A Python frame in one word: bit 63 set, then 44 bits of code address / 8,
 * then 19 bits of instruction offset / 2; all ones there: not started yet, or
 * too far to say, and the first line is meant. Only this room takes words
 * apart.
 */
#define PY_WORD_TAG (UINT64_C(1) << 63)

/*
 * Context: setup. Looks for an interpreter in the process (dlsym), finds its
 * version and layout. Returns true once one is known and hooked; may be called
 * again and again (a library that embeds Python can be loaded late).
 */
bool py_setup(void);

/* Version as 0x030b0200, 0 when there is none; the agent publishes it. */
uint32_t py_version(void);
/* Whether there is an interpreter that counts the process's threads when it
 * forks: 3.12 and later, also one that is not known. Context: setup. */
bool py_counts_threads(void);

/* The interpreter's library has come, by dlopen. Context: hook that its code
 * has called, so it cannot go away meanwhile. */
struct unwind_module;
void py_arrived(const struct unwind_module *library);
/* Whether it was initialised by then: py_join is to take its allocators. */
bool py_is_late(void);

/* Re-installs the allocators where start-up replaced them; cheap when the
 * interpreter is initialised or absent. Context: hook (malloc and mmap). */
extern HIDDEN bool py_settling; /* true while py_settle has something to do */
void py_settle(void);
/* The same once more, from the next allocation on. */
void py_settle_again(void);

/* Whether objects that are born out of CPython's free lists move their block to
 * the stack that runs then, as tracemalloc has it from 3.8 on. Set before the
 * first interpreter starts. */
extern HIDDEN bool py_freelist_wanted;
/* Listens to births, as far as there is anything to do; false: to be called
 * again, since this thread does not run Python now. In an initialised
 * interpreter. Context: hook. */
bool py_freelist_settle(void);
/* Counts a listener that is another's, and takes a place that fell free.
 * Context: ticker. */
void py_freelist_tend(void);

/* The allocator of pymalloc's arenas; a running interpreter's. */
void py_arenas_take(void);
void py_arenas_leave(void);

/* Small blocks of Python's, and code objects, are freed unseen now, but for
 * blocks that are recorded (pylight.h): before a stack is looked at,
 * py_code_forget. */
extern HIDDEN bool py_frees_unseen;
/* From soon on blocks are recorded at this mean interval; 1: every one. False:
 * not yet, try again later. Context: ticker. */
bool py_rate_may(uint64_t interval);
/* What is to be done now and then. Context: ticker. */
void py_tend(void);

/* What the parts of the interpreter's loop lie in: native walks stop in them
 * (unwind_stop.h). 0, 0: none. */
extern HIDDEN uint64_t py_eval_low, py_eval_high;
/* Whether a pc in the loop is in the function that each run of it calls once,
 * and not in a handler of one instruction that this calls in its place. */
bool py_eval_is_base(uint64_t pc);

/*
 * The Python frames of the calling thread as words, innermost first, at most
 * max. 0 when the thread runs no Python code. *cut is set when more were there
 * (then the result is max) or one made no sense; it is never cleared. Context:
 * hook. gil: the caller holds the GIL for sure (mem and object allocators).
 */
size_t py_walk(uint64_t *words, size_t max, bool gil, bool *cut);

/* As py_walk, and after the frames that one run of the interpreter's loop (one
 * call of its C function) has, PY_RUN_END; a run may have none that is shown.
 */
#define PY_RUN_END UINT64_C(0)
size_t py_walk_runs(uint64_t *words, size_t max, bool gil, bool *cut);

/*
 * The code object of a word: an id from 1; 0 when it cannot be had (no room).
 * Code objects that say the same of themselves (file, name, first line, line
 * table) share one, also after the first of them was freed. First sight copies
 * names and line table. Context: hook, with the frame alive.
 */
uint32_t py_code_intern(uint64_t word);
/* The id a word's code object has now, 0 when it was never seen or is freed. */
uint32_t py_code_find(uint64_t word);
/* Incremented whenever a code object that has an id is freed. Read relaxed. */
extern HIDDEN uint64_t py_code_epoch;
/* Tells that a block of the object allocator is being freed. Context: hook.
 * Must be cheap for blocks that are no known code object. */
void py_code_freed(void *block);

struct py_name {
	const char *file;     /* UTF-8, NUL-terminated, lives for ever */
	const char *function; /* qualified name where there is one */
	uint32_t line;	      /* 0 unknown */
	uint32_t first_line;
};
/* Context: ticker. What a word meant for the code object `id`. */
void py_code_name(uint32_t id, uint64_t word, struct py_name *name);

/*
 * Context: setup, on a thread of the program: the loader allocates when it is
 * asked for names, and libc takes no lock for a ticker it does not know of.
 * Finds the interpreter, and leaves it as it is.
 */
void py_look(void);
/*
 * Context: ticker. Takes the allocators of an interpreter that was found, once
 * it runs, if they are not ours; to be called again and again, since it may
 * start later. py_leave gives them back.
 */
void py_join(void);
void py_leave(void);
/* What is known of code objects is doubtful: some were freed unseen. Context:
 * any. */
void py_code_forget(void);

/* In a forked child. */
void py_forked(void);

#endif
