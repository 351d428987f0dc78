/* test_engine.c - the engine against a naive reference, on random data. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "model/query.h"

#define FRAMES	 60
#define TEXT	 160
#define DEEP_MAX 512
#define KEYS_MAX 4096

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

/* The reference */

struct expected {
	char key[TEXT];
	bool pass;
	uint64_t size, count, total_size, total_count, peak_size, sites;
	int64_t size_diff, count_diff, rate_size;
	uint16_t domain;
	uint64_t best;
};

struct reference {
	const struct snapshot *snapshot;
	const struct query *query;
	struct expected rows[KEYS_MAX];
	size_t count;
	struct expected total;
};

/* One location of a stack, as the reference sees it. */
struct seen {
	struct location location;
	const struct frame *frame;
};

static size_t
list_stack(struct names *names, uint32_t stack, struct seen *out)
{
	size_t total = 0;

	for (; stack; stack = names_stack(names, stack)->parent) {
		uint32_t id = names_stack(names, stack)->frame;
		size_t count;
		const struct location *at = names_locations(names, id, &count);

		for (size_t i = 0; i < count; i++) {
			assert_true(total < DEEP_MAX);
			out[total++] =
			    (struct seen){at[i], names_frame(names, id)};
		}
	}
	return total;
}

static const char *
text_of(struct reference *reference, uint32_t string)
{
	return names_text(reference->snapshot->names, string);
}

static const char *
module_of(struct reference *reference, const struct frame *frame)
{
	if (!frame->module)
		return "";
	return text_of(
	    reference,
	    names_module(reference->snapshot->names, frame->module)->path);
}

static void
place_key(struct reference *reference, const struct seen *seen, char *key)
{
	const char *file = text_of(reference, seen->location.file);
	const char *function = text_of(reference, seen->location.function);
	const char *module = module_of(reference, seen->frame);
	enum group group = reference->query->group_by;

	if (group == GROUP_MODULE && seen->frame->kind == FRAME_PYTHON)
		snprintf(key, TEXT, "%s",
			 strstr(file, "flask")	? "/srv/venv/lib/python3.11/"
						  "site-packages/flask"
			 : strstr(file, "json") ? "/usr/lib/python3.11/json"
						: file);
	else if (group == GROUP_MODULE || (group == GROUP_FILENAME && !*file))
		snprintf(key, TEXT, "%s", module);
	else if (group == GROUP_FILENAME)
		snprintf(key, TEXT, "%s", file);
	else if (!*file)
		snprintf(key, TEXT, "%s|%s", module, function);
	else if (group == GROUP_FUNCTION)
		snprintf(key, TEXT, "%s|%s", file, function);
	else
		snprintf(key, TEXT, "%s:%u", file, seen->location.line);
}

static bool
part_of(const char *part, const char *text)
{
	return strcasestr(text, part) != NULL;
}

static bool
place_passes(struct reference *reference, const struct seen *seen,
	     const char *key)
{
	const char *filter = reference->query->filter;
	char line[TEXT];

	if (!filter)
		return true;
	if (reference->query->group_by != GROUP_LINENO || !seen->location.file)
		return reference->query->group_by == GROUP_FUNCTION ||
			       reference->query->group_by == GROUP_LINENO
			   ? part_of(
				 filter,
				 text_of(reference, seen->location.function)) ||
				 part_of(
				     filter,
				     seen->location.file
					 ? text_of(reference,
						   seen->location.file)
					 : module_of(reference, seen->frame))
			   : part_of(filter, key);
	snprintf(line, TEXT, "%s:%u", text_of(reference, seen->location.file),
		 seen->location.line);
	return part_of(filter, line) ||
	       part_of(filter, text_of(reference, seen->location.function));
}

