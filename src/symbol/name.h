/*
 * name.h - what a function is called in the DWARF.
 */
#ifndef HEAPTOP_SYMBOL_NAME_H
#define HEAPTOP_SYMBOL_NAME_H

#include <elfutils/libdw.h>
#include <stddef.h>

enum { NAME_ROOM = 32768 };

/* Where names that had to be put together are kept. */
struct name_room {
	size_t used; /* set to 0 when the names are not needed any more */
	char text[NAME_ROOM];
};

/*
 * The name of a function or inlined function: mangled where the compiler gave
 * that, since it is the whole one; else the plain one, behind the names of
 * what it stands in. NULL unknown. Lives as long as the DWARF and room.
 */
const char *name_of(Dwarf_Die *, struct name_room *);

/* A string attribute, also of the entry that this one refers to. */
const char *name_attribute(Dwarf_Die *, unsigned attribute);

#endif
