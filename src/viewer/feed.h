/*
 * feed.h - what the viewer shows comes through here: a source, or in tests a
 * snapshot made by hand.
 */
#ifndef HEAPTOP_VIEWER_FEED_H
#define HEAPTOP_VIEWER_FEED_H

#include "base/err.h"
#include "model/rate.h"
#include "model/saved.h"
#include "model/snapshot.h"
#include "model/types.h"
#include "viewer/viewer.h"

struct feed {
	void *context; /* NULL: nothing to show yet */
	const struct snapshot *(*snapshot)(void *context);
	int (*refresh)(void *context, struct err *); /* as source_refresh */
	void (*watch)(void *context);
	bool (*is_live)(const void *context);
	bool resolves; /* native frames are looked up in files */
	/* Once it is no longer live: what the same process is now, after exec;
	 * NULL: nothing. The caller owns it. May be NULL: never. */
	struct source *(*again)(void *context);
	/* As source_ask_rate. NULL: nobody can be asked. */
	bool (*ask_rate)(void *context, const struct rate *, struct err *);
	/* As source_ask_types and source_take_types. NULL: likewise. */
	bool (*ask_types)(void *context, struct types_ask *, struct err *);
	int (*take_types)(void *context, struct types_ask *, struct types *,
			  struct err *);
	/* As source_saved; the viewer takes out what is there. NULL: nothing
	 * was saved. */
	struct saved *(*saved)(void *context);
	/* As source_memory. NULL: the snapshot has what is known. */
	bool (*memory)(void *context, struct err *);
};

/* A feed of source, which may be NULL. */
struct feed feed_source(struct source *);

/* viewer_run on any feed. With feed.context NULL as viewer_run with NULL. */
int viewer_run_feed(struct feed, const struct viewer_options *,
		    struct viewer_host *, struct err *);

#endif
