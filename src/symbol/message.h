/*
 * message.h - what symbols and its helper process say to each other: one
 * packet a question, one packet an answer, in the same order.
 *
 * The helper reads hostile files, so its answers are believed no more than
 * the files are.
 */
#ifndef HEAPTOP_SYMBOL_MESSAGE_H
#define HEAPTOP_SYMBOL_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

enum {
	MESSAGE_BUILD_ID_MAX = 64,
	MESSAGE_PATH_MAX = 4096, /* longer paths are not asked for */
	MESSAGE_TEXT_MAX = 2048, /* longer names are cut */
	MESSAGE_LINES_MAX = 24,	 /* deeper inlining is cut, outermost kept */
};

struct message_question {
	uint32_t sequence;
	uint16_t build_id_size;
	uint16_t path_size; /* with its NUL */
	uint64_t address;
	uint8_t build_id[MESSAGE_BUILD_ID_MAX];
	char path[MESSAGE_PATH_MAX];
};

struct message_line {
	uint32_t line;
	uint16_t function_size; /* 0 unknown; no NUL */
	uint16_t file_size;
	uint8_t inlined;
	uint8_t pad[3];
};

/* Then the texts, each line's function and file, without anything between. */
struct message_answer {
	uint32_t sequence;
	uint32_t count;
	struct message_line lines[MESSAGE_LINES_MAX];
	char text[MESSAGE_LINES_MAX * 2 * MESSAGE_TEXT_MAX];
};

#endif
