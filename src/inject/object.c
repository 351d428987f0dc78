/* object.c - what a process has mapped, and symbols out of its memory. */
#include "config.h"

#include "inject/object.h"

#include <fnmatch.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

enum {
	REGIONS_MAX = 200000,
	SEGMENTS_MAX = 64,
	DYNAMIC_MAX = 1024,
	SYMBOLS_MAX = 400000,
	STRINGS_MAX = 32 << 20,
};

static void
region_take(struct region *region, char *line, size_t size)
{
	static const char gone[] = " (deleted)";
	size_t tail = sizeof(gone) - 1;
	char rights[8];
	int path = 0;

	*region = (struct region){0};
	if (sscanf(line,
		   "%" SCNx64 "-%" SCNx64 " %7s %" SCNx64 " %*s %" SCNu64 " %n",
		   &region->start, &region->end, rights, &region->offset,
		   &region->inode, &path) < 5 ||
	    !path)
		return;
	region->executable = strchr(rights, 'x') != NULL;
	if (size && line[size - 1] == '\n')
		line[--size] = '\0';
	if (size > (size_t)path + tail &&
	    strcmp(line + size - tail, gone) == 0) {
		region->deleted = true;
		line[size - tail] = '\0';
	}
	region->path = mem_string(line + path);
}

bool
regions_read(struct regions *regions, pid_t pid)
{
	char path[64];
	size_t room = 0;
	char *line = NULL;
	ssize_t size;
	FILE *file;

	*regions = (struct regions){0};
	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	file = fopen(path, "re");
	if (!file)
		return false;
	for (size_t capacity = 0; regions->count < REGIONS_MAX;) {
		size = getline(&line, &room, file);
		if (size <= 0)
			break;
		regions->list = mem_room(regions->list, &capacity,
					 regions->count, sizeof(struct region));
		region_take(&regions->list[regions->count], line, (size_t)size);
		if (regions->list[regions->count].path)
			regions->count++;
	}
	free(line);
	fclose(file);
	return regions->count > 0;
}

void
regions_fini(struct regions *regions)
{
	for (size_t i = 0; i < regions->count; i++)
		free(regions->list[i].path);
	free(regions->list);
	*regions = (struct regions){0};
}

const struct region *
regions_at(const struct regions *regions, uint64_t address)
{
	for (size_t i = 0; i < regions->count; i++)
		if (address >= regions->list[i].start &&
		    address < regions->list[i].end)
			return &regions->list[i];
	return NULL;
}

const struct region *
regions_named(const struct regions *regions, const char *pattern)
{
	for (size_t i = 0; i < regions->count; i++) {
		const struct region *region = &regions->list[i];
		const char *base = strrchr(region->path, '/');

		if (base && region->offset == 0 &&
		    fnmatch(pattern, base + 1, 0) == 0)
			return region;
	}
	return NULL;
}

static bool
peek(int memory, uint64_t address, void *out, size_t size)
{
	return pread(memory, out, size, (off_t)address) == (ssize_t)size;
}

/* What the dynamic section says. */
struct dynamic {
	uint64_t symbols;
	uint64_t strings;
	uint64_t string_size;
	uint64_t hash;
	uint64_t gnu_hash;
};

/* ld.so makes addresses of them, except in objects that it cannot write. */
static uint64_t
absolute(uint64_t value, uint64_t bias)
{
	return value < bias ? value + bias : value;
}

static bool
dynamic_read(struct dynamic *dynamic, int memory, uint64_t address,
	     uint64_t bias)
{
	Elf64_Dyn entry;

	for (size_t i = 0; i < DYNAMIC_MAX; i++) {
		if (!peek(memory, address + i * sizeof(entry), &entry,
			  sizeof(entry)))
			return false;
		switch (entry.d_tag) {
		case DT_NULL:
			return dynamic->symbols && dynamic->strings;
		case DT_SYMTAB:
			dynamic->symbols = absolute(entry.d_un.d_ptr, bias);
			break;
		case DT_STRTAB:
			dynamic->strings = absolute(entry.d_un.d_ptr, bias);
			break;
		case DT_STRSZ:
			dynamic->string_size = entry.d_un.d_val;
			break;
		case DT_HASH:
			dynamic->hash = absolute(entry.d_un.d_ptr, bias);
			break;
		case DT_GNU_HASH:
			dynamic->gnu_hash = absolute(entry.d_un.d_ptr, bias);
			break;
		default:
			break;
		}
	}
	return false;
}

