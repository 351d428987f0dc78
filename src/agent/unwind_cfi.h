/*
 * unwind_cfi.h - reads one row of call frame information, in place.
 *
 * Context: hook. Pure: reads the image and writes what it was given. Damage
 * (a length, offset or opcode that cannot be) makes the row not found; no
 * read leaves the image's segments.
 *
 * Source: DWARF 5, 6.4; LSB 5.0 core, 10.6 (.eh_frame, .eh_frame_hdr).
 */
#ifndef HEAPTOP_AGENT_UNWIND_CFI_H
#define HEAPTOP_AGENT_UNWIND_CFI_H

#include <elf.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "agent/arch/arch_unwind.h"

/* A module as mapped. With phdr, only its readable PT_LOADs are read; without
 * (the first page holds no ELF header), all of [start, end). */
struct cfi_image {
	uint64_t start;
	uint64_t end;
	uint64_t bias;
	uint64_t hdr; /* .eh_frame_hdr; 0: none */
	const Elf64_Phdr *phdr;
	unsigned phnum;
};

/* Finds the program headers of an image whose start and end are known. */
void cfi_image_headers(struct cfi_image *);

/* The segment of the image that holds address and has all p_flags of flags. */
bool cfi_image_segment(const struct cfi_image *, uint64_t address,
		       uint32_t flags, uint64_t *low, uint64_t *high);

/* Where the caller's value of a register is. */
enum cfi_how {
	CFI_SAME,	   /* or not mentioned */
	CFI_UNDEFINED,	   /* lost */
	CFI_AT,		   /* saved at CFA + value */
	CFI_IS,		   /* is CFA + value */
	CFI_REGISTER,	   /* in register `value` */
	CFI_AT_EXPRESSION, /* saved where the expression says */
	CFI_IS_EXPRESSION, /* is what the expression says */
};

/* how in the low 3 bits, value above. An expression's value is the distance
 * of its block (ULEB128 length, then the bytes) from the image's start. */
typedef uint32_t cfi_column;

static inline enum cfi_how
cfi_how(cfi_column column)
{
	return (enum cfi_how)(column & 7);
}

static inline int32_t
cfi_value(cfi_column column)
{
	return (int32_t)column >> 3;
}

enum {
	CFI_CFA_EXPRESSION = 255, /* cfa_register; cfa_value as a column's */
};

struct cfi_row {
	int32_t cfa_value;
	uint8_t cfa_register;
	bool is_signal; /* the caller was interrupted: its pc is exact */
	cfi_column columns[ARCH_REGISTERS];
};

/* The row in force at pc. False: none, or damaged. */
bool cfi_find_row(const struct cfi_image *, uint64_t pc, struct cfi_row *);

/* The code that the description of pc covers: a function, or a part of one.
 * False: none, or damaged. */
bool cfi_find_code(const struct cfi_image *, uint64_t pc, uint64_t *low,
		   uint64_t *high);

/* A place in the image's bytes. bad is set by a read past the end, and sticks;
 * such reads yield 0. */
struct cfi_cursor {
	const uint8_t *at;
	const uint8_t *end;
	bool bad;
};

/* Starts reading at address, up to the end of its segment. */
struct cfi_cursor cfi_cursor_at(const struct cfi_image *, uint64_t address);
int64_t cfi_read_sleb(struct cfi_cursor *);
uint64_t cfi_read_long_uleb(struct cfi_cursor *);

/* size: 1, 2, 4 or 8; little-endian. Inline, as most of a program is bytes. */
static inline uint64_t
cfi_read(struct cfi_cursor *cursor, unsigned size)
{
	uint64_t value = 0;

	if (__builtin_expect(size > (uint64_t)(cursor->end - cursor->at), 0)) {
		cursor->bad = true;
		cursor->at = cursor->end;
		return 0;
	}
	memcpy(&value, cursor->at, size);
	cursor->at += size;
	return value;
}

static inline uint64_t
cfi_read_uleb(struct cfi_cursor *cursor)
{
	if (cursor->at < cursor->end && *cursor->at < 0x80)
		return *cursor->at++;
	return cfi_read_long_uleb(cursor);
}

static inline void
cfi_skip(struct cfi_cursor *cursor, uint64_t size)
{
	if (size > (uint64_t)(cursor->end - cursor->at)) {
		cursor->bad = true;
		cursor->at = cursor->end;
		return;
	}
	cursor->at += size;
}

#endif
