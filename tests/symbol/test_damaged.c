/*
 * test_damaged.c - damaged ELF files cost names, not the process: cut at many
 * places, with bits turned, and cut while they are being read.
 *
 * The file is a copy of symbol_dump, small and with DWARF; the damage comes
 * from a fixed seed, and each file is asked for several addresses.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "symbol/symbol.h"

enum { FLIPPED_FILES = 300, CUT_FILES = 60, ADDRESSES = 4 };

static char folder[] = "/tmp/test_damaged.XXXXXX";
static uint8_t *whole;
static size_t whole_size;
static uint64_t addresses[ADDRESSES];

static uint64_t
next_random(void)
{
	static uint64_t seed = UINT64_C(0x9e3779b97f4a7c15);

	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static const char *
write_copy(int number, const uint8_t *bytes, size_t size)
{
	static char path[64];
	int fd;

	snprintf(path, sizeof(path), "%s/%d", folder, number);
	fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, size), size);
	close(fd);
	return path;
}

/* Whatever comes back has to be whole: read it all. */
static size_t
ask_all(struct symbols *symbols, const char *path)
{
	const struct symbol_line *lines;
	size_t known = 0, bytes = 0, count;

	for (int i = 0; i < ADDRESSES; i++) {
		symbols_find(symbols, path, NULL, 0, addresses[i], &lines,
			     &count);
		known += count > 0;
		for (size_t j = 0; j < count; j++) {
			if (lines[j].function)
				bytes += strlen(lines[j].function);
			if (lines[j].file)
				bytes += strlen(lines[j].file);
		}
		assert_true(bytes < 1000000);
	}
	return known;
}

static bool
still_works(struct symbols *symbols)
{
	bool works =
	    ask_all(symbols, write_copy(0, whole, whole_size)) == ADDRESSES;

	return works;
}

static void
test_cut(void **state)
{
	struct symbols *symbols = symbols_new(NULL, false);

	(void)state;
	for (int i = 1; i <= CUT_FILES; i++) {
		size_t size = whole_size * (size_t)i / (CUT_FILES + 1);

		if (i <= 10)
			size = (size_t)i * 8;
		ask_all(symbols, write_copy(i, whole, size));
	}
	assert_true(still_works(symbols));
	symbols_free(symbols);
}

/* Bits of the headers, where it hurts most, and of everything. */
static void
damage(uint8_t *copy, int number)
{
	const Elf64_Ehdr *header = (const Elf64_Ehdr *)whole;
	size_t from = 0, size = whole_size;
	unsigned bits = 1u << number % 8;

	if (number % 4 == 0) {
		size = sizeof(*header) + 13 * sizeof(Elf64_Phdr);
	} else if (number % 4 == 1) {
		from = header->e_shoff;
		size = whole_size - from;
	}
	for (unsigned i = 0; i < bits; i++)
		copy[from + next_random() % size] ^= 1u << next_random() % 8;
}

static void
test_flipped(void **state)
{
	struct symbols *symbols = symbols_new(NULL, false);
	uint8_t *copy = malloc(whole_size);
	size_t known = 0;

	(void)state;
	for (int i = 0; i < FLIPPED_FILES; i++) {
		memcpy(copy, whole, whole_size);
		damage(copy, i);
		known +=
		    ask_all(symbols, write_copy(1000 + i, copy, whole_size));
	}
	free(copy);
	print_message("# %zu of %d addresses known all the same\n", known,
		      FLIPPED_FILES * ADDRESSES);
	assert_true(known > 0);
	assert_true(still_works(symbols));
	symbols_free(symbols);
}

/* The helper has the file mapped by now: what it reads next is a SIGBUS. */
static void
test_cut_while_open(void **state)
{
	struct symbols *symbols = symbols_new(NULL, false);
	const struct symbol_line *lines;
	char path[64];
	size_t count;

	(void)state;
	snprintf(path, sizeof(path), "%s", write_copy(5000, whole, whole_size));
	symbols_find(symbols, path, NULL, 0, addresses[0], &lines, &count);
	assert_true(count > 0);
	assert_int_equal(truncate(path, 100), 0);
	for (uint64_t i = 1; i < 64; i++)
		symbols_find(symbols, path, NULL, 0, addresses[0] + i * 64,
			     &lines, &count);
	assert_true(still_works(symbols));
	symbols_free(symbols);
}

/* Addresses spread over the code, out of the symbol table. */
static void
choose_addresses(void)
{
	const Elf64_Ehdr *header = (const Elf64_Ehdr *)whole;
	const Elf64_Shdr *section = (const void *)(whole + header->e_shoff);
	size_t found = 0;

	for (int i = 0; i < header->e_shnum; i++) {
		const Elf64_Sym *symbol =
		    (const void *)(whole + section[i].sh_offset);
		size_t count = section[i].sh_size / sizeof(*symbol);

		if (section[i].sh_type != SHT_SYMTAB)
			continue;
		for (size_t j = 0; j < count && found < ADDRESSES; j++)
			if (ELF64_ST_TYPE(symbol[j].st_info) == STT_FUNC &&
			    symbol[j].st_size > 64)
				addresses[found++] = symbol[j].st_value + 5;
	}
	assert_int_equal(found, ADDRESSES);
}

static int
prepare(void **state)
{
	const char *build = getenv("top_builddir");
	char path[4096];
	struct stat info;
	int fd;

	(void)state;
	snprintf(path, sizeof(path), "%s/tests/symbol/symbol_dump",
		 build ? build : ".");
	fd = open(path, O_RDONLY);
	if (fd < 0 || fstat(fd, &info) != 0 || !mkdtemp(folder))
		return -1;
	whole_size = (size_t)info.st_size;
	whole = malloc(whole_size);
	if (read(fd, whole, whole_size) != (ssize_t)whole_size)
		return -1;
	close(fd);
	choose_addresses();
	return 0;
}

static int
clean(void **state)
{
	char command[64];

	(void)state;
	free(whole);
	snprintf(command, sizeof(command), "rm -r '%s'", folder);
	return system(command);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_cut),
	    cmocka_unit_test(test_flipped),
	    cmocka_unit_test(test_cut_while_open),
	};

	return cmocka_run_group_tests(tests, prepare, clean);
}
