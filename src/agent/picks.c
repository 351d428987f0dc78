/*
 * picks.c - a sample of blocks.
 *
 * Context: ticker.
 */
#include "config.h"

#include "agent/picks.h"

/* xorshift64 (G. Marsaglia, 2003). */
static uint32_t
random_next(uint64_t *random)
{
	*random ^= *random << 13;
	*random ^= *random >> 7;
	*random ^= *random << 17;
	return (uint32_t)(*random >> 20);
}

static unsigned
stratum_of(uint64_t size)
{
	if (size <= PICKS_SMALL)
		return (unsigned)(size + 7) / 8;
	return (unsigned)(PICKS_SMALLS + 63 - 9 - __builtin_clzll(size));
}

static unsigned
biggest(const struct picks *picks)
{
	unsigned best = 0;

	for (unsigned i = 1; i < PICKS_STRATA; i++)
		if (picks->strata[i].count > picks->strata[best].count)
			best = i;
	return best;
}

/* Of each two neighbours in the biggest stratum one stays, at random; of an odd
 * number the last may. */
static void
thin(struct picks *picks, uint64_t *random)
{
	unsigned most = biggest(picks);
	struct stratum *stratum = &picks->strata[most];
	uint32_t kept = 0;
	uint32_t met = 0;
	uint32_t stays = 0;

	for (uint32_t i = 0; i < picks->count; i++) {
		if (picks->list[i].stratum == most) {
			if (met % 2 == 0)
				stays = random_next(random) % 2;
			if (met++ % 2 != stays)
				continue;
		}
		picks->list[kept++] = picks->list[i];
	}
	stratum->count -= picks->count - kept;
	stratum->every *= 2;
	stratum->seen = 0;
	picks->count = kept;
}

static void
pick(struct picks *picks, uint64_t *random, const struct pick *fresh)
{
	if (picks->count == PICKS_MAX)
		thin(picks, random);
	picks->list[picks->count++] = *fresh;
	picks->strata[fresh->stratum].count++;
}

void
picks_add(struct picks *picks, uint64_t *random, uint64_t address,
	  struct block block)
{
	unsigned number = stratum_of(block.size);
	struct stratum *stratum = &picks->strata[number];
	struct weight weight = {block.size, 1};

	if (block.level)
		weight = sample_weight(block.size, block.level);
	stratum->all.count += weight.count;
	stratum->all.bytes += weight.bytes;
	stratum->every += !stratum->every;
	if (stratum->seen == 0)
		stratum->turn = random_next(random) & (stratum->every - 1);
	if (stratum->seen++ == stratum->turn)
		pick(picks, random,
		     &(struct pick){
			 .address = address,
			 .size = block.size,
			 .site = block.site,
			 .level = (uint8_t)block.level,
			 .stratum = (uint8_t)number,
		     });
	if (stratum->seen >= stratum->every)
		stratum->seen = 0;
}
