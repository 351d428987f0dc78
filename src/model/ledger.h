/*
 * ledger.h - where the resident memory of a process is, and which part of it
 * grows. What is what:
 *
 *	big     = live mmap blocks, and those of sites whose average block has
 *	          128 KiB and more, which libc maps one by one
 *	private = anonymous - the agent's own
 *	own     = min(private, big)
 *	pools   = min(private - own, mapped by allocators from within a call)
 *	outside = private - own - pools
 *	kept    = heap + arenas + pools - (live - own)
 *
 * so that live + kept + outside + files + shared + stacks + agent is RSS. Where
 * kept comes out below 0, that much of live was never touched and is not
 * resident: the entry "overlap". Of kept, Python's part is what pools have over
 * the live blocks of sites of Python's small objects (512 bytes and less).
 *
 * The verdict compares three sums: live; kept; and outside with files, shared
 * and stacks. When the one that has grown most since the ledger before has
 * grown by 1 MiB and by 1 % of what RSS was then, it is that one, growing; else
 * it is the biggest, not growing.
 */
#ifndef HEAPTOP_MODEL_LEDGER_H
#define HEAPTOP_MODEL_LEDGER_H

#include <stddef.h>

#include "model/snapshot.h"

/* X(ID, word in the JSON, label, remark) */
#define LEDGER_LIST(X)                                                         \
	X(LIVE, "live", "live in call sites", "blocks that the list shows")    \
	X(MALLOC, "malloc_kept", "kept by malloc",                             \
	  "free, between live blocks, overhead")                               \
	X(PYTHON, "python_kept", "kept by Python",                             \
	  "free room in its pools")                                            \
	X(FILES, "files", "mapped files", "programs, libraries, data, .bss")   \
	X(SHARED, "shared", "shared memory", "shm, memfd")                     \
	X(STACKS, "stacks", "stacks", "of all threads")                        \
	X(AGENT, "agent", "heaptop's agent", "what watching costs")            \
	X(OUTSIDE, "unexplained", "unexplained", "mapped past the hooks")      \
	X(OVERLAP, "overlap", "overlap", "live, never touched: not resident")

#define LEDGER_ENUM_(id_, word_, label_, remark_) LEDGER_##id_,
enum ledger_entry { LEDGER_LIST(LEDGER_ENUM_) LEDGER_COUNT };
#undef LEDGER_ENUM_

struct ledger_info {
	const char *word;
	const char *label;
	const char *remark;
};
extern const struct ledger_info ledger_infos[LEDGER_COUNT];

struct ledger {
	uint64_t time_ns;	     /* CLOCK_REALTIME; 0: there is none */
	uint64_t rss;		     /* the sum of bytes */
	int64_t bytes[LEDGER_COUNT]; /* only that of OVERLAP is below 0 */
	bool part;
};

/* False: the snapshot does not say what is resident. */
bool ledger_make(struct ledger *, const struct snapshot *);

enum ledger_group {
	LEDGER_IN_SITES,
	LEDGER_IN_ALLOCATOR,
	LEDGER_NOT_TRACKED,
	LEDGER_GROUPS
};
extern const char *const ledger_words[LEDGER_GROUPS]; /* in the JSON */

struct verdict {
	enum ledger_group group;
	bool growing;
	int64_t bytes; /* of the group: growth, or all that it has */
	int64_t of;    /* the same of RSS */
};

/* base NULL, or one without a time: nothing grows. */
struct verdict ledger_judge(const struct ledger *, const struct ledger *base);

#define LEDGER_TEXT_MAX 160
/* "growing in call sites: +25.6 MiB in live blocks, RSS +30.1 MiB" */
const char *ledger_text(char out[LEDGER_TEXT_MAX], const struct verdict *);

#endif
