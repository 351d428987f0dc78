/* test_option.c - the parser of options and the tables behind it. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cmd/subcommand.h"

/* Parses words separated by spaces; they live until the next call. */
static bool
parse(struct options *options, const char *line, struct err *err)
{
	static char words[256];
	static char *argv[32];
	int argc = 0;
	char *word, *rest;

	snprintf(words, sizeof(words), "%s", line);
	for (word = strtok_r(words, " ", &rest); word;
	     word = strtok_r(NULL, " ", &rest))
		argv[argc++] = word;
	argv[argc] = NULL;
	return options_parse(options, subcommand_find(argv[0]), argc, argv,
			     err);
}

static void
accept(struct options *options, const char *line)
{
	struct err err = {""};

	if (!parse(options, line, &err))
		fail_msg("%s: %s", line, err.text);
}

static void
sizes(void **state)
{
	static const struct {
		const char *text;
		uint64_t size;
	} good[] = {
	    {"0", 0},
	    {"4096", 4096},
	    {"512K", 512 << 10},
	    {"512k", 512 << 10},
	    {"64KiB", 64 << 10},
	    {"1.5M", 3 << 19},
	    {"2GiB", UINT64_C(2) << 30},
	    {"1T", UINT64_C(1) << 40},
	    {"10B", 10},
	    {"3 MiB", 3 << 20},
	};
	static const char *const bad[] = {"",	 "x",	 "-1",	"1x",  "K",
					  "1KK", "1e30", "nan", "inf", "1 "};
	struct err err;
	uint64_t size;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(*good); i++) {
		assert_true(size_parse(good[i].text, &size, &err));
		assert_int_equal(size, good[i].size);
	}
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (size_parse(bad[i], &size, &err) && *bad[i] != '1')
			fail_msg("'%s' was taken", bad[i]);
}

static void
query_options(void **state)
{
	struct options options;

	(void)state;
	accept(&options, "report 4711");
	assert_int_equal(options.top, 10);
	assert_int_equal(options.group_by, GROUP_LINENO);
	assert_string_equal(options.operands[0], "4711");
	accept(&options, "report 1 -t0 --sort=-count-diff -im -g traceback");
	assert_int_equal(options.top, 0);
	assert_int_equal(options.sort, COLUMN_COUNT_DIFF);
	assert_true(options.ascending);
	assert_true(options.inclusive && options.mine);
	assert_int_equal(options.group_by, GROUP_TRACEBACK);
	accept(&options, "report --columns site,size 1");
	assert_int_equal(options.column_count, 2);
	assert_int_equal(options.columns[0], COLUMN_SITE);
	assert_int_equal(options.columns[1], COLUMN_SIZE);
}

static void
mark_options(void **state)
{
	struct options options;

	(void)state;
	accept(&options, "run --mark-after 1.5 prog");
	assert_int_equal(options.plan.after_ns, 1500000000);
	assert_int_equal(options.plan.after_bytes, 0);
	accept(&options, "top -b --mark-after 30s 1");
	assert_true(options.plan.after_ns == UINT64_C(30000000000));
	accept(&options,
	       "run --mark-after 512M --mark-at ready --history 1M true");
	assert_int_equal(options.plan.after_bytes, 512 << 20);
	assert_string_equal(options.plan.at, "ready");
	assert_int_equal(options.history, 1 << 20);
	accept(&options, "report --columns trend,age 1");
	accept(&options, "report --sort=-age 1");
	assert_int_equal(options.sort, COLUMN_AGE);
	assert_true(options.ascending);
}

static void
options_of_the_program(void **state)
{
	struct options options;

	(void)state;
	accept(&options, "run --headless prog --keep -x");
	assert_true(options.headless);
	assert_false(options.keep);
	assert_int_equal(options.operand_count, 3);
	accept(&options, "run -- --keep");
	assert_string_equal(options.operands[0], "--keep");
	accept(&options, "run --sample prog");
	assert_int_equal(options.sample_bytes, 512 << 10);
	assert_string_equal(options.operands[0], "prog");
	accept(&options, "run --sample 1K prog");
	assert_int_equal(options.sample_bytes, 1024);
	assert_string_equal(options.operands[0], "prog");
}

