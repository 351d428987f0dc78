/*
 * names.h - the names log: strings, modules, frames, stacks and marks, each
 * written once, in the order readers number them.
 *
 * Context: ticker.
 */
#ifndef HEAPTOP_AGENT_NAMES_H
#define HEAPTOP_AGENT_NAMES_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/segment.h"

/* Begins the log in a part of the segment that is already mapped. */
void names_init(struct segment *, void *part, uint64_t offset, uint64_t size);
/* Writes the stacks of nodes (nodes.h) up to this one; a stack's id in the log
 * is its node's. Returns how far it came: less when the segment is full. */
uint32_t names_stacks(uint32_t node);
/* The id of a text, 0: no room. */
uint32_t names_string(const char *text);
/* A mark that the program made; its text is cut by the caller. False: no room.
 */
bool names_mark(const struct wire_name_mark *, const char *text);
/* Fills in extents and bytes. */
void names_status(struct wire_status *);
/* In a forked child: starts from nothing; names_init comes again. */
void names_forget(void);
/* The same, and its memory is given back; the segment's is not. */
void names_close(void);

#endif
