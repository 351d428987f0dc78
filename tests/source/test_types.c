/* test_types.c - asking what blocks are, and answers nobody may trust. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "../lib/segment_writer.h"
#include "source/source.h"

#define SITES 1000

static char directory[] = "/tmp/heaptop-types-XXXXXX";
static char path[64];

static const struct wire_totals totals = {1000, 10, 100, 1};

/* A process with sites 1 to SITES of each domain in turn, and the page of an
 * agent that answers. */
struct answerer {
	struct segment_writer writer;
	struct wire_types *page;
	uint32_t name; /* of "int" */
};

static void
answerer_start(struct answerer *answerer)
{
	struct segment_writer *writer = &answerer->writer;
	uint32_t frame;

	writer_open(writer, path, 2048, 1 << 16);
	writer->header->minor = WIRE_MINOR;
	writer->header->python = 0x030b0200;
	frame = writer_python(writer, writer_string(writer, "a.py"),
			      writer_string(writer, "f"), 1);
	for (uint32_t id = 1; id <= SITES; id++) {
		writer_stack(writer, id - 1, frame);
		writer_site(writer, id, id, (enum wire_domain)(id % 5), &totals,
			    0);
	}
	answerer->name = writer_string(writer, "int");
	writer->next.types_offset = writer->size;
	answerer->page = (void *)(writer->bytes + writer->size);
	writer->size += WIRE_TYPES_BYTES;
	assert_int_equal(ftruncate(writer->fd, (off_t)writer->size), 0);
	writer_commit(writer);
}

/* Says that the request at hand was served. */
static void
answerer_answer(struct answerer *answerer)
{
	struct segment_writer *writer = &answerer->writer;
	const struct wire_control *control = writer->control;
	uint32_t digest = 0;

	for (uint32_t i = 0; i < control->types_count; i++)
		digest = WIRE_TYPES_DIGEST(digest, control->types_sites[i],
					   control->types_rows[i]);
	answerer->page->digest = digest;
	answerer->page->sequence = control->types_wanted;
	writer->next.types_done = control->types_wanted;
	writer_commit(writer);
}

static struct source *
opened(void)
{
	struct err err = {""};
	struct source *source = source_open(path, &err);

	if (!source)
		fail_msg("%s", err.text);
	return source;
}

static void
ask_for(struct source *source, struct types_ask *ask, struct types *types,
	uint32_t first, size_t count)
{
	uint32_t *sites = calloc(count, sizeof(*sites));

	for (size_t i = 0; i < count; i++)
		sites[i] = first + (uint32_t)i;
	assert_true(
	    types_ask_row(ask, types, source_snapshot(source), sites, count));
	free(sites);
}

static void
test_answer(void **state)
{
	struct types_ask ask = {0};
	struct types rows[2];
	struct answerer answerer;
	struct source *source;
	struct names *names;
	struct err err;

	(void)state;
	answerer_start(&answerer);
	source = opened();
	names = source_names(source);
	ask_for(source, &ask, &rows[0], 1, 5);
	ask_for(source, &ask, &rows[1], 6, 10);
	assert_int_equal(ask.count, 3);
	assert_true(source_ask_types(source, &ask, &err));
	assert_int_equal(answerer.writer.control->types_count, 3);
	assert_int_equal(answerer.writer.control->types_sites[0], 3);
	assert_int_equal(answerer.writer.control->types_rows[2], 1);
	assert_int_equal(source_take_types(source, &ask, rows, &err), 0);

	answerer.page->rows = 2;
	answerer.page->count = 4;
	answerer.page->row[0] = (struct wire_types_row){1000, 64000, 100, 0};
	answerer.page->row[1] =
	    (struct wire_types_row){9, 900, 9, WIRE_TYPES_PART};
	answerer.page->types[0] =
	    (struct wire_type){answerer.name, 0, WIRE_TYPE_OBJECT, 600, 20000};
	answerer.page->types[1] =
	    (struct wire_type){0, 0, WIRE_TYPE_BUFFER, 400, 44000};
	answerer.page->types[2] = (struct wire_type){
	    writer_string(&answerer.writer, "late"), 1, WIRE_TYPE_OBJECT, 8, 8};
	answerer.page->types[3] =
	    (struct wire_type){0, 1, WIRE_TYPE_KEPT, 1, 892};
	answerer_answer(&answerer);
	assert_int_equal(source_take_types(source, &ask, rows, &err), 1);
	assert_int_equal(rows[0].every, 10);
	assert_false(rows[0].part);
	/* Not asked for, but known: (buffer) is also the site of pymem_mem. */
	assert_string_equal(types_label(names, &rows[0].totals[0]), "(buffer)");
	assert_int_equal(rows[0].totals[0].count, 409);
	assert_int_equal(rows[0].totals[0].size, 44900);
	assert_string_equal(types_label(names, &rows[0].totals[1]), "int");
	assert_int_equal(rows[0].totals[1].count, 600);
	assert_int_equal(rows[0].count, 5);
	assert_true(rows[1].part);
	assert_int_equal(rows[1].every, 1);
	for (size_t i = 0; i < rows[1].count; i++)
		if (rows[1].totals[i].kind == TYPE_OBJECT)
			assert_string_equal(
			    types_label(names, &rows[1].totals[i]), "late");
	for (int i = 0; i < 2; i++)
		types_fini(&rows[i]);
	source_close(source);
	writer_close(&answerer.writer);
}

