/* test_table.c - symbols by address are those that libdwfl finds. */
#include "config.h"

#include <elfutils/libdwfl.h>
#include <fcntl.h>
#include <link.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "symbol/table.h"

enum { ADDRESSES = 400 }; /* of each section */

struct file {
	Dwfl *dwfl;
	Dwfl_Module *module;
	Elf *elf;
	GElf_Addr bias;
};

static void
file_open(struct file *file, const char *path)
{
	static char *debug_path;
	static const Dwfl_Callbacks callbacks = {
	    .find_elf = dwfl_build_id_find_elf,
	    .find_debuginfo = dwfl_standard_find_debuginfo,
	    .section_address = dwfl_offline_section_address,
	    .debuginfo_path = &debug_path,
	};
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	file->dwfl = dwfl_begin(&callbacks);
	dwfl_report_begin(file->dwfl);
	file->module = dwfl_report_elf(file->dwfl, path, path, fd, 0, true);
	assert_non_null(file->module);
	dwfl_report_end(file->dwfl, NULL, NULL);
	file->elf = dwfl_module_getelf(file->module, &file->bias);
	assert_non_null(file->elf);
}

/* Returns how many have a name. */
static size_t
compare_section(const struct file *file, const struct symbol_table *table,
		const GElf_Shdr *section)
{
	size_t named = 0;

	for (size_t i = 0; i < ADDRESSES; i++) {
		GElf_Addr address = file->bias + section->sh_addr +
				    (uint64_t)rand() % section->sh_size;
		const char *name = symbol_table_find(table, address), *wanted;
		GElf_Off offset;
		GElf_Sym symbol;

		wanted = dwfl_module_addrinfo(file->module, address, &offset,
					      &symbol, NULL, NULL, NULL);
		if (!wanted)
			assert_null(name);
		else if (!name || strcmp(name, wanted) != 0)
			fail_msg("%#lx is in %s, not in %s",
				 (unsigned long)address, wanted,
				 name ? name : "nothing");
		named += name != NULL;
	}
	return named;
}

static void
compare(const char *path)
{
	struct symbol_table *table;
	Elf_Scn *scn = NULL;
	struct file file;
	size_t named = 0;

	file_open(&file, path);
	table = symbol_table_new(file.module);
	assert_non_null(table);
	while ((scn = elf_nextscn(file.elf, scn))) {
		GElf_Shdr section;

		assert_non_null(gelf_getshdr(scn, &section));
		if (section.sh_flags & SHF_EXECINSTR && section.sh_size)
			named += compare_section(&file, table, &section);
	}
	assert_in_range(named, 1, SIZE_MAX);
	symbol_table_free(table);
	dwfl_end(file.dwfl);
}

/* Many names for one place, and labels: in this program and in all that it has
 * loaded, libc among them. */
static int
compare_loaded(struct dl_phdr_info *info, size_t size, void *data)
{
	int *count = data;

	(void)size;
	if (*info->dlpi_name == '/' || !(*count)++)
		compare(*info->dlpi_name ? info->dlpi_name : "/proc/self/exe");
	return 0;
}

static void
test_loaded(void **state)
{
	int count = 0;

	(void)state;
	srand(1);
	dl_iterate_phdr(compare_loaded, &count);
	assert_in_range(count, 1, 100);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_loaded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
