/* view_sites.c - the list: numbers first, the name last. */
#include "config.h"

#include <math.h>
#include <string.h>

#include "model/shares.h"
#include "viewer/format.h"
#include "viewer/place.h"
#include "viewer/view.h"

static const char *
site_title(const struct viewer *viewer)
{
	static const char *const titles[GROUP_COUNT] = {
	    [GROUP_FUNCTION] = "FUNCTION", [GROUP_FILENAME] = "FILE",
	    [GROUP_MODULE] = "MODULE",	   [GROUP_TRACEBACK] = "TRACEBACK",
	    [GROUP_DOMAIN] = "ALLOCATOR",
	};
	const char *title = titles[viewer->query.group_by];

	return title ? title : column_infos[COLUMN_SITE].title;
}

static const char *
column_title(const struct viewer *viewer, enum column column, int width)
{
	if (column == COLUMN_SITE)
		return site_title(viewer);
	if (column == COLUMN_ERROR && width < COLUMNS_WIDE)
		return glyph_text(GLYPH_PLUS_MINUS, viewer->canvas.ascii);
	return column_infos[column].title;
}

static void
head_draw(struct viewer *viewer, int y, int width, const enum column *columns,
	  size_t count)
{
	struct canvas *canvas = &viewer->canvas;
	int x = 0;

	canvas_fill(canvas, y, 0, canvas->width, ROLE_HEAD, " ");
	for (size_t i = 0; i < count; i++) {
		enum column column = columns[i];
		bool sorts = viewer->query.sort == column;
		enum role role = sorts ? ROLE_SORTED : ROLE_HEAD;
		const char *arrow =
		    glyph_text(viewer->query.ascending ? GLYPH_ASCENDING
						       : GLYPH_DESCENDING,
			       canvas->ascii);
		const char *title = column_title(viewer, column, width);
		char text[64];
		int cells = sites_column_width(viewer, column, width);

		snprintf(text, sizeof(text), "%s%s", title, sorts ? arrow : "");
		if (column == COLUMN_SITE) {
			cells = canvas->width - x;
			canvas_text(canvas, y, x + 2, cells - 2, role, text);
		} else if (canvas_width(canvas, text) <= cells) {
			canvas_right(canvas, y, x, cells, role, text);
		} else {
			canvas_right(canvas, y, x, cells, role, title);
		}
		zone_add(viewer, y, x, x + cells, ZONE_COLUMN, column);
		x += cells;
	}
}

void
row_place(const struct viewer *viewer, const struct row *row,
	  struct place *place)
{
	const struct names *names = viewer->snapshot->names;

	place->file = names_text(names, row->file);
	place->function = names_text(names, row->function);
	place->module = names_text(names, row->module);
	place->line = row->line;
	place->function_first = viewer->query.group_by == GROUP_FUNCTION;
	switch (viewer->query.group_by) {
	case GROUP_FILENAME:
		place->function = "";
		place->line = 0;
		break;
	case GROUP_MODULE:
		place->function = "";
		place->line = 0;
		if (row->module)
			place->file = "";
		break;
	case GROUP_DOMAIN:
		place->file = place->module = "";
		place->function = row->domain < DOMAIN_COUNT
				      ? domain_names[row->domain]
				      : "mixed";
		break;
	default:
		break;
	}
}

static enum role
per_work_text(const struct viewer *viewer, const struct row *row, bool compact,
	      char out[FORMAT_MAX])
{
	uint64_t work = query_work(&viewer->query, viewer->snapshot);
	double bytes = row_per_work(row, work);

	if (work)
		format_size_diff(out, llround(bytes), compact);
	else
		snprintf(out, FORMAT_MAX, "-");
	return growth_role(bytes);
}

