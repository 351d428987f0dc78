/*
 * test_ring.c - the ring, as a reader finds it: at rest, in the middle of a
 * tick, while it is written, and after its writer was killed. In each case the
 * reader must find the totals of exactly the last whole tick.
 *
 * What the totals were at a tick follows from the seed, so the reader's side
 * plays the same ticks again and needs no word with the writer.
 */
#include "config.h"

#include "check.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/ring.h"
#include "agent/sites.h"
#include "reader.h"
#include "stubs.h"

#define SITES_LIMIT 6000
#define SLOTS	    1024

/* The truth: every site's totals after `tick` ticks. */
struct truth {
	uint64_t seed;
	uint32_t tick;
	uint32_t sites;
	uint32_t sites_most;
	struct reader_site site[SITES_LIMIT + 1];
	uint32_t dirty[SITES_LIMIT]; /* of the last tick */
	uint32_t dirty_count;
	uint32_t sampled_from; /* the tick of the first spread; 0: never */
};

static void
truth_touch(struct truth *truth, uint32_t id)
{
	struct reader_site *site = &truth->site[id];
	uint64_t size = random_below(&truth->seed, 1000);
	uint64_t live;

	if (site->there && site->tick == truth->tick)
		return;
	site->there = true;
	site->tick = truth->tick;
	site->stack = id + 7;
	site->domain = id % WIRE_DOMAIN_COUNT;
	site->totals.alloc_bytes += size;
	site->totals.alloc_count++;
	if (random_below(&truth->seed, 2)) {
		site->totals.free_bytes = site->totals.alloc_bytes;
		site->totals.free_count = site->totals.alloc_count;
	}
	live = site->totals.alloc_bytes - site->totals.free_bytes;
	if (live > site->peak)
		site->peak = live;
	if (truth->sampled_from && truth->tick >= truth->sampled_from &&
	    id % 2) {
		site->spread.alloc_bytes += 0.5 * (double)size;
		site->spread.free_bytes += 0.25 * (double)id;
		site->spread.alloc_count += 1.5;
		site->spread.free_count += 0.75;
	}
	truth->dirty[truth->dirty_count++] = id;
}

/* Mostly few sites change, some old ones never; at times all do. */
static void
truth_step(struct truth *truth)
{
	uint64_t kind = random_below(&truth->seed, 40);
	uint32_t fresh = (uint32_t)random_below(&truth->seed, 30);

	truth->tick++;
	truth->dirty_count = 0;
	if (truth->tick % 50 == 0)
		fresh += 300;
	while (fresh-- && truth->sites < truth->sites_most)
		truth_touch(truth, ++truth->sites);
	if (kind == 0)
		for (uint32_t i = 1; i <= truth->sites; i++)
			truth_touch(truth, i);
	for (uint64_t i = kind * 2; i-- && truth->sites;)
		truth_touch(truth, 1 + (uint32_t)random_below(&truth->seed,
							      truth->sites));
}

static struct truth *
truth_new(uint64_t seed, uint32_t sites_most)
{
	struct truth *truth = calloc(1, sizeof(*truth));

	truth->seed = seed;
	truth->sites_most = sites_most;
	return truth;
}

/* The ring asks for a site's stack and domain. */
const struct site *
sites_get(uint32_t id)
{
	static struct site site;

	site.node = (id + 7) & (NODES_MAX - 1);
	site.domain = id % WIRE_DOMAIN_COUNT;
	return &site;
}

/* The writer: the parts of a tick that concern the ring. */
static struct {
	struct segment segment;
	struct wire_status status;
} writer;

static void
writer_start(void)
{
	void *body;

	memset(&writer, 0, sizeof(writer));
	ring_forget();
	stubs_directory();
	assert_true(segment_create(&writer.segment,
				   SLOTS * sizeof(struct wire_record), &body));
	ring_init(&writer.segment, body, WIRE_BODY_OFFSET, SLOTS, false);
}

static struct counter
totals_of(const struct reader_site *site)
{
	return (struct counter){
	    .alloc_bytes = site->totals.alloc_bytes,
	    .alloc_count = site->totals.alloc_count,
	    .free_bytes = site->totals.free_bytes,
	    .free_count = site->totals.free_count,
	};
}

