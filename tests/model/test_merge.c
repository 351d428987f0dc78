/*
 * test_merge.c - merging against a naive sum: every site is a text, and every
 * text is searched for.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "model/merge.h"

enum { MEMBERS = 6, STEPS = 40, SITES = 60, TEXT = 200, KEYS = 600 };

static uint64_t seed = 7;

static unsigned
below(unsigned end)
{
	seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return (unsigned)(seed >> 33) % end;
}

/* One process, whose ids are in an order of their own. */
struct one {
	struct snapshot snapshot;
	struct names *names;
	bool dropped;
};

static uint32_t
string(struct one *one, const char *text)
{
	return names_string(one->names, text, strlen(text));
}

static uint32_t
module_new(struct one *one, unsigned which)
{
	struct module module = {.start = 4096 * (1 + below(100)),
				.bias = below(99)};
	char path[32];

	/* A library that lies elsewhere in each process; the third has no
	 * build id, and is told by its path. */
	snprintf(path, sizeof(path), "/lib/%u.so%s", which,
		 which < 2 && below(2) ? " (deleted)" : "");
	module.path = string(one, path);
	if (which < 2) {
		module.build_id_size = 20;
		memset(module.build_id, (int)which + 1, 20);
	}
	return names_add_module(one->names, &module);
}

static uint32_t
frame_new(struct one *one)
{
	char file[16], function[16];

	if (below(2)) {
		unsigned module = below(4);

		return names_add_native(
		    one->names, module == 3 ? 0 : module_new(one, module),
		    below(5) * 16);
	}
	snprintf(file, sizeof(file), "%u.py", below(3));
	snprintf(function, sizeof(function), "f%u", below(3));
	return names_add_python(one->names, string(one, file),
				string(one, function), below(3));
}

static void
site_new(struct one *one)
{
	uint32_t stack = 0;
	size_t count = one->snapshot.site_count;

	for (unsigned depth = 1 + below(2); depth; depth--)
		stack = names_add_stack(one->names, stack, frame_new(one));
	snapshot_room(&one->snapshot, count + 1);
	snapshot_touch(&one->snapshot, (uint32_t)count + 1,
		       &one->snapshot.sites[count]);
	one->snapshot.sites[count].stack = stack;
	one->snapshot.sites[count].domain = (uint16_t)below(2);
}

static void
site_change(struct one *one, size_t i, bool sampled)
{
	struct site *site = &one->snapshot.sites[i];
	uint64_t freed = below(4) ? below(50) : 0;

	snapshot_touch(&one->snapshot, (uint32_t)i + 1, site);
	site->alloc_bytes += below(1000);
	site->alloc_count += below(10);
	site->free_bytes =
	    below(4) ? site->free_bytes + freed : site->alloc_bytes;
	if (site->free_bytes > site->alloc_bytes)
		site->free_bytes = site->alloc_bytes;
	site->free_count = site->free_bytes == site->alloc_bytes
			       ? site->alloc_count
			       : site->free_count;
	site->peak_bytes += below(5);
	if (sampled) {
		snapshot_spread(&one->snapshot);
		one->snapshot.spreads[i].live_bytes += (float)below(9);
		one->snapshot.spreads[i].live_count += (float)below(9);
	}
}

static void
key_of(struct names *names, const struct site *site, char *out)
{
	int used = snprintf(out, TEXT, "%u", site->domain);

	for (uint32_t at = site->stack; at;
	     at = names_stack(names, at)->parent) {
		const struct frame *frame =
		    names_frame(names, names_stack(names, at)->frame);

		if (frame->kind == FRAME_PYTHON) {
			const struct location *location =
			    names_location(names, frame->first);

			used += snprintf(out + used, TEXT - (size_t)used,
					 " %s:%s:%u",
					 names_text(names, location->file),
					 names_text(names, location->function),
					 location->line);
			continue;
		}
		if (frame->module) {
			const struct module *module =
			    names_module(names, frame->module);

			used +=
			    snprintf(out + used, TEXT - (size_t)used, " %s%d",
				     module->build_id_size
					 ? "id"
					 : names_text(names, module->path),
				     module->build_id[0]);
		}
		used += snprintf(out + used, TEXT - (size_t)used, "+%x",
				 (unsigned)frame->offset);
	}
}

struct expected {
	char key[TEXT];
	struct site site;
	struct spread spread;
	uint64_t sizes[MEMBERS], counts[MEMBERS];
	bool found;
};

static struct expected expected[KEYS];
static size_t expected_count;

static struct expected *
expect(const char *key)
{
	for (size_t i = 0; i < expected_count; i++)
		if (!strcmp(expected[i].key, key))
			return &expected[i];
	assert_true(expected_count < KEYS);
	memset(&expected[expected_count], 0, sizeof(*expected));
	strcpy(expected[expected_count].key, key);
	return &expected[expected_count++];
}