static struct expected *
row_for(struct reference *reference, const char *key)
{
	for (size_t i = 0; i < reference->count; i++)
		if (!strcmp(reference->rows[i].key, key))
			return &reference->rows[i];
	assert_true(reference->count < KEYS_MAX);
	snprintf(reference->rows[reference->count].key, TEXT, "%s", key);
	return &reference->rows[reference->count++];
}

static void
charge(struct reference *reference, struct expected *row, size_t index)
{
	const struct site *site = &reference->snapshot->sites[index];
	const struct mark *mark = reference->query->mark;
	const struct mark *rate = reference->query->rate;
	int64_t size = (int64_t)site_live_bytes(site);
	int64_t count = (int64_t)site_live_count(site);
	uint64_t best = (uint64_t)size;

	row->domain = !row->sites		    ? site->domain
		      : row->domain == site->domain ? site->domain
						    : DOMAIN_COUNT;
	row->sites++;
	row->size += (uint64_t)size;
	row->count += (uint64_t)count;
	row->total_size += site->alloc_bytes;
	row->total_count += site->alloc_count;
	row->peak_size += site->peak_bytes;
	if (rate)
		row->rate_size +=
		    size -
		    (index < rate->count ? (int64_t)rate->live[2 * index] : 0);
	if (mark && index < mark->count) {
		size -= (int64_t)mark->live[2 * index];
		count -= (int64_t)mark->live[2 * index + 1];
	}
	row->size_diff += size;
	row->count_diff += count;
	if (reference->query->sort == COLUMN_SIZE_DIFF)
		best = (uint64_t)llabs(size);
	if (best > row->best)
		row->best = best;
}

/* Indexes of the locations that a stack charges; returns how many. */
static size_t
charged(struct reference *reference, const struct seen *seen, size_t count,
	size_t *out)
{
	const struct query *query = reference->query;
	size_t found = 0;

	for (int mine = query->mine; mine >= 0; mine--) {
		uint32_t barred = mine ? LOCATION_FOREIGN : 0;

		if (query->inclusive && mine == query->mine) {
			for (size_t i = 0; i < count; i++)
				if (!(seen[i].location.flags & barred))
					out[found++] = i;
			if (found)
				return found;
			continue;
		}
		for (size_t i = 0; i < count; i++)
			if (seen[i].frame->kind == FRAME_PYTHON &&
			    !(seen[i].location.flags & barred)) {
				out[0] = i;
				return 1;
			}
		for (size_t i = 0; i < count; i++)
			if (!(seen[i].location.flags &
			      (barred | LOCATION_GLUE))) {
				out[0] = i;
				return 1;
			}
	}
	out[0] = 0;
	return 1;
}

static void
stack_key(struct reference *reference, const struct seen *seen, size_t count,
	  char *key, bool *pass)
{
	uint64_t hash = 5381;

	*pass = !reference->query->filter;
	for (size_t i = 0; i < count; i++) {
		char text[3 * TEXT];

		snprintf(text, sizeof(text), "%s:%u|%s|%s",
			 text_of(reference, seen[i].location.file),
			 seen[i].location.line,
			 text_of(reference, seen[i].location.function),
			 module_of(reference, seen[i].frame));
		for (char *at = text; *at; at++)
			hash = hash * 33 + (unsigned char)*at;
		if (*pass)
			continue;
		*strchr(text, '|') = '\0';
		*pass = part_of(reference->query->filter, text) ||
			part_of(reference->query->filter,
				text_of(reference, seen[i].location.function));
	}
	snprintf(key, TEXT, "%016lx", hash);
}

static bool
one_row(struct reference *reference, size_t index, const struct seen *seen,
	size_t count)
{
	uint16_t domain = reference->snapshot->sites[index].domain;
	const char *filter = reference->query->filter;
	struct expected *row;
	char key[TEXT];
	bool pass;

	if (reference->query->group_by == GROUP_TRACEBACK) {
		stack_key(reference, seen, count, key, &pass);
	} else if (reference->query->group_by == GROUP_DOMAIN) {
		snprintf(key, TEXT, "%s", domain_names[domain]);
		pass = !filter || part_of(filter, key);
	} else {
		return false;
	}
	row = row_for(reference, key);
	row->pass = pass;
	charge(reference, row, index);
	return true;
}