static void
site_copy(const struct reader_site *from, uint32_t id)
{
	struct tally *tally = tally_get(id);
	struct spread *spread;

	tally->named = true;
	if (from->spread.alloc_count == 0)
		return;
	spread = tally_spread_make(id);
	spread->alloc_bytes = from->spread.alloc_bytes;
	spread->free_bytes = from->spread.free_bytes;
	spread->alloc_count = from->spread.alloc_count;
	spread->free_count = from->spread.free_count;
}

static void
writer_tick(struct truth *truth, void (*between)(void))
{
	uint32_t known = (uint32_t)writer.status.sites;

	while (known < truth->sites)
		assert_true(tally_make(++known));
	for (uint32_t i = 0; i < truth->dirty_count; i++) {
		site_copy(&truth->site[truth->dirty[i]], truth->dirty[i]);
		tally_get(truth->dirty[i])->change = i + 1;
	}
	assert_true(ring_fit(truth->dirty_count));
	for (uint32_t i = 0; i < truth->dirty_count; i++) {
		const uint32_t id = truth->dirty[i];
		const struct counter totals = totals_of(&truth->site[id]);
		struct counter last;

		if (between)
			between();
		assert_true(ring_site(id, &totals, truth->tick));
		last = ring_last(id);
		assert_memory_equal(&last, &totals, sizeof(last));
	}
	ring_tick(truth->tick, 1);
	if (between)
		between();
	writer.status.tick = truth->tick;
	writer.status.sites = truth->sites;
	writer.status.file_size = writer.segment.size;
	ring_status(&writer.status);
	segment_publish(&writer.segment, &writer.status);
	if (between)
		between();
	for (uint32_t i = 0; i < truth->dirty_count; i++) {
		struct tally *tally = tally_get(truth->dirty[i]);

		tally->committed = tally->newest;
		tally->change = 0;
	}
	ring_settle();
}

static void
writer_end(void)
{
	stubs_directory_remove();
}

/* What the reader found is the truth, site by site. */
static void
assert_is(const struct reader *reader, const struct truth *truth)
{
	assert_int_equal(reader->status.tick, truth->tick);
	assert_int_equal(reader->status.sites, truth->sites);
	for (uint32_t i = 1; i <= truth->sites; i++) {
		const struct reader_site *found = &reader->sites[i];
		const struct reader_site *want = &truth->site[i];

		if (!found->there || memcmp(&found->totals, &want->totals,
					    sizeof(found->totals)) != 0)
			fail_msg("site %u is not as at tick %u", i,
				 truth->tick);
		assert_int_equal(found->tick, want->tick);
		assert_int_equal(found->stack, want->stack);
		assert_int_equal(found->domain, want->domain);
		assert_int_equal(found->peak, want->peak);
		assert_memory_equal(&found->spread, &want->spread,
				    sizeof(found->spread));
	}
}

static void
assert_file_is(const struct truth *truth)
{
	struct reader reader = {0};

	if (!reader_read_file(&reader, writer.segment.path))
		fail_msg("tick %u: %s", truth->tick, reader.fault);
	assert_is(&reader, truth);
	reader_fini(&reader);
}

static void
test_each_tick_is_found(void **state)
{
	struct truth *truth = truth_new(11, 3000);

	(void)state;
	writer_start();
	while (truth->tick < 600) {
		truth_step(truth);
		writer_tick(truth, NULL);
		if (truth->tick % 3 == 0 || truth->dirty_count > 500)
			assert_file_is(truth);
	}
	assert_true(writer.status.ring_slots > SLOTS);
	assert_true(writer.status.head > 2 * writer.status.ring_slots);
	writer_end();
	free(truth);
}

/* Sampled from some tick on: the slots grow, and nothing is lost. */
static void
test_a_ring_that_gets_spreads(void **state)
{
	struct truth *truth = truth_new(21, 3000);

	(void)state;
	truth->sampled_from = 60;
	writer_start();
	while (truth->tick < 400) {
		truth_step(truth);
		writer_tick(truth, NULL);
		assert_int_equal(writer.status.record_bytes,
				 truth->tick < 60 ? WIRE_RECORD_EXACT
						  : WIRE_RECORD_SAMPLED);
		if (truth->tick % 3 == 0 ||
		    (truth->tick > 58 && truth->tick < 63))
			assert_file_is(truth);
	}
	assert_true(writer.status.ring_slots > SLOTS);
	assert_true(writer.status.head > 2 * writer.status.ring_slots);
	writer_end();
	free(truth);
}

