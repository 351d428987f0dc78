/*
 * dwarf.c - functions, inlined functions and lines of a module, out of its
 * DWARF. Runs in the helper process, which may die of a damaged file, so what
 * is bounded here is bounded for the answer's sake.
 */
#include "config.h"

#include "symbol/dwarf.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <stdlib.h>
#include <string.h>

#include "symbol/name.h"

enum {
	DEPTH_MAX = 128,   /* of entries within entries */
	INLINED_MAX = 128, /* of inlined functions within one */
	OVERLAP_MAX = 64,  /* ranges looked at that begin before an address */
};
#define RANGES_MAX (UINT32_C(1) << 24)

/* [start, end) of addresses, and whose they are. */
struct range {
	uint64_t start;
	uint64_t end;
	uint64_t owner; /* index of a unit, or offset of a function's entry */
};

struct ranges {
	struct range *list;
	size_t count;
	size_t capacity;
};

struct unit {
	Dwarf_Die line_die; /* has the line table */
	Dwarf_Die tree;	    /* has the functions: the same, or a split unit */
	struct ranges functions;
	bool indexed;
};

struct dwarf_index {
	uint64_t bias; /* file address minus address in the DWARF */
	struct unit *units;
	size_t unit_count;
	size_t unit_capacity;
	struct ranges ranges;	/* of units */
	struct name_room names; /* of the last answer */
};

/* Makes room for one more; false when there is no memory. */
static bool
room(void **list, size_t *capacity, size_t count, size_t size)
{
	size_t wanted = *capacity ? *capacity * 2 : 64;
	void *grown;

	if (count < *capacity)
		return true;
	grown = reallocarray(*list, wanted, size);
	if (!grown)
		return false;
	*list = grown;
	*capacity = wanted;
	return true;
}

/* A range at 0 is what linkers leave of code that they threw away. */
static void
ranges_add_die(struct ranges *ranges, Dwarf_Die *die, uint64_t owner)
{
	Dwarf_Addr base, start, end;
	ptrdiff_t offset = 0;

	while ((offset = dwarf_ranges(die, offset, &base, &start, &end)) > 0) {
		if (start == 0 || start >= end)
			continue;
		if (ranges->count >= RANGES_MAX ||
		    !room((void **)&ranges->list, &ranges->capacity,
			  ranges->count, sizeof(*ranges->list)))
			return;
		ranges->list[ranges->count++] = (struct range){
		    .start = start,
		    .end = end,
		    .owner = owner,
		};
	}
}

static int
range_compare(const void *a, const void *b)
{
	const struct range *left = a;
	const struct range *right = b;

	if (left->start != right->start)
		return left->start < right->start ? -1 : 1;
	/* The tighter one later, where the search meets it first. */
	if (left->end != right->end)
		return left->end > right->end ? -1 : 1;
	return 0;
}

static void
ranges_sort(struct ranges *ranges)
{
	if (ranges->count)
		qsort(ranges->list, ranges->count, sizeof(*ranges->list),
		      range_compare);
}

