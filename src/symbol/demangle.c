/* demangle.c - names as their programmers wrote them. */
#include "config.h"

#include "symbol/symbol.h"

#include <libiberty/demangle.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { MANGLED_MAX = 16384 };

/* Parameters are left out: a line of a profile has no room for them, and the
 * file and line tell overloads apart. */
char *
symbol_demangle(const char *name)
{
	char *demangled = NULL;
	char *copy;

	if (strnlen(name, MANGLED_MAX) < MANGLED_MAX)
		demangled = cplus_demangle(name, DMGL_AUTO);
	if (!demangled)
		return mem_string(name);
	copy = mem_string(demangled);
	free(demangled);
	return copy;
}