/* Positions are what wire.h says: the slot of p holds p + 1. */
static void
test_the_last_lap_is_numbered(void **state)
{
	struct truth *truth = truth_new(12, 200);
	struct wire_record *slots;
	int fd;

	(void)state;
	writer_start();
	while (truth->tick < 400) {
		truth_step(truth);
		writer_tick(truth, NULL);
	}
	fd = open(writer.segment.path, O_RDONLY);
	slots = mmap(NULL, writer.segment.size, PROT_READ, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(slots, MAP_FAILED);
	close(fd);
	slots += writer.status.ring_offset / sizeof(*slots);
	assert_true(writer.status.head > SLOTS);
	assert_int_equal(writer.status.ring_slots, SLOTS);
	for (uint64_t p = writer.status.head - SLOTS; p < writer.status.head;
	     p++)
		assert_int_equal(slots[p % SLOTS].sequence, p + 1);
	writer_end();
	free(truth);
}

/* In the middle of a tick, at each step, the last whole one is what is read. */
static struct {
	struct truth *last;
	uint64_t seed;
	unsigned looks;
} middle;

static void
look_in_the_middle(void)
{
	struct reader reader = {0};

	if (random_below(&middle.seed, 25))
		return;
	middle.looks++;
	assert_true(reader_read_file(&reader, writer.segment.path));
	if (reader.status.tick == middle.last->tick)
		assert_is(&reader, middle.last);
	else
		assert_int_equal(reader.status.tick, middle.last->tick + 1);
	reader_fini(&reader);
}

static void
test_the_middle_of_a_tick_does_not_show(void **state)
{
	struct truth *truth = truth_new(13, 1500);

	(void)state;
	middle.last = calloc(1, sizeof(*middle.last));
	middle.seed = 5;
	writer_start();
	while (truth->tick < 300) {
		memcpy(middle.last, truth, sizeof(*truth));
		truth_step(truth);
		writer_tick(truth, truth->tick > 1 ? look_in_the_middle : NULL);
		assert_file_is(truth);
	}
	assert_true(middle.looks > 300);
	writer_end();
	free(middle.last);
	free(truth);
}

/*
 * A writer in a process of its own, as fast as it can, until it is killed. A
 * mapped segment does not pass a fork, so the child makes the file and tells
 * its name.
 */
static void
writer_run(uint64_t seed, uint32_t sites_most, int name)
{
	struct truth *truth = truth_new(seed, sites_most);
	void *body;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!segment_create(&writer.segment, SLOTS * sizeof(struct wire_record),
			    &body))
		_exit(1);
	ring_init(&writer.segment, body, WIRE_BODY_OFFSET, SLOTS, false);
	if (write(name, writer.segment.path, sizeof(writer.segment.path)) < 0)
		_exit(1);
	for (;;) {
		truth_step(truth);
		writer_tick(truth, NULL);
	}
}

static pid_t
writer_spawn(uint64_t seed, uint32_t sites_most)
{
	ssize_t size = sizeof(writer.segment.path);
	int name[2];
	pid_t pid;

	memset(&writer, 0, sizeof(writer));
	ring_forget();
	stubs_directory();
	assert_int_equal(pipe(name), 0);
	pid = fork();
	if (!pid)
		writer_run(seed, sites_most, name[1]);
	assert_int_equal(read(name[0], writer.segment.path, (size_t)size),
			 size);
	close(name[0]);
	close(name[1]);
	return pid;
}