/* The range with the highest start that holds address, or NULL. */
static const struct range *
ranges_find(const struct ranges *ranges, uint64_t address)
{
	size_t low = 0;
	size_t high = ranges->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (ranges->list[middle].start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	for (size_t i = 0; i < OVERLAP_MAX && low > 0; i++, low--)
		if (address < ranges->list[low - 1].end)
			return &ranges->list[low - 1];
	return NULL;
}

static void
index_add_unit(struct dwarf_index *index, Dwarf_Die *die)
{
	struct unit *unit;

	if (index->unit_count >= RANGES_MAX ||
	    !room((void **)&index->units, &index->unit_capacity,
		  index->unit_count, sizeof(*index->units)))
		return;
	unit = &index->units[index->unit_count];
	*unit = (struct unit){.line_die = *die, .tree = *die};
	ranges_add_die(&index->ranges, die, index->unit_count);
	index->unit_count++;
}

struct dwarf_index *
dwarf_index_new(Dwfl_Module *module)
{
	struct dwarf_index *index;
	Dwarf_Addr bias;
	Dwarf_Die *die = NULL;

	if (!dwfl_module_getdwarf(module, &bias))
		return NULL;
	index = calloc(1, sizeof(*index));
	if (!index)
		return NULL;
	index->bias = bias;
	while ((die = dwfl_module_nextcu(module, die, &bias)))
		index_add_unit(index, die);
	ranges_sort(&index->ranges);
	return index;
}

void
dwarf_index_free(struct dwarf_index *index)
{
	if (!index)
		return;
	for (size_t i = 0; i < index->unit_count; i++)
		free(index->units[i].functions.list);
	free(index->units);
	free(index->ranges.list);
	free(index);
}

/* Functions may stand inside namespaces, types, blocks and functions. */
static void
collect_functions(struct unit *unit, Dwarf_Die *parent, unsigned depth)
{
	Dwarf_Die die;

	if (depth > DEPTH_MAX || dwarf_child(parent, &die) != 0)
		return;
	do {
		switch (dwarf_tag(&die)) {
		case DW_TAG_subprogram:
			ranges_add_die(&unit->functions, &die,
				       dwarf_dieoffset(&die));
			collect_functions(unit, &die, depth + 1);
			break;
		case DW_TAG_namespace:
		case DW_TAG_module:
		case DW_TAG_class_type:
		case DW_TAG_structure_type:
		case DW_TAG_union_type:
		case DW_TAG_lexical_block:
			collect_functions(unit, &die, depth + 1);
			break;
		default:
			break;
		}
	} while (dwarf_siblingof(&die, &die) == 0);
}

static void
unit_index(struct unit *unit)
{
	Dwarf_Die split;
	uint8_t type;

	unit->indexed = true;
	if (dwarf_cu_info(unit->line_die.cu, NULL, &type, NULL, &split, NULL,
			  NULL, NULL) == 0 &&
	    type == DW_UT_skeleton && split.cu)
		unit->tree = split;
	collect_functions(unit, &unit->tree, 0);
	ranges_sort(&unit->functions);
}

/* The functions inlined at address, outermost first after chain[0]. */
struct chain {
	Dwarf_Die dies[INLINED_MAX + 1];
	size_t count;
};

static bool
has_addresses(Dwarf_Die *die)
{
	return dwarf_hasattr(die, DW_AT_ranges) ||
	       dwarf_hasattr(die, DW_AT_low_pc);
}

/* Follows address inwards. False when it met nothing inlined. */
static bool
descend(struct chain *chain, Dwarf_Die *parent, uint64_t address,
	unsigned depth)
{
	Dwarf_Die die;

	if (depth > DEPTH_MAX || dwarf_child(parent, &die) != 0)
		return false;
	do {
		int tag = dwarf_tag(&die);

		if (tag == DW_TAG_inlined_subroutine) {
			if (dwarf_haspc(&die, address) <= 0)
				continue;
			if (chain->count <= INLINED_MAX)
				chain->dies[chain->count++] = die;
			descend(chain, &die, address, depth + 1);
			return true;
		}
		/* A block may hold one although it has no addresses itself. */
		if (tag == DW_TAG_lexical_block &&
		    (!has_addresses(&die) || dwarf_haspc(&die, address) > 0) &&
		    descend(chain, &die, address, depth + 1))
			return true;
	} while (dwarf_siblingof(&die, &die) == 0);
	return false;
}

/* Where a function was inlined: file and line of the call. */
static void
die_call(Dwarf_Die *die, Dwarf_Die *unit, struct dwarf_line *line)
{
	Dwarf_Attribute attribute;
	Dwarf_Word value;
	Dwarf_Files *files;
	size_t count;

	if (dwarf_formudata(dwarf_attr(die, DW_AT_call_line, &attribute),
			    &value) == 0 &&
	    value <= UINT32_MAX)
		line->line = (uint32_t)value;
	if (dwarf_formudata(dwarf_attr(die, DW_AT_call_file, &attribute),
			    &value) == 0 &&
	    dwarf_getsrcfiles(unit, &files, &count) == 0 && value < count)
		line->file = dwarf_filesrc(files, value, NULL, NULL);
}

static void
unit_line(struct unit *unit, uint64_t address, struct dwarf_line *line)
{
	Dwarf_Line *found = dwarf_getsrc_die(&unit->line_die, address);
	int number;

	if (!found)
		return;
	line->file = dwarf_linesrc(found, NULL, NULL);
	if (dwarf_lineno(found, &number) == 0 && number > 0)
		line->line = (uint32_t)number;
}

static size_t
chain_lines(struct dwarf_index *index, struct unit *unit, uint64_t address,
	    struct chain *chain, struct dwarf_line *lines, size_t max)
{
	size_t first = chain->count > max ? max : chain->count;
	size_t count = 0;

	for (size_t i = first; i-- > 0; count++) {
		struct dwarf_line *line = &lines[count];

		*line = (struct dwarf_line){
		    .function = name_of(&chain->dies[i], &index->names),
		    .directory =
			name_attribute(&unit->line_die, DW_AT_comp_dir),
		    .inlined = i > 0,
		};
		if (i + 1 == chain->count)
			unit_line(unit, address, line);
		else
			die_call(&chain->dies[i + 1], &unit->tree, line);
	}
	return count;
}

size_t
dwarf_find(struct dwarf_index *index, uint64_t address,
	   struct dwarf_line *lines, size_t max)
{
	uint64_t inside = address - index->bias;
	const struct range *range = ranges_find(&index->ranges, inside);
	const struct range *function;
	struct chain chain = {.count = 0};
	struct unit *unit;

	if (!range || max == 0)
		return 0;
	index->names.used = 0;
	unit = &index->units[range->owner];
	if (!unit->indexed)
		unit_index(unit);
	function = ranges_find(&unit->functions, inside);
	if (function && dwarf_offdie(dwarf_cu_getdwarf(unit->tree.cu),
				     function->owner, &chain.dies[0])) {
		chain.count = 1;
		descend(&chain, &chain.dies[0], inside, 0);
		return chain_lines(index, unit, inside, &chain, lines, max);
	}
	lines[0] = (struct dwarf_line){
	    .directory = name_attribute(&unit->line_die, DW_AT_comp_dir),
	};
	unit_line(unit, inside, &lines[0]);
	return lines[0].file ? 1 : 0;
}
