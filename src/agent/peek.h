/*
 * peek.h - reads memory of this process that may not be there, or may go at any
 * moment: the kernel copies it, and says so where it cannot.
 *
 * Context: ticker (descriptors of its own).
 */
#ifndef HEAPTOP_AGENT_PEEK_H
#define HEAPTOP_AGENT_PEEK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PEEK_MAX 256 /* pieces at once */

struct iovec;

/* False: not all of it is there. */
bool peek(uint64_t address, void *out, size_t size);
/* As far as it is there, if need be to the end of a page; returns the bytes. */
size_t peek_some(uint64_t address, void *out, size_t size);
/* Pieces (base and length, at most PEEK_MAX), one behind the other in out.
 * Returns how many, from the first on, were there whole. */
size_t peek_many(const struct iovec *pieces, size_t count, void *out);

#endif
