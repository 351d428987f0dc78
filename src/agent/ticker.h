/*
 * ticker.h - the agent's only thread, and the only writer of the segment.
 *
 * Ten times a second while somebody watches, else once: names the new sites,
 * adds up what the threads counted, writes the records of the sites that
 * changed, publishes.
 */
#ifndef HEAPTOP_AGENT_TICKER_H
#define HEAPTOP_AGENT_TICKER_H

#include <stdbool.h>
#include <stdint.h>

/* Context: setup. Starts the thread, which makes a segment when the process
 * has lived for 10 ms; at once when segments are to be kept. */
void ticker_start(bool forked);

/* Context: setup. Whether the thread is there; it ends when a late agent is
 * detached. */
bool ticker_runs(void);

/* Context: at exit. Publishes the final totals and waits for that, at most
 * two seconds; then the file is unlinked, unless it is to be kept. */
void ticker_stop(void);

/* Context: hook. A tick soon: within milliseconds, unless there is no segment
 * yet; then at the first one. */
void ticker_ask(void);

/* Context: any. What the agent held at its last tick. */
uint64_t ticker_agent_bytes(void);

/* Context: in a forked child: forgets the parent's. */
void ticker_forget(void);

#endif
