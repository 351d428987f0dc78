/*
 * races.c - what hooks, the ticker and a reader do to the same memory at once,
 * for ThreadSanitizer to watch: four threads in which blocks are born, and die
 * mostly in another than they were born in; threads that come and go; one that
 * ticks; one that reads the segment, through the same pages. At the end the
 * segment says exactly what the threads did.
 *
 *	races KIND
 *
 * KIND is the live map's: shadow, small or hash. Most stacks are Python's,
 *since those can be made up (stubs.h).
 */
#include "config.h"

#include "check.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/changes.h"
#include "agent/live.h"
#include "agent/live_scan.h"
#include "agent/modules.h"
#include "agent/names.h"
#include "agent/py/py.h"
#include "agent/record.h"
#include "agent/ring.h"
#include "agent/safe.h"
#include "agent/sample.h"
#include "agent/sites.h"
#include "agent/thread.h"
#include "reader.h"
#include "stubs.h"

#define WRITERS 4
#define STEPS	300000
#define SHORT	40 /* times so many threads of few steps */
#define AT_ONCE 5
#define STACKS	900
#define NATIVE	60 /* of these */
#define CELLS	2000
#define SLOTS	4096 /* of the ring, which does not grow */
#define NAMES	(1u << 20)
#define WANTED	64 /* sites that are looked for in the live map */
#define DOMAIN	WIRE_DOMAIN_PYMEM_OBJECT

/* Where a block may live. Nothing lies between two of them, but for those that
 * begin another chunk of the live map. */
static struct cell {
	uint32_t busy;
	uint32_t stack; /* 0: there is none */
	uint64_t size;
	char *start;
	uint64_t room;
} cells[CELLS];

static struct wire_totals books[STACKS + 1]; /* by stack */
static uint32_t working;		     /* threads that are not done */
static uint32_t ended;

/*
 * Between two threads the kernel makes an order that ThreadSanitizer does not
 * see: when it says that one has ended, and when another begins in its place.
 * Mappings it sees only when they are made by libc.
 */
long
safe_syscall(long number, long a, long b, long c, long d, long e, long f)
{
	long result;

	if (number == SYS_gettid || number == SYS_tkill)
		__atomic_load_n(&ended, __ATOMIC_ACQUIRE);
	if (number == SYS_mmap)
		result =
		    (long)mmap((void *)a, (size_t)b, (int)c, (int)d, (int)e, f);
	else if (number == SYS_munmap)
		result = munmap((void *)a, (size_t)b);
	else
		result = syscall(number, a, b, c, d, e, f);
	return result == -1 ? -errno : result;
}

static void
book(uint32_t stack, uint64_t size, bool is_free)
{
	struct wire_totals *to = &books[stack];

	__atomic_fetch_add(is_free ? &to->free_bytes : &to->alloc_bytes, size,
			   __ATOMIC_RELAXED);
	__atomic_fetch_add(is_free ? &to->free_count : &to->alloc_count, 1,
			   __ATOMIC_RELAXED);
}

/* The line of a frame, which is also the id of its code. */
static uint32_t
line_of(uint64_t word)
{
	return (uint32_t)(word >> 19 & 0xffff);
}

/* Few outermost frames, and more below each than fit in a node. */
static void
stack_set(uint64_t *words, uint32_t stack)
{
	const uint64_t lines[] = {stack, 2000 + stack / 20, 4000 + stack % 3};

	for (size_t i = 0; i < 3; i++)
		words[i] = PY_WORD_TAG | lines[i] << 19;
	stubs.python = words;
	stubs.python_count = 3;
}

/* Native stacks are true ones, of as many depths. */
static __attribute__((noinline)) void
born_native(struct cell *cell, uint32_t depth, uint64_t size)
{
	void *frame = __builtin_frame_address(0);
	struct unwind_state state;
	struct thread *thread;

	if (depth) {
		born_native(cell, depth - 1, size);
		__asm__ volatile("");
		return;
	}
	thread = record_begin(frame);
	if (!thread)
		abort();
	RECORD_CALLER_AT(&state, frame);
	record_alloc(thread, WIRE_DOMAIN_MALLOC, &state, cell->start, size);
	record_end(thread);
}

static __attribute__((noinline)) void
born(struct cell *cell, uint32_t stack, uint64_t size)
{
	void *frame = __builtin_frame_address(0);
	struct thread *thread;
	uint64_t words[3];

	if (stack <= NATIVE) {
		born_native(cell, stack, size);
	} else {
		stack_set(words, stack);
		thread = record_begin(frame);
		if (!thread)
			abort();
		record_python(thread, DOMAIN, frame, cell->start, size);
		record_end(thread);
	}
	cell->stack = stack;
	cell->size = size;
	book(stack, size, false);
}

