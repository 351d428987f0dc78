/* text.c - rows as lines of text, as Python users know them. */
#include "config.h"

#include "base/text.h"

#include <inttypes.h>
#include <math.h>

#include "export/export.h"
#include "export/label.h"
#include "model/shares.h"

static void
put_size_error(FILE *file, struct export_numbers which, double error)
{
	char size[TEXT_SIZE_MAX];

	if (which.errors)
		fprintf(file, " ±%s", text_size_error(size, error));
}

static void
put_count_error(FILE *file, struct export_numbers which, double error)
{
	if (which.errors)
		fprintf(file, " ±%.0f", error);
}

void
export_numbers(FILE *file, const struct row *row, struct export_numbers which)
{
	char size[TEXT_SIZE_MAX];

	fprintf(file, "size=%s", text_size(size, row->size));
	put_size_error(file, which, row->size_error);
	if (which.deltas) {
		fprintf(file, " (%s", text_size_diff(size, row->size_diff));
		put_size_error(file, which, row->size_diff_error);
		putc(')', file);
	}
	fprintf(file, ", count=%" PRIu64, row->count);
	put_count_error(file, which, row->count_error);
	if (which.deltas) {
		fprintf(file, " (%+" PRId64, row->count_diff);
		put_count_error(file, which, row->count_diff_error);
		putc(')', file);
	}
}

struct export_numbers
export_numbers_of(const struct query *query, const struct snapshot *snapshot)
{
	return (struct export_numbers){
	    .deltas = query->mark != NULL,
	    .errors = query_estimates(query, snapshot),
	    .work = query_work(query, snapshot),
	};
}

static void
put_numbers(FILE *file, const struct row *row, struct export_numbers which)
{
	char size[TEXT_SIZE_MAX];

	fputs(": ", file);
	export_numbers(file, row, which);
	if (row->count)
		fprintf(file, ", average=%s",
			text_size(size, row_average(row)));
	if (which.work)
		fprintf(file, ", per_work=%s",
			text_size_diff(size,
				       llround(row_per_work(row, which.work))));
}

/* ", processes=4, biggest=97% of 4242": of the live bytes. Then, since the
 * mark,
 * ", growing=4, most=98% of 4242". */
static void
put_shares(FILE *file, const struct merge *merge, const struct shares *shares)
{
	struct shares_growth growth = shares_growth(shares);

	if (!shares->count)
		return;
	fprintf(file, ", processes=%zu, biggest=%u%% of %" PRIu32,
		shares->count, shares_biggest(shares),
		merge_process(merge, shares->each[0].member)->pid);
	if (growth.count)
		fprintf(file, ", growing=%zu, most=%u%% of %" PRIu32,
			growth.count, growth.percent,
			merge_process(merge, growth.most->member)->pid);
}

static void
put_frames(FILE *file, struct names *names, uint32_t stack,
	   const struct export_source *source)
{
	while (stack) {
		struct stack at = *names_stack(names, stack);
		const struct frame *frame;
		size_t count;
		const struct location *location =
		    names_locations(names, at.frame, &count);

		frame = names_frame(names, at.frame);
		for (size_t i = 0; i < count; i++, location++) {
			const char *line = NULL;

			label_frame(file, names, frame, location);
			if (source && source->line && location->file &&
			    location->line)
				line = source->line(
				    source->context,
				    names_text(names, location->file),
				    location->line);
			if (!line || !*line)
				continue;
			fputs("    ", file);
			text_clean_write(file, line);
			putc('\n', file);
		}
		stack = at.parent;
	}
}

#define TYPES_SHOWN 8

void
export_types(FILE *file, const struct names *names, const struct types *types)
{
	const char *between = "    ";
	char size[TEXT_SIZE_MAX];
	char count[TEXT_COUNT_MAX];

	for (size_t i = 0; i < types->count && i < TYPES_SHOWN; i++) {
		const struct type_total *total = &types->totals[i];

		fputs(between, file);
		text_clean_write(file, types_label(names, total));
		fprintf(file, " %s %s, %s", text_count(count, total->count),
			total->count == 1 ? "block" : "blocks",
			text_size(size, total->size));
		between = "; ";
	}
	if (types->count > TYPES_SHOWN)
		fprintf(file, "; %zu more", types->count - TYPES_SHOWN);
	if (types->every > 1)
		fprintf(file, " (estimated from one block in %s)",
			text_count(count, types->every));
	if (types->left_out)
		fprintf(file, " (without %s small stacks)",
			text_count(count, types->left_out));
	if (types->part)
		fputs(" (time was up before all was searched)", file);
	if (types->count)
		putc('\n', file);
}

bool
export_text(FILE *file, const struct snapshot *snapshot,
	    const struct query *query, const struct rows *rows,
	    const struct export_source *source, struct err *err)
{
	struct export_numbers which = export_numbers_of(query, snapshot);

	for (size_t i = 0; i < rows->count; i++) {
		const struct row *row = &rows->rows[i];

		if (!label_row_counts(row))
			continue;
		label_row(file, snapshot, query->group_by, row);
		put_numbers(file, row, which);
		if (rows->shares)
			put_shares(file, snapshot->merge, &rows->shares[i]);
		putc('\n', file);
		if (rows->types)
			export_types(file, snapshot->names, &rows->types[i]);
		if (rows->suspects)
			export_evidence(file, rows->suspects, i);
		if (query->group_by == GROUP_TRACEBACK)
			put_frames(file, snapshot->names, row->stack, source);
	}
	return label_finish(file, err);
}
