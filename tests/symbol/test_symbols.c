/*
 * test_symbols.c - the cache and the helper: on this very program, whose own
 * functions are asked for.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "symbol/symbol.h"

enum { DEADLINE_MS = 30000 };

static char self[4096];

static int
first_object(struct dl_phdr_info *info, size_t size, void *bias)
{
	(void)size;
	*(uint64_t *)bias = info->dlpi_addr;
	return 1;
}

/* A function of known name. */
__attribute__((noinline)) static unsigned
known_function(unsigned x)
{
	return x * 2654435761u ^ x >> 7;
}

static uint64_t
known_address(void)
{
	uint64_t bias = 0;

	dl_iterate_phdr(first_object, &bias);
	assert_int_not_equal(known_function(3), 3);
	return (uint64_t)(uintptr_t)known_function - bias;
}

static size_t
find(struct symbols *symbols, const char *path, uint64_t address,
     const struct symbol_line **lines)
{
	size_t count = 77;

	assert_int_equal(
	    symbols_find(symbols, path, NULL, 0, address, lines, &count),
	    SYMBOL_DONE);
	return count;
}

static void
check_known(const struct symbol_line *lines, size_t count)
{
	assert_int_equal(count, 1);
	assert_string_equal(lines[0].function, "known_function");
	assert_non_null(strstr(lines[0].file, "/test_symbols.c"));
	assert_true(lines[0].file[0] == '/');
	assert_true(lines[0].line > 0);
	assert_false(lines[0].inlined);
}

static void
test_find(void **state)
{
	struct symbols *symbols = symbols_new(NULL, false);
	const struct symbol_line *lines, *again;

	(void)state;
	assert_int_equal(symbols_fd(symbols), -1);
	check_known(lines, find(symbols, self, known_address(), &lines));
	find(symbols, self, known_address(), &again);
	assert_ptr_equal(lines, again);
	symbols_free(symbols);
	symbols_free(NULL);
}

static void
test_nothing_known(void **state)
{
	static const char *const paths[] = {
	    "",
	    "[vdso]",
	    "[heap]",
	    "relative",
	    "/no/such/file",
	    "/tmp",
	    "/dev/zero",
	    "/usr/lib/x (deleted)",
	    "/proc/self/mem",
	    "/etc/passwd",
	};
	struct symbols *symbols = symbols_new(NULL, false);
	const struct symbol_line *lines;

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++)
		assert_int_equal(find(symbols, paths[i], 0x1000, &lines), 0);
	assert_int_equal(find(symbols, NULL, 0x1000, &lines), 0);
	assert_int_equal(find(symbols, self, 0, &lines), 0);
	assert_int_equal(find(symbols, self, UINT64_MAX, &lines), 0);
	assert_int_equal(find(symbols, self, UINT64_C(1) << 63, &lines), 0);
	check_known(lines, find(symbols, self, known_address(), &lines));
	symbols_free(symbols);
}

/* The note of this program, as the linker's header shows it. */
static int
own_build_id(struct dl_phdr_info *info, size_t size, void *out)
{
	struct {
		uint8_t bytes[64];
		size_t size;
	} *id = out;

	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
		const char *at = (char *)(info->dlpi_addr + segment->p_vaddr);
		const char *end = at + segment->p_memsz;

		while (segment->p_type == PT_NOTE && at < end) {
			const ElfW(Nhdr) *note = (const void *)at;
			const char *name = at + sizeof(*note);
			size_t skip = (note->n_namesz + 3u) & ~3u;

			if (note->n_type == NT_GNU_BUILD_ID &&
			    strcmp(name, "GNU") == 0) {
				memcpy(id->bytes, name + skip, note->n_descsz);
				id->size = note->n_descsz;
				return 1;
			}
			at = name + skip + ((note->n_descsz + 3u) & ~3u);
		}
	}
	return 1;
}

