/* test_match.c - the sites of one snapshot found again in another. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cmd/match.h"

struct process_data {
	struct names *names;
	struct snapshot snapshot;
};

static void
open_data(struct process_data *data)
{
	memset(data, 0, sizeof(*data));
	data->names = names_new();
	snapshot_init(&data->snapshot, data->names);
}

static void
close_data(struct process_data *data)
{
	snapshot_fini(&data->snapshot);
	names_free(data->names);
}

static uint32_t
text(struct process_data *data, const char *string)
{
	return names_string(data->names, string, strlen(string));
}

static uint32_t
python(struct process_data *data, uint32_t parent, const char *function,
       uint32_t line)
{
	uint32_t frame = names_add_python(data->names, text(data, "app.py"),
					  text(data, function), line);

	return names_add_stack(data->names, parent, frame);
}

static uint32_t
native(struct process_data *data, uint32_t parent, uint8_t build,
       uint64_t offset)
{
	struct module module = {
	    .path = text(data, "/lib/libx.so"),
	    .build_id = {build, 1, 2, 3},
	    .build_id_size = 20,
	};
	uint32_t id = names_add_module(data->names, &module);
	uint32_t frame = names_add_native(data->names, id, offset);

	return names_add_stack(data->names, parent, frame);
}

static void
hold(struct process_data *data, uint32_t stack, enum domain domain,
     uint64_t bytes, uint64_t count)
{
	struct site *site;

	snapshot_room(&data->snapshot, data->snapshot.site_count + 1);
	site = &data->snapshot.sites[data->snapshot.site_count - 1];
	site->stack = stack;
	site->domain = (uint16_t)domain;
	site->alloc_bytes = bytes;
	site->alloc_count = count;
}

/* Live bytes of the mark at a site of the snapshot that came after. */
static uint64_t
marked(const struct mark *mark, size_t site)
{
	assert_true(site < mark->count);
	return mark_bytes(mark, site);
}

static void
same_stacks_under_other_ids(void **state)
{
	struct process_data old, now;
	struct mark mark;
	uint32_t main_stack;

	(void)state;
	open_data(&old);
	open_data(&now);
	hold(&old, python(&old, 0, "main", 1), DOMAIN_MALLOC, 10, 1);
	main_stack = old.snapshot.sites[0].stack;
	hold(&old, python(&old, main_stack, "f", 7), DOMAIN_MALLOC, 100, 2);
	hold(&old, native(&old, main_stack, 1, 0x10), DOMAIN_MALLOC, 1000, 3);

	text(&now, "other numbers");
	python(&now, 0, "other", 2);
	hold(&now, native(&now, python(&now, 0, "main", 1), 1, 0x10),
	     DOMAIN_MALLOC, 0, 0);
	hold(&now, python(&now, python(&now, 0, "main", 1), "f", 7),
	     DOMAIN_MALLOC, 0, 0);
	hold(&now, python(&now, 0, "main", 1), DOMAIN_MALLOC, 0, 0);

	match_sites(&now.snapshot, &old.snapshot, &mark);
	assert_int_equal(now.snapshot.site_count, 3);
	assert_int_equal(marked(&mark, 0), 1000);
	assert_int_equal(marked(&mark, 1), 100);
	assert_int_equal(marked(&mark, 2), 10);
	mark_fini(&mark);
	close_data(&old);
	close_data(&now);
}

static void
what_differs_is_another_site(void **state)
{
	struct process_data old, now;
	struct mark mark;
	size_t i;

	(void)state;
	open_data(&old);
	open_data(&now);
	hold(&old, python(&old, 0, "f", 7), DOMAIN_MALLOC, 1, 1);
	hold(&old, native(&old, 0, 1, 0x10), DOMAIN_MALLOC, 2, 1);
	/* line, domain, build id, offset, caller */
	hold(&now, python(&now, 0, "f", 8), DOMAIN_MALLOC, 0, 0);
	hold(&now, python(&now, 0, "f", 7), DOMAIN_MMAP, 0, 0);
	hold(&now, native(&now, 0, 2, 0x10), DOMAIN_MALLOC, 0, 0);
	hold(&now, native(&now, 0, 1, 0x11), DOMAIN_MALLOC, 0, 0);
	hold(&now, python(&now, python(&now, 0, "g", 1), "f", 7), DOMAIN_MALLOC,
	     0, 0);

	match_sites(&now.snapshot, &old.snapshot, &mark);
	/* Both are gone: sites of their own, with nothing live. */
	assert_int_equal(now.snapshot.site_count, 7);
	for (i = 0; i < 5; i++)
		assert_int_equal(marked(&mark, i), 0);
	assert_int_equal(marked(&mark, 5), 1);
	assert_int_equal(marked(&mark, 6), 2);
	assert_int_equal(site_live_bytes(&now.snapshot.sites[5]), 0);
	mark_fini(&mark);
	close_data(&old);
	close_data(&now);
}

