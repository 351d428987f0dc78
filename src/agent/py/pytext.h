/*
 * pytext.h - reads Python's strings and bytes by offset.
 *
 * Context: hook, with the object alive.
 */
#ifndef HEAPTOP_AGENT_PY_PYTEXT_H
#define HEAPTOP_AGENT_PY_PYTEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Writes the str at `object` as UTF-8 with a NUL, cut to whole characters at
 * size; returns its length without the NUL. What has no place in UTF-8 (lone
 * surrogates) or in a C string (NUL) becomes U+FFFD. What is not a str, or of
 * a kind that no code object holds, becomes "?".
 */
size_t py_text_utf8(const char *object, char *buffer, size_t size);

/* Whether py_text_utf8 would write this text, given room. */
bool py_text_is(const char *object, const char *text);

/* The contents of a bytes object; false when it is not one. */
bool py_text_bytes(const char *object, const uint8_t **data, size_t *size);

#endif