static void
gone(struct cell *cell)
{
	record_gone(cell->start);
	book(cell->stack, cell->size, true);
	cell->stack = 0;
}

/* As an allocator does, which gives a place to one thread after the other. */
static void
step(uint64_t *seed)
{
	struct cell *cell;

	do
		cell = &cells[random_below(seed, CELLS)];
	while (__atomic_exchange_n(&cell->busy, 1, __ATOMIC_ACQUIRE));
	if (cell->stack)
		gone(cell);
	else
		born(cell, 1 + (uint32_t)random_below(seed, STACKS),
		     cell->room - random_below(seed, 8));
	__atomic_store_n(&cell->busy, 0, __ATOMIC_RELEASE);
}

static void *
work(void *seed)
{
	uint64_t own = (uint64_t)(uintptr_t)seed;

	stubs.code = line_of;
	for (int i = 0; i < (own > WRITERS ? STEPS / 300 : STEPS); i++)
		step(&own);
	__atomic_fetch_add(&ended, 1, __ATOMIC_RELEASE);
	return NULL;
}

/* Their stacks are of many sizes: else each would have its place in memory from
 * one that has ended, and what that has left with it. */
static pthread_t
start_short(uint32_t number)
{
	pthread_attr_t attributes;
	pthread_t id;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, (size_t)(number % 31 + 4) << 16);
	if (pthread_create(&id, &attributes, work,
			   (void *)(uintptr_t)(WRITERS + 1 + number)))
		abort();
	pthread_attr_destroy(&attributes);
	return id;
}

static void *
work_shortly(void *unused)
{
	pthread_t ids[AT_ONCE];

	for (uint32_t i = 0; i < SHORT; i++) {
		for (uint32_t at = 0; at < AT_ONCE; at++)
			ids[at] = start_short(i * AT_ONCE + at);
		for (uint32_t at = 0; at < AT_ONCE; at++)
			pthread_join(ids[at], NULL);
	}
	return unused;
}

static struct {
	struct segment segment;
	struct wire_status status;
	uint64_t found; /* blocks, by live_scan */
	uint64_t last;	/* the address of the last one */
} ticker;

/* What the ticker does of a tick that concerns the others. */
static void
tick(void)
{
	struct wire_status *status = &ticker.status;
	uint32_t number = (uint32_t)++status->tick;

	changes_collect(status->totals);
	if (!ring_fit(changes_count()))
		abort();
	changes_write(number);
	if (changes_count())
		ring_tick(number, 1);
	status->sites = changes_named();
	status->file_size = ticker.segment.size;
	names_status(status);
	ring_status(status);
	segment_publish(&ticker.segment, status);
	changes_commit();
	ring_settle();
	threads_tend();
	live_measure();
}

static void
note_found(void *context, uint64_t address, struct block block)
{
	(void)context;
	ticker.found += block.size != 0;
	ticker.last = address;
}

static bool
goes_on(void *context)
{
	(void)context;
	return true;
}

static void *
ticks(void *unused)
{
	static uint8_t wanted[WANTED + 1];
	const struct live_scan scan = {wanted, WANTED, note_found, goes_on,
				       NULL};

	memset(wanted, 1, sizeof(wanted));
	stubs.code = line_of;
	thread_tls.guard = GUARD_FOREVER;
	while (__atomic_load_n(&working, __ATOMIC_ACQUIRE)) {
		tick();
		if (ticker.status.tick % 8 == 0) {
			live_scan(&scan);
			live_look(ticker.last);
		}
		if (ticker.status.tick % 32 == 0)
			sample_rate_touch();
		if (ticker.status.tick % 10 == 1)
			unwind_modules_scan();
		if (ticker.status.tick % 16 == 15) {
			unwind_modules_changed();
			modules_changed();
		}
		poll(NULL, 0, 1); /* so that the reader finds a whole tick */
	}
	tick();
	return unused;
}

static struct {
	uint32_t over;
	uint32_t looks;
	const char *fault;
} watcher;

/* No look may show less than the one before. */
static const char *
look(struct reader *reader, struct wire_totals *before)
{
	struct wire_totals now;

	if (!reader_read(reader, ticker.segment.header, ticker.segment.size))
		return reader->moved || !reader->status.tick ? NULL
							     : reader->fault;
	watcher.looks++;
	now = reader_sum(reader, DOMAIN);
	if (!reader_is_named(reader))
		return "a site without a stack";
	if (now.free_count > now.alloc_count ||
	    now.free_bytes > now.alloc_bytes)
		return "more freed than allocated";
	if (now.alloc_count < before->alloc_count ||
	    now.free_count < before->free_count)
		return "less than before";
	*before = now;
	return NULL;
}

static void *
reads(void *unused)
{
	struct wire_totals before = {0};
	struct reader reader = {0};

	while (!__atomic_load_n(&watcher.over, __ATOMIC_ACQUIRE) &&
	       !watcher.fault)
		watcher.fault = look(&reader, &before);
	reader_fini(&reader);
	return unused;
}

