/* view_sites.c - the list: numbers first, the name last. */
#include "config.h"

#include <math.h>
#include <string.h>

#include "viewer/format.h"
#include "viewer/place.h"
#include "viewer/view.h"

#define WIDEST 178 /* each second of the trend has its cell */
#define WIDE   110 /* from here on units are written out */

/* Cells with the space before them, written short; and who gives way first
 * when the name has no room (0 never). */
static const struct {
	int width;
	int yields;
} fits[COLUMN_MAX] = {
    [COLUMN_SIZE] = {6, 1},	   [COLUMN_SIZE_DIFF] = {7, 2},
    [COLUMN_COUNT] = {6, 3},	   [COLUMN_COUNT_DIFF] = {9, 6},
    [COLUMN_AVERAGE] = {6, 8},	   [COLUMN_RATE] = {9, 4},
    [COLUMN_PERCENT] = {5, 7},	   [COLUMN_PEAK] = {6, 9},
    [COLUMN_TOTAL] = {6, 10},	   [COLUMN_TOTAL_COUNT] = {7, 11},
    [COLUMN_RATE_COUNT] = {9, 12}, [COLUMN_TREND] = {11, 13},
    [COLUMN_AGE] = {7, 14},	   [COLUMN_ERROR] = {6, 5},
    [COLUMN_PER_WORK] = {9, 3},	   [COLUMN_SITE] = {0, 0},
};

/* From left to right: an error stands beside what it belongs to. The order of
 * the table is that of the keys 1 to 9. */
static const enum column order[] = {
    COLUMN_SIZE,       COLUMN_ERROR,	  COLUMN_SIZE_DIFF,   COLUMN_PER_WORK,
    COLUMN_COUNT,      COLUMN_COUNT_DIFF, COLUMN_AVERAGE,     COLUMN_RATE,
    COLUMN_RATE_COUNT, COLUMN_TREND,	  COLUMN_AGE,	      COLUMN_PERCENT,
    COLUMN_PEAK,       COLUMN_TOTAL,	  COLUMN_TOTAL_COUNT, COLUMN_SITE,
};
_Static_assert(sizeof(order) / sizeof(*order) == COLUMN_MAX, "all columns");

static bool
is_estimate(const struct viewer *viewer)
{
	return viewer->snapshot &&
	       query_estimates(&viewer->query, viewer->snapshot);
}

/* Of a sampled process growth has room for the sign of doubt. */
#define BYTES_CELLS 14 /* of a size that is written as bytes: a terabyte */

static bool
is_in_bytes(enum column column)
{
	const unsigned sizes = 1u << COLUMN_SIZE | 1u << COLUMN_ERROR |
			       1u << COLUMN_SIZE_DIFF | 1u << COLUMN_AVERAGE |
			       1u << COLUMN_RATE | 1u << COLUMN_PEAK |
			       1u << COLUMN_TOTAL | 1u << COLUMN_PER_WORK;

	return text_units() == TEXT_BYTES && (sizes >> column & 1);
}

static int
column_width(const struct viewer *viewer, enum column column, int width)
{
	int more = column == COLUMN_SIZE_DIFF && is_estimate(viewer);

	if (column == COLUMN_TREND && width >= WIDEST)
		return TREND_SLOTS + 1;
	if (is_in_bytes(column))
		return BYTES_CELLS;
	return width >= WIDE ? column_infos[column].width + 1
			     : fits[column].width + more;
}

static int
name_room(int width)
{
	return width >= WIDE ? 40 : width >= 72 ? 30 : width >= 36 ? 16 : 8;
}

size_t
sites_columns(const struct viewer *viewer, int width,
	      enum column out[COLUMN_MAX])
{
	bool shown[COLUMN_MAX];
	int room = width - 1 - name_room(width);
	size_t count = 0;

