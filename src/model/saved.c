/* saved.c - what a snapshot file holds beside the snapshot itself. */
#include "config.h"

#include <stdlib.h>

#include "model/saved.h"

void
saved_fini(struct saved *saved)
{
	for (size_t i = 0; i < saved->mark_count; i++)
		mark_fini(&saved->marks[i]);
	free(saved->marks);
	history_free(saved->history);
	*saved = (struct saved){0};
}

bool
saved_moment(const struct history *history, uint64_t mono_ns, size_t *index)
{
	const struct moment *moment;

	if (!history || !history_count(history))
		return false;
	*index = history_at(history, mono_ns);
	moment = history_moment(history, *index);
	return moment->whole && moment->mono_ns == mono_ns;
}
