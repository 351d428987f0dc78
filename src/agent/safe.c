/*
 * safe.c - the agent's own libc.
 *
 * Context: hook.
 */
#include "config.h"

#include "agent/safe.h"

#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

#include "agent/arch/arch.h"

#define ARENA_CHUNK (1u << 20)
#define PAGE	    4096
#define LARGE	    256 /* and more; from there on, of HALF_LINE */
#define HALF_LINE   32

static struct {
	struct arena *arenas[2]; /* what small and large pieces are cut from */
	uint64_t held;
} safe;

struct arena {
	uint64_t used; /* this header included; may run past ARENA_CHUNK */
	uint64_t pad[3];
};
_Static_assert(sizeof(struct arena) == HALF_LINE, "all that follows");

uint64_t
safe_held(void)
{
	return __atomic_load_n(&safe.held, __ATOMIC_RELAXED);
}

static void *
map(size_t size, int flags)
{
	long p = safe_syscall(SYS_mmap, 0, (long)size, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);

	return safe_failed(p) ? NULL : (void *)p;
}

static void *
map_counted(size_t size, int flags)
{
	void *p = map(size, flags);

	if (p)
		__atomic_fetch_add(&safe.held, size, __ATOMIC_RELAXED);
	return p;
}

void *
safe_map(size_t size)
{
	return map_counted(size, 0);
}

void *
safe_map_whole(size_t size)
{
	return map_counted(size, MAP_POPULATE);
}

void *
safe_reserve(size_t size)
{
	return map(size, MAP_NORESERVE);
}

/* Only what came from safe_map was counted; see safe_unreserve. */
void
safe_unmap(void *start, size_t size)
{
	safe_unreserve(start, size);
	__atomic_fetch_sub(&safe.held, size, __ATOMIC_RELAXED);
}

void
safe_unreserve(void *start, size_t size)
{
	safe_syscall(SYS_munmap, (long)start, (long)size, 0, 0, 0, 0);
}

void
safe_empty(void *start, size_t size)
{
	if (size <= PAGE)
		return;
	safe_syscall(SYS_madvise, (long)start + PAGE, (long)(size - PAGE),
		     MADV_DONTNEED, 0, 0, 0);
	__atomic_fetch_sub(&safe.held, size - PAGE, __ATOMIC_RELAXED);
}

/* Puts a fresh chunk where `old` is; another thread may be first. */
static bool
arena_renew(struct arena **place, struct arena *old)
{
	struct arena *fresh = safe_map(ARENA_CHUNK);

	if (!fresh)
		return false;
	fresh->used = sizeof(*fresh);
	if (!__atomic_compare_exchange_n(place, &old, fresh, false,
					 __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
		safe_unmap(fresh, ARENA_CHUNK);
	}
	return true;
}

void *
safe_alloc(size_t size)
{
	struct arena **place = &safe.arenas[size >= LARGE];
	size_t unit = size >= LARGE ? HALF_LINE : 16;

	size = (size + unit - 1) & ~(unit - 1);
	if (size > ARENA_CHUNK / 4)
		return safe_map(size);
	for (;;) {
		struct arena *arena = __atomic_load_n(place, __ATOMIC_ACQUIRE);
		uint64_t at;

		if (arena) {
			at = __atomic_fetch_add(&arena->used, size,
						__ATOMIC_RELAXED);
			if (at + size <= ARENA_CHUNK)
				return (char *)arena + at;
		}
		if (!arena_renew(place, arena))
			return NULL;
	}
}

void
safe_store(void *to, const void *from, size_t bytes)
{
	typedef uint64_t __attribute__((may_alias)) word;
	const word *words = from;

	for (size_t i = 0; i < bytes / sizeof(*words); i++)
		__atomic_store_n((word *)to + i, words[i], __ATOMIC_RELAXED);
}

/* The lock that this thread holds, or is about to take or to give up. The lock
 * itself says which, at any instant. */
static __thread struct safe_lock *locked;

void
safe_lock(struct safe_lock *lock)
{
	uint64_t self = arch_thread_pointer();
	uint64_t owner = 0;
	unsigned turns = 0;

	locked = lock;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	while (!__atomic_compare_exchange_n(&lock->word, &owner, self, false,
					    __ATOMIC_ACQUIRE,
					    __ATOMIC_RELAXED)) {
		if (owner == self) /* left by longjmp */
			return;
		while (__atomic_load_n(&lock->word, __ATOMIC_RELAXED))
			if (++turns % 1024 == 0)
				safe_syscall(SYS_sched_yield, 0, 0, 0, 0, 0, 0);
		owner = 0;
	}
}

void
safe_unlock(struct safe_lock *lock)
{
	__atomic_store_n(&lock->word, 0, __ATOMIC_RELEASE);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	locked = NULL;
}

void
safe_lock_abandon(void)
{
	struct safe_lock *lock = locked;

	if (lock && __atomic_load_n(&lock->word, __ATOMIC_RELAXED) ==
			arch_thread_pointer())
		__atomic_store_n(&lock->word, 0, __ATOMIC_RELEASE);
	locked = NULL;
}

bool
safe_lock_is_held(void)
{
	return locked != NULL;
}

void
safe_append(char *buffer, size_t size, const char *text)
{
	size_t used = strlen(buffer);
	size_t more = strlen(text);

	if (more > size - used - 1)
		more = size - used - 1;
	memcpy(buffer + used, text, more);
	buffer[used + more] = '\0';
}

void
safe_append_u64(char *buffer, size_t size, uint64_t value, unsigned base)
{
	char digits[72];
	size_t at = sizeof(digits) - 1;

	digits[at] = '\0';
	do {
		digits[--at] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	safe_append(buffer, size, digits + at);
}

uint64_t
safe_clock_ns(long clock)
{
	struct timespec now = {0, 0};

	safe_syscall(SYS_clock_gettime, clock, (long)&now, 0, 0, 0, 0);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

size_t
safe_read_file(const char *path, char *buffer, size_t size)
{
	long fd = safe_syscall(SYS_openat, AT_FDCWD, (long)path,
			       O_RDONLY | O_CLOEXEC, 0, 0, 0);
	size_t used = 0;
	long got;

	if (safe_failed(fd))
		return 0;
	do {
		got = safe_syscall(SYS_read, fd, (long)(buffer + used),
				   (long)(size - 1 - used), 0, 0, 0);
		if (got > 0)
			used += (size_t)got;
	} while (got > 0 && used < size - 1);
	safe_syscall(SYS_close, fd, 0, 0, 0, 0, 0);
	buffer[used] = '\0';
	return used;
}