static void
writer_kill(pid_t pid)
{
	int status;

	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void
assert_caught_up(const struct reader *reader, struct truth *truth)
{
	assert_true(reader->status.tick >= truth->tick);
	while (truth->tick < reader->status.tick)
		truth_step(truth);
	assert_is(reader, truth);
}

static void
test_a_reader_beside_the_writer(void **state)
{
	struct truth *truth = truth_new(14, SITES_LIMIT);
	struct reader reader = {0};
	pid_t pid = writer_spawn(14, SITES_LIMIT);

	(void)state;
	for (int looks = 0; looks < 200 || truth->tick < 300;) {
		if (!reader_read_file(&reader, writer.segment.path)) {
			/* Only because it did not even begin. */
			assert_string_equal(reader.fault,
					    "nothing is published");
			continue;
		}
		assert_caught_up(&reader, truth);
		looks++;
	}
	writer_kill(pid);
	assert_true(reader_read_file(&reader, writer.segment.path));
	assert_caught_up(&reader, truth);
	writer_end();
	reader_fini(&reader);
	free(truth);
}

static void
test_what_a_killed_writer_leaves(void **state)
{
	uint64_t seed = 99;

	(void)state;
	for (int round = 0; round < 40; round++) {
		uint32_t most = 100 + (uint32_t)random_below(&seed, 3000);
		struct truth *truth = truth_new(500 + (uint64_t)round, most);
		struct reader reader = {0};
		uint64_t ticks = 1 + random_below(&seed, 300);
		pid_t pid = writer_spawn(500 + (uint64_t)round, most);

		assert_true(
		    WAIT_FOR(reader_read_file(&reader, writer.segment.path) &&
			     reader.status.tick >= ticks));
		writer_kill(pid);
		assert_true(reader_read_file(&reader, writer.segment.path));
		assert_caught_up(&reader, truth);
		reader_fini(&reader);
		writer_end();
		free(truth);
	}
}

/* A reader that scanned once and from then on follows the head only. */
static void
follow(struct reader_site *sites, const struct wire_record *slots,
       uint64_t count, uint64_t from, uint64_t to)
{
	for (uint64_t p = from; p < to; p++) {
		const struct wire_record *record = &slots[p % count];
		struct reader_site *site = &sites[record->id];

		assert_int_equal(record->sequence, p + 1);
		if (record->kind != WIRE_RECORD_SITE ||
		    record->tick < site->tick)
			continue;
		site->tick = record->tick;
		site->totals.alloc_bytes = record->alloc_bytes;
		site->totals.alloc_count = record->alloc_count;
		site->totals.free_bytes = record->free_bytes;
		site->totals.free_count = record->free_count;
	}
}

static void
test_following_the_head_finds_every_change(void **state)
{
	static struct reader_site sites[SITES_LIMIT + 1];
	struct truth *truth = truth_new(15, 250);
	struct wire_record *slots;
	uint64_t from = 0;
	int fd;

	(void)state;
	writer_start();
	fd = open(writer.segment.path, O_RDONLY);
	slots = mmap(NULL, writer.segment.size, PROT_READ, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(slots, MAP_FAILED);
	close(fd);
	slots += WIRE_BODY_OFFSET / sizeof(*slots);
	while (truth->tick < 500) {
		truth_step(truth);
		writer_tick(truth, NULL);
		if (writer.status.head - from > SLOTS)
			from = writer.status.head - SLOTS; /* a whole scan */
		follow(sites, slots, SLOTS, from, writer.status.head);
		from = writer.status.head;
		for (uint32_t i = 1; i <= truth->sites; i++)
			assert_memory_equal(&sites[i].totals,
					    &truth->site[i].totals,
					    sizeof(sites[i].totals));
	}
	assert_int_equal(writer.status.ring_slots, SLOTS);
	writer_end();
	free(truth);
}

/* Without room to grow the ring says so, and what is there stays true. */
static void
test_a_ring_that_cannot_grow_refuses(void **state)
{
	struct truth *truth = truth_new(16, 250);
	struct rlimit limit;
	struct rlimit tight;

	(void)state;
	writer_start();
	truth_step(truth);
	writer_tick(truth, NULL);
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &limit);
	tight = limit;
	tight.rlim_cur = writer.segment.size;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
	assert_false(ring_fit(5000));
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_file_is(truth);
	while (truth->tick < 50) {
		truth_step(truth);
		writer_tick(truth, NULL);
		assert_file_is(truth);
	}
	writer_end();
	free(truth);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_each_tick_is_found),
	    cmocka_unit_test(test_a_ring_that_gets_spreads),
	    cmocka_unit_test(test_the_last_lap_is_numbered),
	    cmocka_unit_test(test_the_middle_of_a_tick_does_not_show),
	    cmocka_unit_test(test_a_reader_beside_the_writer),
	    cmocka_unit_test(test_what_a_killed_writer_leaves),
	    cmocka_unit_test(test_following_the_head_finds_every_change),
	    cmocka_unit_test(test_a_ring_that_cannot_grow_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
