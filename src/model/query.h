/*
 * query.h - the one question everybody asks: sites in, rows out.
 *
 * Group, filter, baseline, own or inclusive, sort. The screen, `top -b`,
 * `report`, `diff` and every export are thin clients of it.
 *
 * A row is charged with a block once, however often its stack meets the row's
 * key (recursion). In inclusive mode every location of the stack charges its
 * row; else only the naming one: the innermost meaningful location, which is
 * the innermost Python one when there is one, else the innermost native one
 * that is not LOCATION_GLUE, else the innermost. With `mine`, locations that
 * are LOCATION_FOREIGN are left out first; a stack with none left is charged
 * to its usual row.
 *
 * Of a sampled process all numbers are estimates, and rows have standard
 * errors. The variances of a row's sites add up. What is live varies by what
 * was allocated less what was freed. In a difference to a mark the blocks that
 * were alive at both moments cancel out; what is left is those alive then and
 * freed since, and those allocated since and alive now. Neither can vary by
 * more than what was alive at its moment, nor than what was freed (allocated)
 * in between, so the variance is taken as the smaller of the two for each:
 * exact where all is kept and where all has been replaced, too large at most
 * by what came and went in between.
 */
#ifndef HEAPTOP_MODEL_QUERY_H
#define HEAPTOP_MODEL_QUERY_H

#include "base/err.h"
#include "model/column.h"
#include "model/snapshot.h"
#include "model/types.h"

struct history;

enum group {
	GROUP_LINENO,
	GROUP_FUNCTION,
	GROUP_FILENAME,
	GROUP_MODULE,
	GROUP_TRACEBACK,
	GROUP_DOMAIN,
	GROUP_COUNT,
};
extern const char *const group_names[GROUP_COUNT]; /* as --group-by takes */

struct query {
	enum group group_by;
	bool inclusive;
	bool mine;
	enum column sort;
	bool ascending; /* false: greatest number first, but texts from A */
	const char
	    *filter; /* part of file:line or function, case folded; NULL */
	const struct mark *mark; /* deltas count from here; NULL: from 0 */
	const struct mark *rate; /* rates count from here; NULL: no rates */
	const struct history
	    *history; /* TREND and AGE are asked of it; NULL: nothing is */
	size_t top;   /* rows wanted, 0 all; `rows.matched` counts all */
	bool later;   /* each is made when rows_get asks for it; all wanted */
};

/* Texts are string ids of the snapshot's names. */
struct row {
	uint32_t
	    file; /* by group: those that make its key are set, and those */
	uint32_t function; /* that all its sites share */
	uint32_t line;
	uint32_t module;   /* string: path of the module, native rows */
	uint16_t domain;   /* enum domain, or DOMAIN_COUNT when mixed */
	uint8_t kind;	   /* enum frame_kind of the naming location */
	uint64_t identity; /* the same for the same key at every query */
	uint32_t stack; /* of its biggest site (by the sort's size or diff); 0
			   when made later */
	uint32_t site_count;
	uint64_t size;
	uint64_t count;
	int64_t size_diff;
	int64_t count_diff;
	uint64_t total_size;
	uint64_t total_count;
	uint64_t peak_size; /* sum of its sites' peaks */
	double rate_size;   /* bytes a second; 0 without query.rate */
	double rate_count;
	double size_error; /* standard errors, bytes and blocks; 0 exact */
	double count_error;
	double size_diff_error;
	double count_diff_error;
	uint64_t process_bits; /* merge_bits of its sites; 0: not merged */
};

/* Whether rows have errors that are worth showing. */
static inline bool
query_estimates(const struct query *query, const struct snapshot *snapshot)
{
	return snapshot_is_sampled(snapshot) ||
	       (query->mark && query->mark->spreads);
}

/* Whether its growth may be chance: within two standard errors of none. */
static inline bool
row_is_doubtful(const struct row *row)
{
	double size = (double)row->size_diff;

	return row->size_diff_error > 0 && size <= 2 * row->size_diff_error &&
	       size >= -2 * row->size_diff_error;
}

/* Live bytes a block, rounded as tracemalloc prints it; 0 without blocks. */
static inline uint64_t
row_average(const struct row *row)
{
	return row->count ? (row->size + row->count / 2) / row->count : 0;
}

/* How many processes have something of it; 0: the snapshot is of one. Beyond
 * 64 members the least that it may be. */
static inline unsigned
row_processes(const struct row *row)
{
	return (unsigned)__builtin_popcountll(row->process_bits);
}

/* Units of work since the mark; 0: the program says nothing, or the mark is of
 * another process. */
static inline uint64_t
query_work(const struct query *query, const struct snapshot *snapshot)
{
	uint64_t before = query->mark ? query->mark->work_units : 0;

	if (query->mark && query->mark->apart)
		return 0;
	return snapshot->work_units > before ? snapshot->work_units - before
					     : 0;
}

/* Bytes since the mark for each of so many units; 0 without any. */
static inline double
row_per_work(const struct row *row, uint64_t units)
{
	return units ? (double)row->size_diff / (double)units : 0;
}

/* All growth since the mark, not of the filtered ones. */
static inline int64_t
query_growth(const struct query *query, const struct snapshot *snapshot)
{
	uint64_t before = query->mark ? query->mark->live_bytes : 0;

	return (int64_t)(snapshot->live_bytes - before);
}

struct trend; /* history.h */

struct rows {
	struct row *rows; /* NULL: they are made later */
	struct engine *engine;
	size_t count;
	size_t matched;	  /* rows before `top` cut them */
	struct row total; /* all sites that pass the filter, each once */
	/* Of each row, what its blocks are; not of the engine. NULL: nobody
	 * has asked. */
	const struct types *types;
	/* Of each row, how it has gone; likewise. */
	const struct trend *trends;
	/* Of each row, what each process has; likewise. */
	const struct shares *shares;
	/* Of rows in the order of its list, the evidence; likewise. */
	const struct suspects *suspects;
	/* Where resident memory was before, to compare with; likewise. */
	const struct ledger *ledger_base;
};

/* Reused between calls to spare work; any pair of names and query is right. */
struct engine;

struct engine *engine_new(void);
void engine_free(struct engine *);

/* Answers in rows, which the engine owns until its next call. */
const struct rows *engine_run(struct engine *, const struct snapshot *,
			      const struct query *);

/* One of the rows of the last engine_run; good until the next. */
const struct row *rows_get(const struct rows *, size_t index);
/* Where the row with an identity is; rows->count: nowhere. */
size_t rows_find(const struct rows *, uint64_t identity);
/* Where the one with most live bytes is, of those that there are. */
size_t rows_biggest(const struct rows *);

/*
 * The sites of a row of the last engine_run, biggest first (by live bytes);
 * without a row those of all rows that pass, by id.
 * Fills at most max ids of sites (from 1) and returns how many there are.
 */
size_t engine_sites(struct engine *, const struct row *, uint32_t *out,
		    size_t max);

/* The sites of several rows of the last engine_run at once, by their ids, in no
 * order; each once for each of the rows, by its index, that counts it. */
typedef void engine_visit(void *context, size_t row, uint32_t site);
void engine_members(struct engine *, const struct row *rows, size_t count,
		    engine_visit *, void *context);

/* Parses the words of options. Return false with a list of what is known. */
bool group_parse(const char *word, enum group *, struct err *);

#endif