/* One more than the highest symbol that is in a chain. */
static size_t
count_gnu(int memory, uint64_t table)
{
	uint32_t head[4]; /* buckets, first symbol, bloom words, shift */
	uint64_t buckets, chains;
	uint32_t last = 0, word, i;

	if (!peek(memory, table, head, sizeof(head)) || head[0] > SYMBOLS_MAX ||
	    head[2] > SYMBOLS_MAX)
		return 0;
	buckets = table + sizeof(head) + head[2] * sizeof(uint64_t);
	chains = buckets + head[0] * sizeof(uint32_t);
	for (i = 0; i < head[0]; i++) {
		if (!peek(memory, buckets + 4 * (uint64_t)i, &word, 4))
			return 0;
		if (word > last)
			last = word;
	}
	if (last < head[1])
		return 0;
	for (i = last; i < SYMBOLS_MAX; i++)
		if (!peek(memory, chains + 4 * (uint64_t)(i - head[1]), &word,
			  4))
			return 0;
		else if (word & 1)
			return i + 1;
	return 0;
}

static size_t
count_symbols(int memory, const struct dynamic *dynamic)
{
	uint32_t head[2];

	if (dynamic->gnu_hash)
		return count_gnu(memory, dynamic->gnu_hash);
	if (dynamic->hash && peek(memory, dynamic->hash, head, sizeof(head)))
		return head[1];
	return 0;
}

static bool
symbols_read(struct object *object, int memory, const struct dynamic *dynamic)
{
	size_t count = count_symbols(memory, dynamic);

	if (!count || count > SYMBOLS_MAX || !dynamic->string_size ||
	    dynamic->string_size > STRINGS_MAX)
		return false;
	object->symbol_count = count;
	object->symbols = mem_array(count, sizeof(Elf64_Sym));
	object->string_size = dynamic->string_size;
	object->strings = mem_alloc(dynamic->string_size + 1);
	if (peek(memory, dynamic->symbols, object->symbols,
		 count * sizeof(Elf64_Sym)) &&
	    peek(memory, dynamic->strings, object->strings,
		 object->string_size))
		return true;
	object_fini(object);
	return false;
}

bool
object_read(struct object *object, int memory, uint64_t base)
{
	struct dynamic dynamic = {0};
	uint64_t section = 0;
	bool biased = false;
	Elf64_Phdr segment;
	Elf64_Ehdr elf;

	*object = (struct object){0};
	if (!peek(memory, base, &elf, sizeof(elf)) ||
	    memcmp(elf.e_ident, ELFMAG, SELFMAG) != 0 ||
	    elf.e_phentsize != sizeof(segment) || elf.e_phnum > SEGMENTS_MAX)
		return false;
	for (unsigned i = 0; i < elf.e_phnum; i++) {
		if (!peek(memory, base + elf.e_phoff + i * sizeof(segment),
			  &segment, sizeof(segment)))
			return false;
		if (segment.p_type == PT_LOAD && !biased) {
			object->bias =
			    base - (segment.p_vaddr - segment.p_offset);
			biased = true;
		}
		if (segment.p_type == PT_DYNAMIC)
			section = segment.p_vaddr;
	}
	return section &&
	       dynamic_read(&dynamic, memory, object->bias + section,
			    object->bias) &&
	       symbols_read(object, memory, &dynamic);
}

void
object_fini(struct object *object)
{
	free(object->symbols);
	free(object->strings);
	object->symbols = NULL;
	object->strings = NULL;
	object->symbol_count = 0;
}

static bool
is_of_type(const Elf64_Sym *symbol, unsigned type)
{
	return symbol->st_shndx != SHN_UNDEF &&
	       ELF64_ST_TYPE(symbol->st_info) == type;
}

static uint64_t
find(const struct object *object, const char *name, unsigned type,
     uint64_t *size)
{
	for (size_t i = 0; i < object->symbol_count; i++) {
		const Elf64_Sym *symbol = &object->symbols[i];

		if (!is_of_type(symbol, type) ||
		    symbol->st_name >= object->string_size ||
		    strcmp(object->strings + symbol->st_name, name) != 0)
			continue;
		if (size)
			*size = symbol->st_size;
		return object->bias + symbol->st_value;
	}
	return 0;
}

uint64_t
object_find(const struct object *object, const char *name, uint64_t *size)
{
	return find(object, name, STT_FUNC, size);
}

uint64_t
object_find_data(const struct object *object, const char *name)
{
	return find(object, name, STT_OBJECT, NULL);
}

uint64_t
object_end_before(const struct object *object, uint64_t address)
{
	uint64_t last = 0;

	for (size_t i = 0; i < object->symbol_count; i++) {
		const Elf64_Sym *symbol = &object->symbols[i];
		uint64_t start = object->bias + symbol->st_value;

		if (is_of_type(symbol, STT_FUNC) && start < address &&
		    start + symbol->st_size > last &&
		    start + symbol->st_size <= address)
			last = start + symbol->st_size;
	}
	return last;
}