/* "+50.1": of all growth, also where a filter hides some. */
static enum role
growth_share_text(const struct viewer *viewer, const struct row *row,
		  char out[FORMAT_MAX])
{
	int64_t all = query_growth(&viewer->query, viewer->snapshot);
	double share = all > 0 ? (double)row->size_diff / (double)all : 0;

	if (fabs(share) < 0.0005)
		snprintf(out, FORMAT_MAX, all > 0 ? "0" : "-");
	else
		snprintf(out, FORMAT_MAX, "%+.*f", fabs(share) < 0.9995,
			 100 * fmax(-9.99, fmin(share, 9.99)));
	return all > 0 ? growth_role((double)row->size_diff) : ROLE_DIM;
}

static enum role
rate_count_text(const struct row *row, char out[FORMAT_MAX])
{
	long long rate = llround(row->rate_count);

	format_count_diff(out, rate);
	return growth_role((double)rate);
}

/* Columns of history. */
static void
trend_draw(struct viewer *viewer, int y, int x, int cells, enum column column,
	   const struct trend *trend)
{
	struct canvas *canvas = &viewer->canvas;
	char text[FORMAT_MAX];

	if (!trend)
		return;
	if (column == COLUMN_TREND)
		spark_draw(canvas, y, x + 1, cells - 1,
			   trend->grew_ns ? ROLE_GROW : ROLE_DIM, trend);
	else if (trend->grew_ns)
		canvas_right(canvas, y, x, cells, ROLE_GROW,
			     format_duration(text, trend->grew_ns));
	else
		canvas_right(canvas, y, x, cells, ROLE_DIM, "-");
}

static enum role
processes_text(const struct viewer *viewer, const struct row *row,
	       char out[FORMAT_MAX])
{
	char text[SHARES_TEXT_MAX];
	struct shares shares;
	enum role role;

	shares_make(&shares, viewer->engine, viewer->snapshot,
		    viewer->query.mark, row);
	snprintf(out, FORMAT_MAX, "%s", shares_text(text, &shares));
	role = shares_growth(&shares).count ? ROLE_GROW
	       : shares.count		    ? ROLE_TEXT
					    : ROLE_DIM;
	shares_fini(&shares);
	return role;
}

/* The text of a number in out; returns its role. */
static enum role
number_text(const struct viewer *viewer, const struct row *row,
	    enum column column, bool compact, char out[FORMAT_MAX + 1])
{
	uint64_t live = viewer->snapshot->live_bytes;
	double share = live ? (double)row->size / (double)live : 0;

	switch (column) {
	case COLUMN_SIZE:
		format_size(out, row->size, compact);
		return row->size ? ROLE_TEXT : ROLE_DIM;
	case COLUMN_ERROR:
		format_size(out, (uint64_t)fmin(row->size_error, 1e18),
			    compact);
		return ROLE_DIM;
	case COLUMN_SIZE_DIFF:
		if (row_is_doubtful(row))
			*out++ = '~';
		format_size_diff(out, row->size_diff, compact);
		return growth_role((double)row->size_diff);
	case COLUMN_COUNT:
		format_count(out, row->count);
		return row->count ? ROLE_TEXT : ROLE_DIM;
	case COLUMN_COUNT_DIFF:
		format_count_diff(out, row->count_diff);
		return growth_role((double)row->count_diff);
	case COLUMN_AVERAGE:
		if (row->count)
			format_size(out, row_average(row), compact);
		else
			snprintf(out, FORMAT_MAX, "-");
		return ROLE_DIM;
	case COLUMN_RATE:
		format_rate(out, row->rate_size, compact);
		return growth_role(out[0] == '0' ? 0 : row->rate_size);
	case COLUMN_RATE_COUNT:
		return rate_count_text(row, out);
	case COLUMN_PERCENT:
		format_percent(out, share);
		return share_role(share);
	case COLUMN_PERCENT_DIFF:
		return growth_share_text(viewer, row, out);
	case COLUMN_PEAK:
		format_size(out, row->peak_size, compact);
		return ROLE_TEXT;
	case COLUMN_TOTAL:
		format_size(out, row->total_size, compact);
		return ROLE_TEXT;
	case COLUMN_TOTAL_COUNT:
		format_count(out, row->total_count);
		return ROLE_TEXT;
	case COLUMN_PER_WORK:
		return per_work_text(viewer, row, compact, out);
	case COLUMN_PROCESSES:
		return processes_text(viewer, row, out);
	case COLUMN_TREND:
	case COLUMN_AGE: /* age_text */
	case COLUMN_SITE:
	case COLUMN_MAX:
		break;
	}
	out[0] = '\0';
	return ROLE_TEXT;
}