static void
test_build_id(void **state)
{
	struct symbols *symbols = symbols_new(NULL, false);
	const struct symbol_line *lines;
	struct {
		uint8_t bytes[64];
		size_t size;
	} id = {.size = 0};
	size_t count;

	(void)state;
	dl_iterate_phdr(own_build_id, &id);
	if (id.size == 0) {
		print_message("# this program has no build id\n");
		skip();
	}
	symbols_find(symbols, self, id.bytes, id.size, known_address(), &lines,
		     &count);
	check_known(lines, count);
	id.bytes[3] ^= 1;
	symbols_find(symbols, self, id.bytes, id.size, known_address(), &lines,
		     &count);
	assert_int_equal(count, 0);
	symbols_find(symbols, self, id.bytes, id.size - 1, known_address(),
		     &lines, &count);
	assert_int_equal(count, 0);
	symbols_find(symbols, self, id.bytes, 65, known_address(), &lines,
		     &count);
	assert_int_equal(count, 0);
	symbols_free(symbols);
}

static void
test_root(void **state)
{
	struct symbols *symbols = symbols_new("/proc/self/root", false);
	const struct symbol_line *lines;

	(void)state;
	check_known(lines, find(symbols, self, known_address(), &lines));
	symbols_free(symbols);
	symbols = symbols_new("/no/such/root", false);
	assert_int_equal(find(symbols, self, known_address(), &lines), 0);
	symbols_free(symbols);
}

/* Waits until an answer is there; fails the test at the deadline. */
static size_t
wait_find(struct symbols *symbols, uint64_t address,
	  const struct symbol_line **lines)
{
	struct pollfd ready = {.fd = symbols_fd(symbols), .events = POLLIN};
	size_t count;

	while (symbols_find(symbols, self, NULL, 0, address, lines, &count) ==
	       SYMBOL_LATER) {
		assert_int_equal(poll(&ready, 1, DEADLINE_MS), 1);
		symbols_drain(symbols);
	}
	return count;
}

static void
test_background(void **state)
{
	struct symbols *symbols = symbols_new(NULL, true);
	const struct symbol_line *lines;
	size_t count;

	(void)state;
	assert_true(symbols_fd(symbols) >= 0);
	assert_int_equal(symbols_find(symbols, self, NULL, 0, known_address(),
				      &lines, &count),
			 SYMBOL_LATER);
	for (uint64_t i = 1; i < 2000; i++)
		symbols_find(symbols, self, NULL, 0, known_address() + i,
			     &lines, &count);
	check_known(lines, wait_find(symbols, known_address(), &lines));
	for (uint64_t i = 1; i < 2000; i++)
		wait_find(symbols, known_address() + i, &lines);
	symbols_free(symbols);
	/* Freed with questions still open. */
	symbols = symbols_new(NULL, true);
	symbols_find(symbols, self, NULL, 0, known_address(), &lines, &count);
	symbols_free(symbols);
}

/* The pid of the helper, this program's only child. */
static pid_t
only_child(void)
{
	FILE *file = fopen("/proc/thread-self/children", "r");
	int pid = 0;

	assert_non_null(file);
	if (fscanf(file, "%d", &pid) != 1)
		pid = 0;
	fclose(file);
	return pid;
}

static void
test_helper_killed(void **state)
{
	struct symbols *symbols = symbols_new(NULL, false);
	const struct symbol_line *lines;
	siginfo_t info;

	(void)state;
	check_known(lines, find(symbols, self, known_address(), &lines));
	assert_true(only_child() > 0);
	assert_int_equal(kill(only_child(), SIGKILL), 0);
	assert_int_equal(
	    waitid(P_PID, (id_t)only_child(), &info, WEXITED | WNOWAIT), 0);
	assert_int_equal(find(symbols, self, known_address() + 1, &lines), 1);
	assert_string_equal(lines[0].function, "known_function");
	symbols_free(symbols);
	assert_int_equal(only_child(), 0);
}