/* Pass 0 finds which rows the filter lets through, pass 1 sums. */
static void
place_rows(struct reference *reference, size_t index, const struct seen *seen,
	   size_t count, int round)
{
	struct expected *done[DEEP_MAX];
	size_t places[DEEP_MAX], found, unique = 0;
	bool any = false;

	found = charged(reference, seen, count, places);
	for (size_t i = 0; i < found; i++) {
		const struct seen *at = &seen[places[i]];
		struct expected *row;
		char key[TEXT];
		bool again = false;

		place_key(reference, at, key);
		row = row_for(reference, key);
		if (round == 0) {
			row->pass |= place_passes(reference, at, key);
			continue;
		}
		for (size_t j = 0; j < unique; j++)
			again |= done[j] == row;
		if (again)
			continue;
		done[unique++] = row;
		charge(reference, row, index);
		any |= row->pass;
	}
	if (any)
		charge(reference, &reference->total, index);
}

/* Inclusive rows know the locations of stacks without sites, too. */
static void
pass_stacks(struct reference *reference, struct seen *seen)
{
	struct names *names = reference->snapshot->names;
	const struct query *query = reference->query;
	char key[TEXT];

	for (uint32_t id = 1; id <= names_stacks(names); id++) {
		size_t count = list_stack(names, id, seen);

		for (size_t i = 0; i < count; i++) {
			if (query->mine &&
			    (seen[i].location.flags & LOCATION_FOREIGN))
				continue;
			place_key(reference, &seen[i], key);
			row_for(reference, key)->pass |=
			    place_passes(reference, &seen[i], key);
		}
	}
}

static struct reference *
refer(const struct snapshot *snapshot, const struct query *query)
{
	static struct reference reference;
	static struct seen seen[DEEP_MAX];

	memset(&reference, 0, sizeof(reference));
	reference.snapshot = snapshot;
	reference.query = query;
	if (query->inclusive && query->group_by != GROUP_TRACEBACK &&
	    query->group_by != GROUP_DOMAIN)
		pass_stacks(&reference, seen);
	for (int round = 0; round < 2; round++)
		for (size_t i = 0; i < snapshot->site_count; i++) {
			uint32_t stack = snapshot->sites[i].stack;
			size_t count;

			if (!stack)
				continue;
			count = list_stack(snapshot->names, stack, seen);
			if (round == 1 && one_row(&reference, i, seen, count))
				continue;
			if (query->group_by != GROUP_TRACEBACK &&
			    query->group_by != GROUP_DOMAIN)
				place_rows(&reference, i, seen, count, round);
		}
	if (query->group_by == GROUP_TRACEBACK ||
	    query->group_by == GROUP_DOMAIN)
		for (size_t i = 0; i < reference.count; i++)
			if (reference.rows[i].pass) {
				reference.total.size += reference.rows[i].size;
				reference.total.count +=
				    reference.rows[i].count;
			}
	return &reference;
}

/* Comparing */

static void
row_key(struct reference *reference, const struct row *row, char *key)
{
	static struct seen seen[DEEP_MAX];
	struct names *names = reference->snapshot->names;
	bool pass;

	switch (reference->query->group_by) {
	case GROUP_TRACEBACK:
		stack_key(reference, seen, list_stack(names, row->stack, seen),
			  key, &pass);
		return;
	case GROUP_DOMAIN:
		snprintf(key, TEXT, "%s", domain_names[row->domain]);
		return;
	case GROUP_MODULE:
		snprintf(key, TEXT, "%s", names_text(names, row->module));
		return;
	case GROUP_FILENAME:
		snprintf(
		    key, TEXT, "%s",
		    names_text(names, row->file ? row->file : row->module));
		return;
	default:
		break;
	}
	if (!row->file)
		snprintf(key, TEXT, "%s|%s", names_text(names, row->module),
			 names_text(names, row->function));
	else if (reference->query->group_by == GROUP_FUNCTION)
		snprintf(key, TEXT, "%s|%s", names_text(names, row->file),
			 names_text(names, row->function));
	else
		snprintf(key, TEXT, "%s:%u", names_text(names, row->file),
			 row->line);
}

