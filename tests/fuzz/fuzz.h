/*
 * fuzz.h - what the fuzz targets share.
 *
 * A target is a function over any bytes, as libFuzzer has it; it aborts when a
 * promise was not kept. fuzz_main.c runs it where there is no libFuzzer.
 */
#ifndef HEAPTOP_TESTS_FUZZ_H
#define HEAPTOP_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_REQUIRE(holds_)                                             \
	do {                                                             \
		if (!(holds_)) {                                         \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, \
				__LINE__, #holds_);                      \
			abort();                                         \
		}                                                        \
	} while (0)

/* The rest of an input; takes zeros once it has ended. */
struct fuzz_input {
	const uint8_t *at;
	size_t left;
};

static inline void
fuzz_take(struct fuzz_input *input, void *out, size_t size)
{
	size_t have = size < input->left ? size : input->left;

	memset(out, 0, size);
	if (have)
		memcpy(out, input->at, have);
	input->at += have;
	input->left -= have;
}

static inline uint64_t
fuzz_number(struct fuzz_input *input, size_t bytes)
{
	uint64_t number = 0;

	fuzz_take(input, &number, bytes);
	return number;
}

/* A file in memory with these bytes, and its path; close it. */
#define FUZZ_PATH_MAX 40
int fuzz_file(char path[FUZZ_PATH_MAX], const void *data, size_t size);

#endif
