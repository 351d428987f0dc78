/*
 * stress_books.h - the call sites of stress, what it knows of them, and the
 * comparison with what the agent says.
 *
 * A call site is a function of its own, known in the segment by the range of
 * its code.
 */
#ifndef HEAPTOP_TESTS_AGENT_STRESS_BOOKS_H
#define HEAPTOP_TESTS_AGENT_STRESS_BOOKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* X(name, what the function returns): each becomes a function site_name. */
#define SITES(X)                               \
	X(malloc_a, malloc(size))              \
	X(malloc_b, malloc(size))              \
	X(calloc_a, calloc(1, size))           \
	X(calloc_b, calloc(size, 1))           \
	X(memalign_a, memalign(64, size))      \
	X(aligned_a, aligned_alloc(256, size)) \
	X(posix_a, posix(512, size))           \
	X(valloc_a, valloc(size))              \
	X(realloc_a, realloc(old, size))       \
	X(realloc_b, realloc(old, size))       \
	X(handler_a, malloc(size))             \
	X(handler_b, malloc(size))             \
	X(exiting_a, malloc(size))             \
	X(map_a, map(size))                    \
	X(map_b, map(size))                    \
	X(remap_a, remap(old, old_size, size)) \
	X(interrupting_a, map(size))

#define ID_(name_, call_) ID_##name_,
enum { SITES(ID_) ID_COUNT };
#undef ID_

typedef void *site_function(void *old, size_t old_size, size_t size);

struct site {
	const char *name;
	site_function *call;
};
extern const struct site sites[ID_COUNT];

static inline bool
is_map(int id)
{
	return id >= ID_map_a;
}

/* Any thread, also in a handler. */
void book_alloc(int id, uint64_t size);
void book_free(int id, uint64_t size, uint64_t count);

/* Prints a TAP line; returns good. */
bool point(bool good, const char *phase, const char *what);
void plan(void);
/* Has the agent publish, and compares every site, a TAP line each. No other
 * thread may be busy. */
bool compare(const char *phase);

#endif
