/* reference.c - the naive answer of a query. */
#include "config.h"

#include "reference.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define DEEP_MAX 512

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

struct expected *
row_for(struct reference *reference, const char *key)
{
	for (size_t i = 0; i < reference->count; i++)
		if (!strcmp(reference->rows[i].key, key))
			return &reference->rows[i];
	assert_true(reference->count < KEYS_MAX);
	snprintf(reference->rows[reference->count].key, TEXT, "%s", key);
	return &reference->rows[reference->count++];
}

static double
live_of(float variance, uint64_t live)
{
	return live ? variance : 0;
}

/* Blocks alive at both moments cancel out; see query.h. */
static double
change_of(double alloc0, double free0, double live0, double alloc1,
	  double free1, double live1)
{
	if (alloc1 < alloc0)
		return change_of(alloc1, free1, live1, alloc0, free0, live0);
	return fmin(fmax(free1 - free0, 0), live0) +
	       fmin(alloc1 - alloc0, live1);
}

static double
made_of(float live, float freed)
{
	return (double)live + freed;
}

static void
charge_spread(struct reference *reference, struct expected *row, size_t index)
{
	const struct snapshot *snapshot = reference->snapshot;
	const struct site *site = &snapshot->sites[index];
	const struct mark *mark = reference->query->mark;
	struct spread now = {0}, then = {0};
	double size0 = 0, count0 = 0, size1, count1;

	if (snapshot->spreads)
		now = snapshot->spreads[index];
	if (mark && mark->spreads && index < mark->count) {
		then = mark->spreads[index];
		size0 = live_of(then.live_bytes, mark_bytes(mark, index));
		count0 = live_of(then.live_count, mark_blocks(mark, index));
	}
	size1 = live_of(now.live_bytes, site_live_bytes(site));
	count1 = live_of(now.live_count, site_live_count(site));
	row->size_variance += size1;
	row->count_variance += count1;
	row->size_diff_variance +=
	    mark && mark->apart
		? size0 + size1
		: change_of(made_of(then.live_bytes, then.free_bytes),
			    then.free_bytes, size0,
			    made_of(now.live_bytes, now.free_bytes),
			    now.free_bytes, size1);
	row->count_diff_variance +=
	    mark && mark->apart
		? count0 + count1
		: change_of(made_of(then.live_count, then.free_count),
			    then.free_count, count0,
			    made_of(now.live_count, now.free_count),
			    now.free_count, count1);
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
		row->rate_size += size - (int64_t)mark_bytes(rate, index);
	if (mark && index < mark->count) {
		size -= (int64_t)mark_bytes(mark, index);
		count -= (int64_t)mark_blocks(mark, index);
	}
	row->size_diff += size;
	row->count_diff += count;
	if (reference->query->sort == COLUMN_SIZE_DIFF ||
	    reference->query->sort == COLUMN_COUNT_DIFF ||
	    reference->query->sort == COLUMN_PERCENT_DIFF ||
	    reference->query->sort == COLUMN_PER_WORK)
		best = (uint64_t)llabs(size);
	if (row->sites == 1 || best > row->best) {
		row->best = best;
		row->best_stack = site->stack;
	}
	charge_spread(reference, row, index);
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

struct reference *
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
				reference.total.size_variance +=
				    reference.rows[i].size_variance;
				reference.total.count_diff_variance +=
				    reference.rows[i].count_diff_variance;
			}
	return &reference;
}

void
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
