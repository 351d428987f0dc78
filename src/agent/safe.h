/*
 * safe.h - the agent's own libc: system calls without errno, memory without
 * malloc, text without stdio.
 *
 * Context: hook.
 */
#ifndef HEAPTOP_AGENT_SAFE_H
#define HEAPTOP_AGENT_SAFE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A raw system call: the result, or -errno. Never touches errno. */
long safe_syscall(long number, long a, long b, long c, long d, long e, long f);

static inline bool
safe_failed(long result)
{
	return (unsigned long)result > -4096ul;
}

/* Anonymous zeroed pages, outside every hook; NULL when there are none.
 * Counted in safe_held. reserve: address space that is touched sparsely. */
void *safe_map(size_t size);
/* All of it in memory at once: for what is read and written in no order. Page
 * by page it would be mapped twice, first to be read; the second time stops all
 * threads. */
void *safe_map_whole(size_t size);
void *safe_reserve(size_t size);
void safe_unmap(void *start, size_t size);     /* of safe_map */
void safe_unreserve(void *start, size_t size); /* of any other */
/* Gives back the pages of a mapping but its first; they read as zero. For what
 * others may still be reading. */
void safe_empty(void *start, size_t size);
/* Bytes that safe_map and the arena hold (not safe_reserve). */
uint64_t safe_held(void);

/* Small zeroed memory that is never given back; lock-free, 16-byte aligned, and
 * from 256 bytes on 32-byte aligned. NULL when there is none. */
void *safe_alloc(size_t size);

/* Stores whole 8-byte words, one by one, where others may be reading: they see
 * each of them old or new. */
void safe_store(void *to, const void *from, size_t bytes);

/* A spin lock for code that only touches memory. A thread holds one at most,
 * and does not come back to it from a signal handler: the hook guard sees to
 * that, or whoever asks safe_lock_is_held first. A handler that leaves a hook
 * by longjmp leaves its lock taken; the thread's next hook gives it up by
 * safe_lock_abandon, so what is under a lock must make sense at every instant,
 * as it must for a fork. */
struct safe_lock {
	uint64_t word; /* the pointer of the thread that holds it; 0: none */
};
void safe_lock(struct safe_lock *);
void safe_unlock(struct safe_lock *);
void safe_lock_abandon(void);
/* Whether this thread holds a lock or is about to. */
bool safe_lock_is_held(void);

/* Nanoseconds of a clock of clock_gettime; 0 when it cannot be read. */
uint64_t safe_clock_ns(long clock);

/* Reads a small file whole, with a NUL behind it; returns its size or 0. */
size_t safe_read_file(const char *path, char *buffer, size_t size);

/* Appends text or a number to a NUL-terminated buffer, cutting at its end. */
void safe_append(char *buffer, size_t size, const char *text);
void safe_append_u64(char *buffer, size_t size, uint64_t value, unsigned base);

#endif
