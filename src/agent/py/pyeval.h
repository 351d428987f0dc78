/*
 * pyeval.h - finds the code of the interpreter's loop.
 *
 * The loop is one C function, but not one piece of code. Compilers put what
 * they think is rarely run elsewhere, as a function of its own to the unwind
 * tables. And an interpreter built with tail calls has a function for each
 * instruction, which jump to each other; the loop's function calls the first,
 * and has then nothing else to do.
 *
 * Neither has a name in a stripped interpreter. A part that was split off is
 * known by how it is reached: by direct jumps, it jumps back, and by its unwind
 * rules it begins in the middle of a function. The handlers are known by the
 * table of their addresses, which the loop's function uses.
 */
#ifndef HEAPTOP_AGENT_PY_PYEVAL_H
#define HEAPTOP_AGENT_PY_PYEVAL_H

#include <stdbool.h>
#include <stdint.h>

/* Sets py_eval_low and py_eval_high, and stops for unwinding: the loop's
 * function is at start. Context: setup. */
void py_eval_find(uint64_t start, uint64_t size);

#endif
