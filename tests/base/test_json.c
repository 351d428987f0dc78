/* test_json.c - the JSON reader: good, bad and random texts. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/json.h"

struct text {
	const char *at;
	size_t left;
	size_t piece; /* bytes given at once */
};

static ssize_t
read_text(void *context, char *out, size_t size)
{
	struct text *text = context;

	if (size > text->piece)
		size = text->piece;
	if (size > text->left)
		size = text->left;
	memcpy(out, text->at, size);
	text->at += size;
	text->left -= size;
	return (ssize_t)size;
}

static bool
skips(const char *words, size_t size, size_t piece)
{
	struct text text = {words, size, piece};
	struct json *json = malloc(sizeof(*json));
	bool good;

	json_init(json, read_text, &text);
	good = json_skip(json) && json_end(json);
	assert_int_equal(good, json->problem == NULL);
	json_fini(json);
	free(json);
	return good;
}

static void
test_good(void **state)
{
	static const char *const good[] = {
	    "{}",
	    "[]",
	    "null",
	    " [ 1 , -2.5e+7 , \"x\" , true , false , null ] \n",
	    "{\"a\":{\"b\":[[],{}]},\"c\":\"\\u0041\\n\\\"\"}",
	    "\"\\ud83d\\ude00\"",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		for (size_t piece = 1; piece < 40; piece++)
			assert_true(skips(good[i], strlen(good[i]), piece));
}

static void
test_bad(void **state)
{
	static const char *const bad[] = {
	    "",		 "{",		"[1,]",	       "[1 2]",
	    "{\"a\"}",	 "{\"a\":}",	"{a:1}",       "{\"a\":1,}",
	    "nul",	 "[1]]",	"\"abc",       "\"\\x\"",
	    "\"\\u12\"", "\"\\ud800\"", "\"\\udc00\"", "\"\\u0000\"",
	    "\"a\nb\"",	 "[1}",		"tru",	       "@",
	};
	char deep[200];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(skips(bad[i], strlen(bad[i]), 100));
	memset(deep, '[', sizeof(deep));
	assert_false(skips(deep, sizeof(deep), 100));
	memset(deep, '1', sizeof(deep));
	assert_false(skips(deep, sizeof(deep), 100));
}

static void
test_values(void **state)
{
	const char *words = "{\"n\":18446744073709551615,\"t\":\"\\u00e9\\u4e2d"
			    "\\ud83d\\ude00\\t\",\"b\":true,\"a\":[7,8],"
			    "\"big\":18446744073709551616}";
	struct text text = {words, strlen(words), 3};
	struct json *json = malloc(sizeof(*json));
	uint64_t value;
	bool flag;

	(void)state;
	json_init(json, read_text, &text);
	assert_true(json_enter(json, '{'));
	assert_true(json_key(json));
	assert_string_equal(json->text, "n");
	assert_true(json_u64(json, &value));
	assert_true(value == UINT64_MAX);
	assert_true(json_key(json));
	assert_true(json_string(json));
	assert_string_equal(json->text,
			    "\xc3\xa9\xe4\xb8\xad\xf0\x9f\x98\x80\t");
	assert_true(json_key(json));
	assert_true(json_bool(json, &flag) && flag);
	assert_true(json_key(json));
	assert_true(json_enter(json, '['));
	assert_true(json_more(json) && json_u64(json, &value) && value == 7);
	assert_true(json_more(json) && json_u64(json, &value) && value == 8);
	assert_false(json_more(json));
	assert_null(json->problem);
	assert_true(json_key(json));
	assert_false(json_u64(json, &value));
	assert_non_null(json->problem);
	assert_false(json_key(json));
	json_fini(json);
	free(json);
}

static bool
reads_i64(const char *words, int64_t *value)
{
	struct text text = {words, strlen(words), 1};
	struct json *json = malloc(sizeof(*json));
	bool good;

	json_init(json, read_text, &text);
	good = json_i64(json, value) && json_end(json);
	json_fini(json);
	free(json);
	return good;
}

static void
test_signed(void **state)
{
	int64_t value;

	(void)state;
	assert_true(reads_i64(" -7", &value) && value == -7);
	assert_true(reads_i64("0", &value) && value == 0);
	assert_true(reads_i64("9223372036854775807", &value) &&
		    value == INT64_MAX);
	assert_true(reads_i64("-9223372036854775808", &value) &&
		    value == INT64_MIN);
	assert_false(reads_i64("9223372036854775808", &value));
	assert_false(reads_i64("-9223372036854775809", &value));
	assert_false(reads_i64("- 7", &value));
	assert_false(reads_i64("--7", &value));
	assert_false(reads_i64("-", &value));
	assert_false(reads_i64("-1.5", &value));
}

static void
test_random(void **state)
{
	static const char letters[] = "{}[]\":,\\u0d8t1-.enul \n";

	(void)state;
	srand(3);
	for (int round = 0; round < 20000; round++) {
		char text[64];
		size_t size = (size_t)rand() % sizeof(text);

		for (size_t i = 0; i < size; i++)
			text[i] =
			    letters[(size_t)rand() % (sizeof(letters) - 1)];
		skips(text, size, (size_t)rand() % 8 + 1);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_good),   cmocka_unit_test(test_bad),
	    cmocka_unit_test(test_values), cmocka_unit_test(test_signed),
	    cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
