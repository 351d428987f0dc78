/* feed.c - a source as a feed. */
#include "config.h"

#include "viewer/feed.h"

#include "source/source.h"

static const struct snapshot *
snapshot(void *context)
{
	return source_snapshot(context);
}

static int
refresh(void *context, struct err *err)
{
	return source_refresh(context, err);
}

static void
watch(void *context)
{
	source_watch(context);
}

static bool
is_live(const void *context)
{
	return source_is_live(context);
}

static struct source *
again(void *context)
{
	struct source *source;
	struct err ignored;

	if (!source_is_replaced(context))
		return NULL;
	source = source_open_segment(source_path(context), &ignored);
	if (source && !source_is_live(source)) {
		source_close(source);
		return NULL;
	}
	return source;
}

static bool
ask_rate(void *context, const struct rate *rate, struct err *err)
{
	return source_ask_rate(context, rate, err);
}

static bool
ask_types(void *context, struct types_ask *ask, struct err *err)
{
	return source_ask_types(context, ask, err);
}

static int
take_types(void *context, struct types_ask *ask, struct types *rows,
	   struct err *err)
{
	return source_take_types(context, ask, rows, err);
}

static struct saved *
saved(void *context)
{
	return source_saved(context);
}

static bool
memory(void *context, struct err *err)
{
	return source_memory(context, err);
}

struct feed
feed_source(struct source *source)
{
	return (struct feed){.context = source,
			     .snapshot = snapshot,
			     .refresh = refresh,
			     .watch = watch,
			     .is_live = is_live,
			     .resolves = true,
			     .again = again,
			     .ask_rate = ask_rate,
			     .ask_types = ask_types,
			     .take_types = take_types,
			     .saved = saved,
			     .memory = memory};
}
