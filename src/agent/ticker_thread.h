/*
 * ticker_thread.h - how the ticker's thread begins, ends and begins again.
 *
 * The first time libc makes it. When it has ended, and libc has not seen that,
 * its stack and its descriptor are still there: it begins again on them by one
 * system call, from anywhere, also inside malloc.
 */
#ifndef HEAPTOP_AGENT_TICKER_THREAD_H
#define HEAPTOP_AGENT_TICKER_THREAD_H

#include <stdbool.h>
#include <stdint.h>

/* Context: setup. A thread that runs this, with every signal blocked and an
 * empty table of descriptors of its own. run returns whether it may begin
 * again. forked: in a child, whose other threads are gone with what they held.
 */
bool ticker_thread_start(bool (*run)(void), bool forked);
/* Context: hook, of nobody but who has seen it end. */
bool ticker_thread_again(void);
/* Which descriptor of the program's table it is to have in its own as well, when
 * it begins again; 0: none. Context: hook. */
void ticker_thread_keep(long descriptor);
/* Which it has. Context: ticker. */
long ticker_thread_kept(void);
/* Whether it has its own table, and needs the program's no more; waits for it,
 * at most so long. Context: hook. */
bool ticker_thread_is_apart(uint64_t ns);
/* Whether it can. Until it has run for the first time this cannot be told, and
 * is waited for, at most so long. */
bool ticker_thread_can_again(uint64_t ns);
/* Context: any. Until the kernel knows of it no more, at most so long; 0: only
 * looks. False: it is still there. */
bool ticker_thread_wait_end(uint64_t ns);

#endif
