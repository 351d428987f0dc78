/* world.c - what engines are tested with: see world.h. */
#include "config.h"

#include "world.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define FRAMES 60

static const char *const files[] = {
    "/srv/app.py",
    "/srv/lib/deep.py",
    "/usr/lib/python3.11/json/decoder.py",
    "/srv/venv/lib/python3.11/site-packages/flask/app.py",
    "<string>",
    "/srv/native/main.c",
    "/usr/include/c++/12/bits/stl_vector.h",
    "",
};
static const char *const functions[] = {
    "view",
    "Main.run",
    "operator new(unsigned long)",
    "xmalloc",
    "std::vector<int, std::allocator<int> >::push_back(int const&)",
    "draw",
};
static const char *const modules[] = {
    "/srv/native/prog",
    "/lib/x86_64-linux-gnu/libc.so.6",
    "/usr/lib/x86_64-linux-gnu/libagg.so.2",
    "/usr/bin/python3.11",
};

/* Comparing */

static void
expect_error(double error, double variance)
{
	assert_true(error >= 0);
	/* Variances are kept to a millionth for each site. */
	assert_true(fabs(error * error - variance) <= 1e-9 * variance + 1e-3);
}

void
expect_rows(const struct rows *rows, struct reference *reference)
{
	size_t passing = 0;

	for (size_t i = 0; i < reference->count; i++)
		passing += reference->rows[i].pass && reference->rows[i].sites;
	assert_int_equal(rows->matched, passing);
	assert_int_equal(rows->total.size, reference->total.size);
	assert_int_equal(rows->total.count, reference->total.count);
	expect_error(rows->total.size_error, reference->total.size_variance);
	expect_error(rows->total.count_diff_error,
		     reference->total.count_diff_variance);
	for (size_t i = 0; i < rows->count; i++) {
		const struct row *row = &rows->rows[i];
		struct expected *expected;
		char key[TEXT];

		row_key(reference, row, key);
		expected = row_for(reference, key);
		assert_true(expected->pass);
		assert_int_equal(row->size, expected->size);
		assert_int_equal(row->count, expected->count);
		assert_int_equal(row->size_diff, expected->size_diff);
		assert_int_equal(row->count_diff, expected->count_diff);
		assert_int_equal(row->total_size, expected->total_size);
		assert_int_equal(row->total_count, expected->total_count);
		assert_int_equal(row->peak_size, expected->peak_size);
		assert_int_equal(row->site_count, expected->sites);
		assert_int_equal(row->domain, expected->domain);
		assert_int_equal(row->stack, expected->best_stack);
		expect_error(row->size_error, expected->size_variance);
		expect_error(row->count_error, expected->count_variance);
		expect_error(row->size_diff_error,
			     expected->size_diff_variance);
		expect_error(row->count_diff_error,
			     expected->count_diff_variance);
		assert_int_equal((int64_t)(row->rate_size / 2),
				 expected->rate_size);
	}
}

void
expect_order(const struct rows *rows, const struct query *query)
{
	for (size_t i = 1; i < rows->count; i++) {
		const struct row *a = &rows->rows[i - 1], *b = a + 1;

		if (query->ascending) {
			const struct row *swap = a;

			a = b;
			b = swap;
		}
		if (query->sort == COLUMN_SIZE)
			assert_true(a->size >= b->size);
		if (query->sort == COLUMN_SIZE_DIFF)
			assert_true(llabs(a->size_diff) >= llabs(b->size_diff));
		if (query->sort == COLUMN_ERROR)
			assert_true(a->size_error >= b->size_error);
		if (query->sort == COLUMN_RATE)
			assert_true(a->rate_size >= b->rate_size);
	}
}

/* Random data */

uint32_t
intern(struct names *names, const char *text)
{
	return names_string(names, text, strlen(text));
}

void
add_frame(struct names *names)
{
	struct location locations[4];
	enum frame_kind kind = rand() % 2 ? FRAME_PYTHON : FRAME_NATIVE;
	uint32_t module = 0;
	size_t count = kind == FRAME_PYTHON ? 1 : (size_t)rand() % 4 + 1;

	for (size_t i = 0; i < count; i++)
		locations[i] = (struct location){
		    .function = intern(names, PICK(functions)),
		    .file = intern(names, kind == FRAME_PYTHON
					      ? files[rand() % 5]
					      : files[5 + rand() % 3]),
		    .line = (uint32_t)rand() % 3 + 1,
		    .flags = i + 1 < count ? LOCATION_INLINED : 0,
		};
	if (kind == FRAME_NATIVE && rand() % 8)
		module = (uint32_t)rand() % names_modules(names) + 1;
	names_add_frame(names, kind, module, (uint64_t)rand(), locations,
			count);
}

void
grow_spread(struct spread *spread)
{
	float freed = spread->live_bytes / (float)(rand() % 4 + 1);

	spread->free_bytes += freed;
	spread->live_bytes += (float)(rand() % 1000) - freed;
	freed = spread->live_count / (float)(rand() % 4 + 1);
	spread->free_count += freed;
	spread->live_count += (float)(rand() % 10) / 3 - freed;
}

void
add_world(struct names *names)
{
	for (size_t i = 0; i < sizeof(modules) / sizeof(*modules); i++)
		names_add_module(
		    names, &(struct module){.path = intern(names, modules[i])});
	for (int i = 0; i < FRAMES; i++)
		add_frame(names);
}