/* A module that was loaded twice has its frames twice. */
static void
doubles_are_summed_up(void **state)
{
	struct process_data old, now;
	struct mark mark;

	(void)state;
	open_data(&old);
	open_data(&now);
	hold(&old, native(&old, 0, 1, 0x10), DOMAIN_MALLOC, 1, 1);
	hold(&old, native(&old, 0, 1, 0x10), DOMAIN_MALLOC, 2, 1);
	hold(&now, native(&now, 0, 1, 0x10), DOMAIN_MALLOC, 0, 0);
	hold(&now, native(&now, 0, 1, 0x10), DOMAIN_MALLOC, 0, 0);
	match_sites(&now.snapshot, &old.snapshot, &mark);
	assert_int_equal(now.snapshot.site_count, 2);
	assert_int_equal(marked(&mark, 0) + marked(&mark, 1), 3);
	mark_fini(&mark);
	close_data(&old);
	close_data(&now);
}

static void
many(void **state)
{
	struct process_data old, now;
	struct mark mark;
	uint32_t stack = 0;
	uint32_t i;

	(void)state;
	open_data(&old);
	open_data(&now);
	for (i = 1; i <= 2000; i++) {
		stack = python(&old, stack, "f", i);
		hold(&old, stack, DOMAIN_MALLOC, i, 1);
	}
	for (stack = 0, i = 1; i <= 2000; i++) {
		stack = python(&now, stack, "f", i);
		hold(&now, stack, DOMAIN_MALLOC, 0, 0);
	}
	match_sites(&now.snapshot, &old.snapshot, &mark);
	assert_int_equal(now.snapshot.site_count, 2000);
	for (i = 1; i <= 2000; i++)
		assert_int_equal(marked(&mark, i - 1), i);
	mark_fini(&mark);
	close_data(&old);
	close_data(&now);
}

/* Spreads go with their sites, and what is gone has none now. */
static void
spreads_are_marked(void **state)
{
	struct process_data old, now;
	struct mark mark;

	(void)state;
	open_data(&old);
	open_data(&now);
	hold(&old, python(&old, 0, "gone", 1), DOMAIN_MALLOC, 10, 1);
	hold(&old, native(&old, 0, 1, 0x10), DOMAIN_MALLOC, 20, 2);
	hold(&old, native(&old, 0, 1, 0x10), DOMAIN_MALLOC, 30, 3);
	snapshot_spread(&old.snapshot);
	old.snapshot.spreads[0] = spread_make(9, 1, 3, 0);
	old.snapshot.spreads[1] = spread_make(100, 10, 4, 1);
	old.snapshot.spreads[2] = spread_make(200, 20, 5, 2);
	hold(&now, native(&now, 0, 1, 0x10), DOMAIN_MALLOC, 40, 4);
	snapshot_spread(&now.snapshot);
	now.snapshot.spreads[0] = spread_make(500, 40, 9, 5);

	match_sites(&now.snapshot, &old.snapshot, &mark);
	assert_int_equal(mark.count, 2);
	assert_false(mark.apart);
	assert_true(mark.spreads[0].live_bytes == 270);
	assert_true(mark.spreads[0].free_bytes == 30);
	assert_true(mark.spreads[0].live_count == 6);
	assert_true(mark.spreads[0].free_count == 3);
	assert_true(mark.spreads[1].live_bytes == 8);
	assert_true(now.snapshot.spreads[0].live_bytes == 460);
	assert_true(now.snapshot.spreads[1].live_bytes == 0);
	mark_fini(&mark);
	now.snapshot.process.start_ns++;
	match_sites(&now.snapshot, &old.snapshot, &mark);
	assert_true(mark.apart);
	mark_fini(&mark);
	close_data(&old);
	close_data(&now);
}

static void
nothing(void **state)
{
	struct process_data old, now;
	struct mark mark;

	(void)state;
	open_data(&old);
	open_data(&now);
	match_sites(&now.snapshot, &old.snapshot, &mark);
	assert_int_equal(mark.count, 0);
	mark_fini(&mark);
	close_data(&old);
	close_data(&now);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(same_stacks_under_other_ids),
	    cmocka_unit_test(what_differs_is_another_site),
	    cmocka_unit_test(doubles_are_summed_up),
	    cmocka_unit_test(many),
	    cmocka_unit_test(spreads_are_marked),
	    cmocka_unit_test(nothing),
	};

	return cmocka_run_group_tests_name("match", tests, NULL, NULL);
}
