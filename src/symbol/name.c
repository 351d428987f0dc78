/* name.c - what a function is called in the DWARF. */
#include "config.h"

#include "symbol/name.h"

#include <dwarf.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

enum { REFERENCES_MAX = 16, SCOPES_MAX = 32 };

const char *
name_attribute(Dwarf_Die *die, unsigned name)
{
	Dwarf_Attribute attribute;

	if (!dwarf_attr_integrate(die, name, &attribute))
		return NULL;
	return dwarf_formstring(&attribute);
}

/* Where functions stand at the top or in files, not in types. */
static bool
is_flat(Dwarf_Die *die)
{
	Dwarf_Die unit;

	if (!dwarf_diecu(die, &unit, NULL, NULL))
		return true;
	switch (dwarf_srclang(&unit)) {
	case DW_LANG_C_plus_plus:
	case DW_LANG_C_plus_plus_03:
	case DW_LANG_C_plus_plus_11:
	case DW_LANG_C_plus_plus_14:
	case DW_LANG_Rust:
	case DW_LANG_D:
		return false;
	default:
		return true;
	}
}

/* From an instance to what was written in the source. */
static Dwarf_Die
declaration(Dwarf_Die die)
{
	Dwarf_Attribute attribute;
	Dwarf_Die next;

	for (int i = 0; i < REFERENCES_MAX; i++) {
		if (!dwarf_attr(&die, DW_AT_abstract_origin, &attribute) &&
		    !dwarf_attr(&die, DW_AT_specification, &attribute))
			break;
		if (!dwarf_formref_die(&attribute, &next))
			break;
		die = next;
	}
	return die;
}

/* NULL: this scope is no part of a name. */
static const char *
scope_name(Dwarf_Die *scope)
{
	const char *name = name_attribute(scope, DW_AT_name);

	switch (dwarf_tag(scope)) {
	case DW_TAG_namespace:
		return name ? name : "(anonymous namespace)";
	case DW_TAG_class_type:
	case DW_TAG_structure_type:
	case DW_TAG_union_type:
	case DW_TAG_subprogram:
		return name;
	default:
		return NULL;
	}
}

static void
append(struct name_room *room, size_t *at, const char *text, const char *after)
{
	int size =
	    snprintf(room->text + *at, NAME_ROOM - *at, "%s%s", text, after);

	if (size > 0 && (size_t)size < NAME_ROOM - *at)
		*at += (size_t)size;
	else
		room->text[*at] = '\0';
}

static const char *
qualified(Dwarf_Die *die, const char *name, struct name_room *room)
{
	Dwarf_Die written = declaration(*die);
	Dwarf_Die *scopes;
	int count = dwarf_getscopes_die(&written, &scopes);
	size_t start = room->used;
	size_t at = start;
	const char *scope;

	if (count <= 0)
		return name;
	for (int i = count < SCOPES_MAX ? count : SCOPES_MAX; i-- > 1;) {
		scope = scope_name(&scopes[i]);
		if (scope)
			append(room, &at, scope, "::");
	}
	free(scopes);
	if (at == start || NAME_ROOM - at < 2)
		return name;
	append(room, &at, name, "");
	room->used = at + 1;
	return room->text + start;
}

const char *
name_of(Dwarf_Die *die, struct name_room *room)
{
	const char *linkage = name_attribute(die, DW_AT_linkage_name);
	const char *name;

	if (!linkage)
		linkage = name_attribute(die, DW_AT_MIPS_linkage_name);
	/* In C a linkage name is only what the assembler calls it. */
	if (linkage && linkage[0] == '_' &&
	    (linkage[1] == 'Z' || linkage[1] == 'R'))
		return linkage;
	name = name_attribute(die, DW_AT_name);
	if (!name)
		return linkage;
	return is_flat(die) ? name : qualified(die, name, room);
}