	for (int i = 0; i < COLUMN_MAX; i++) {
		shown[i] = column_infos[i].on ||
			   viewer->query.sort == (enum column)i ||
			   (i == COLUMN_ERROR && is_estimate(viewer)) ||
			   (i == COLUMN_PER_WORK && viewer->snapshot &&
			    viewer->snapshot->work_units);
		if (shown[i] && i != COLUMN_SITE)
			room -= column_width(viewer, (enum column)i, width);
	}
	for (int yields = COLUMN_MAX; yields > 0 && room < 0; yields--)
		for (int i = 0; i < COLUMN_MAX; i++)
			if (shown[i] && fits[i].yields == yields &&
			    viewer->query.sort != (enum column)i) {
				shown[i] = false;
				room +=
				    column_width(viewer, (enum column)i, width);
			}
	for (int i = 0; i < COLUMN_MAX; i++)
		if (shown[order[i]])
			out[count++] = order[i];
	return count;
}

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
	if (column == COLUMN_ERROR && width < WIDE)
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
		int cells = column_width(viewer, column, width);

		snprintf(text, sizeof(text), "%s%s", title, sorts ? arrow : "");
		if (column == COLUMN_SITE) {
			cells = canvas->width - x;
			canvas_text(canvas, y, x + 2, cells - 2, role, text);
		} else if (canvas_width(canvas, text) <= cells) {
			canvas_right(canvas, y, x, cells, role, text);
		} else {
			canvas_right(canvas, y, x, cells, role, title);
		}
		if (column_sorts(column))
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
signed_role(double value)
{
	return value > 0 ? ROLE_GROW : value < 0 ? ROLE_SHRINK : ROLE_DIM;
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
	return signed_role(bytes);
}

static enum role
rate_count_text(const struct row *row, char out[FORMAT_MAX])
{
	long long rate = llround(row->rate_count);

	format_count_diff(out, rate);
	return signed_role((double)rate);
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
		return signed_role((double)row->size_diff);
	case COLUMN_COUNT:
		format_count(out, row->count);
		return row->count ? ROLE_TEXT : ROLE_DIM;
	case COLUMN_COUNT_DIFF:
		format_count_diff(out, row->count_diff);
		return signed_role((double)row->count_diff);
	case COLUMN_AVERAGE:
		if (row->count)
			format_size(out, row_average(row), compact);
		else
			snprintf(out, FORMAT_MAX, "-");
		return ROLE_DIM;
	case COLUMN_RATE:
		format_rate(out, row->rate_size, compact);
		return signed_role(out[0] == '0' ? 0 : row->rate_size);
	case COLUMN_RATE_COUNT:
		return rate_count_text(row, out);
	case COLUMN_PERCENT:
		format_percent(out, share);
		return share < 0.0005 ? ROLE_DIM : ROLE_TEXT;
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
	const struct row *row = &viewer->rows->rows[line];
	size_t last = list->top + list->page;
	struct canvas *canvas = &viewer->canvas;
	struct place place;
	char text[FORMAT_MAX + 1];
	int x = 0;

	for (size_t i = 0; i < count; i++) {
		int cells = column_width(viewer, columns[i], width);
		enum role role;

		if (columns[i] == COLUMN_SITE)
			break;
		if (!column_sorts(columns[i])) {
			trend_draw(
			    viewer, y, x, cells, columns[i],
			    past_trend(
				viewer, line, list->top,
				(last < list->count ? last : list->count) -
				    list->top));
			x += cells;
			continue;
		}
		role = number_text(viewer, row, columns[i], width < WIDE, text);
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
		if (line == list->cursor)
			canvas_paint(&viewer->canvas, y, 0, box.width,
				     ROLE_SELECTED);
		zone_add(viewer, y, 0, box.width, ZONE_LINE, line);
	}
}

bool
view_sites_text(struct viewer *viewer, size_t line, char *out, size_t size)
{
	struct place place;

	if (!viewer->rows || line >= viewer->rows->count)
		return false;
	row_place(viewer, &viewer->rows->rows[line], &place);
	place_text(out, size, &place);
	return true;
}
