/*
 * lookup.c - the function that the program's own objects would find.
 *
 * Only in objects with a table of hashes in GNU's style, as linkers make it.
 *
 * Context: setup.
 */
#include "config.h"

#include "agent/lookup.h"

#include <elf.h>
#include <link.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/auxv.h>

/* DT_GNU_HASH: buckets lead to chains of hashes, one for each symbol from
 * `first` on; the lowest bit of a hash ends its chain. */
struct hashes {
	uint32_t bucket_count;
	uint32_t first;
	uint32_t bloom_words;
	uint32_t bloom_shift;
	uint64_t bloom[];
};

struct tables {
	const struct hashes *hashes;
	const ElfW(Sym) * symbols;
	const char *strings;
};

static uint32_t
hash_of(const char *name)
{
	uint32_t hash = 5381;

	for (; *name; name++)
		hash = hash * 33 + (unsigned char)*name;
	return hash;
}

/* The loader leaves addresses in a dynamic section that it may write to. */
static bool
tables_of(const struct link_map *object, struct tables *tables)
{
	*tables = (struct tables){NULL, NULL, NULL};
	/* The kernel's own has nothing, and offsets in place of addresses. */
	if (object->l_addr == getauxval(AT_SYSINFO_EHDR))
		return false;
	for (const ElfW(Dyn) *entry = object->l_ld; entry->d_tag != DT_NULL;
	     entry++) {
		if (entry->d_tag == DT_GNU_HASH)
			tables->hashes = (void *)entry->d_un.d_ptr;
		if (entry->d_tag == DT_SYMTAB)
			tables->symbols = (void *)entry->d_un.d_ptr;
		if (entry->d_tag == DT_STRTAB)
			tables->strings = (void *)entry->d_un.d_ptr;
	}
	return tables->hashes && tables->symbols && tables->strings &&
	       (uint64_t)tables->hashes >= object->l_addr &&
	       tables->hashes->bucket_count;
}

static bool
is_named(const struct tables *tables, uint32_t index, const char *name)
{
	const ElfW(Sym) *symbol = &tables->symbols[index];
	unsigned type = ELF64_ST_TYPE(symbol->st_info);

	return symbol->st_shndx != SHN_UNDEF && symbol->st_value &&
	       (type == STT_FUNC || type == STT_OBJECT) &&
	       strcmp(tables->strings + symbol->st_name, name) == 0;
}

static const ElfW(Sym) *
find_symbol(const struct link_map *object, const char *name, uint32_t hash)
{
	const uint32_t *buckets, *chains;
	struct tables tables;
	uint32_t index;

	if (!object->l_ld || !tables_of(object, &tables))
		return NULL;
	buckets =
	    (const void *)&tables.hashes->bloom[tables.hashes->bloom_words];
	chains = &buckets[tables.hashes->bucket_count];
	index = buckets[hash % tables.hashes->bucket_count];
	for (; index >= tables.hashes->first; index++) {
		uint32_t link = chains[index - tables.hashes->first];

		if ((link | 1) == (hash | 1) &&
		    is_named(&tables, index, name))
			return &tables.symbols[index];
		if (link & 1)
			break;
	}
	return NULL;
}

static void *
look_in(const struct link_map *object, const char *name, uint32_t hash)
{
	const ElfW(Sym) *symbol = find_symbol(object, name, hash);

	return symbol && ELF64_ST_TYPE(symbol->st_info) == STT_FUNC
		   ? (void *)(object->l_addr + symbol->st_value)
		   : NULL;
}

/* Where the loader has put the object's dynamic section; NULL: it has none. */
static ElfW(Dyn) *
dynamic_of(uint64_t start, uint64_t bias)
{
	const ElfW(Ehdr) *elf = (const void *)start;
	const ElfW(Phdr) *headers = (const void *)(start + elf->e_phoff);

	if (memcmp(elf->e_ident, ELFMAG, SELFMAG) != 0 ||
	    elf->e_phoff + elf->e_phnum * sizeof(*headers) > 4096)
		return NULL;
	for (int i = 0; i < elf->e_phnum; i++)
		if (headers[i].p_type == PT_DYNAMIC)
			return (void *)(bias + headers[i].p_vaddr);
	return NULL;
}

void *
lookup_in(uint64_t start, uint64_t bias, const char *name, uint64_t *size)
{
	const struct link_map object = {.l_addr = bias,
					.l_ld = dynamic_of(start, bias)};
	const ElfW(Sym) *symbol = find_symbol(&object, name, hash_of(name));

	if (!symbol)
		return NULL;
	if (size)
		*size = symbol->st_size;
	return (void *)(bias + symbol->st_value);
}

/* Threads were a library of their own before glibc 2.34. */
static bool
is_libc(const struct link_map *object)
{
	const char *name = strrchr(object->l_name, '/');

	return name && (strcmp(name, "/libc.so.6") == 0 ||
			strcmp(name, "/libpthread.so.0") == 0);
}

void *
lookup_libc(const char *name)
{
	uint32_t hash = hash_of(name);
	void *found = NULL;

	for (const struct link_map *object = _r_debug.r_map; object && !found;
	     object = object->l_next)
		if (is_libc(object))
			found = look_in(object, name, hash);
	return found;
}

void *
lookup_first(const char *name)
{
	uint32_t hash = hash_of(name);
	void *found = NULL;

	for (const struct link_map *object = _r_debug.r_map; object && !found;
	     object = object->l_next)
		found = look_in(object, name, hash);
	return found;
}