/* Somebody else asked in between: asks again. */
static void
test_others(void **state)
{
	struct types_ask ask = {0};
	struct types types;
	struct answerer answerer;
	struct source *source;
	struct err err;
	uint32_t number;

	(void)state;
	answerer_start(&answerer);
	source = opened();
	ask_for(source, &ask, &types, 1, 10);
	assert_true(source_ask_types(source, &ask, &err));
	number = ask.number;
	answerer.writer.control->types_sites[0]++;
	answerer_answer(&answerer);
	assert_int_equal(source_take_types(source, &ask, &types, &err), 0);
	assert_int_equal(ask.number, number + 1);
	assert_int_equal(answerer.writer.control->types_sites[0], 3);
	/* The next one was served already. */
	answerer.writer.control->types_wanted++;
	answerer_answer(&answerer);
	assert_int_equal(source_take_types(source, &ask, &types, &err), 0);
	assert_int_equal(ask.number, number + 3);
	answerer_answer(&answerer);
	assert_int_equal(source_take_types(source, &ask, &types, &err), 1);
	types_fini(&types);
	source_close(source);
	writer_close(&answerer.writer);
}

static void
test_too_many(void **state)
{
	struct types_ask ask = {0};
	struct types types, more;
	struct answerer answerer;
	struct source *source;
	uint32_t sites[SITES * 4];

	(void)state;
	answerer_start(&answerer);
	source = opened();
	for (uint32_t i = 0; i < SITES * 4; i++)
		sites[i] = i % SITES / 5 * 5 + 3;
	assert_true(
	    types_ask_row(&ask, &types, source_snapshot(source), sites, SITES));
	assert_int_equal(ask.count, TYPES_SITES_MAX);
	assert_int_equal(types.left_out, SITES - TYPES_SITES_MAX);
	assert_int_equal(types.totals[0].kind, TYPE_OTHERS);
	assert_int_equal(types.totals[0].count, 9 * (SITES - TYPES_SITES_MAX));
	assert_false(
	    types_ask_row(&ask, &more, source_snapshot(source), sites, 1));
	types_fini(&types);
	ask = (struct types_ask){0};
	for (int i = 0; i < TYPES_ROWS_MAX; i++)
		assert_true(types_ask_row(&ask, &more, source_snapshot(source),
					  sites, 1));
	assert_false(
	    types_ask_row(&ask, &more, source_snapshot(source), sites, 1));
	source_close(source);
	writer_close(&answerer.writer);
}

/* Whatever stands in the answer, what comes out makes sense. */
static void
test_damaged(void **state)
{
	struct answerer answerer;
	struct source *source;
	struct err err;

	(void)state;
	srand(11);
	answerer_start(&answerer);
	source = opened();
	for (int turn = 0; turn < 400; turn++) {
		struct types_ask ask = {0};
		struct types types;
		uint32_t *words = (uint32_t *)answerer.page;

		ask_for(source, &ask, &types, 1, 10);
		assert_true(source_ask_types(source, &ask, &err));
		for (size_t i = 0; i < WIRE_TYPES_BYTES / 4; i++)
			words[i] = turn % 3 == 0   ? ~0u
				   : turn % 3 == 1 ? (uint32_t)rand()
						   : (uint32_t)rand() % 5;
		if (turn % 7 == 0)
			answerer.writer.next.types_offset = (uint64_t)rand()
							    << 20;
		answerer_answer(&answerer);
		source_take_types(source, &ask, &types, &err);
		answerer.writer.next.types_offset =
		    (uint64_t)((uint8_t *)answerer.page -
			       answerer.writer.bytes);
		for (size_t i = 0; i < types.count; i++) {
			assert_true(types.totals[i].count > 0);
			assert_non_null(types_label(source_names(source),
						    &types.totals[i]));
		}
		types_fini(&types);
	}
	source_close(source);
	writer_close(&answerer.writer);
}

static void
expect_refusal(struct source *source, const char *why)
{
	struct types_ask ask = {0};
	struct types types;
	struct err err;

	ask_for(source, &ask, &types, 1, 5);
	assert_false(source_ask_types(source, &ask, &err));
	assert_non_null(strstr(err.text, why));
	assert_null(strchr(err.text, '\n'));
	types_fini(&types);
}

static void
test_refused(void **state)
{
	struct answerer answerer;
	struct source *source;
	struct err err;

	(void)state;
	answerer_start(&answerer);
	answerer.writer.header->minor = 1;
	source = opened();
	expect_refusal(source, "agent is older");
	source_close(source);
	answerer.writer.header->minor = WIRE_MINOR;
	answerer.writer.header->python = 0;
	source = opened();
	expect_refusal(source, "no Python");
	answerer.writer.next.state = WIRE_STATE_EXITED;
	writer_commit(&answerer.writer);
	assert_int_equal(source_refresh(source, &err), 1);
	expect_refusal(source, "has ended");
	source_close(source);
	writer_close(&answerer.writer);
}

static int
setup(void **state)
{
	(void)state;
	if (!mkdtemp(directory))
		return -1;
	snprintf(path, sizeof(path), "%s/1-1" WIRE_SUFFIX, directory);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(directory);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_answer),   cmocka_unit_test(test_others),
	    cmocka_unit_test(test_too_many), cmocka_unit_test(test_damaged),
	    cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
