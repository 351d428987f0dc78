/*
 * table.c - symbols by address.
 *
 * Of the symbols whose range holds an address the one that begins nearest
 * before it, of these the shortest, the one that binds most, the first; local
 * ones only where there are no others. Where no range holds it a label, which
 * has no size, stands for it, in the same section, if no range lies between.
 * libdwfl answers the same, but of what no section holds.
 */
#include "config.h"

#include "symbol/table.h"

#include <stdbool.h>
#include <stdlib.h>

struct range {
	uint64_t start;
	uint64_t end;	/* after its last byte */
	uint64_t reach; /* the furthest end of this one and those before it */
	int index;	/* libdwfl's */
	int binds;	/* the more, the stronger */
};

struct ranges {
	struct range *list; /* by start */
	size_t count;
};

enum kind { GLOBAL, LOCAL, LABEL, KINDS };

struct symbol_table {
	Dwfl_Module *module;
	struct ranges ranges[KINDS];
};

static int
bind_rank(const GElf_Sym *symbol)
{
	switch (GELF_ST_BIND(symbol->st_info)) {
	case STB_GLOBAL:
		return 3;
	case STB_WEAK:
		return 2;
	case STB_LOCAL:
		return 1;
	default:
		return 0;
	}
}

static bool
is_candidate(const char *name, const GElf_Sym *symbol)
{
	int type = GELF_ST_TYPE(symbol->st_info);

	return name && *name && symbol->st_shndx != SHN_UNDEF &&
	       type != STT_SECTION && type != STT_FILE && type != STT_TLS;
}

static int
compare_ranges(const void *left, const void *right)
{
	const struct range *a = left, *b = right;

	if (a->start != b->start)
		return a->start < b->start ? -1 : 1;
	return a->index - b->index;
}

static uint64_t
section_end(Elf *elf, GElf_Word section, GElf_Addr bias)
{
	Elf_Scn *scn =
	    elf && section < SHN_LORESERVE ? elf_getscn(elf, section) : NULL;
	GElf_Shdr header;

	return scn && gelf_getshdr(scn, &header)
		   ? header.sh_addr + header.sh_size + bias
		   : 0;
}

static enum kind
kind_of(const GElf_Sym *symbol)
{
	if (symbol->st_size == 0)
		return LABEL;
	return GELF_ST_BIND(symbol->st_info) == STB_LOCAL ? LOCAL : GLOBAL;
}

static void
symbol_take(struct symbol_table *table, int index)
{
	GElf_Sym symbol;
	struct range range = {.index = index};
	GElf_Addr bias;
	GElf_Word section;
	struct ranges *ranges;
	Elf *elf;
	const char *name = dwfl_module_getsym_info(
	    table->module, index, &symbol, &range.start, &section, &elf, &bias);

	if (!is_candidate(name, &symbol))
		return;
	range.binds = bind_rank(&symbol);
	range.end = symbol.st_size ? range.start + symbol.st_size
				   : section_end(elf, section, bias);
	if (range.end <= range.start)
		return;
	ranges = &table->ranges[kind_of(&symbol)];
	ranges->list[ranges->count++] = range;
}

static bool
ranges_order(struct ranges *ranges)
{
	size_t room = ranges->count ? ranges->count : 1;
	struct range *list = realloc(ranges->list, room * sizeof(*list));
	uint64_t reach = 0;

	if (!list)
		return false;
	ranges->list = list;
	qsort(list, ranges->count, sizeof(*list), compare_ranges);
	for (size_t i = 0; i < ranges->count; i++) {
		if (list[i].end > reach)
			reach = list[i].end;
		list[i].reach = reach;
	}
	return true;
}

static bool
table_fill(struct symbol_table *table, size_t count)
{
	for (enum kind kind = 0; kind < KINDS; kind++) {
		struct ranges *ranges = &table->ranges[kind];

		ranges->list = calloc(count, sizeof(*ranges->list));
		if (!ranges->list)
			return false;
	}
	for (size_t i = 1; i < count; i++)
		symbol_take(table, (int)i);
	for (enum kind kind = 0; kind < KINDS; kind++)
		if (!ranges_order(&table->ranges[kind]))
			return false;
	return true;
}

struct symbol_table *
symbol_table_new(Dwfl_Module *module)
{
	struct symbol_table *table = calloc(1, sizeof(*table));
	int count = dwfl_module_getsymtab(module);

	if (!table)
		return NULL;
	table->module = module;
	if (count > 0 && table_fill(table, (size_t)count))
		return table;
	symbol_table_free(table);
	return NULL;
}

void
symbol_table_free(struct symbol_table *table)
{
	if (!table)
		return;
	for (enum kind kind = 0; kind < KINDS; kind++)
		free(table->ranges[kind].list);
	free(table);
}

/* How many begin at the address or before it. */
static size_t
count_until(const struct range *list, size_t count, uint64_t address)
{
	size_t low = 0;

	while (low < count) {
		size_t middle = low + (count - low) / 2;

		if (list[middle].start <= address)
			low = middle + 1;
		else
			count = middle;
	}
	return low;
}

static bool
is_better(const struct range *a, const struct range *b)
{
	if (a->end != b->end)
		return a->end < b->end;
	return a->binds >= b->binds; /* it comes before the other */
}

static const struct range *
ranges_find(const struct ranges *ranges, uint64_t address)
{
	size_t i = count_until(ranges->list, ranges->count, address);
	const struct range *best = NULL;

	while (i-- && ranges->list[i].reach > address) {
		const struct range *range = &ranges->list[i];

		if (best && range->start < best->start)
			break;
		if (range->end > address && (!best || is_better(range, best)))
			best = range;
	}
	return best;
}

/* A label does not stand for what comes after a range behind it. */
static bool
is_hidden(const struct ranges *ranges, uint64_t start, uint64_t address)
{
	size_t count = count_until(ranges->list, ranges->count, address);

	return count && ranges->list[count - 1].reach > start;
}

static const struct range *
label_find(const struct symbol_table *table, uint64_t address)
{
	const struct ranges *labels = &table->ranges[LABEL];
	const struct range *label = ranges_find(labels, address);

	if (label &&
	    (is_hidden(&table->ranges[GLOBAL], label->start, address) ||
	     is_hidden(&table->ranges[LOCAL], label->start, address)))
		return NULL;
	return label;
}

const char *
symbol_table_find(const struct symbol_table *table, uint64_t address)
{
	const struct range *range =
	    ranges_find(&table->ranges[GLOBAL], address);
	GElf_Sym symbol;

	if (!range)
		range = ranges_find(&table->ranges[LOCAL], address);
	if (!range)
		range = label_find(table, address);
	return range ? dwfl_module_getsym(table->module, range->index, &symbol,
					  NULL)
		     : NULL;
}
