/*
 * pycode.h - what pycode.c offers beyond py.h.
 */
#ifndef HEAPTOP_AGENT_PY_PYCODE_H
#define HEAPTOP_AGENT_PY_PYCODE_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/hidden.h"
#include "agent/py/py.h"

/* One bit per hash of the address of a code object that is or was known; never
 * freed, never NULL. */
struct py_code_filter {
	uint32_t shift;	 /* of the hash, to the bit's number */
	uint8_t bits[8]; /* or more */
};
extern HIDDEN struct py_code_filter *py_code_filter;

static inline uint64_t
py_code_hash(uint64_t code)
{
	return (code >> 3) * UINT64_C(0x9e3779b97f4a7c15);
}

/* Whether a block may be a known code object; false is certain. */
static inline bool
py_code_may_be(const void *block)
{
	const struct py_code_filter *filter =
	    __atomic_load_n(&py_code_filter, __ATOMIC_ACQUIRE);
	uint64_t bit = py_code_hash((uint64_t)block) >> filter->shift;

	return __atomic_load_n(&filter->bits[bit >> 3], __ATOMIC_RELAXED) >>
		   (bit & 7) &
	       1;
}

/*
 * The word that stands for all instructions of the same line, of the code
 * object of that one: stacks are told apart by their lines. Interns the code
 * object; false when it cannot be had, then the word is as it was. Context:
 * hook, with the frame alive.
 */
bool py_code_group(uint64_t *word);

/* In a forked child: no other thread is inside any more. */
void py_code_forked(void);

#endif
