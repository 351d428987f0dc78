/*
 * alone.h - the ticker is a thread that libc need not reckon with.
 *
 * A process with one thread of its own goes without many of libc's locks: a
 * malloc and free of glibc take 20 ns longer when there are two. The ticker
 * uses nothing that those locks guard, so it is left out of what libc knows:
 *
 *  - of the number of threads, since the last one to end calls exit, and a
 *    program whose main thread leaves by pthread_exit would stay for ever;
 *  - of __libc_single_threaded, which the program's first thread clears.
 *
 * Where the agent came later it has to find what is loaded, under the loader's
 * lock, and libc reckons with it.
 *
 * There is one thing for which it must be known: a change of the user or group
 * is a thread's own affair in Linux, and libc carries it to all threads it
 * knows of. alone_suspend is for the time of such a call.
 *
 * Context: setup, but alone_suspend and alone_resume: hook.
 */
#ifndef HEAPTOP_AGENT_ALONE_H
#define HEAPTOP_AGENT_ALONE_H

#include <stdbool.h>

/* Around the ticker's pthread_create. */
void alone_before_thread(void);
void alone_after_thread(bool made);
/* It has begun again, without pthread_create. Context: hook. */
void alone_thread_again(void);

/* Whether libc does not count the ticker: then it must not see it end. */
bool alone_is_uncounted(void);

/* Whether only the ticker is left: the program's last thread went by exit(2),
 * which ends a thread, and the process waits for ours. Context: ticker. */
bool alone_is_last(void);
/* What the ticker is to give to exit(2), then the last one to do so: the status
 * of the first thread, or 0. */
int alone_exit_status(void);

/* Whether libc says that the program has one thread; false: it has more, or
 * this cannot be told. */
bool alone_is_single(void);

/* Whether libc believes that there is one thread, and there is the ticker too:
 * then the ticker may take none of libc's locks. */
bool alone_is_hidden(void);

/* True: libc was told of a second thread, and is to be told otherwise. */
bool alone_suspend(void);
void alone_resume(bool suspended);

#endif
