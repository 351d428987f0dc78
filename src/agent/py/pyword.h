/*
 * pyword.h - packs a Python frame into one word.
 *
 * Bit 63 is PY_WORD_TAG, then 44 bits of code address / 8, then 19 bits of
 * instruction offset / 2. Addresses have 47 bits; code objects are 16-byte
 * aligned from 3.8 on and 8-byte aligned before.
 */
#ifndef HEAPTOP_AGENT_PY_PYWORD_H
#define HEAPTOP_AGENT_PY_PYWORD_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/py/py.h"

#define PY_WORD_UNIT_BITS 19
/* Not started yet, or more than a MiB of bytecode: the first line is shown. */
#define PY_WORD_NO_UNIT ((UINT64_C(1) << PY_WORD_UNIT_BITS) - 1)

/* Whether the value can be the address of a code object. */
static inline bool
py_word_fits(uint64_t code)
{
	return code >= 4096 && !(code & 7) && !(code >> 47);
}

static inline uint64_t
py_word_pack(uint64_t code, int64_t offset)
{
	uint64_t unit = (uint64_t)offset >> 1;

	if (offset < 0 || unit > PY_WORD_NO_UNIT)
		unit = PY_WORD_NO_UNIT;
	return PY_WORD_TAG | code << (PY_WORD_UNIT_BITS - 3) | unit;
}

static inline uint64_t
py_word_code(uint64_t word)
{
	return (word & ~PY_WORD_TAG) >> PY_WORD_UNIT_BITS << 3;
}

/* In bytes; -1 when there is none. */
static inline int32_t
py_word_offset(uint64_t word)
{
	uint64_t unit = word & PY_WORD_NO_UNIT;

	return unit == PY_WORD_NO_UNIT ? -1 : (int32_t)(unit * 2);
}

#endif
