/*
 * object.h - what a process has mapped: regions, and the symbols of the ELF
 * objects among them, read out of its memory. So it does not matter in which
 * mount namespace their files are, or whether these are still there. All of it
 * may be made up by the process: it is bounded, and addresses are only used as
 * addresses of that process.
 */
#ifndef HEAPTOP_INJECT_OBJECT_H
#define HEAPTOP_INJECT_OBJECT_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct region {
	uint64_t start;
	uint64_t end;
	uint64_t offset;
	uint64_t inode;
	bool executable;
	bool deleted;
	char *path; /* "" for none */
};

struct regions {
	struct region *list; /* by address */
	size_t count;
};

/* False when the process has none, or does not let us see them. */
bool regions_read(struct regions *, pid_t);
void regions_fini(struct regions *);
/* The region that has an address, or NULL. */
const struct region *regions_at(const struct regions *, uint64_t address);
/* The first region of the file whose base name matches, as fnmatch(3) does. */
const struct region *regions_named(const struct regions *, const char *pattern);

/* The dynamic symbols of an object. */
struct object {
	uint64_t bias;
	Elf64_Sym *symbols;
	size_t symbol_count;
	char *strings;
	size_t string_size;
};

/* The object whose ELF header is at base, read through /proc/PID/mem. */
bool object_read(struct object *, int memory, uint64_t base);
void object_fini(struct object *);
/* The address of a function, or 0. *size may be NULL. */
uint64_t object_find(const struct object *, const char *name, uint64_t *size);
/* The address of a variable, or 0. */
uint64_t object_find_data(const struct object *, const char *name);
/* Where the last symbol before an address ends; 0 for none. */
uint64_t object_end_before(const struct object *, uint64_t address);

#endif
