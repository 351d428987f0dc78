/* engine_members.c - the sites of many rows at once. */
#include "config.h"

#include <stdlib.h>

#include "base/mem.h"
#include "model/engine.h"

struct wanted {
	uint64_t identity;
	size_t row;
};

static int
compare_wanted(const void *left, const void *right)
{
	const struct wanted *a = left, *b = right;

	return a->identity < b->identity ? -1 : a->identity > b->identity;
}

/* [slot]: row + 1, 0 for slots that nobody asks for; owned by the caller. */
static size_t *
owners_of(const struct engine *engine, const struct row *rows, size_t count)
{
	size_t *owners = mem_array(engine->slot_count + 1, sizeof(*owners));
	struct wanted *wanted = mem_array(count, sizeof(*wanted));

	for (size_t i = 0; i < count; i++)
		wanted[i] = (struct wanted){rows[i].identity, i};
	qsort(wanted, count, sizeof(*wanted), compare_wanted);
	for (size_t i = 0; i < engine->slot_count; i++) {
		struct wanted key = {slot_identity(&engine->slots[i]), 0};
		const struct wanted *found = bsearch(
		    &key, wanted, count, sizeof(*wanted), compare_wanted);

		if (found)
			owners[i + 1] = found->row + 1;
	}
	free(wanted);
	return owners;
}

static void
visit_covered(struct engine *engine, const size_t *owners, engine_visit *visit,
	      void *context)
{
	for (size_t slot = 1; slot <= engine->slot_count; slot++) {
		uint8_t *cover;

		if (!owners[slot])
			continue;
		cover = steps_cover(engine, (uint32_t)slot);
		for (size_t i = 0; i < engine->site_known; i++) {
			uint32_t at = engine->site_at[i];

			if (at & AT_STEP && cover[at & ~AT_STEP])
				visit(context, owners[slot] - 1,
				      (uint32_t)i + 1);
		}
		free(cover);
	}
}

void
engine_members(struct engine *engine, const struct row *rows, size_t count,
	       engine_visit *visit, void *context)
{
	size_t *owners = owners_of(engine, rows, count);

	for (size_t i = 0; i < engine->site_known; i++) {
		uint32_t at = engine->site_at[i];

		if (at && !(at & AT_STEP) && owners[at])
			visit(context, owners[at] - 1, (uint32_t)i + 1);
	}
	if (engine->inclusive)
		visit_covered(engine, owners, visit, context);
	free(owners);
}
