/*
 * snapshot.h - one consistent copy of all totals of a process.
 *
 * Filled by a source, read by the query. sites[i] belongs to site id i + 1;
 * ids are dense and keep their meaning for the life of the source, so that a
 * mark can be compared with any later snapshot by index.
 */
#ifndef HEAPTOP_MODEL_SNAPSHOT_H
#define HEAPTOP_MODEL_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/packed.h"
#include "model/memory.h"
#include "model/names.h"

enum domain {
	DOMAIN_MALLOC,
	DOMAIN_PYMEM_RAW,
	DOMAIN_PYMEM_MEM,
	DOMAIN_PYMEM_OBJECT,
	DOMAIN_MMAP,
	DOMAIN_COUNT,
};
extern const char *const domain_names[DOMAIN_COUNT]; /* as in the JSON */

#define LOSS_MAX 64

/* live = alloc - free, never negative in a checked snapshot. */
struct site {
	uint32_t stack;
	uint16_t domain; /* enum domain */
	uint64_t alloc_bytes;
	uint64_t alloc_count;
	uint64_t free_bytes;
	uint64_t free_count;
	uint64_t peak_bytes;
};

/*
 * What the totals of a site may be off by: variances of what is live and of
 * what was freed, in bytes and blocks squared, never negative nor infinite; the
 * sum of both is that of what was allocated. Seven digits are enough for an
 * error, and sites and marks have one each: so what is live is kept, and is
 * not the small difference of two that are rounded.
 */
struct spread {
	float live_bytes;
	float free_bytes;
	float live_count;
	float free_count;
};

struct loss {
	const char *name; /* as in the JSON, lower case; static or owned */
	const char *text; /* a sentence */
	uint64_t count;
};

struct process {
	uint32_t pid;
	uint32_t parent_pid;
	char *command; /* readable, space separated */
	char *exe;
	uint32_t python;   /* 0x030b02.. or 0 */
	uint64_t start_ns; /* CLOCK_REALTIME */
	uint64_t run_id;
	bool alive;	   /* when the snapshot was taken */
	const char *state; /* "running", "exited", "killed", "dormant" ... */
	bool asleep;	   /* dormant, and will record once it is asked to */
	const char *mode;  /* "exact" or "sampled" */
	const char *unwinder;
	const char *native;    /* "none", "leaf" or "full" */
	uint64_t sample_bytes; /* 1 exact */
	uint32_t budget_ppm;   /* of the process's CPU time; 0 none is set */
	uint32_t cost_ppm;     /* measured, since the tick before; 0 unknown */
	const char *live_map;  /* NULL the usual one, else what it is instead */
	uint64_t rss_bytes;    /* 0 unknown */
	uint64_t peak_rss_bytes;
};

/* A mark that the program made, and what was live then. */
struct program_mark {
	uint32_t text; /* string id */
	uint64_t tick;
	uint64_t time_ns; /* CLOCK_REALTIME */
	uint64_t live_bytes;
	uint64_t live_count;
	uint64_t work_units;
};
#define PROGRAM_MARKS_MAX 65536 /* more are not looked at */

/* A site that changed, and what it was before. */
struct touch {
	uint32_t site; /* id */
	struct site before;
};

struct merge;

struct snapshot {
	struct names *names; /* not owned: the source's */
	uint64_t serial;     /* no two of one program have the same */
	struct process process;
	uint64_t tick;
	uint64_t time_ns; /* CLOCK_REALTIME of the tick */
	uint64_t mono_ns; /* CLOCK_MONOTONIC of the tick, for rates */
	struct site *sites;
	size_t site_count;
	size_t site_capacity;
	struct spread *spreads; /* beside sites; NULL: never sampled */
	uint64_t live_bytes;	/* sums over sites */
	uint64_t live_count;
	uint64_t alloc_bytes;
	uint64_t alloc_count;
	uint64_t agent_cpu_ns;
	uint64_t agent_bytes;
	uint64_t pool_bytes;  /* mapped by allocators from within a call */
	struct memory memory; /* filled when asked: source_memory */
	struct loss losses[LOSS_MAX];
	size_t loss_count;   /* only those that are not 0 */
	uint64_t work_units; /* of work done; 0: the program says nothing */
	struct program_mark *marks; /* oldest first */
	size_t mark_count;
	size_t mark_room;
	/* The newest changes of sites in their order, some of one site, kept if
	 * `touches`. touched[0] is change number touched_first of all: a reader
	 * notes the number up to which it has read, snapshot_touches, and looks
	 * at all sites when it comes back to find that it is below the first.
	 */
	struct touch *touched;
	struct spread *touched_spreads; /* before, likewise; NULL: all 0 */
	size_t touched_count;
	size_t touched_room;
	size_t touched_spread_room;
	uint64_t touched_first;
	bool touches;
	const struct merge *merge; /* of several processes; NULL: of one */
};

