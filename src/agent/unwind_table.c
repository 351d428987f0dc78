/*
 * unwind_table.c - fills the table of rules.
 *
 * Context: hook.
 */
#include "config.h"

#include "agent/unwind_table.h"

#include <sys/mman.h>
#include <sys/syscall.h>

#include "agent/safe.h"
#include "agent/unwind_module.h"

#define TABLE_SIZE ((1ull << RULE_TABLE_BITS) * sizeof(uint64_t))

struct rule_table rule_table;

void
rule_init(void)
{
	if (rule_table.words)
		return;
	rule_table.generation = 1ull << RULE_GENERATION;
	__atomic_store_n(&rule_table.words, safe_reserve(TABLE_SIZE),
			 __ATOMIC_RELEASE);
}

/* A thread that has read a row before and stores its rule after 255 calls
 * would deceive; the generation is compared once more before it does. */
void
rule_forget(void)
{
	uint64_t old =
	    __atomic_load_n(&rule_table.generation, __ATOMIC_RELAXED);
	uint64_t generation;

	do {
		generation = (old >> RULE_GENERATION) % 255 + 1;
	} while (!__atomic_compare_exchange_n(
	    &rule_table.generation, &old, generation << RULE_GENERATION, false,
	    __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
	if (generation == 1 && rule_table.words)
		safe_syscall(SYS_madvise, (long)rule_table.words, TABLE_SIZE,
			     MADV_DONTNEED, 0, 0, 0);
}

static uint64_t
special(enum rule_kind kind)
{
	return RULE_SPECIAL | kind;
}

uint64_t
rule_of_row(const struct cfi_row *row)
{
	cfi_column bp = row->columns[ARCH_BP];
	int32_t k = row->cfa_value;
	uint64_t n = 1;
	bool is_simple = cfi_how(row->columns[ARCH_PC]) == CFI_AT &&
			 cfi_value(row->columns[ARCH_PC]) == ARCH_RETURN_AT &&
			 cfi_how(row->columns[ARCH_SP]) == CFI_SAME &&
			 !row->is_signal && k >= 8 && k <= UINT16_MAX;

	if (cfi_how(row->columns[ARCH_PC]) == CFI_UNDEFINED)
		return special(RULE_OUTERMOST);
	if (row->cfa_register != ARCH_SP && row->cfa_register != ARCH_BP)
		is_simple = false;
	if (cfi_how(bp) == CFI_AT) {
		n = (uint64_t) - (int64_t)cfi_value(bp);
		if (n % 8 != 0 || n < 16 || n > 63 * 8)
			is_simple = false;
		n /= 8;
	} else if (cfi_how(bp) != CFI_SAME && cfi_how(bp) != CFI_UNDEFINED) {
		is_simple = false;
	}
	if (!is_simple)
		return special(RULE_ROW);
	return (uint64_t)k | n << 20 |
	       (row->cfa_register == ARCH_BP ? RULE_BASE_BP : 0);
}

/* Puts a rule into the first free word of its line, else of the neighbour
 * line, else over the word of its first place. */
static void
store(uint64_t pc, uint64_t rule, uint64_t generation)
{
	uint64_t index = rule_index(pc);
	uint64_t line = index & ~(RULE_LINE - 1ull);
	uint64_t best = index;

	rule |= rule_key(pc, generation);
	for (unsigned i = 0; i < 2 * RULE_LINE; i++) {
		uint64_t at =
		    (line ^ (i & RULE_LINE)) | ((index + i) & (RULE_LINE - 1));
		uint64_t word =
		    __atomic_load_n(&rule_table.words[at], __ATOMIC_RELAXED);

		if ((word & 0xffull << RULE_GENERATION) == generation)
			continue;
		best = at;
		break;
	}
	if ((best ^ index) & RULE_LINE)
		rule |= RULE_NEIGHBOUR;
	if (__atomic_load_n(&rule_table.generation, __ATOMIC_SEQ_CST) ==
	    generation)
		__atomic_store_n(&rule_table.words[best], rule,
				 __ATOMIC_RELAXED);
}

/* The word that has the rule of a pc; NULL: none. */
static uint64_t *
search(uint64_t pc, uint64_t generation, uint64_t *rule)
{
	uint64_t index = rule_index(pc);
	uint64_t line = index & ~(RULE_LINE - 1ull);
	uint64_t key = rule_key(pc, generation);

	for (unsigned i = 0; i < 2 * RULE_LINE; i++) {
		uint64_t at =
		    (line ^ (i & RULE_LINE)) | ((index + i) & (RULE_LINE - 1));
		uint64_t neighbour = i & RULE_LINE ? RULE_NEIGHBOUR : 0;

		*rule =
		    __atomic_load_n(&rule_table.words[at], __ATOMIC_RELAXED);
		if ((*rule & (RULE_KEY_MASK | RULE_NEIGHBOUR)) ==
		    (key | neighbour))
			return &rule_table.words[at];
	}
	return NULL;
}

void
rule_keep(uint64_t pc, uint64_t rule)
{
	uint64_t generation =
	    __atomic_load_n(&rule_table.generation, __ATOMIC_SEQ_CST);
	uint64_t *word;
	uint64_t old;

	if (!rule_table.words || pc >> ARCH_CODE_BITS)
		return;
	word = search(pc, generation, &old);
	if (word)
		__atomic_store_n(
		    word, (old & (RULE_KEY_MASK | RULE_NEIGHBOUR)) | rule,
		    __ATOMIC_RELAXED);
	else
		store(pc, rule, generation);
}

uint64_t
rule_find(uint64_t pc)
{
	uint64_t generation =
	    __atomic_load_n(&rule_table.generation, __ATOMIC_SEQ_CST);
	struct cfi_image image;
	struct cfi_row row;
	const char *name;
	uint64_t rule;

	if (pc >> ARCH_CODE_BITS)
		return special(RULE_NONE);
	if (rule_table.words) {
		if (search(pc, generation, &rule))
			return rule;
	}
	if (!module_find(pc - 1, &image, &name))
		return special(RULE_NONE);
	rule = cfi_find_row(&image, pc - 1, &row) ? rule_of_row(&row)
						  : special(RULE_NONE);
	if (rule_table.words)
		store(pc, rule, generation);
	return rule;
}
