/*
 * engine_moves.c - which sites move the sums of a mark.
 *
 * A mark stays what it is, so only sites that are new move its sums. When it is
 * another mark, the sites that changed between the two do: the snapshot has
 * noted what each was at the first.
 */
#include "config.h"

#include <stdlib.h>

#include "base/mem.h"
#include "model/engine.h"

#define MOVES_SHARE 8 /* more of all sites than one in so many: all of them */

static void
move_add(struct moves *moves, size_t *room, struct moved move)
{
	moves->list = mem_room(moves->list, room, moves->count, sizeof(move));
	moves->list[moves->count++] = move;
}

/* The first change of each site in [from, to) that was charged already. */
static void
moves_between(const struct engine *engine, uint64_t from, uint64_t to,
	      struct moves *moves, size_t *room)
{
	const struct snapshot *snapshot = engine->snapshot;
	uint64_t *seen =
	    mem_array(snapshot->site_count / 64 + 1, sizeof(*seen));

	for (size_t i = 0; i < moves->count; i++) {
		size_t site = moves->list[i].site;

		seen[site / 64] |= UINT64_C(1) << site % 64;
	}
	for (; from < to; from++) {
		size_t touch = (size_t)(from - snapshot->touched_first);
		uint32_t site = snapshot->touched[touch].site - 1;

		if (seen[site / 64] >> site % 64 & 1)
			continue;
		seen[site / 64] |= UINT64_C(1) << site % 64;
		if (engine->site_at[site])
			move_add(moves, room,
				 (struct moved){site, (uint32_t)touch});
	}
	free(seen);
}

bool
moves_of_mark(const struct engine *engine, const struct part *part,
	      const struct mark *mark, bool same, struct moves *moves)
{
	const struct snapshot *snapshot = engine->snapshot;
	uint64_t from = part->touches, to = mark->touches;
	size_t room = 0;

	*moves = (struct moves){0};
	if (!same &&
	    (!mark->of || mark->of != part->mark_of ||
	     mark->of != snapshot->serial || from < snapshot->touched_first ||
	     from > to || to > snapshot_touches(snapshot) ||
	     to - from > snapshot->site_count / MOVES_SHARE))
		return false;
	for (size_t i = 0; i < engine->change_count; i++)
		if (engine->changes[i].touch == CHANGE_BORN)
			move_add(moves, &room, engine->changes[i]);
	if (!same)
		moves_between(engine, from, to, moves, &room);
	moves_branch(engine, moves);
	return true;
}

void
moves_fini(struct moves *moves)
{
	free(moves->list);
	branch_fini(&moves->branch);
}