void snapshot_init(struct snapshot *, struct names *);
void snapshot_fini(struct snapshot *);
/* to is made, and will not change; only names are shared. */
void snapshot_clone(struct snapshot *to, const struct snapshot *);
/* Makes sites [0, count) exist, with their spreads; new ones are zero. */
void snapshot_room(struct snapshot *, size_t count);
/* Makes spreads exist. */
void snapshot_spread(struct snapshot *);
/* Of variances of what was allocated and freed, which nobody may trust: what
 * cannot be becomes 0. */
struct spread spread_make(double alloc_bytes, double free_bytes,
			  double alloc_count, double free_count);
void spread_add(struct spread *to, const struct spread *);
/* Whether nothing of the site was sampled. */
static inline bool
spread_is_zero(const struct spread *spread)
{
	return !(spread->live_bytes > 0 || spread->free_bytes > 0 ||
		 spread->live_count > 0 || spread->free_count > 0);
}
/* Adds a mark that the program made. */
void snapshot_add_mark(struct snapshot *, const struct program_mark *);
/* Notes that a site is about to change or has changed, where changes are kept;
 * `before` is what it was. Old notes go when there are many. */
void snapshot_touch(struct snapshot *, uint32_t site,
		    const struct site *before);
/* The spread of a site before such a change; NULL: it had none. */
static inline const struct spread *
snapshot_touched_spread(const struct snapshot *snapshot, size_t index)
{
	return snapshot->touched_spreads ? &snapshot->touched_spreads[index]
					 : NULL;
}
/* The number of changes so far, where they are kept. */
static inline uint64_t
snapshot_touches(const struct snapshot *snapshot)
{
	return snapshot->touched_first + snapshot->touched_count;
}
/* Recomputes the sums from the sites. */
void snapshot_sum(struct snapshot *);
/* Adds what a site has to the sums, or takes it off: sign is 1 or -1. */
void snapshot_sum_site(struct snapshot *, const struct site *, int sign);

/* Whether its totals are estimates. */
static inline bool
snapshot_is_sampled(const struct snapshot *snapshot)
{
	return snapshot->spreads || snapshot->process.sample_bytes > 1;
}

static inline uint64_t
site_live_bytes(const struct site *site)
{
	return site->alloc_bytes - site->free_bytes;
}

static inline uint64_t
site_live_count(const struct site *site)
{
	return site->alloc_count - site->free_count;
}

/* What was live at one instant: what deltas count from. */
struct mark {
	char *name;	  /* "" for the user's own */
	uint64_t serial;  /* no two of one program have the same; 0 unknown */
	uint64_t time_ns; /* CLOCK_REALTIME */
	uint64_t mono_ns;
	uint64_t tick;
	uint64_t work_units;
	uint64_t live_bytes; /* sums over sites */
	uint64_t live_count;
	struct packed bytes; /* live, by site index */
	struct packed blocks;
	size_t count;	  /* sites; later ones were 0 */
	uint64_t of;	  /* serial of the snapshot that it was taken of, */
	uint64_t touches; /* and its snapshot_touches; `of` is 0: unknown */
	struct spread *spreads;	    /* by site index; NULL: all were 0 */
	struct moment_parts *parts; /* of each process of a family; NULL: not
				       of one, or not known */
	bool apart; /* of another process: no block was alive in both */
};

/* Of so many sites, with nothing live. */
void mark_init(struct mark *, const char *name, size_t sites);
void mark_take(struct mark *, const struct snapshot *, const char *name);
/* What a site had; sites that came later had nothing. */
static inline uint64_t
mark_bytes(const struct mark *mark, size_t index)
{
	return index < mark->count ? packed_get(&mark->bytes, index) : 0;
}
static inline uint64_t
mark_blocks(const struct mark *mark, size_t index)
{
	return index < mark->count ? packed_get(&mark->blocks, index) : 0;
}
/* Makes it so many, in the sums too; index is below count. */
void mark_set(struct mark *, size_t index, uint64_t bytes, uint64_t blocks);
void mark_fini(struct mark *);

#endif