static void
refer(struct one *ones)
{
	char key[TEXT];

	expected_count = 0;
	for (size_t m = 0; m < MEMBERS; m++)
		for (size_t i = 0; i < ones[m].snapshot.site_count; i++) {
			const struct site *site = &ones[m].snapshot.sites[i];
			struct expected *to;

			if (ones[m].dropped)
				break;
			key_of(ones[m].names, site, key);
			to = expect(key);
			to->site.alloc_bytes += site->alloc_bytes;
			to->site.alloc_count += site->alloc_count;
			to->site.free_bytes += site->free_bytes;
			to->site.free_count += site->free_count;
			to->site.peak_bytes += site->peak_bytes;
			to->sizes[m] += site_live_bytes(site);
			to->counts[m] += site_live_count(site);
			if (ones[m].snapshot.spreads)
				to->spread.live_bytes +=
				    ones[m].snapshot.spreads[i].live_bytes;
		}
}

/* A moment, and what each member had of each site then. */
static struct {
	struct moment_parts *parts;
	uint64_t sizes[KEYS][MEMBERS];
} then;

static void
then_take(const struct merge *merge, const struct snapshot *whole)
{
	merge_moment_free(then.parts);
	then.parts = merge_moment(merge);
	memset(then.sizes, 0, sizeof(then.sizes));
	for (uint32_t id = 1; id <= whole->site_count; id++) {
		struct share shares[MEMBERS], sum;
		size_t count =
		    merge_shares(merge, NULL, &id, 1, shares, MEMBERS, &sum);

		for (size_t i = 0; i < count; i++)
			then.sizes[id - 1][shares[i].member] = shares[i].size;
	}
}

static void
compare_growth(const struct merge *merge, size_t index)
{
	struct share shares[MEMBERS], sum;
	uint32_t id = (uint32_t)index + 1;
	size_t count =
	    merge_shares(merge, then.parts, &id, 1, shares, MEMBERS, &sum);

	for (size_t i = 0; i < count; i++)
		assert_int_equal(
		    shares[i].size_diff,
		    (int64_t)(shares[i].size -
			      then.sizes[index][shares[i].member]));
}

static void
compare_shares(const struct merge *merge, size_t index,
	       const struct expected *to)
{
	struct share shares[MEMBERS], sum;
	uint32_t id = (uint32_t)index + 1;
	uint64_t bits = 0;
	size_t count = merge_shares(merge, NULL, &id, 1, shares, MEMBERS, &sum);
	size_t wanted = 0;

	for (size_t m = 0; m < MEMBERS; m++)
		if (to->sizes[m] || to->counts[m]) {
			bits |= UINT64_C(1) << m;
			wanted++;
		}
	assert_int_equal(count, wanted);
	assert_int_equal(merge_bits(merge, index), bits);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(shares[i].size, to->sizes[shares[i].member]);
		assert_int_equal(shares[i].count, to->counts[shares[i].member]);
		assert_true(!i || shares[i - 1].size >= shares[i].size);
	}
	assert_int_equal(sum.size, site_live_bytes(&to->site));
}

static void
compare_all(const struct merge *merge, const struct snapshot *whole)
{
	struct snapshot sums = *whole;
	char key[TEXT];

	for (size_t i = 0; i < whole->site_count; i++) {
		const struct site *site = &whole->sites[i];
		struct expected *to;

		key_of(whole->names, site, key);
		to = expect(key);
		assert_false(to->found);
		to->found = true;
		assert_int_equal(site->alloc_bytes, to->site.alloc_bytes);
		assert_int_equal(site->alloc_count, to->site.alloc_count);
		assert_int_equal(site->free_bytes, to->site.free_bytes);
		assert_int_equal(site->free_count, to->site.free_count);
		assert_int_equal(site->peak_bytes, to->site.peak_bytes);
		if (whole->spreads)
			assert_true(whole->spreads[i].live_bytes ==
				    to->spread.live_bytes);
		compare_shares(merge, i, to);
		if (then.parts)
			compare_growth(merge, i);
	}
	for (size_t i = 0; i < expected_count; i++)
		assert_true(expected[i].found);
	snapshot_sum(&sums);
	assert_int_equal(sums.live_bytes, whole->live_bytes);
	assert_int_equal(sums.live_count, whole->live_count);
	assert_int_equal(sums.alloc_bytes, whole->alloc_bytes);
	assert_int_equal(sums.alloc_count, whole->alloc_count);
}

static void
one_open(struct one *one, uint32_t pid, bool touches)
{
	one->names = names_new();
	one->dropped = false;
	snapshot_init(&one->snapshot, one->names);
	one->snapshot.process = (struct process){
	    .pid = pid, .mode = "exact", .sample_bytes = 1, .alive = true};
	one->snapshot.touches = touches;
}

