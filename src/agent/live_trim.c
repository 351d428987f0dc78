/*
 * live_trim.c - gives back the pages of the shadow that hold no entry.
 *
 * Context: ticker, but for what owners call.
 */
#include "config.h"

#include "agent/live_trim.h"

#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>

#include "agent/arch/arch.h"
#include "agent/live.h"
#include "agent/live_chunk.h"
#include "agent/safe.h"
#include "agent/thread.h"

#define PAGES_MAX ((LIVE_CHUNK_UNITS * sizeof(uint32_t)) / LIVE_PAGE + 1)
#define LEAST	  16  /* pages: fewer are not worth it */
#define PIECE	  256 /* pages that are dropped at once */
#define ROUNDS	  20
#define PAUSE_NS  50000
/* Of waiting for one system call: seconds, since the ticker may have to wait
 * for a CPU meanwhile. */
#define TURNS 4000000

/* linux/membarrier.h, which older systems lack. */
#define BARRIER	 (1 << 3) /* MEMBARRIER_CMD_PRIVATE_EXPEDITED */
#define REGISTER (1 << 4)

enum { OPEN, CLOSED, DROPPING };

static struct {
	uint32_t state;
	bool impossible; /* the system does not let us */
	const struct live_chunk *chunk;
	uint64_t empty[(PAGES_MAX + 63) / 64]; /* bit: offered */
} trim;

static unsigned char in_memory[PAGES_MAX];

static bool
is_impossible(void)
{
	return __atomic_load_n(&trim.impossible, __ATOMIC_RELAXED);
}

static void
give_up(void)
{
	__atomic_store_n(&trim.impossible, true, __ATOMIC_RELAXED);
}

static void
state_set(uint32_t state)
{
	__atomic_store_n(&trim.state, state, __ATOMIC_SEQ_CST);
}

static bool
is_offered(uint64_t page)
{
	return __atomic_load_n(&trim.empty[page / 64], __ATOMIC_RELAXED) >>
		   page % 64 &
	       1;
}

static void
withdraw(uint64_t page)
{
	if (is_offered(page))
		__atomic_fetch_and(&trim.empty[page / 64],
				   ~(UINT64_C(1) << page % 64),
				   __ATOMIC_SEQ_CST);
}

/* A chunk that another thread finds closed stays so until that thread leaves
 * its hook; or it is open again. */
uint32_t *
live_trim_closed(uint32_t **place)
{
	const struct live_chunk *chunk =
	    __atomic_load_n(&trim.chunk, __ATOMIC_ACQUIRE);

	if (chunk && chunk->place == place)
		return chunk->start;
	return __atomic_load_n(place, __ATOMIC_ACQUIRE);
}

/* Either the ticker sees that the page is not offered any more, or we see that
 * it is dropping some. */