/* A number is taken only where one stands. */
static void
sample_and_budget(void **state)
{
	static const struct {
		const char *line;
		uint64_t bytes; /* 0: exact */
		uint32_t ppm;
	} lines[] = {
	    {"run prog", 0, 0},
	    {"run --sample prog", 512 << 10, 0},
	    {"run --sample -- prog", 512 << 10, 0},
	    {"run --sample --headless prog", 512 << 10, 0},
	    {"run --sample --headless -- prog", 512 << 10, 0},
	    {"run --sample=64K prog", 64 << 10, 0},
	    {"run --sample 64K prog", 64 << 10, 0},
	    {"run --sample 64K -- prog", 64 << 10, 0},
	    {"run --sample 64kb prog", 64 << 10, 0},
	    {"run --sample 1M --headless prog", 1 << 20, 0},
	    {"run --sample 524288 prog", 524288, 0},
	    {"run --sample 1.5MiB prog", 3 << 19, 0},
	    {"run --sample --exact prog", 0, 0},
	    {"run --exact --sample prog", 512 << 10, 0},
	    {"run --budget 2% prog", 0, 20000},
	    {"run --budget=0.5% -- prog", 0, 5000},
	    {"run --budget 100 prog", 0, 1000000},
	    {"run --budget 0.01% prog", 0, 100},
	    {"run --sample 64K --budget 2% prog", 64 << 10, 20000},
	    {"run --budget 2% --exact prog", 0, 0},
	};
	static const char *const names[] = {"7z",  "2to3",  "64KB7", "4Kx",
					    "1-1", "Kafka", "-"};
	struct options options;
	char line[64];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		accept(&options, lines[i].line);
		assert_int_equal(options.has_sample, lines[i].bytes != 0);
		if (lines[i].bytes)
			assert_int_equal(options.sample_bytes, lines[i].bytes);
		assert_int_equal(options.budget_ppm, lines[i].ppm);
		assert_string_equal(options.operands[0], "prog");
	}
	for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
		snprintf(line, sizeof(line), "run --sample %s prog", names[i]);
		accept(&options, line);
		assert_int_equal(options.sample_bytes, 512 << 10);
		assert_string_equal(options.operands[0], names[i]);
	}
}

static void
refusals(void **state)
{
	static const char *const lines[] = {
	    "report",
	    "report 1 2",
	    "report --frob 1",
	    "report --top x 1",
	    "report --columns , 1",
	    "report --columns size,,count 1",
	    "report --headless 1",
	    "run --mark-after soon true",
	    "run --mark-after 0 true",
	    "run --mark-after -3 true",
	    "run --mark-at= true",
	    "list 1",
	    "diff 1",
	    "run",
	    "run --sample=0 true",
	    "run --sample 0 true",
	    "run --sample=1x true",
	    "run --sample= true",
	    "run --budget",
	    "run --budget true",
	    "run --budget= true",
	    "run --budget 0 true",
	    "run --budget 0% true",
	    "run --budget 0.001% true",
	    "run --budget -2% true",
	    "run --budget 101% true",
	    "run --budget nan% true",
	    "run --budget inf true",
	    "run --budget 2%% true",
	    "run --budget 2K true",
	    "rate 1",
	    "rate 1 2 3",
	    "top -n 0 1",
	    "top -d x 1",
	    "snapshot 1 -o",
	};
	struct options options;
	struct err err;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		*err.text = '\0';
		if (parse(&options, lines[i], &err))
			fail_msg("'%s' was taken", lines[i]);
		assert_true(*err.text != '\0');
	}
}

/* Two options of one command must not look the same. */
static void
letters_and_words(void **state)
{
	size_t command;
	int a, b;

	(void)state;
	for (command = 0; command < subcommand_count; command++) {
		uint64_t mask = subcommands[command].options;

		for (a = 0; a < OPTION_COUNT; a++) {
			for (b = 0; b < a; b++) {
				const struct option_info *x = &option_infos[a];
				const struct option_info *y = &option_infos[b];

				if (!(mask >> a & mask >> b & 1))
					continue;
				assert_string_not_equal(x->word, y->word);
				assert_false(x->letter &&
					     x->letter == y->letter);
			}
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(sizes),
	    cmocka_unit_test(query_options),
	    cmocka_unit_test(mark_options),
	    cmocka_unit_test(options_of_the_program),
	    cmocka_unit_test(sample_and_budget),
	    cmocka_unit_test(refusals),
	    cmocka_unit_test(letters_and_words),
	};

	return cmocka_run_group_tests_name("option", tests, NULL, NULL);
}
