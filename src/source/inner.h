/*
 * inner.h - what the kinds of sources share; nobody else includes this.
 */
#ifndef HEAPTOP_SOURCE_INNER_H
#define HEAPTOP_SOURCE_INNER_H

#include <sys/types.h>

#include "source/source.h"

/* One kind of source. What is NULL cannot be done and answers false or 0. */
struct source_kind {
	int (*refresh)(struct source *, struct err *);
	bool (*flush)(struct source *, int timeout_ms);
	void (*watch)(struct source *);
	bool (*ask_rate)(struct source *, const struct rate *, struct err *);
	bool (*ask_life)(struct source *, bool on, struct err *);
	bool (*ask_types)(struct source *, struct types_ask *, struct err *);
	int (*take_types)(struct source *, struct types_ask *, struct types *,
			  struct err *);
	struct saved *(*saved)(struct source *);
	bool (*memory)(struct source *, struct err *);
	void (*close)(struct source *); /* frees what is the kind's own */
	bool (*is_live)(const struct source *);
	bool (*is_replaced)(const struct source *);
};

struct source {
	const struct source_kind *kind;
	char *path;
	struct names *names;
	struct snapshot snapshot;
	void *state; /* the kind's own */
};

/* Makes a source without content; frees all but the kind's state. */
struct source *source_make(const struct source_kind *, const char *path);
void source_destroy(struct source *);

/* "cannot read 'path': " and the reason, the path made clean. Returns false. */
bool source_fail(struct err *, const char *path, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* live.c: takes fd, which is open on a regular file. */
struct source *live_open(int fd, bool writable, const char *path, struct err *);
/* replay.c: a saved snapshot; takes fd. */
struct source *replay_open(int fd, const char *path, struct err *);

/* proc.c: 0 or false when the process is not there or says nothing. */
/* The file of that name, cut at size - 1, and a NUL; its bytes. */
size_t proc_read(uint32_t pid, const char *name, char *text, size_t size);
uint64_t proc_start_time(uint32_t pid); /* clock ticks since boot */
uint64_t proc_rss(uint32_t pid);	/* bytes */
/* memory.c: what is resident now; time_ns stays 0 where it is unknown. */
bool memory_read(struct memory *, uint32_t pid);
bool proc_uid(uint32_t pid, uid_t *uid);
bool proc_boot_id(uint8_t out[16]);
uint64_t proc_pid_namespace(void); /* inode of our own */

#endif
