/* test_names.c - interning, classification, words of options. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "model/classify.h"
#include "model/query.h"

static void
test_strings(void **state)
{
	struct names *names = names_new();
	char text[300];
	uint32_t first;
	const char *kept;

	(void)state;
	assert_int_equal(names_string(names, "", 0), 0);
	assert_string_equal(names_text(names, 0), "");
	first = names_string(names, "abc", 3);
	kept = names_text(names, first);
	assert_int_equal(names_string(names, "abcd", 3), first);
	assert_int_not_equal(names_string(names, "abcd", 4), first);
	assert_int_equal(names_string(names, "abc\0d", 5), first);
	for (int round = 0; round < 2; round++)
		for (int i = 0; i < 20000; i++) {
			uint32_t id;
			int size =
			    snprintf(text, sizeof(text), "%0*d", i % 200, i);

			id = names_string(names, text, (size_t)size);
			assert_string_equal(names_text(names, id), text);
		}
	assert_ptr_equal(names_text(names, first), kept);
	assert_string_equal(kept, "abc");
	names_free(names);
}

static void
test_native(void **state)
{
	static const struct {
		const char *function;
		const char *file;
		uint32_t flags;
	} cases[] = {
	    {"malloc", "", LOCATION_GLUE},
	    {"xmalloc", "/srv/x.c", 0},
	    {"mallocate", "", 0},
	    {"strdup", "", LOCATION_GLUE},
	    {"operator new(unsigned long)", "", LOCATION_GLUE},
	    {"operator new[](unsigned long, std::nothrow_t const&)", "",
	     LOCATION_GLUE},
	    {"std::vector<int>::reserve(unsigned long)", "", LOCATION_GLUE},
	    {"void std::vector<int>::_M_realloc_insert<int>(int&&)", "",
	     LOCATION_GLUE},
	    {"std::vector<int> make<int>(int)", "/srv/x.cc", 0},
	    {"std::map<std::string, foo*> shop::index()", "/srv/x.cc", 0},
	    {"__gnu_cxx::new_allocator<char>::allocate(unsigned long)", "",
	     LOCATION_GLUE},
	    {"(anonymous namespace)::build(int)", "/srv/x.cc", 0},
	    {"shop::operator+(shop const&, std::string)", "/srv/x.cc", 0},
	    {"shop::operator()(int) const", "/srv/x.cc", 0},
	    {"push", "/usr/include/c++/12/bits/stl_vector.h", LOCATION_GLUE},
	    {"alloc::vec::Vec<T,A>::push", "", LOCATION_GLUE},
	    {"mycrate::build", "/srv/src/lib.rs", 0},
	    {"<alloc::string::String as core::clone::Clone>::clone", "",
	     LOCATION_GLUE},
	    {"grow", "/rustc/abc/library/alloc/src/raw_vec.rs", LOCATION_GLUE},
	    {"std::function<int (int)>::operator()(int) const", "",
	     LOCATION_GLUE},
	    {"", "", 0},
	    {"<", "", 0},
	    {"operator", "", 0},
	    {">>>(", "", 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(
		    classify_native(cases[i].function, cases[i].file) &
			LOCATION_GLUE,
		    cases[i].flags);
}

static void
test_foreign(void **state)
{
	static const char *const foreign[] = {
	    "/usr/lib/python3.11/json/decoder.py",
	    "/opt/pyenv/versions/3.8.18/lib/python3.8/ast.py",
	    "/srv/venv/lib/python3.11/site-packages/flask/app.py",
	    "/usr/lib/python3/dist-packages/matplotlib/figure.py",
	    "<frozen importlib._bootstrap>",
	    "<__array_function__ internals>",
	};
	static const char *const own[] = {
	    "/srv/app.py", "app.py",	      "<string>",
	    "<stdin>",	   "/srv/python3.py", "/usr/local/app/main.py"};

	(void)state;
	for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++)
		assert_true(classify_python(foreign[i]) & LOCATION_FOREIGN);
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		assert_false(classify_python(own[i]));
	assert_int_equal(classify_module("/lib/x86_64-linux-gnu/libc.so.6"),
			 LOCATION_GLUE | LOCATION_FOREIGN);
	assert_int_equal(classify_module("/opt/x/heaptop-agent.so"),
			 LOCATION_GLUE | LOCATION_FOREIGN);
	assert_int_equal(classify_module("/opt/pyenv/bin/python3.12"),
			 LOCATION_FOREIGN);
	assert_int_equal(classify_module("/usr/lib/libfoo.so"),
			 LOCATION_FOREIGN);
	assert_int_equal(classify_module("/srv/app/libcurl.so.4"), 0);
	assert_int_equal(classify_module("/srv/app/prog"), 0);
	assert_int_equal(classify_native("_start", ""), LOCATION_FOREIGN);
	assert_int_equal(classify_native("main", "/srv/main.c"), 0);
	assert_int_equal(classify_native("start", "/usr/include/x.h"),
			 LOCATION_FOREIGN);
}

static void
test_chosen(void **state)
{
	static const char *const wrong[] = {"!", "*", "!*", "a, b*c/*"};
	struct names *names = names_new();
	struct err err;
	uint32_t frames[2];
	size_t count;

	(void)state;
	frames[0] = names_add_python(
	    names, names_string(names, "/srv/vendor/x.py", 16), 0, 1);
	frames[1] = names_add_python(
	    names, names_string(names, "/usr/lib/acme/a.py", 18), 0, 1);
	assert_true(classify_choose("vendor/,  !/usr/lib/acme/*", &err));
	assert_string_equal(classify_chosen(), "vendor/,  !/usr/lib/acme/*");
	assert_int_equal(classify_python("/srv/vendor/y.py"), LOCATION_FOREIGN);
	assert_int_equal(classify_python("/usr/lib/acme/b.py"), 0);
	assert_int_equal(classify_python("/usr/lib/acne/b.py"),
			 LOCATION_FOREIGN);
	assert_int_equal(classify_module("/usr/lib/acme/libx.so"), 0);
	assert_int_equal(classify_own("", LOCATION_FOREIGN), LOCATION_FOREIGN);
	assert_int_equal(names_locations(names, frames[0], &count)->flags, 0);
	names_reclassify(names);
	assert_int_equal(names_locations(names, frames[0], &count)->flags,
			 LOCATION_FOREIGN);
	assert_int_equal(names_locations(names, frames[1], &count)->flags, 0);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(classify_choose(wrong[i], &err));
	assert_int_equal(classify_python("/srv/vendor/y.py"), LOCATION_FOREIGN);
	assert_true(classify_choose(NULL, &err));
	assert_int_equal(classify_python("/srv/vendor/y.py"), 0);
	names_free(names);
}

#define WRONG_COLUMN \
	"unknown column 'size\\x1b[2J'; use one of size, size_diff, count, "

static void
test_words(void **state)
{
	struct err err;
	enum column column;
	enum group group;

	(void)state;
	assert_true(column_parse("size-diff", &column, &err));
	assert_int_equal(column, COLUMN_SIZE_DIFF);
	assert_true(column_parse("COUNT", &column, &err));
	assert_int_equal(column, COLUMN_COUNT);
	assert_false(column_parse("size\x1b[2J", &column, &err));
	assert_memory_equal(err.text, WRONG_COLUMN, strlen(WRONG_COLUMN));
	assert_string_equal(strrchr(err.text, ','), ", site");
	assert_true(group_parse("traceback", &group, &err));
	assert_int_equal(group, GROUP_TRACEBACK);
	assert_false(group_parse("", &group, &err));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_strings), cmocka_unit_test(test_native),
	    cmocka_unit_test(test_foreign), cmocka_unit_test(test_chosen),
	    cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
