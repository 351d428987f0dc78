/*
 * module.h - the files that names are read from, opened when first asked for
 * and kept while they are asked for often. Used by the helper process only.
 */
#ifndef HEAPTOP_SYMBOL_MODULE_H
#define HEAPTOP_SYMBOL_MODULE_H

#include <stddef.h>
#include <stdint.h>

#include "symbol/dwarf.h"

struct modules;

/* root as in symbols_new. It lives as long as the process that helps. NULL when
 * there is no memory. */
struct modules *modules_new(const char *root);

/*
 * The lines of an address of the file at path, innermost first, at most max.
 * Returns how many; 0 when nothing is known, the file cannot be read, is no
 * ELF file, or has another build id (size 0: any). Texts live until the next
 * call.
 */
size_t modules_find(struct modules *, const char *path, const uint8_t *build_id,
		    size_t build_id_size, uint64_t address,
		    struct dwarf_line *lines, size_t max);

/* How many files may be open at once. */
#define MODULES_OPEN_MAX 64

#endif