static void
row_draw(struct viewer *viewer, int y, int width, const enum column *columns,
	 size_t count, size_t line)
{
	const struct list *list = &viewer->lists[VIEW_SITES];
	const struct row *row = rows_get(viewer->rows, line);
	size_t last = list->top + list->page;
	struct canvas *canvas = &viewer->canvas;
	struct place place;
	char text[FORMAT_MAX + 1];
	int x = 0;

	for (size_t i = 0; i < count; i++) {
		int cells = sites_column_width(viewer, columns[i], width);
		enum role role;

		if (columns[i] == COLUMN_SITE)
			break;
		if (column_is_past(columns[i])) {
			trend_draw(
			    viewer, y, x, cells, columns[i],
			    past_trend(
				viewer, line, list->top,
				(last < list->count ? last : list->count) -
				    list->top));
			x += cells;
			continue;
		}
		role = number_text(viewer, row, columns[i],
				   width < COLUMNS_WIDE, text);
		canvas_right(canvas, y, x, cells, role, text);
		x += cells;
	}
	row_place(viewer, row, &place);
	place_draw(canvas, y, x + 2, canvas->width - x - 3, ROLE_TEXT, &place);
	if (row_is_doubtful(row))
		canvas_paint(canvas, y, 0, canvas->width, ROLE_DIM);
	canvas_paint_match(canvas, y, x + 2, canvas->width - x - 3, ROLE_MATCH,
			   viewer->search);
}

static void
empty_draw(struct viewer *viewer, struct box box)
{
	const char *text = "nothing has been allocated yet";
	struct canvas *canvas = &viewer->canvas;
	int width;

	if (!viewer->rows)
		text = viewer->host && viewer->host->waiting
			   ? viewer->host->waiting
			   : "waiting for the program's first totals";
	else if (*viewer->filter)
		text = "no row passes the filter; Esc clears it";
	if (viewer->child_ended && !viewer->rows)
		text = "the program ended before it published any totals";
	width = canvas_width(canvas, text);
	canvas_text(canvas, box.y + box.height / 2,
		    width < box.width ? (box.width - width) / 2 : 0, box.width,
		    ROLE_DIM, text);
}

void
view_sites_draw(struct viewer *viewer, struct box box)
{
	const struct rows *rows = viewer->rows;
	struct list *list = &viewer->lists[VIEW_SITES];
	enum column columns[COLUMN_MAX];
	size_t count = sites_columns(viewer, box.width, columns);
	size_t page = box.height > 1 ? (size_t)box.height - 1 : 0;

	list_fit(list, rows ? rows->count : 0, page);
	head_draw(viewer, box.y, box.width, columns, count);
	if (!list->count) {
		empty_draw(viewer, box);
		return;
	}
	for (size_t i = 0; i < page && list->top + i < list->count; i++) {
		size_t line = list->top + i;
		int y = box.y + 1 + (int)i;

		row_draw(viewer, y, box.width, columns, count, line);
		line_finish(viewer, list, y, box.width, line);
	}
}

bool
view_sites_text(struct viewer *viewer, size_t line, char *out, size_t size)
{
	struct place place;

	if (!viewer->rows || line >= viewer->rows->count)
		return false;
	row_place(viewer, rows_get(viewer->rows, line), &place);
	place_text(out, size, &place);
	return true;
}