/* As if a file took all its time: it is given up, others are not. */
static void
test_timed_out(void **state)
{
	struct symbols *symbols = symbols_new(NULL, true);
	const struct symbol_line *lines;
	size_t count;

	(void)state;
	check_known(lines, wait_find(symbols, known_address(), &lines));
	assert_int_equal(kill(only_child(), SIGSTOP), 0);
	assert_int_equal(symbols_find(symbols, self, NULL, 0,
				      known_address() + 1, &lines, &count),
			 SYMBOL_LATER);
	assert_int_equal(kill(only_child(), SIGALRM), 0);
	assert_int_equal(kill(only_child(), SIGCONT), 0);
	assert_int_equal(wait_find(symbols, known_address() + 1, &lines), 0);
	assert_int_equal(wait_find(symbols, known_address() + 2, &lines), 0);
	check_known(lines, wait_find(symbols, known_address(), &lines));
	while (symbols_find(symbols, "/proc/self/exe", NULL, 0, known_address(),
			    &lines, &count) == SYMBOL_LATER)
		symbols_drain(symbols);
	check_known(lines, count);
	symbols_free(symbols);
}

static size_t
count_open(void)
{
	DIR *folder = opendir("/proc/self/fd");
	size_t count = 0;

	assert_non_null(folder);
	while (readdir(folder))
		count++;
	closedir(folder);
	return count;
}

static void
test_leaves_nothing(void **state)
{
	size_t before = count_open();
	const struct symbol_line *lines;

	(void)state;
	for (int i = 0; i < 5; i++) {
		struct symbols *symbols = symbols_new(NULL, i % 2);

		wait_find(symbols, known_address(), &lines);
		symbols_free(symbols);
	}
	assert_int_equal(count_open(), before);
	assert_int_equal(only_child(), 0);
}

/* The helper holds nothing that others wait for: no end of a pipe. */
static void
test_helper_holds_no_pipe(void **state)
{
	struct symbols *symbols;
	const struct symbol_line *lines;
	struct pollfd ready;
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	symbols = symbols_new(NULL, false);
	check_known(lines, find(symbols, self, known_address(), &lines));
	close(ends[1]);
	ready = (struct pollfd){.fd = ends[0], .events = POLLIN};
	assert_int_equal(poll(&ready, 1, DEADLINE_MS), 1);
	assert_true(ready.revents & POLLHUP);
	close(ends[0]);
	symbols_free(symbols);
}

/* Copies of this program under other names: more than are kept open. */
static void
test_many_files(void **state)
{
	char folder[] = "/tmp/test_symbols.XXXXXX";
	struct symbols *symbols = symbols_new(NULL, false);
	const struct symbol_line *lines;
	char path[64];

	(void)state;
	assert_non_null(mkdtemp(folder));
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 100; i++) {
			snprintf(path, sizeof(path), "%s/%d", folder, i);
			if (round == 0)
				assert_int_equal(symlink(self, path), 0);
			assert_int_equal(find(symbols, path,
					      known_address() + round, &lines),
					 1);
		}
	}
	for (int i = 0; i < 100; i++) {
		snprintf(path, sizeof(path), "%s/%d", folder, i);
		unlink(path);
	}
	rmdir(folder);
	symbols_free(symbols);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_find),
	    cmocka_unit_test(test_nothing_known),
	    cmocka_unit_test(test_build_id),
	    cmocka_unit_test(test_root),
	    cmocka_unit_test(test_background),
	    cmocka_unit_test(test_helper_killed),
	    cmocka_unit_test(test_timed_out),
	    cmocka_unit_test(test_leaves_nothing),
	    cmocka_unit_test(test_helper_holds_no_pipe),
	    cmocka_unit_test(test_many_files),
	};
	ssize_t size = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (size <= 0)
		return 1;
	self[size] = '\0';
	return cmocka_run_group_tests(tests, NULL, NULL);
}
