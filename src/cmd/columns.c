/* columns.c - rows as a table of chosen columns. */
#include "config.h"

#include "cmd/columns.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/text.h"
#include "export/export.h"
#include "model/history.h"
#include "model/shares.h"

enum { CELL_MAX = 64, WIDTH_MIN = 11, TREND_CELLS = 20 };

struct cell {
	char text[CELL_MAX];
};

static void
format_rate(struct cell *cell, double bytes)
{
	char size[TEXT_SIZE_MAX];

	text_size_diff(size, (int64_t)llround(bytes));
	snprintf(cell->text, sizeof(cell->text), "%s/s", size);
}

static void
format_trend(struct cell *cell, const struct trend *trend)
{
	unsigned char levels[TREND_CELLS] = {0};

	if (trend)
		trend_levels(trend, levels, TREND_CELLS);
	for (size_t i = 0; i < TREND_CELLS; i++)
		cell->text[i] = " _.:-=+*#"[levels[i]];
	cell->text[TREND_CELLS] = '\0';
}

/* "+50.1", of all growth. */
static void
format_growth(struct cell *cell, const struct row *row, int64_t growth)
{
	if (growth > 0)
		snprintf(cell->text, sizeof(cell->text), "%+.1f",
			 100.0 * (double)row->size_diff / (double)growth);
	else
		strcpy(cell->text, "-");
}

static void
format_shares(struct cell *cell, const struct shares *shares)
{
	static const struct shares none;
	char text[SHARES_TEXT_MAX];

	strcpy(cell->text, shares_text(text, shares ? shares : &none));
}

/* All but the call site and what has a format of its own. */
static void
format_cell(struct cell *cell, enum column column, const struct row *row,
	    const struct trend *trend, uint64_t total, uint64_t work)
{
	char size[TEXT_SIZE_MAX];
	char *out = cell->text;

	switch (column) {
	case COLUMN_SIZE:
		strcpy(out, text_size(size, row->size));
		break;
	case COLUMN_SIZE_DIFF:
		strcpy(out, text_size_diff(size, row->size_diff));
		break;
	case COLUMN_COUNT:
		sprintf(out, "%" PRIu64, row->count);
		break;
	case COLUMN_COUNT_DIFF:
		sprintf(out, "%+" PRId64, row->count_diff);
		break;
	case COLUMN_AVERAGE:
		strcpy(out, text_size(size, row_average(row)));
		break;
	case COLUMN_RATE:
		format_rate(cell, row->rate_size);
		break;
	case COLUMN_RATE_COUNT:
		sprintf(out, "%+.0f", row->rate_count);
		break;
	case COLUMN_TREND:
		format_trend(cell, trend);
		break;
	case COLUMN_AGE:
		if (trend && trend->grew_ns)
			sprintf(out, "%.0f s", (double)trend->grew_ns / 1e9);
		else
			strcpy(out, "-");
		break;
	case COLUMN_PERCENT:
		sprintf(out, "%.1f",
			total ? 100.0 * (double)row->size / (double)total : 0);
		break;
	case COLUMN_PEAK:
		strcpy(out, text_size(size, row->peak_size));
		break;
	case COLUMN_TOTAL:
		strcpy(out, text_size(size, row->total_size));
		break;
	case COLUMN_TOTAL_COUNT:
		sprintf(out, "%" PRIu64, row->total_count);
		break;
	case COLUMN_ERROR:
		sprintf(out, "%.31s", text_size_error(size, row->size_error));
		break;
	case COLUMN_PER_WORK:
		strcpy(out, work ? text_size_diff(
				       size, llround(row_per_work(row, work)))
				 : "-");
		break;
	case COLUMN_PERCENT_DIFF: /* format_growth */
	case COLUMN_PROCESSES:	  /* format_shares */
	case COLUMN_SITE:
	case COLUMN_MAX:
		*out = '\0';
		break;
	}
}

static void
print_place(FILE *file, const struct names *names, const struct row *row)
{
	text_clean_write(file, names_text(names, row->file));
	if (row->line)
		fprintf(file, ":%u", row->line);
}

/* What the row's key says of where it is, most telling first. */
static void
print_site(FILE *file, const struct snapshot *snapshot,
	   const struct query *query, const struct row *row)
{
	const struct names *names = snapshot->names;

	if (query->group_by == GROUP_DOMAIN) {
		fputs(row->domain < DOMAIN_COUNT ? domain_names[row->domain]
						 : "mixed",
		      file);
	} else if (query->group_by == GROUP_FUNCTION && row->function) {
		text_clean_write(file, names_text(names, row->function));
		if (row->file) {
			fputs(" (", file);
			text_clean_write(file, names_text(names, row->file));
			fputs(")", file);
		}
	} else if (query->group_by != GROUP_MODULE && row->file) {
		print_place(file, names, row);
	} else {
		if (query->group_by != GROUP_MODULE && row->function) {
			text_clean_write(file,
					 names_text(names, row->function));
			fputs(row->module ? " " : "", file);
		}
		if (row->module)
			text_clean_write(file, names_text(names, row->module));
		else if (!row->function)
			fputs("?", file);
	}
}

static int
column_width(enum column column)
{
	int width = column_infos[column].width;

	return width < WIDTH_MIN ? WIDTH_MIN : width;
}

static void
print_row(FILE *file, const struct options *options,
	  const struct snapshot *snapshot, const struct query *query,
	  const struct rows *rows, size_t index)
{
	const struct row *row = &rows->rows[index];
	const struct trend *trend = rows->trends ? &rows->trends[index] : NULL;
	struct cell cell;
	size_t i;

	for (i = 0; i < options->column_count; i++) {
		enum column column = options->columns[i];

		if (i)
			fputc(' ', file);
		if (column == COLUMN_SITE) {
			print_site(file, snapshot, query, row);
			continue;
		}
		if (column == COLUMN_PROCESSES)
			format_shares(&cell, rows->shares ? &rows->shares[index]
							  : NULL);
		else if (column == COLUMN_PERCENT_DIFF)
			format_growth(&cell, row,
				      query_growth(query, snapshot));
		else
			format_cell(&cell, column, row, trend, rows->total.size,
				    query_work(query, snapshot));
		fprintf(file, "%*s", column_width(column), cell.text);
	}
	fputc('\n', file);
}

void
columns_print(FILE *file, const struct options *options,
	      const struct snapshot *snapshot, const struct query *query,
	      const struct rows *rows)
{
	size_t i;

	for (i = 0; i < options->column_count; i++) {
		enum column column = options->columns[i];

		fprintf(file, "%s%*s", i ? " " : "",
			column == COLUMN_SITE ? 0 : column_width(column),
			column_infos[column].title);
	}
	fputc('\n', file);
	for (i = 0; i < rows->count; i++) {
		print_row(file, options, snapshot, query, rows, i);
		if (rows->types)
			export_types(file, snapshot->names, &rows->types[i]);
		if (rows->suspects)
			export_evidence(file, rows->suspects, i);
	}
}