static void
expect_rows(const struct rows *rows, struct reference *reference)
{
	size_t passing = 0;

	for (size_t i = 0; i < reference->count; i++)
		passing += reference->rows[i].pass && reference->rows[i].sites;
	assert_int_equal(rows->matched, passing);
	assert_int_equal(rows->total.size, reference->total.size);
	assert_int_equal(rows->total.count, reference->total.count);
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
		assert_int_equal((int64_t)(row->rate_size / 2),
				 expected->rate_size);
	}
}

static void
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
		if (query->sort == COLUMN_RATE)
			assert_true(a->rate_size >= b->rate_size);
	}
}

/* The sites of a row are as many as it says, and their sum is its own. */
static void
expect_sites(struct engine *engine, const struct snapshot *snapshot,
	     const struct row *row)
{
	uint32_t sites[2000];
	size_t count = engine_sites(engine, row, sites, 2000);
	uint64_t size = 0, last = UINT64_MAX;

	assert_int_equal(count, row->site_count);
	for (size_t i = 0; i < count; i++) {
		uint64_t live = site_live_bytes(&snapshot->sites[sites[i] - 1]);

		assert_true(live <= last);
		last = live;
		size += live;
	}
	assert_int_equal(size, row->size);
	assert_int_equal(engine_sites(engine, row, sites, 1), count);
	assert_int_equal(engine_sites(engine, row, NULL, 0), count);
}

static void
expect_top(const struct snapshot *snapshot, struct query query,
	   const struct rows *rows)
{
	struct engine *engine = engine_new();
	const struct rows *top;

	query.top = (size_t)rand() % 12 + 1;
	top = engine_run(engine, snapshot, &query);
	assert_int_equal(top->matched, rows->matched);
	assert_int_equal(top->count,
			 rows->count < query.top ? rows->count : query.top);
	for (size_t i = 0; i < top->count; i++) {
		assert_int_equal(top->rows[i].identity, rows->rows[i].identity);
		assert_int_equal(top->rows[i].stack, rows->rows[i].stack);
		assert_int_equal(top->rows[i].function, rows->rows[i].function);
	}
	engine_free(engine);
}

/* Random data */

static uint32_t
intern(struct names *names, const char *text)
{
	return names_string(names, text, strlen(text));
}

#define PICK(list_) (list_)[(size_t)rand() % (sizeof(list_) / sizeof *(list_))]

static void
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

static void
grow(struct snapshot *snapshot)
{
	struct names *names = snapshot->names;
	int more = rand() % 60;

	for (int i = 0; i < 4; i++)
		add_frame(names);
	for (int i = 0; i < more; i++) {
		uint32_t parent = (uint32_t)rand() % (names_stacks(names) + 1);

		if (parent && names_stack(names, parent)->depth > 40)
			parent = 0;
		names_add_stack(names, parent,
				(uint32_t)rand() % names_frames(names) + 1);
	}
	snapshot_room(snapshot, snapshot->site_count + (size_t)(rand() % 60));
	for (size_t i = 0; i < snapshot->site_count; i++) {
		struct site *site = &snapshot->sites[i];
		uint64_t bytes = (uint64_t)rand() % 1000;

		if (!names_stacks(names))
			break;
		if (!site->stack) {
			if (rand() % 8 == 0)
				continue; /* not published yet */
			site->stack =
			    (uint32_t)rand() % names_stacks(names) + 1;
			site->domain = (uint16_t)rand() % DOMAIN_COUNT;
		}
		if (rand() % 3)
			continue;
		site->alloc_bytes += bytes;
		site->alloc_count += bytes / 10;
		if (rand() % 2) {
			site->free_bytes +=
			    site_live_bytes(site) / (uint64_t)(rand() % 3 + 1);
			site->free_count +=
			    site_live_count(site) / (uint64_t)(rand() % 3 + 1);
		}
		if (site->peak_bytes < site_live_bytes(site))
			site->peak_bytes = site_live_bytes(site);
	}
	snapshot->mono_ns += UINT64_C(500000000);
	snapshot_sum(snapshot);
}

