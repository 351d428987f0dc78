/*
 * reader.h - reads a segment, strictly by what wire.h says and as plainly as
 * possible. It shares nothing with the readers of the viewer or the agent: it
 * is what tests compare the writer with.
 *
 * It checks what a writer promises: whoever asks for a state gets it whole,
 * or false with a reason.
 */
#ifndef HEAPTOP_TESTS_AGENT_READER_H
#define HEAPTOP_TESTS_AGENT_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "heaptop/wire.h"

struct reader_site {
	bool there;
	uint16_t domain;
	uint32_t stack;
	uint32_t tick;
	struct wire_totals totals;
	uint64_t peak;
	struct wire_spread spread; /* zero where the ring has none */
};

struct reader_frame {
	uint16_t kind; /* enum wire_name_kind */
	uint32_t module;
	uint64_t offset;
	uint32_t file;
	uint32_t function;
	uint32_t line;
	uint32_t first_line;
};

struct reader_stack {
	uint32_t parent;
	uint32_t frame;
};

/* Ids count from 1, so element 0 of each array is nothing. */
struct reader {
	struct wire_status status;
	struct reader_site *sites; /* status.sites + 1 */
	char **strings;
	struct wire_name_module *modules;
	struct reader_frame *frames;
	struct reader_stack *stacks;
	struct wire_name_mark *marks;
	uint32_t string_count;
	uint32_t module_count;
	uint32_t frame_count;
	uint32_t stack_count;
	uint32_t mark_count;
	bool moved;	   /* false was returned because the writer went on */
	const char *fault; /* else why */
};

/* Reads the state of the last whole tick out of `size` bytes of a segment.
 * The reader is zeroed storage, or was read into before. */
bool reader_read(struct reader *, const void *start, size_t size);
/* The same of a file, again and again while the writer is faster. */
bool reader_read_file(struct reader *, const char *path);
/* The same of the one segment in a directory, which is then removed. */
bool reader_take_only(struct reader *, const char *directory);
void reader_fini(struct reader *);

/* Every site's totals added up, by domain. */
struct wire_totals reader_sum(const struct reader *, unsigned domain);
/* Whether the names hold the stack of every site. */
bool reader_is_named(const struct reader *);
/* Whether a stack's innermost frame lies in a range of the file of a module
 * whose path ends in `module`: [low, high), the file's own addresses. */
bool reader_stack_begins(const struct reader *, uint32_t stack,
			 const char *module, uint64_t low, uint64_t high);

#endif
