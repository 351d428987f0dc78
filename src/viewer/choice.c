/* choice.c - the columns of the list. */
#include "config.h"

#include "viewer/choice.h"
#include "viewer/view.h"

/* From here on each cell of the trend is one second, is three; else six. */
#define TREND_WIDEST 178
#define TREND_WIDE   150

/* Cells with the space before them, written short; and who gives way first
 * when the name has no room (0 never). */
static const struct {
	int width;
	int yields;
} fits[COLUMN_MAX] = {
    [COLUMN_SIZE] = {6, 1},	    [COLUMN_SIZE_DIFF] = {7, 2},
    [COLUMN_COUNT] = {6, 3},	    [COLUMN_COUNT_DIFF] = {9, 6},
    [COLUMN_AVERAGE] = {6, 8},	    [COLUMN_RATE] = {9, 4},
    [COLUMN_PERCENT] = {5, 7},	    [COLUMN_PERCENT_DIFF] = {6, 5},
    [COLUMN_PEAK] = {6, 9},	    [COLUMN_TOTAL] = {6, 10},
    [COLUMN_TOTAL_COUNT] = {7, 11}, [COLUMN_RATE_COUNT] = {9, 12},
    [COLUMN_TREND] = {11, 13},	    [COLUMN_AGE] = {7, 14},
    [COLUMN_ERROR] = {6, 5},	    [COLUMN_PER_WORK] = {9, 3},
    [COLUMN_PROCESSES] = {9, 2},    [COLUMN_SITE] = {0, 0},
};

/* From left to right: an error stands beside what it belongs to. The order of
 * the table is that of the keys 1 to 9. */
static const enum column order[] = {
    COLUMN_SIZE,	COLUMN_ERROR,	 COLUMN_SIZE_DIFF,  COLUMN_PERCENT_DIFF,
    COLUMN_PROCESSES,	COLUMN_PER_WORK, COLUMN_COUNT,	    COLUMN_COUNT_DIFF,
    COLUMN_AVERAGE,	COLUMN_RATE,	 COLUMN_RATE_COUNT, COLUMN_TREND,
    COLUMN_AGE,		COLUMN_PERCENT,	 COLUMN_PEAK,	    COLUMN_TOTAL,
    COLUMN_TOTAL_COUNT, COLUMN_SITE,
};
_Static_assert(sizeof(order) / sizeof(*order) == COLUMN_MAX, "all columns");

static bool
is_estimate(const struct viewer *viewer)
{
	return viewer->snapshot &&
	       query_estimates(&viewer->query, viewer->snapshot);
}

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

/* Of a sampled process growth has room for the sign of doubt. */
int
sites_column_width(const struct viewer *viewer, enum column column, int width)
{
	int more = column == COLUMN_SIZE_DIFF && is_estimate(viewer);

	if (column == COLUMN_TREND && width >= TREND_WIDEST)
		return TREND_SLOTS + 1;
	if (column == COLUMN_TREND && width < TREND_WIDE)
		return fits[column].width;
	if (is_in_bytes(column))
		return BYTES_CELLS;
	return width >= COLUMNS_WIDE ? column_infos[column].width + 1
				     : fits[column].width + more;
}

static int
name_room(int width)
{
	return width >= COLUMNS_WIDE ? 40
	       : width >= 72	     ? 36
	       : width >= 36	     ? 16
				     : 8;
}

void
choice_init(struct choice *choice, const enum column *columns, size_t count)
{
	size_t place = 0;

	*choice = (struct choice){.own = count > 0};
	for (size_t i = 0; i < count; i++) {
		if (columns[i] == COLUMN_SITE || choice->on[columns[i]])
			continue;
		choice->on[columns[i]] = true;
		choice->order[place++] = columns[i];
	}
	for (size_t i = 0; i < COLUMN_MAX; i++)
		if (!choice->on[order[i]])
			choice->order[place++] = order[i];
	for (int i = 0; i < COLUMN_MAX; i++)
		choice->on[i] |= !choice->own && column_infos[i].on;
	choice->on[COLUMN_SITE] = true;
}

size_t
choice_list(const struct choice *choice, enum column out[COLUMN_MAX])
{
	size_t count = 0;

	for (size_t i = 0; i < CHOICES; i++)
		if (choice->on[choice->order[i]])
			out[count++] = choice->order[i];
	return count;
}

void
choice_toggle(struct choice *choice, enum column column)
{
	choice->own = true;
	choice->on[column] = !choice->on[column];
}

size_t
choice_move(struct choice *choice, size_t place, bool later)
{
	size_t other = later ? place + 1 : place - 1;
	enum column moved = choice->order[place];

	if (other >= CHOICES)
		return place;
	choice->own = true;
	choice->order[place] = choice->order[other];
	choice->order[other] = moved;
	return other;
}

/* What stands there without having been chosen, since rows mean less without
 * it. */
static bool
is_wanted(const struct viewer *viewer, enum column column)
{
	return viewer->query.sort == column ||
	       (column == COLUMN_ERROR && is_estimate(viewer)) ||
	       (column == COLUMN_PROCESSES && viewer->snapshot &&
		viewer->snapshot->merge) ||
	       (column == COLUMN_PERCENT_DIFF && viewer->marked &&
		!viewer->choice.own) ||
	       (column == COLUMN_PER_WORK && viewer->snapshot &&
		viewer->snapshot->work_units);
}

size_t
sites_columns(const struct viewer *viewer, int width,
	      enum column out[COLUMN_MAX])
{
	const struct choice *choice = &viewer->choice;
	bool shown[COLUMN_MAX];
	int yields[COLUMN_MAX]; /* the highest gives way first */
	int room = width - 1 - name_room(width);
	size_t count = 0;

	for (int i = 0; i < COLUMN_MAX; i++) {
		enum column column = choice->order[i];

		shown[column] = choice->on[column] || is_wanted(viewer, column);
		yields[column] = choice->own ? i + 1 : fits[column].yields;
		if (shown[column] && column != COLUMN_SITE)
			room -= sites_column_width(viewer, column, width);
	}
	for (int turn = COLUMN_MAX; turn > 0 && room < 0; turn--)
		for (enum column i = 0; i < COLUMN_SITE; i++)
			if (shown[i] && yields[i] == turn &&
			    viewer->query.sort != i) {
				shown[i] = false;
				room += sites_column_width(viewer, i, width);
			}
	for (int i = 0; i < COLUMN_MAX; i++)
		if (shown[choice->order[i]])
			out[count++] = choice->order[i];
	return count;
}