static void
totals_add(struct wire_totals *sum, const struct wire_totals *more)
{
	sum->alloc_bytes += more->alloc_bytes;
	sum->alloc_count += more->alloc_count;
	sum->free_bytes += more->free_bytes;
	sum->free_count += more->free_count;
}

static const char *
compare(void)
{
	struct wire_totals found[STACKS + 1] = {{0}};
	struct wire_totals native = {0};
	struct reader reader = {0};

	if (!reader_read(&reader, ticker.segment.header, ticker.segment.size))
		return reader.fault;
	for (uint64_t i = 1; i <= reader.status.sites; i++) {
		const struct reader_site *site = &reader.sites[i];
		uint32_t line;

		if (!site->there)
			continue;
		if (site->domain != DOMAIN) {
			totals_add(&native, &site->totals);
			continue;
		}
		line = reader.frames[reader.stacks[site->stack].frame].line;
		if (line <= NATIVE || line > STACKS || found[line].alloc_count)
			return "a stack that is none, or twice";
		found[line] = site->totals;
	}
	reader_fini(&reader);
	for (int i = 1; i <= NATIVE; i++)
		totals_add(&found[0], &books[i]);
	if (memcmp(&found[0], &native, sizeof(native)) != 0)
		return "the totals of native stacks are not the threads' own";
	return memcmp(&found[NATIVE + 1], &books[NATIVE + 1],
		      sizeof(*books) * (STACKS - NATIVE)) == 0
		   ? NULL
		   : "the totals are not those of the threads";
}

static bool
begin(enum wire_live_map kind)
{
	static const uint64_t ring_bytes = SLOTS * WIRE_RECORD_EXACT;
	char *at = (char *)0x7e0000000000;
	uint64_t seed = 7;
	void *body;

	for (int i = 0; i < CELLS; i++) {
		cells[i].start = at;
		cells[i].room = 8 + 8 * random_below(&seed, 5);
		at += cells[i].room;
		if (i % 100 == 99)
			at += 1 << LIVE_CHUNK_BITS;
	}
	modules_init();
	stubs_directory();
	if (!live_init_as(kind) ||
	    !segment_create(&ticker.segment, ring_bytes + NAMES, &body) ||
	    !ring_init(&ticker.segment, body, WIRE_BODY_OFFSET, SLOTS, false))
		return false;
	names_init(&ticker.segment, (char *)body + ring_bytes,
		   WIRE_BODY_OFFSET + ring_bytes, NAMES);
	sample_rate_set(1);
	return unwind_init(WIRE_UNWINDER_RULES);
}

static void
run(void)
{
	pthread_t writers[WRITERS + 1];
	pthread_t others[2];

	working = 1;
	pthread_create(&others[0], NULL, ticks, NULL);
	pthread_create(&others[1], NULL, reads, NULL);
	for (uintptr_t i = 0; i < WRITERS; i++)
		pthread_create(&writers[i], NULL, work, (void *)(i + 1));
	pthread_create(&writers[WRITERS], NULL, work_shortly, NULL);
	for (int i = 0; i <= WRITERS; i++)
		pthread_join(writers[i], NULL);
	__atomic_store_n(&working, 0, __ATOMIC_RELEASE);
	pthread_join(others[0], NULL);
	__atomic_store_n(&watcher.over, 1, __ATOMIC_RELEASE);
	pthread_join(others[1], NULL);
}

static const char *
check(enum wire_live_map kind)
{
	const char *fault;

	if (!begin(kind))
		return "it cannot begin";
	run();
	fault = watcher.fault ? watcher.fault : compare();
	stubs_directory_remove();
	if (!fault && (watcher.looks < 3 || ticker.status.tick < 10))
		fault = "too few looks or ticks";
	if (!fault && !ticker.found)
		fault = "no block is found in the live map";
	for (int i = 0; i < WIRE_LOST_COUNT; i++)
		if (record_losses(i))
			printf("lost: cause %d, %lu\n", i,
			       (unsigned long)record_losses(i));
	printf("%u looks, %lu ticks, %u sites, %u threads\n", watcher.looks,
	       (unsigned long)ticker.status.tick, sites_count(),
	       threads_count());
	return fault;
}

int
main(int argc, char **argv)
{
	static const char *const kinds[] = {"nothing", "shadow", "small",
					    "hash"};
	const char *fault;

	for (uint32_t kind = 1; argc > 1 && kind < 4; kind++) {
		if (strcmp(argv[1], kinds[kind]) != 0)
			continue;
		fault = check(kind);
		if (fault)
			printf("%s\n", fault);
		return fault != NULL;
	}
	return argc < 2 || strcmp(argv[1], kinds[0]) != 0;
}
