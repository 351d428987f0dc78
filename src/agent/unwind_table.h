/*
 * unwind_table.h - the rules of return addresses, shared by all threads.
 *
 * Context: hook. Lock-free: a rule is one 64-bit word, so it is there whole or
 * not at all. The table is a cache: a word may be overwritten at any time.
 *
 * Bits of a word, low to high; "pc a..b" are bits of the return address, all
 * but those that follow from the place of the word (rule_index):
 *
 *	 0..15  k: the caller's frame (CFA) is at base + k; or enum rule_kind
 *	16      base is bp, else sp
 *	17..19  pc 0..2
 *	20..25  n: the caller's bp is at CFA - 8n; 1: it is unchanged
 *	26..32  pc 9..15
 *	33..40  the generation
 *	41      k is an enum rule_kind
 *	42      the word is in the neighbour of its own line
 *	43..63  pc 26..46
 *
 * The return address itself is at CFA + ARCH_RETURN_AT.
 */
#ifndef HEAPTOP_AGENT_UNWIND_TABLE_H
#define HEAPTOP_AGENT_UNWIND_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/hidden.h"
#include "agent/unwind_cfi.h"

#define RULE_TABLE_BITS 19 /* words; 4 MiB, touched sparsely */
#define RULE_LINE	8  /* words of a cache line */
#define RULE_BASE_BP	(1ull << 16)
#define RULE_SPECIAL	(1ull << 41)
#define RULE_NEIGHBOUR	(1ull << 42)
#define RULE_GENERATION 33
#define RULE_PC_MASK	(7ull << 17 | 0x7full << 26 | 0x1fffffull << 43)
#define RULE_KEY_MASK	(RULE_PC_MASK | 0xffull << RULE_GENERATION)

enum rule_kind {
	RULE_OUTERMOST = 1, /* there is no caller */
	RULE_NONE,	    /* no CFI here */
	RULE_ROW,	    /* only the whole row can say */
};

/* CFA is bp + 16, and bp is saved at CFA - 16. */
#define RULE_FRAME_POINTER (16ull | RULE_BASE_BP | 2ull << 20)

struct rule_table {
	uint64_t *words;     /* NULL: not there */
	uint64_t generation; /* 1..255, shifted to its place */
};
extern HIDDEN struct rule_table rule_table;

/*
 * The place of a pc: 64 KiB of code share one page of the table, so that a
 * small program touches few. The bits that make the place are not kept in the
 * word, all others are. Three operations: they are on the critical path.
 */
static inline uint64_t
rule_index(uint64_t pc)
{
	return (pc >> 7 & 0x3ffull << 9) | (pc & 0x1ff);
}

static inline uint64_t
rule_key(uint64_t pc, uint64_t generation)
{
	return (pc << 17 & RULE_PC_MASK) | generation;
}

static inline uint64_t
rule_k(uint64_t rule)
{
	return (uint16_t)rule;
}

static inline uint64_t
rule_n(uint64_t rule)
{
	return rule >> 20 & 0x3f;
}

/* The rule of a pc if it is in its first place; else 0. */
static inline uint64_t
rule_probe(const uint64_t *words, uint64_t pc, uint64_t generation)
{
	uint64_t word =
	    __atomic_load_n(&words[rule_index(pc)], __ATOMIC_RELAXED);

	if (__builtin_expect((word & (RULE_KEY_MASK | RULE_NEIGHBOUR)) !=
				 rule_key(pc, generation),
			     0))
		return 0;
	return word;
}

/* Once, in set-up. Without memory the table stays empty. */
void rule_init(void);

/* The rule of a pc, read from its row if it is nowhere in the table. Never 0.
 * A pc without module is RULE_NONE, and that is not kept. */
uint64_t rule_find(uint64_t pc);

/* From now on that is the rule of a pc in a module which has no row. */
void rule_keep(uint64_t pc, uint64_t rule);

/* The rule that a row amounts to. */
uint64_t rule_of_row(const struct cfi_row *);

/* No rule of before this call is used afterwards. */
void rule_forget(void);

#endif
