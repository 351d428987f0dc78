/* ledger.c - where the resident memory of a process is. */
#include "config.h"

#include "model/ledger.h"

#include <stdio.h>

#include "base/text.h"

#define BIG	   (128u << 10) /* from here on malloc maps a block alone */
#define SMALL	   512u		/* up to here Python's pools have it */
#define GROWTH_MIN (INT64_C(1) << 20)
#define INT_LIMIT  ((uint64_t)1 << 60) /* sums of these are no overflow */

#define INFO_(id_, word_, label_, remark_) \
	[LEDGER_##id_] = {word_, label_, remark_},
const struct ledger_info ledger_infos[LEDGER_COUNT] = {LEDGER_LIST(INFO_)};
#undef INFO_

const char *const ledger_words[LEDGER_GROUPS] = {
    [LEDGER_IN_SITES] = "call_sites",
    [LEDGER_IN_ALLOCATOR] = "allocator",
    [LEDGER_NOT_TRACKED] = "untracked",
};

static const struct {
	const char *grows;
	const char *holds;
	const char *what;
} texts[LEDGER_GROUPS] = {
    [LEDGER_IN_SITES] = {"growing in call sites", "in call sites",
			 "live blocks"},
    [LEDGER_IN_ALLOCATOR] = {"kept by the allocator", "kept by the allocator",
			     "freed memory"},
    [LEDGER_NOT_TRACKED] = {"outside what is tracked",
			    "outside what is tracked",
			    "files, shared, stacks and unexplained"},
};

static int64_t
limited(uint64_t bytes)
{
	return (int64_t)(bytes < INT_LIMIT ? bytes : INT_LIMIT);
}

static int64_t
least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t
above_zero(int64_t a)
{
	return a > 0 ? a : 0;
}

/* What the live blocks of a snapshot are made of. */
struct parts {
	uint64_t big;
	uint64_t small; /* in Python's pools */
};

static struct parts
parts_of(const struct snapshot *snapshot)
{
	struct parts parts = {0, 0};

	for (size_t i = 0; i < snapshot->site_count; i++) {
		const struct site *site = &snapshot->sites[i];
		uint64_t bytes = site_live_bytes(site);
		uint64_t count = site_live_count(site);
		bool pooled = site->domain == DOMAIN_PYMEM_OBJECT ||
			      site->domain == DOMAIN_PYMEM_MEM;

		if (!count)
			continue;
		if (site->domain == DOMAIN_MMAP || bytes / count >= BIG)
			parts.big += bytes;
		else if (pooled && bytes / count <= SMALL)
			parts.small += bytes;
	}
	return parts;
}

bool
ledger_make(struct ledger *ledger, const struct snapshot *snapshot)
{
	const struct memory *memory = &snapshot->memory;
	struct parts parts = parts_of(snapshot);
	int64_t resident[MEMORY_COUNT];
	int64_t *bytes = ledger->bytes;
	int64_t agent, private, own, pools, kept;

	*ledger =
	    (struct ledger){.time_ns = memory->time_ns, .part = memory->part};
	if (!memory->time_ns)
		return false;
	for (int i = 0; i < MEMORY_COUNT; i++) {
		resident[i] = limited(memory->resident[i]);
		ledger->rss += (uint64_t)resident[i];
	}
	agent = least(above_zero(limited(snapshot->agent_bytes) -
				 resident[MEMORY_SEGMENT]),
		      resident[MEMORY_ANON]);
	private = resident[MEMORY_ANON] - agent;
	own = least(private, limited(parts.big));
	pools = least(private - own, limited(snapshot->pool_bytes));
	bytes[LEDGER_LIVE] = limited(snapshot->live_bytes);
	own = least(own, bytes[LEDGER_LIVE]);
	bytes[LEDGER_OUTSIDE] = private - own - pools;
	kept = resident[MEMORY_HEAP] + resident[MEMORY_ARENAS] + pools -
	       (bytes[LEDGER_LIVE] - own);
	bytes[LEDGER_OVERLAP] = least(kept, 0);
	kept = above_zero(kept);
	if (snapshot->process.python)
		bytes[LEDGER_PYTHON] =
		    least(kept, above_zero(pools - limited(parts.small)));
	bytes[LEDGER_MALLOC] = kept - bytes[LEDGER_PYTHON];
	bytes[LEDGER_FILES] = resident[MEMORY_FILES];
	bytes[LEDGER_SHARED] = resident[MEMORY_SHARED];
	bytes[LEDGER_STACKS] = resident[MEMORY_STACKS];
	bytes[LEDGER_AGENT] =
	    agent + resident[MEMORY_SEGMENT] + resident[MEMORY_MODULE];
	return true;
}

static void
groups_sum(const struct ledger *ledger, int64_t sums[LEDGER_GROUPS])
{
	const int64_t *bytes = ledger->bytes;

	sums[LEDGER_IN_SITES] = bytes[LEDGER_LIVE] + bytes[LEDGER_OVERLAP];
	sums[LEDGER_IN_ALLOCATOR] = bytes[LEDGER_MALLOC] + bytes[LEDGER_PYTHON];
	sums[LEDGER_NOT_TRACKED] = bytes[LEDGER_OUTSIDE] + bytes[LEDGER_FILES] +
				   bytes[LEDGER_SHARED] + bytes[LEDGER_STACKS];
}

static enum ledger_group
biggest(const int64_t sums[LEDGER_GROUPS])
{
	enum ledger_group best = LEDGER_IN_SITES;

	for (int i = 1; i < LEDGER_GROUPS; i++)
		if (sums[i] > sums[best])
			best = (enum ledger_group)i;
	return best;
}

struct verdict
ledger_judge(const struct ledger *ledger, const struct ledger *base)
{
	int64_t now[LEDGER_GROUPS], then[LEDGER_GROUPS], diff[LEDGER_GROUPS];
	enum ledger_group group;

	groups_sum(ledger, now);
	if (base && base->time_ns) {
		groups_sum(base, then);
		for (int i = 0; i < LEDGER_GROUPS; i++)
			diff[i] = now[i] - then[i];
		group = biggest(diff);
		if (diff[group] >= GROWTH_MIN &&
		    diff[group] >= (int64_t)(base->rss / 100))
			return (struct verdict){
			    group, true, diff[group],
			    (int64_t)(ledger->rss - base->rss)};
	}
	group = biggest(now);
	return (struct verdict){group, false, now[group], (int64_t)ledger->rss};
}

const char *
ledger_text(char out[LEDGER_TEXT_MAX], const struct verdict *verdict)
{
	char bytes[TEXT_SIZE_MAX], of[TEXT_SIZE_MAX];

	if (verdict->growing)
		snprintf(out, LEDGER_TEXT_MAX, "%s: %s in %s, RSS %s",
			 texts[verdict->group].grows,
			 text_size_diff(bytes, verdict->bytes),
			 texts[verdict->group].what,
			 text_size_diff(of, verdict->of));
	else
		snprintf(out, LEDGER_TEXT_MAX, "%s is %s: %s of RSS %s",
			 verdict->bytes > verdict->of / 2 ? "most"
							  : "the largest part",
			 texts[verdict->group].holds,
			 text_size(bytes, (uint64_t)above_zero(verdict->bytes)),
			 text_size(of, (uint64_t)verdict->of));
	return out;
}