static void
check(struct engine *engine, const struct snapshot *snapshot,
      const struct mark *marks)
{
	static const char *const filters[] = {
	    NULL,   NULL, NULL,	  "app.py",	    "APP.PY:2",
	    "view", "2",  "mall", "nothing at all", ""};
	struct query query = {
	    .group_by = (enum group)(rand() % GROUP_COUNT),
	    .inclusive = rand() % 2,
	    .mine = rand() % 2,
	    .sort = (enum column)(rand() % COLUMN_MAX),
	    .ascending = rand() % 4 == 0,
	    .filter = PICK(filters),
	    .mark = rand() % 2 ? &marks[0] : NULL,
	    .rate = rand() % 2 ? &marks[1] : NULL,
	};
	struct query plain = query;
	struct reference *reference;
	const struct rows *rows = engine_run(engine, snapshot, &query);

	if (plain.filter && !*plain.filter)
		plain.filter = NULL;
	reference = refer(snapshot, &plain);
	expect_rows(rows, reference);
	expect_order(rows, &query);
	expect_top(snapshot, query, rows);
	if (rows->count)
		expect_sites(engine, snapshot,
			     &rows->rows[(size_t)rand() % rows->count]);
}

static void
test_random(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed <= 25; seed++) {
		struct names *names = names_new();
		struct engine *engine = engine_new();
		struct snapshot snapshot;
		struct mark marks[2] = {{0}};

		srand(seed);
		snapshot_init(&snapshot, names);
		for (size_t i = 0; i < sizeof(modules) / sizeof(*modules); i++)
			names_add_module(
			    names, &(struct module){
				       .path = intern(names, modules[i])});
		for (int i = 0; i < FRAMES; i++)
			add_frame(names);
		for (int round = 0; round < 12; round++) {
			for (int i = 0; i < 2; i++)
				mark_fini(&marks[i]);
			mark_take(&marks[0], &snapshot, "");
			mark_take(&marks[1], &snapshot, "");
			grow(&snapshot);
			for (int i = 0; i < 12; i++)
				check(engine, &snapshot, marks);
		}
		for (int i = 0; i < 2; i++)
			mark_fini(&marks[i]);
		engine_free(engine);
		snapshot_fini(&snapshot);
		names_free(names);
	}
}