bool
live_trim_keep(uint64_t unit)
{
	uint64_t last = unit + LIVE_SPARE_UNITS;
	unsigned turns = 0;

	withdraw(unit * sizeof(uint32_t) / LIVE_PAGE);
	withdraw(last * sizeof(uint32_t) / LIVE_PAGE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	while (__atomic_load_n(&trim.state, __ATOMIC_ACQUIRE) == DROPPING) {
		/* The ticker does not live in a child made behind our back. */
		if (is_impossible() || ++turns > TURNS) {
			give_up();
			return false;
		}
		safe_syscall(SYS_sched_yield, 0, 0, 0, 0, 0, 0);
	}
	return true;
}

static bool
is_empty(const uint32_t *page)
{
	const uint64_t *words = (const uint64_t *)page;

	for (size_t i = 0; i < LIVE_PAGE / sizeof(*words); i++)
		if (__atomic_load_n(&words[i], __ATOMIC_RELAXED))
			return false;
	return true;
}

static const uint32_t *
page_at(uint64_t page)
{
	return trim.chunk->start + page * LIVE_PAGE / sizeof(uint32_t);
}

/* Notes the pages that are in memory and empty. Returns how many. */
static uint64_t
find_empty(struct live_chunk *chunk)
{
	uint64_t pages = live_chunk_size() / LIVE_PAGE;
	uint64_t count = 0;

	memset(trim.empty, 0, sizeof(trim.empty));
	chunk->resident = 0;
	if (safe_syscall(SYS_mincore, (long)chunk->start,
			 (long)live_chunk_size(), (long)in_memory, 0, 0, 0))
		return 0;
	for (uint64_t page = 0; page < pages; page++) {
		if (!(in_memory[page] & 1))
			continue;
		chunk->resident += LIVE_PAGE;
		if (!is_empty(page_at(page)))
			continue;
		trim.empty[page / 64] |= UINT64_C(1) << page % 64;
		count++;
	}
	return count;
}

/* What is not empty any more is not offered any more. */
static void
look_again(void)
{
	for (uint64_t page = 0; page < PAGES_MAX; page++)
		if (is_offered(page) && !is_empty(page_at(page)))
			withdraw(page);
}

/* Whether a thread is outside of its hooks. Its thread-local storage may be
 * gone or another's: so the kernel reads it. */
static bool
is_outside(const struct thread *thread)
{
	int64_t distance =
	    (int64_t)&thread_tls - (int64_t)arch_thread_pointer();
	struct thread_tls tls;
	struct iovec to = {&tls, sizeof(tls)};
	struct iovec from = {(void *)(thread->owner + (uint64_t)distance),
			     sizeof(tls)};
	long result = safe_syscall(SYS_process_vm_readv,
				   safe_syscall(SYS_getpid, 0, 0, 0, 0, 0, 0),
				   (long)&to, 1, (long)&from, 1, 0);

	if (result == -14) /* EFAULT: the thread has ended */
		return true;
	if (result != (long)sizeof(tls)) {
		give_up();
		return false;
	}
	return tls.thread != thread || !tls.guard || tls.guard == GUARD_FOREVER;
}

static void
pause_shortly(void)
{
	struct timespec time = {0, PAUSE_NS};

	safe_syscall(SYS_nanosleep, (long)&time, 0, 0, 0, 0, 0);
}

/* Waits until each thread was outside once. False: it would take too long. */
static bool
all_were_outside(void)
{
	unsigned rounds = 0;

	for (const struct thread *thread = threads_first(); thread;
	     thread = thread->next)
		while (!is_outside(thread)) {
			if (is_impossible() || ++rounds > ROUNDS)
				return false;
			pause_shortly();
		}
	return true;
}

static bool
barrier(void)
{
	if (safe_syscall(SYS_membarrier, REGISTER, 0, 0, 0, 0, 0) ||
	    safe_syscall(SYS_membarrier, BARRIER, 0, 0, 0, 0, 0))
		give_up();
	return !is_impossible();
}

/* The offered pages from one on, at most `most`. */
static uint64_t
run_of(uint64_t page, uint64_t most)
{
	uint64_t count = 0;

	while (count < most && page + count < PAGES_MAX &&
	       is_offered(page + count))
		count++;
	return count;
}

/* A piece at a time, since owners may have to wait for the end of it. */
static uint64_t
drop(void)
{
	uint64_t bytes = 0;
	uint64_t count;

	for (uint64_t page = 0; page < PAGES_MAX; page += count ? count : 1) {
		count = run_of(page, PIECE);
		if (!count)
			continue;
		state_set(DROPPING);
		count = run_of(page, count);
		if (count && !safe_syscall(SYS_madvise, (long)page_at(page),
					   (long)count * LIVE_PAGE,
					   MADV_DONTNEED, 0, 0, 0))
			bytes += count * LIVE_PAGE;
		state_set(CLOSED);
	}
	return bytes;
}

uint64_t
live_trim(struct live_chunk *chunk)
{
	uint64_t bytes = 0;

	__atomic_store_n(&trim.chunk, chunk, __ATOMIC_RELEASE);
	if (find_empty(chunk) < LEAST || is_impossible())
		return 0;
	state_set(CLOSED);
	__atomic_store_n(chunk->place, NULL, __ATOMIC_SEQ_CST);
	if (barrier() && all_were_outside()) {
		look_again();
		bytes = drop();
	}
	__atomic_store_n(chunk->place, chunk->start, __ATOMIC_SEQ_CST);
	state_set(OPEN);
	chunk->resident -= bytes;
	return bytes;
}

void
live_trim_forked(void)
{
	if (trim.state != OPEN)
		*trim.chunk->place = trim.chunk->start;
	trim.state = OPEN;
}
