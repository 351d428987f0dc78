/* test_text.c - cleaning, sizes, JSON strings. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/table.h"
#include "base/text.h"

static void
expect_clean(const char *text, const char *clean)
{
	char *copy = text_clean_copy(text);

	assert_string_equal(copy, clean);
	free(copy);
}

static void
test_clean(void **state)
{
	(void)state;
	expect_clean("plain text, all of it", "plain text, all of it");
	expect_clean("\xed\x95\x9c\xea\xb8\x80 \xf0\x9f\x98\x80 e\xcc\x81",
		     "\xed\x95\x9c\xea\xb8\x80 \xf0\x9f\x98\x80 e\xcc\x81");
	expect_clean("a\x1b[2Jb\x07", "a\\x1b[2Jb\\x07");
	expect_clean("tab\tline\nend", "tab\\x09line\\x0aend");
	expect_clean("\x7f", "\\x7f");
	expect_clean("\xc2\x9b"
		     "31m",
		     "\\xc2\\x9b31m");			 /* C1 CSI */
	expect_clean("\xe2\x80\xae", "\\xe2\\x80\\xae"); /* bidi override */
	expect_clean("a\xe2\x80\x8b"
		     "b",
		     "a\\xe2\\x80\\x8bb"); /* zero width */
	expect_clean("\xef\xbb\xbf", "\\xef\\xbb\\xbf");
	expect_clean("\xff\xfe", "\\xff\\xfe");
	expect_clean("\xc0\xaf", "\\xc0\\xaf");		 /* overlong */
	expect_clean("\xed\xa0\x80", "\\xed\\xa0\\x80"); /* surrogate */
	expect_clean("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80");
	expect_clean("\xe2\x82", "\\xe2\\x82"); /* cut */
	expect_clean("C:\\x41", "C:\\x41");
	expect_clean("", "");
	expect_clean(NULL, "");
}

static void
test_cut(void **state)
{
	const char *text = "ab\x01\xed\x95\x9c!";
	char out[16];

	(void)state;
	for (size_t room = 0; room < sizeof(out); room++) {
		memset(out, 'z', sizeof(out));
		assert_int_equal(text_clean(out, room, text, strlen(text)), 10);
		if (room)
			assert_int_equal(strlen(out), room > 10	     ? 10
						      : room > 9     ? 9
						      : room > 6     ? 6
						      : room - 1 < 2 ? room - 1
								     : 2);
	}
}

/* Whatever goes in, what comes out is clean, and JSON of it as well. */
static void
test_random(void **state)
{
	(void)state;
	srand(7);
	for (int round = 0; round < 20000; round++) {
		char text[40], *copy;
		size_t size = (size_t)rand() % sizeof(text);
		uint32_t code;

		for (size_t i = 0; i < size; i++)
			text[i] = (char)(rand() % 4 ? rand() % 255 + 1
						    : 0x80 + rand() % 64);
		text[size ? size - 1 : 0] = '\0';
		copy = text_clean_copy(text);
		for (size_t i = 0, left = strlen(copy), length; left;
		     i += length, left -= length) {
			length = text_decode(copy + i, left, &code);
			assert_true(length > 0);
			assert_false(text_is_hidden(code));
		}
		free(copy);
	}
}

static void
expect_json(const char *text, const char *json)
{
	char *out = NULL;
	size_t size;
	FILE *file = open_memstream(&out, &size);

	text_json_write(file, text);
	fclose(file);
	assert_string_equal(out, json);
	free(out);
}

static void
test_json(void **state)
{
	(void)state;
	expect_json(NULL, "null");
	expect_json("", "\"\"");
	expect_json("a/b \"c\" \\d", "\"a/b \\\"c\\\" \\\\d\"");
	expect_json("\n\xff", "\"\\\\x0a\\\\xff\"");
}

static void
test_sizes(void **state)
{
	/* What tracemalloc prints for the same numbers. */
	static const struct {
		int64_t bytes;
		const char *plain;
		const char *diff;
	} cases[] = {
	    {0, "0 B", "+0 B"},
	    {48, "48 B", "+48 B"},
	    {10239, "10239 B", "+10239 B"},
	    {10240, "10.0 KiB", "+10.0 KiB"},
	    {102348, "99.9 KiB", "+99.9 KiB"},
	    {102400, "100 KiB", "+100 KiB"},
	    {6720512, "6563 KiB", "+6563 KiB"},
	    {10485760, "10.0 MiB", "+10.0 MiB"},
	    {40370176, "38.5 MiB", "+38.5 MiB"},
	    {801112064, "764 MiB", "+764 MiB"},
	    {INT64_C(10736344498176), "9999 GiB", "+9999 GiB"},
	    {INT64_C(21990232555520), "20.0 TiB", "+20.0 TiB"},
	};
	char out[TEXT_SIZE_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_string_equal(text_size(out, (uint64_t)cases[i].bytes),
				    cases[i].plain);
		assert_string_equal(text_size_diff(out, cases[i].bytes),
				    cases[i].diff);
	}
	assert_string_equal(text_size_diff(out, -26843546), "-25.6 MiB");
	assert_string_equal(text_size_diff(out, -1), "-1 B");
	assert_string_equal(text_size(out, UINT64_MAX), "16777216 TiB");
	text_size_diff(out, INT64_MIN);
}

static void
test_units(void **state)
{
	char out[TEXT_SIZE_MAX];

	(void)state;
	text_units_set(TEXT_SI);
	assert_string_equal(text_size(out, 9999), "9999 B");
	assert_string_equal(text_size(out, 38500000), "38.5 MB");
	assert_string_equal(text_size_diff(out, -6563000), "-6563 kB");
	text_units_set(TEXT_BYTES);
	assert_string_equal(text_size_diff(out, 38500000), "+38500000 B");
	text_units_set(TEXT_IEC);
	assert_string_equal(text_size(out, 38500000), "36.7 MiB");
}

static void
test_table(void **state)
{
	struct table table = {0};
	uint32_t *seen = mem_array(30001, sizeof(*seen));

	(void)state;
	for (uint32_t id = 1; id <= 30000; id++)
		table_put(&table, hash_mix(1, id / 2), id);
	for (uint32_t key = 0; key <= 15000; key++) {
		uint64_t hash = hash_mix(1, key);
		size_t at = table_start(&table, hash);
		uint32_t id;

		while ((id = table_next(&table, hash, &at)))
			seen[id] += id / 2 == key;
	}
	for (uint32_t id = 1; id <= 30000; id++)
		assert_int_equal(seen[id], 1);
	table_clear(&table);
	assert_int_equal(table.count, 0);
	table_fini(&table);
	free(seen);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_clean),  cmocka_unit_test(test_cut),
	    cmocka_unit_test(test_random), cmocka_unit_test(test_json),
	    cmocka_unit_test(test_sizes),  cmocka_unit_test(test_units),
	    cmocka_unit_test(test_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
