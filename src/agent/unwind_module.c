/*
 * unwind_module.c - finds the module of a pc.
 *
 * glibc 2.35 and later are asked: _dl_find_object neither locks nor waits.
 * On older ones a sorted table is kept, two of them: one is read while the
 * other is being written. A reader that is overtaken finds no module.
 *
 * Context: hook; module_init and module_scan: setup, ticker.
 */
#include "config.h"

#include "agent/unwind_module.h"

#include <dlfcn.h>
#include <link.h>
#include <stddef.h>
#include <string.h>
#include <sys/auxv.h>

#include "agent/safe.h"

#define MODULES_MAX 4096

/* As in <dlfcn.h> of 2.35, for building with an older one. */
struct found {
	unsigned long long flags;
	void *map_start;
	void *map_end;
	struct link_map *link_map;
	void *eh_frame; /* .eh_frame_hdr, in truth */
	unsigned long long reserved[7];
};

struct entry {
	uint64_t start;
	uint64_t end;
	uint64_t bias;
	uint64_t hdr;
	const char *name;
};

struct table {
	uint32_t count;
	struct entry entries[MODULES_MAX]; /* by start */
};

static struct {
	int (*find_object)(void *, struct found *);
	struct table *tables;	   /* two */
	uint32_t scans;		   /* tables[scans % 2] is to be read */
	struct safe_lock writer;   /* never taken in a hook */
	const Elf64_Phdr *program; /* headers of the executable */
	unsigned program_count;
} module;

static int
add_entry(struct dl_phdr_info *info, size_t size, void *data)
{
	struct table *table = data;
	struct entry entry = {
	    .start = ~0ull, .bias = info->dlpi_addr, .name = info->dlpi_name};
	uint32_t at = table->count;

	(void)size;
	if (at == MODULES_MAX)
		return 1;
	for (unsigned i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *phdr = &info->dlpi_phdr[i];
		uint64_t start = entry.bias + phdr->p_vaddr;

		if (phdr->p_type == PT_GNU_EH_FRAME)
			entry.hdr = start;
		if (phdr->p_type != PT_LOAD)
			continue;
		if (start < entry.start)
			entry.start = start;
		if (start + phdr->p_memsz > entry.end)
			entry.end = start + phdr->p_memsz;
	}
	entry.start &= ~4095ull;
	if (entry.start >= entry.end)
		return 0;
	for (; at > 0 && table->entries[at - 1].start > entry.start; at--)
		table->entries[at] = table->entries[at - 1];
	table->entries[at] = entry;
	table->count++;
	return 0;
}

void
module_scan(void)
{
	struct table *table;

	if (!module.tables)
		return;
	safe_lock(&module.writer);
	table = &module.tables[(module.scans + 1) % 2];
	table->count = 0;
	dl_iterate_phdr(add_entry, table);
	__atomic_store_n(&module.scans, module.scans + 1, __ATOMIC_RELEASE);
	safe_unlock(&module.writer);
}

void
module_init(bool with_loader)
{
	module.program = (const Elf64_Phdr *)getauxval(AT_PHDR);
	module.program_count = (unsigned)getauxval(AT_PHNUM);
	module.find_object = NULL;
	if (with_loader)
		*(void **)&module.find_object =
		    dlsym(RTLD_DEFAULT, "_dl_find_object");
	if (!module.find_object && !module.tables)
		module.tables = safe_reserve(2 * sizeof(struct table));
	module_scan();
}

static bool
find_in_table(uint64_t pc, struct entry *entry)
{
	uint32_t scans = __atomic_load_n(&module.scans, __ATOMIC_ACQUIRE);
	const struct table *table = &module.tables[scans % 2];
	uint32_t low = 0, high = table->count;

	if (high > MODULES_MAX)
		return false;
	while (high > low) {
		uint32_t middle = low + (high - low) / 2;

		if (table->entries[middle].start <= pc)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == 0)
		return false;
	*entry = table->entries[low - 1];
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return pc < entry->end &&
	       __atomic_load_n(&module.scans, __ATOMIC_RELAXED) == scans;
}

/* Widens an image to all segments of the headers, if they are its own. */
static bool
widen(struct cfi_image *image, const Elf64_Phdr *phdr, unsigned count)
{
	uint64_t start = ~0ull, end = 0, hdr = 0;

	for (unsigned i = 0; i < count; i++) {
		uint64_t low = image->bias + phdr[i].p_vaddr;

		if (phdr[i].p_type == PT_GNU_EH_FRAME)
			hdr = low;
		if (phdr[i].p_type != PT_LOAD)
			continue;
		if (low < start)
			start = low;
		if (low + phdr[i].p_memsz > end)
			end = low + phdr[i].p_memsz;
	}
	start &= ~4095ull;
	if (hdr != image->hdr || image->start < start || image->end > end)
		return false;
	image->start = start;
	image->end = end;
	image->phdr = phdr;
	image->phnum = count;
	return true;
}

/* Of a module with holes between its segments the loader tells only the one
 * that holds the pc: the CFI is in another. */
static __attribute__((noinline)) void
find_segments(struct cfi_image *image)
{
	struct cfi_image first = *image;
	struct found found;

	image->phdr = NULL;
	image->phnum = 0;
	if (widen(image, module.program, module.program_count) ||
	    module.find_object((void *)image->bias, &found) != 0 ||
	    (uint64_t)found.map_start != image->bias ||
	    found.link_map->l_addr != image->bias)
		return;
	first.start = (uint64_t)found.map_start;
	first.end = (uint64_t)found.map_end;
	cfi_image_headers(&first);
	widen(image, first.phdr, first.phnum);
}

bool
module_find(uint64_t pc, struct cfi_image *image, const char **name)
{
	if (module.find_object) {
		struct found found;

		if (module.find_object((void *)pc, &found) != 0)
			return false;
		image->start = (uint64_t)found.map_start;
		image->end = (uint64_t)found.map_end;
		image->bias = found.link_map->l_addr;
		image->hdr = (uint64_t)found.eh_frame;
		*name = found.link_map->l_name;
		if (image->hdr &&
		    image->hdr - image->start >= image->end - image->start) {
			find_segments(image);
			return true;
		}
	} else {
		struct entry entry;

		if (!module.tables || !find_in_table(pc, &entry))
			return false;
		image->start = entry.start;
		image->end = entry.end;
		image->bias = entry.bias;
		image->hdr = entry.hdr;
		*name = entry.name;
	}
	cfi_image_headers(image);
	return true;
}

bool
module_is_return(uint64_t value)
{
	struct cfi_image image;
	const char *name;
	uint64_t low, high;

	if (value < ARCH_CALL_MAX || value >> ARCH_CODE_BITS)
		return false;
	return module_find(value - 1, &image, &name) &&
	       cfi_image_segment(&image, value - 1, PF_R | PF_X, &low, &high) &&
	       value - low >= ARCH_CALL_MAX &&
	       arch_follows_call((const uint8_t *)value);
}
