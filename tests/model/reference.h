/*
 * reference.h - the naive answer of a query: every stack is walked, every key
 * is a text, every row is searched for.
 */
#ifndef HEAPTOP_TESTS_REFERENCE_H
#define HEAPTOP_TESTS_REFERENCE_H

#include "model/query.h"

#define TEXT	 160
#define KEYS_MAX 4096

struct expected {
	char key[TEXT];
	bool pass;
	uint64_t size, count, total_size, total_count, peak_size, sites;
	int64_t size_diff, count_diff, rate_size;
	double size_variance, count_variance;
	double size_diff_variance, count_diff_variance;
	uint16_t domain;
	uint64_t best; /* of the first site that has most */
	uint32_t best_stack;
};

struct reference {
	const struct snapshot *snapshot;
	const struct query *query;
	struct expected rows[KEYS_MAX];
	size_t count;
	struct expected total;
};

/* Answers; valid until the next call. */
struct reference *refer(const struct snapshot *, const struct query *);
/* The row of a key, made when new. */
struct expected *row_for(struct reference *, const char *key);
/* The key of a row of the engine; TEXT bytes. */
void row_key(struct reference *, const struct row *, char *key);

#endif
