/*
 * err.h - one reason why something failed, in words for a person.
 *
 * A function that can fail because of the world takes a `struct err *`, fills
 * it once, where the cause is known, and returns false or NULL. Callers pass
 * it up unchanged; the command prints it in one line.
 */
#ifndef HEAPTOP_BASE_ERR_H
#define HEAPTOP_BASE_ERR_H

#include <stdbool.h>

struct err {
	char text[512]; /* lower case: what failed, the thing, why, what to do */
};

/* Formats into err, cutting what does not fit. Always returns false. */
bool err_set(struct err *, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The same with ": " and the meaning of errno behind it. */
bool err_errno(struct err *, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
