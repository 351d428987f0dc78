/* test_ledger.c - where memory is, from numbers made up. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
/* cmocka wants these four before it. */
#include <cmocka.h>

#include "model/ledger.h"

#define MIB (UINT64_C(1) << 20)

struct made {
	struct snapshot snapshot;
	struct names *names;
};

static void
made_init(struct made *made)
{
	made->names = names_new();
	snapshot_init(&made->snapshot, made->names);
	made->snapshot.memory.time_ns = 1;
}

static void
made_fini(struct made *made)
{
	snapshot_fini(&made->snapshot);
	names_free(made->names);
}

static void
add(struct made *made, enum domain domain, uint64_t bytes, uint64_t count)
{
	struct snapshot *snapshot = &made->snapshot;
	struct site *site;

	snapshot_room(snapshot, snapshot->site_count + 1);
	site = &snapshot->sites[snapshot->site_count - 1];
	*site = (struct site){.domain = (uint16_t)domain,
			      .alloc_bytes = bytes,
			      .alloc_count = count};
	snapshot_sum(snapshot);
}

static struct ledger
ledger_of(struct made *made)
{
	struct ledger ledger;
	uint64_t sum = 0; /* that of hostile totals wraps */

	assert_true(ledger_make(&ledger, &made->snapshot));
	for (int i = 0; i < LEDGER_COUNT; i++) {
		sum += (uint64_t)ledger.bytes[i];
		assert_true(i == LEDGER_OVERLAP ? ledger.bytes[i] <= 0
						: ledger.bytes[i] >= 0);
	}
	assert_int_equal(sum, ledger.rss);
	return ledger;
}

static void
test_none(void **state)
{
	struct made made;
	struct ledger ledger;

	(void)state;
	made_init(&made);
	made.snapshot.memory.time_ns = 0;
	assert_false(ledger_make(&ledger, &made.snapshot));
	made_fini(&made);
}

/* Big blocks, pools, an agent and what nobody knows share one kind. */
static void
test_anonymous(void **state)
{
	struct made made;
	struct ledger ledger;

	(void)state;
	made_init(&made);
	add(&made, DOMAIN_MALLOC, 40 * MIB, 10);
	add(&made, DOMAIN_MALLOC, 5 * MIB, 50000);
	add(&made, DOMAIN_PYMEM_OBJECT, 10 * MIB, 200000);
	made.snapshot.process.python = 0x030b0200;
	made.snapshot.pool_bytes = 32 * MIB;
	made.snapshot.agent_bytes = 7 * MIB;
	made.snapshot.memory.resident[MEMORY_SEGMENT] = 1 * MIB;
	made.snapshot.memory.resident[MEMORY_HEAP] = 8 * MIB;
	made.snapshot.memory.resident[MEMORY_ANON] = (40 + 32 + 6 + 9) * MIB;
	ledger = ledger_of(&made);
	assert_int_equal(ledger.bytes[LEDGER_LIVE], 55 * MIB);
	assert_int_equal(ledger.bytes[LEDGER_AGENT], 7 * MIB);
	assert_int_equal(ledger.bytes[LEDGER_PYTHON], 22 * MIB);
	assert_int_equal(ledger.bytes[LEDGER_MALLOC], 3 * MIB);
	assert_int_equal(ledger.bytes[LEDGER_OUTSIDE], 9 * MIB);
	assert_int_equal(ledger.bytes[LEDGER_OVERLAP], 0);
	made_fini(&made);
}

static void
test_overlap(void **state)
{
	struct made made;
	struct ledger ledger;

	(void)state;
	made_init(&made);
	add(&made, DOMAIN_MALLOC, 1024 * MIB, 1);
	made.snapshot.memory.resident[MEMORY_ANON] = 2 * MIB;
	ledger = ledger_of(&made);
	assert_int_equal(ledger.bytes[LEDGER_OVERLAP], -1022 * (int64_t)MIB);
	made_fini(&made);
}

/* Whatever somebody has written into a file, it adds up. */
static void
test_hostile(void **state)
{
	struct made made;

	(void)state;
	made_init(&made);
	add(&made, DOMAIN_MMAP, UINT64_MAX / 2, 1);
	add(&made, DOMAIN_PYMEM_OBJECT, UINT64_MAX / 3, UINT64_MAX / 4);
	made.snapshot.process.python = 1;
	made.snapshot.pool_bytes = UINT64_MAX;
	made.snapshot.agent_bytes = UINT64_MAX;
	for (int i = 0; i < MEMORY_COUNT; i++)
		made.snapshot.memory.resident[i] = UINT64_MAX - (uint64_t)i;
	ledger_of(&made);
	made_fini(&made);
}

static void
test_verdict(void **state)
{
	static const struct {
		enum ledger_entry grows;
		int64_t by;
		enum ledger_group group;
		bool growing;
	} cases[] = {
	    {LEDGER_LIVE, 20, LEDGER_IN_SITES, true},
	    {LEDGER_MALLOC, 20, LEDGER_IN_ALLOCATOR, true},
	    {LEDGER_PYTHON, 20, LEDGER_IN_ALLOCATOR, true},
	    {LEDGER_FILES, 20, LEDGER_NOT_TRACKED, true},
	    {LEDGER_OUTSIDE, 20, LEDGER_NOT_TRACKED, true},
	    {LEDGER_STACKS, 20, LEDGER_NOT_TRACKED, true},
	    {LEDGER_AGENT, 20, LEDGER_IN_SITES, false},
	    {LEDGER_MALLOC, 9, LEDGER_IN_SITES, false}, /* below 1 % */
	    {LEDGER_OVERLAP, -20, LEDGER_IN_SITES, false},
	};
	struct ledger base = {.time_ns = 1, .rss = 1000 * MIB};

	(void)state;
	base.bytes[LEDGER_LIVE] = 1000 * (int64_t)MIB;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct ledger now = base;
		struct verdict verdict;
		char text[LEDGER_TEXT_MAX];

		now.bytes[cases[i].grows] += cases[i].by * (int64_t)MIB;
		now.rss += (uint64_t)cases[i].by * MIB;
		verdict = ledger_judge(&now, &base);
		assert_int_equal(verdict.group, cases[i].group);
		assert_int_equal(verdict.growing, cases[i].growing);
		assert_true(ledger_text(text, &verdict)[0]);
	}
	assert_false(ledger_judge(&base, NULL).growing);
}

/* "Most" is more than half. */
static void
test_words(void **state)
{
	struct verdict verdict = {
	    .group = LEDGER_IN_ALLOCATOR, .bytes = 51 << 20, .of = 100 << 20};
	char text[LEDGER_TEXT_MAX];

	(void)state;
	assert_string_equal(ledger_text(text, &verdict),
			    "most is kept by the allocator: "
			    "51.0 MiB of RSS 100 MiB");
	verdict.bytes = 47 << 20;
	assert_string_equal(ledger_text(text, &verdict),
			    "the largest part is kept by the allocator: "
			    "47.0 MiB of RSS 100 MiB");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_none),    cmocka_unit_test(test_anonymous),
	    cmocka_unit_test(test_overlap), cmocka_unit_test(test_hostile),
	    cmocka_unit_test(test_verdict), cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
