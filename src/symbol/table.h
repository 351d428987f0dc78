/*
 * table.h - the symbols of a file, in order of their addresses. libdwfl looks
 * at all of them for each address that it is asked about, which takes half a
 * millisecond where there are 300,000. Used by the helper process only.
 */
#ifndef HEAPTOP_SYMBOL_TABLE_H
#define HEAPTOP_SYMBOL_TABLE_H

#include <elfutils/libdwfl.h>
#include <stdint.h>

struct symbol_table;

/* What it says of an address holds as long as the module. NULL when there is
 * no memory, or nothing in it. */
struct symbol_table *symbol_table_new(Dwfl_Module *);
void symbol_table_free(struct symbol_table *);

/* The name that dwfl_module_addrinfo gives to an address, or NULL. */
const char *symbol_table_find(const struct symbol_table *, uint64_t address);

#endif
