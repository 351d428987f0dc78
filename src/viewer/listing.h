/*
 * listing.h - a source file of the target with what each of its lines holds.
 *
 * The numbers are the answer of the same question as the list's, by line and
 * without its filter. Text and numbers come from the target.
 */
#ifndef HEAPTOP_VIEWER_LISTING_H
#define HEAPTOP_VIEWER_LISTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/query.h"

struct viewer;

/* A line that holds something, or did at the mark. */
struct hot {
	uint32_t line;
	uint64_t size;
	uint64_t count;
	int64_t size_diff;
	bool doubtful; /* growth within its error */
};

struct listing {
	struct engine *engine; /* NULL: nothing was asked yet */
	char *path;	       /* NULL: no file was chosen */
	struct hot *hots;      /* by line */
	size_t hot_count;
	uint64_t most;	  /* the size of the hottest */
	size_t lines;	  /* of the text; 0: only the hot ones are known */
	bool there;	  /* the file could be read */
	bool newer;	  /* it was changed after the process began */
	uint64_t changed; /* CLOCK_REALTIME, ns */
};

void listing_fini(struct listing *);
/* Chooses a file, a path as names has it. */
void listing_choose(struct viewer *, const char *path);
/* Looks at the file and asks for its numbers again. */
void listing_follow(struct viewer *);

/* Lines of the screen: of the text, or of the hot ones when there is none. */
size_t listing_count(const struct listing *);
uint32_t listing_number(const struct listing *, size_t at);
/* Where a line number is, or what comes next. */
size_t listing_place(const struct listing *, uint32_t number);
/* NULL: it holds nothing. */
const struct hot *listing_hot(const struct listing *, uint32_t number);
/* Text with tabs as spaces, "" without; returns out. */
const char *listing_text(const struct viewer *, uint32_t number, char *out,
			 size_t size);

#endif
