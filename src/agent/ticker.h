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
 * has lived for 10 ms; at once when segments are to be kept. again: with what
 * is left of one that this process had; then the context is hook. */
void ticker_start(bool forked, bool again);

/* Context: setup. Whether the thread is there; it ends when a late agent is
 * detached. */
bool ticker_runs(void);

/* Context: at exit. Publishes the final totals and waits for that, at most
 * two seconds; then the file is unlinked, unless it is to be kept. */
void ticker_stop(void);

/* Context: hook. A tick soon: within milliseconds, unless there is no segment
 * yet; then at the first one. */
void ticker_ask(void);

/* The call that follows may take away the right to open the segment again: the
 * program's table has it until the thread has begun again. Context: hook. */
void ticker_hold(void);

/* For rest.h, context: hook. Asks the thread to tick once more and to end ...
 */
void ticker_rest(void);
/* ... and begins it again, when it has ended. */
bool ticker_wake(void);
/* Whether its last tick is as long ago as two ticks are from each other. */
bool ticker_is_due(void);
/* Whether this process is the one that has the thread. */
bool ticker_is_ours(void);

/* Context: any. What the agent held at its last tick. */
uint64_t ticker_agent_bytes(void);

/* Context: in a forked child: forgets the parent's. */
void ticker_forget(void);
/* Context: setup, when there is no thread any more: gives back what it left. */
void ticker_renew(void);

#endif