static void
one_step(struct one *one, bool sampled)
{
	for (unsigned i = below(4); i && one->snapshot.site_count < SITES; i--)
		site_new(one);
	for (unsigned i = below(8); i && one->snapshot.site_count; i--)
		site_change(one, below((unsigned)one->snapshot.site_count),
			    sampled);
	one->snapshot.time_ns++;
}

static void
run(bool sampled)
{
	struct one ones[MEMBERS];
	struct snapshot whole;
	struct names *names = names_new();
	struct merge *merge;

	snapshot_init(&whole, names);
	merge = merge_new(&whole);
	for (uint32_t m = 0; m < MEMBERS; m++) {
		one_open(&ones[m], m + 1, m % 2);
		assert_int_equal(merge_add(merge, &ones[m].snapshot.process),
				 m);
	}
	for (int step = 0; step < STEPS; step++) {
		size_t m = below(MEMBERS);

		for (size_t i = 0; i < MEMBERS; i++) {
			if (ones[i].dropped || !below(3))
				continue;
			one_step(&ones[i], sampled && i);
			merge_take(merge, i, &ones[i].snapshot);
		}
		if (step % 16 == 15) {
			ones[m].dropped = true;
			merge_drop(merge, m);
			assert_false(merge_has(merge, m));
		}
		merge_finish(merge);
		/* What was not taken yet is not compared. */
		for (size_t i = 0; i < MEMBERS; i++)
			if (!ones[i].dropped)
				merge_take(merge, i, &ones[i].snapshot);
		refer(ones);
		compare_all(merge, &whole);
		if (step % 8 == 3)
			then_take(merge, &whole);
	}
	merge_moment_free(then.parts);
	then.parts = NULL;
	assert_true((whole.spreads != NULL) == sampled);
	merge_free(merge);
	snapshot_fini(&whole);
	names_free(names);
	for (size_t m = 0; m < MEMBERS; m++) {
		snapshot_fini(&ones[m].snapshot);
		names_free(ones[m].names);
	}
}

static void
test_random(void **state)
{
	(void)state;
	for (int i = 0; i < 20; i++)
		run(false);
}

static void
test_sampled(void **state)
{
	(void)state;
	for (int i = 0; i < 20; i++)
		run(true);
}

/* Two processes: what is not sites. */
static void
test_finish(void **state)
{
	struct one ones[2];
	struct snapshot whole;
	struct names *names = names_new();
	struct merge *merge;
	uint64_t tick;

	(void)state;
	snapshot_init(&whole, names);
	merge = merge_new(&whole);
	for (uint32_t i = 0; i < 2; i++) {
		struct snapshot *snapshot = &ones[i].snapshot;
		struct program_mark mark = {.time_ns = 10 - i};

		one_open(&ones[i], 7 + i, true);
		snapshot->process.rss_bytes = 100;
		snapshot->process.python = i ? 0x030b0200 : 0;
		snapshot->work_units = 5;
		snapshot->agent_cpu_ns = 3;
		snapshot->time_ns = 100 + i;
		snapshot->losses[0] = (struct loss){"lost", "text", 2};
		snapshot->loss_count = 1;
		mark.text = string(&ones[i], i ? "second" : "first");
		snapshot_add_mark(snapshot, &mark);
		merge_add(merge, &snapshot->process);
		merge_take(merge, i, snapshot);
	}
	merge_finish(merge);
	tick = whole.tick;
	assert_true(tick > 0);
	assert_int_equal(whole.process.pid, 7);
	assert_int_equal(whole.process.rss_bytes, 200);
	assert_int_equal(whole.process.python, 0x030b0200);
	assert_int_equal(whole.work_units, 10);
	assert_int_equal(whole.time_ns, 101);
	assert_int_equal(whole.loss_count, 1);
	assert_int_equal(whole.losses[0].count, 4);
	assert_int_equal(whole.mark_count, 2);
	assert_string_equal(names_text(names, whole.marks[0].text), "second");
	merge_finish(merge);
	assert_int_equal(whole.tick, tick);
	/* Work that was done and time that was spent stay so. */
	merge_drop(merge, 0);
	merge_finish(merge);
	assert_true(whole.tick > tick);
	assert_int_equal(whole.work_units, 10);
	assert_int_equal(whole.agent_cpu_ns, 6);
	assert_int_equal(whole.process.rss_bytes, 100);
	assert_int_equal(whole.losses[0].count, 2);
	assert_int_equal(merge_members(merge), 1);
	assert_int_equal(merge_process(merge, 0)->pid, 7);
	merge_free(merge);
	snapshot_fini(&whole);
	names_free(names);
	for (size_t i = 0; i < 2; i++) {
		snapshot_fini(&ones[i].snapshot);
		names_free(ones[i].names);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_random),
	    cmocka_unit_test(test_sampled),
	    cmocka_unit_test(test_finish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
