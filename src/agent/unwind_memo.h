/*
 * unwind_memo.h - the rules that a thread goes by, in a cache of its own.
 *
 * Context: hook.
 */
#ifndef HEAPTOP_AGENT_UNWIND_MEMO_H
#define HEAPTOP_AGENT_UNWIND_MEMO_H

#include <string.h>

#include "agent/unwind_kept.h"
#include "agent/unwind_rules.h"
#include "agent/unwind_table.h"

#define RULE_BITS    (0xffffull | RULE_BASE_BP | 0x3full << 20)
#define MEMO_SPECIAL (1u << 31)

/* Forgets rules that are gone, and the stack that was walked by them. */
static inline void
memo_refresh(struct unwind_kept *kept)
{
	uint64_t generation =
	    __atomic_load_n(&rule_table.generation, __ATOMIC_ACQUIRE);

	if (likely(kept->generation == generation))
		return;
	memset(kept->memo, 0, sizeof(kept->memo));
	kept->generation = generation;
	kept->is_whole = false;
}

static inline struct unwind_memo *
memo_at(struct unwind_kept *kept, uint32_t place)
{
	return (struct unwind_memo *)((char *)kept->memo + place);
}

/* The place of a pc in the memo, filled. */
static inline uint32_t
memo_find(struct unwind_kept *kept, uint64_t pc)
{
	uint32_t place = (uint32_t)((pc >> 2 ^ pc >> 11) % UNWIND_KEPT_MEMO *
				    sizeof(struct unwind_memo));
	struct unwind_memo *memo = memo_at(kept, place);
	uint64_t rule = 0;

	if (memo->pc == pc)
		return place;
	if (rule_table.words)
		rule = rule_probe(rule_table.words, pc, kept->generation);
	if (unlikely(rule == 0))
		rule = rule_find(pc);
	memo->pc = pc;
	memo->rule = (uint32_t)(rule & RULE_BITS);
	if (unlikely(rule & RULE_SPECIAL))
		memo->rule |= MEMO_SPECIAL;
	memo->next = place;
	return place;
}

#endif
