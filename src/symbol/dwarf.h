/*
 * dwarf.h - functions, inlined functions and lines of a module, out of its
 * DWARF.
 *
 * Two tables, both sorted by address and made when first needed: the units of
 * the module, and the functions of a unit. The compilers' own tables
 * (.debug_aranges) are not used: clang and rustc do not write them.
 */
#ifndef HEAPTOP_SYMBOL_DWARF_H
#define HEAPTOP_SYMBOL_DWARF_H

#include <elfutils/libdwfl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dwarf_index;

/* Texts live until the next call for the same index. */
struct dwarf_line {
	const char *function; /* as in the file, mangled or not; NULL unknown */
	const char *file;     /* NULL unknown */
	const char *directory; /* of the unit; NULL unknown */
	uint32_t line;	       /* 0 unknown */
	bool inlined;	       /* into the next one */
};

/* NULL when the module has no DWARF, or there is no memory. */
struct dwarf_index *dwarf_index_new(Dwfl_Module *);
void dwarf_index_free(struct dwarf_index *);

/* The lines of an address, innermost first; at most max of them, where the
 * outermost ones are kept. Returns how many; 0: nothing known. */
size_t dwarf_find(struct dwarf_index *, uint64_t address,
		  struct dwarf_line *lines, size_t max);

#endif
