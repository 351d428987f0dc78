/*
 * merge.h - several processes as one: their snapshots in, one snapshot out,
 * and beside it what each process has of every site.
 *
 * Nouns.
 *   member  a process that was added, by its index from 0
 *   part    what one member has of a site of the whole
 *   share   what one member has of some sites together
 *
 * Sites of two members are the same when their domain is, and their stacks
 * frame by frame: native frames by the module's build id (its path, where it
 * has none) and offset, Python frames by file, function and line. Code that
 * lies in no module is told by its address, which forked processes share.
 *
 * The whole is the sum over those members that are in it: totals, peaks (which
 * need not have been at one time) and variances add up. A member that is
 * dropped leaves all sums and stays a member. A forked process begins with what
 * its parent had allocated: blocks that both still have count in both.
 *
 * The whole's tick counts its own changes, and its clocks are the newest of
 * its members'.
 */
#ifndef HEAPTOP_MODEL_MERGE_H
#define HEAPTOP_MODEL_MERGE_H

#include "model/snapshot.h"

struct merge;

/* Fills `whole`, whose names it makes more of; both are the caller's, empty,
 * and outlive the merge. whole->merge leads back. */
struct merge *merge_new(struct snapshot *whole);
void merge_free(struct merge *); /* NULL is fine */

/* Returns the index of the new member, which has nothing yet. */
size_t merge_add(struct merge *, const struct process *);
/*
 * Takes in what a member has now: always of the same source, whose snapshot
 * stays until the member is dropped, as what it has of each site is read there.
 * Only the sites of snapshot->touched are looked at where those are kept.
 */
void merge_take(struct merge *, size_t member, const struct snapshot *);
void merge_drop(struct merge *, size_t member);
/* Makes all of the whole that is not sites; after some were taken or dropped.
 */
void merge_finish(struct merge *);

size_t merge_count(const struct merge *); /* of members */
/* As it was when it was last taken; texts are owned by the merge. */
const struct process *merge_process(const struct merge *, size_t member);
/* Whether it is in the sum, and how many are. */
bool merge_has(const struct merge *, size_t member);
size_t merge_members(const struct merge *);

struct share {
	size_t member;
	uint64_t size; /* live */
	uint64_t count;
	int64_t size_diff; /* since the moment asked about, else 0 */
};

/* What each member has of each site at a moment. */
struct moment_parts;
struct moment_parts *merge_moment(const struct merge *);
void merge_moment_free(struct moment_parts *); /* NULL is fine */

/* All that a member has, or had when it was dropped. */
struct share merge_total(const struct merge *, size_t member);

/*
 * What each member has of these sites (ids of the whole, from 1): only those
 * that have something or have changed since a moment (NULL: none is asked
 * about), most first. Fills at most max and returns how many there are; *sum is
 * what all have.
 */
size_t merge_shares(const struct merge *, const struct moment_parts *since,
		    const uint32_t *sites, size_t count, struct share *out,
		    size_t max, struct share *sum);
/* A bit for each member that has something of a site, by its index; members
 * beyond 64 share bits with others. */
uint64_t merge_bits(const struct merge *, size_t index);
/* How often they have changed, of any site. */
uint64_t merge_bits_changes(const struct merge *);

#endif
