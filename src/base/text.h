/*
 * text.h - text for people and for JSON out of strings that nobody may trust.
 *
 * Clean text is valid UTF-8 without anything that moves a cursor, hides or
 * turns around what stands beside it: control characters (C0, DEL, C1), bidi
 * controls, zero-width and other invisible characters, and bytes that are not
 * UTF-8 are written as \xNN, byte by byte. Whatever came from a target, a
 * segment or a snapshot goes through here before it is shown.
 */
#ifndef HEAPTOP_BASE_TEXT_H
#define HEAPTOP_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define TEXT_SIZE_MAX 32
#define TEXT_TIME_MAX 32

/*
 * Reads one code point of text, which has size > 0 bytes left. Returns its
 * length, or 0 when no valid UTF-8 begins here (overlong forms, surrogates
 * and codes above 10FFFF are not valid).
 */
size_t text_decode(const char *text, size_t size, uint32_t *code);
/* Whether a code point is shown as \xNN. */
bool text_is_hidden(uint32_t code);

/*
 * Cleans text into out, as snprintf does: never more than room bytes, always
 * with a NUL when room is not 0; returns the length that all of it has. What
 * does not fit is cut between two characters.
 */
size_t text_clean(char *out, size_t room, const char *text, size_t size);
/* A clean copy; free it. NULL gives "". */
char *text_clean_copy(const char *text);
void text_clean_write(FILE *, const char *text);
/* The same as a JSON string, quotes included. NULL gives null. */
void text_json_write(FILE *, const char *text);

#define TEXT_COUNT_MAX 32
/* "16,707,940"; returns out. */
const char *text_count(char out[TEXT_COUNT_MAX], uint64_t count);

/*
 * How sizes are written, on the screen and as text: in powers of 1024 (KiB), of
 * 1000 (kB), or as bytes. One choice for the whole program, IEC until it is
 * set.
 */
enum text_units { TEXT_IEC, TEXT_SI, TEXT_BYTES, TEXT_UNITS_COUNT };
void text_units_set(enum text_units);
enum text_units text_units(void);

/*
 * A size as tracemalloc prints it: "48 B", "6563 KiB", "38.5 MiB". The second
 * always has its sign. Both return out.
 */
const char *text_size(char out[TEXT_SIZE_MAX], uint64_t bytes);
const char *text_size_diff(char out[TEXT_SIZE_MAX], int64_t bytes);
/* A number of bytes that may have a fraction, never negative, as a size. */
const char *text_size_error(char out[TEXT_SIZE_MAX], double bytes);
/* "2026-11-22 12:03:20" of nanoseconds since 1970, local time. Returns out. */
const char *text_time(char out[TEXT_TIME_MAX], uint64_t ns);

#endif
