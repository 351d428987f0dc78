/*
 * module.c - the files that names are read from. Each has a Dwfl of its own,
 * so that each can be closed alone; libdwfl finds the debug file that belongs
 * to it, and reads the symbols of stripped files (.gnu_debugdata) too.
 */
#include "config.h"

#include "symbol/module.h"

#include <elfutils/libdwfl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "symbol/message.h"
#include "symbol/path.h"
#include "symbol/symbol.h"
#include "symbol/table.h"

/* Above this, all files but the one in use are closed. */
#define MEMORY_MAX ((uint64_t)512 << 20)

/* A table of all symbols takes as long to make as to search for so many. */
#define ASKED_OFTEN 16

struct module {
	char *path;
	uint8_t build_id[MESSAGE_BUILD_ID_MAX]; /* as it was asked for */
	size_t build_id_size;
	uint64_t last_use;
	Dwfl *dwfl; /* NULL: cannot be read, or is another */
	Dwfl_Module *elf;
	struct dwarf_index *index;  /* NULL: no DWARF */
	unsigned asked;		    /* for symbols */
	struct symbol_table *table; /* NULL: not made yet, or no memory */
};

struct modules {
	char *root;
	char *debug_path;
	Dwfl_Callbacks callbacks;
	uint64_t uses;
	struct module open[MODULES_OPEN_MAX];
	size_t count;
};

struct modules *
modules_new(const char *root)
{
	struct modules *modules = calloc(1, sizeof(*modules));
	const char *prefix = root ? root : "";
	int size;

	if (!modules)
		return NULL;
	modules->root = strdup(prefix);
	size = asprintf(&modules->debug_path, "%s%s:.debug:/usr/lib/debug",
			prefix, prefix[0] ? "/usr/lib/debug" : "");
	if (!modules->root || size < 0) {
		free(modules->root);
		free(modules);
		return NULL;
	}
	modules->callbacks = (Dwfl_Callbacks){
	    .find_elf = dwfl_build_id_find_elf,
	    .find_debuginfo = dwfl_standard_find_debuginfo,
	    .section_address = dwfl_offline_section_address,
	    .debuginfo_path = &modules->debug_path,
	};
	return modules;
}

static void
module_close(struct module *module)
{
	dwarf_index_free(module->index);
	symbol_table_free(module->table);
	if (module->dwfl)
		dwfl_end(module->dwfl);
	free(module->path);
	memset(module, 0, sizeof(*module));
}

static bool
build_id_fits(const struct module *module)
{
	const unsigned char *bits;
	GElf_Addr address;
	int size;

	if (module->build_id_size == 0)
		return true;
	size = dwfl_module_build_id(module->elf, &bits, &address);
	return size > 0 && (size_t)size == module->build_id_size &&
	       memcmp(bits, module->build_id, module->build_id_size) == 0;
}

/* Base 0 with the segments' own addresses: what is asked for is what the file
 * says, whether it can be moved (ET_DYN) or not (ET_EXEC). */
static bool
module_report(struct modules *modules, struct module *module)
{
	char file[2 * MESSAGE_PATH_MAX];
	GElf_Addr bias;
	int fd;

	fd = path_open(modules->root, module->path, true, NULL);
	if (fd < 0)
		return false;
	snprintf(file, sizeof(file), "%s%s", modules->root, module->path);
	dwfl_report_begin(module->dwfl);
	module->elf =
	    dwfl_report_elf(module->dwfl, module->path, file, fd, 0, true);
	if (!module->elf)
		close(fd);
	return dwfl_report_end(module->dwfl, NULL, NULL) == 0 && module->elf &&
	       dwfl_module_getelf(module->elf, &bias) && build_id_fits(module);
}

static void
module_open(struct modules *modules, struct module *module)
{
	module->dwfl = dwfl_begin(&modules->callbacks);
	if (!module->dwfl)
		return;
	if (module_report(modules, module)) {
		module->index = dwarf_index_new(module->elf);
		return;
	}
	dwfl_end(module->dwfl);
	module->dwfl = NULL;
}

static uint64_t
memory_used(void)
{
	unsigned long long all = 0, resident = 0;
	FILE *file = fopen("/proc/self/statm", "re");

	if (!file)
		return 0;
	if (fscanf(file, "%llu %llu", &all, &resident) != 2)
		resident = 0;
	fclose(file);
	return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* A free place: a new one, or that of the file unused for longest. */
static struct module *
modules_place(struct modules *modules)
{
	struct module *oldest = &modules->open[0];

	if (memory_used() > MEMORY_MAX)
		while (modules->count)
			module_close(&modules->open[--modules->count]);
	if (modules->count < MODULES_OPEN_MAX)
		return &modules->open[modules->count++];
	for (size_t i = 1; i < modules->count; i++)
		if (modules->open[i].last_use < oldest->last_use)
			oldest = &modules->open[i];
	module_close(oldest);
	return oldest;
}

static struct module *
modules_get(struct modules *modules, const char *path, const uint8_t *build_id,
	    size_t build_id_size)
{
	struct module *module;

	for (size_t i = 0; i < modules->count; i++) {
		module = &modules->open[i];
		if (module->build_id_size == build_id_size &&
		    memcmp(module->build_id, build_id, build_id_size) == 0 &&
		    strcmp(module->path, path) == 0)
			return module;
	}
	module = modules_place(modules);
	module->path = strdup(path);
	if (!module->path)
		_exit(1); /* the helper may end at any time, and here must */
	memcpy(module->build_id, build_id, build_id_size);
	module->build_id_size = build_id_size;
	module_open(modules, module);
	return module;
}

static const char *
module_symbol(struct module *module, uint64_t address)
{
	GElf_Off offset;
	GElf_Sym symbol;

	if (module->asked++ == ASKED_OFTEN)
		module->table = symbol_table_new(module->elf);
	if (module->table)
		return symbol_table_find(module->table, address);
	return dwfl_module_addrinfo(module->elf, address, &offset, &symbol,
				    NULL, NULL, NULL);
}

static bool
is_mangled(const char *name)
{
	return name && name[0] == '_' && (name[1] == 'Z' || name[1] == 'R');
}

size_t
modules_find(struct modules *modules, const char *path, const uint8_t *build_id,
	     size_t build_id_size, uint64_t address, struct dwarf_line *lines,
	     size_t max)
{
	struct module *module;
	struct dwarf_line *outermost;
	const char *symbol;
	size_t count = 0;

	if (max == 0 || build_id_size > MESSAGE_BUILD_ID_MAX)
		return 0;
	module = modules_get(modules, path, build_id, build_id_size);
	if (!module || !module->dwfl)
		return 0;
	module->last_use = ++modules->uses;
	if (module->index)
		count = dwarf_find(module->index, address, lines, max);
	symbol = module_symbol(module, address);
	if (count == 0 && symbol) {
		lines[0] = (struct dwarf_line){.function = symbol};
		return 1;
	}
	if (count == 0)
		return 0;
	/* A symbol that is mangled knows more than a name that is not. */
	outermost = &lines[count - 1];
	if (symbol &&
	    (!outermost->function ||
	     (is_mangled(symbol) && !is_mangled(outermost->function))))
		outermost->function = symbol;
	return count;
}

const char *
symbols_version(void)
{
	return dwfl_version(NULL);
}
