/* feed.c - a source as a feed. */
#include "config.h"

#include "viewer/feed.h"

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

struct feed
feed_source(struct source *source)
{
	return (struct feed){source, snapshot, refresh, watch, is_live, true};
}
