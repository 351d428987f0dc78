/*
 * json.h - reads JSON piece by piece, so that a file of any size takes no more
 * memory than its longest string. The caller says what it expects:
 *
 *	if (json_enter(json, '{'))
 *		while (json_key(json))
 *			if (!strcmp(json->text, "size"))
 *				json_u64(json, &size);
 *			else
 *				json_skip(json);
 *
 * The first thing that is not as expected fails the reader: from then on every
 * call returns false, so that one look at json->problem at the end is enough.
 * (json-c builds whole trees, hundreds of bytes a number; hence this.)
 */
#ifndef HEAPTOP_BASE_JSON_H
#define HEAPTOP_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define JSON_TEXT_MAX  (1u << 20) /* bytes of one string */
#define JSON_DEPTH_MAX 64

struct json {
	/* Gives at most size bytes; 0 at the end, -1 failed. */
	ssize_t (*read)(void *context, char *out, size_t size);
	void *context;

	const char *problem; /* NULL: all is well so far */
	uint64_t line;	     /* where the reader stands, from 1 */
	char *text;	     /* the last string or key, with a NUL behind */
	size_t text_size;

	/* the reader's own */
	size_t text_room;
	char buffer[65536];
	size_t at;
	size_t size;
	unsigned depth;
	char closers[JSON_DEPTH_MAX];
	bool first[JSON_DEPTH_MAX]; /* no element of it was read yet */
};

void json_init(struct json *, ssize_t (*read)(void *, char *, size_t),
	       void *context);
void json_fini(struct json *);
/* Fails the reader, unless it has failed. problem is static. False. */
bool json_fail(struct json *, const char *problem);

/* Enters an object ('{') or an array ('['). */
bool json_enter(struct json *, char open);
/* In an array: whether another element follows; leaves it after the last. */
bool json_more(struct json *);
/* In an object: the next key in text; leaves the object after the last. */
bool json_key(struct json *);
bool json_string(struct json *); /* into text; no NUL inside */
bool json_u64(struct json *, uint64_t *);
bool json_i64(struct json *, int64_t *);
bool json_double(struct json *, double *); /* never infinite */
bool json_bool(struct json *, bool *);
/* Any value, whatever it holds. */
bool json_skip(struct json *);
/* Nothing but white space is left. */
bool json_end(struct json *);

#endif
