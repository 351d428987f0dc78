/*
 * output_log.h - the last lines that a child wrote, for the output pane.
 *
 * A bounded ring of lines, filled by whoever reads the child's pipes and shown
 * by the viewer, in one thread. Bytes are kept as they came, but NUL, which
 * becomes a space; who shows them escapes them. The log keeps the newest line
 * even while it has no end yet.
 */
#ifndef HEAPTOP_VIEWER_OUTPUT_LOG_H
#define HEAPTOP_VIEWER_OUTPUT_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct output_log;

/* lines: how many are kept, 0 for 10,000. A line of more than 4,096 bytes is
 * folded into several. */
struct output_log *output_log_new(size_t lines);
void output_log_free(struct output_log *);

/* Takes in bytes of one stream; a partial line waits for its end. */
void output_log_append(struct output_log *, const char *bytes, size_t size);

size_t output_log_count(const struct output_log *); /* lines kept now */
/* Lines and bytes ever seen; a change means there is something to draw. */
uint64_t output_log_lines(const struct output_log *);
uint64_t output_log_bytes(const struct output_log *);
/* Line index of those kept, 0 the oldest; valid until the next append. */
const char *output_log_line(const struct output_log *, size_t index);

#endif