/* A figure drawn in a view: who is charged in each mode. */
static void
test_modes(void **state)
{
	struct names *names = names_new();
	struct engine *engine = engine_new();
	struct snapshot snapshot;
	struct query query = {.group_by = GROUP_LINENO};
	const struct rows *rows;
	uint32_t main_frame, view, agg, new, stack;

	(void)state;
	snapshot_init(&snapshot, names);
	names_add_module(
	    names, &(struct module){.path = intern(names, "/lib/libagg.so")});
	main_frame = names_add_python(names, intern(names, "/srv/run.py"),
				      intern(names, "main"), 3);
	view = names_add_python(
	    names, intern(names, "/usr/lib/python3/dist-packages/x/fig.py"),
	    intern(names, "savefig"), 7);
	agg = names_add_native(names, 1, 0x100);
	new = names_add_native(names, 0, 0x200);
	stack = names_add_stack(names, 0, main_frame);
	stack = names_add_stack(names, stack, view);
	stack = names_add_stack(names, stack, view); /* recursion */
	stack = names_add_stack(names, stack, agg);
	stack = names_add_stack(names, stack, new);
	snapshot_room(&snapshot, 1);
	snapshot.sites[0] =
	    (struct site){.stack = stack, .alloc_bytes = 100, .alloc_count = 2};
	rows = engine_run(engine, &snapshot, &query);
	assert_int_equal(rows->count, 1);
	assert_int_equal(rows->rows[0].line, 7);
	assert_string_equal(names_text(names, rows->rows[0].function),
			    "savefig");
	assert_int_equal(rows->rows[0].kind, FRAME_PYTHON);
	query.mine = true;
	rows = engine_run(engine, &snapshot, &query);
	assert_int_equal(rows->count, 1);
	assert_int_equal(rows->rows[0].line, 3);
	query.inclusive = true;
	rows = engine_run(engine, &snapshot, &query);
	assert_int_equal(rows->count, 1);
	assert_int_equal(rows->rows[0].size, 100);
	query.mine = false;
	rows = engine_run(engine, &snapshot, &query);
	assert_int_equal(rows->count, 4);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(rows->rows[i].size, 100);
	assert_int_equal(rows->total.size, 100);
	engine_free(engine);
	snapshot_fini(&snapshot);
	names_free(names);
}

/* Answers later: hexadecimal first, then the name. */
struct answers {
	int calls;
	bool ready;
};

static enum resolve_result
answer(void *context, const char *path, const uint8_t *build_id,
       size_t build_id_size, uint64_t offset, struct resolved *out, size_t max,
       size_t *count)
{
	struct answers *answers = context;

	(void)build_id;
	(void)build_id_size;
	answers->calls++;
	assert_string_equal(path, "/srv/prog");
	assert_int_equal(offset, 0xfff);
	assert_true(max >= 2);
	if (!answers->ready)
		return RESOLVE_LATER;
	out[0] = (struct resolved){"operator new(unsigned long)", NULL, 0, 0};
	out[0].inlined = true;
	out[1] = (struct resolved){"make", "/srv/prog.cc", 12, false};
	*count = 2;
	return RESOLVE_DONE;
}

static void
test_later(void **state)
{
	struct answers answers = {0};
	struct names *names = names_new();
	struct engine *engine = engine_new();
	struct snapshot snapshot;
	struct query query = {.group_by = GROUP_LINENO};
	const struct rows *rows;
	uint64_t identity;

	(void)state;
	snapshot_init(&snapshot, names);
	names_set_resolver(names, &(struct resolver){&answers, answer});
	names_add_module(names,
			 &(struct module){.path = intern(names, "/srv/prog")});
	names_add_stack(names, 0, names_add_native(names, 1, 0x1000));
	snapshot_room(&snapshot, 1);
	snapshot.sites[0] = (struct site){.stack = 1, .alloc_bytes = 5};
	rows = engine_run(engine, &snapshot, &query);
	assert_string_equal(names_text(names, rows->rows[0].function),
			    "0x1000");
	identity = rows->rows[0].identity;
	assert_false(names_retry(names));
	rows = engine_run(engine, &snapshot, &query);
	assert_int_equal(rows->rows[0].identity, identity);
	assert_int_equal(answers.calls, 2);
	answers.ready = true;
	assert_true(names_retry(names));
	assert_false(names_retry(names));
	rows = engine_run(engine, &snapshot, &query);
	assert_int_equal(rows->count, 1);
	assert_string_equal(names_text(names, rows->rows[0].function), "make");
	assert_int_equal(rows->rows[0].line, 12);
	assert_string_equal(names_text(names, rows->rows[0].module),
			    "/srv/prog");
	assert_int_equal(answers.calls, 3);
	engine_free(engine);
	snapshot_fini(&snapshot);
	names_free(names);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_modes),
	    cmocka_unit_test(test_later),
	    cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
