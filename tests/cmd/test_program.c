/* test_program.c - which programs take the agent. */
#include "config.h"

#include <elf.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "cmd/program.h"

struct image {
	Elf64_Ehdr elf;
	Elf64_Phdr segment;
	char loader[64];
};

static char directory[] = "/tmp/heaptop-test.XXXXXX";

static const char *
path_of(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return path;
}

static const char *
write_file(const char *name, const void *bytes, size_t size)
{
	const char *path = path_of(name);
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, size, file), size);
	fclose(file);
	chmod(path, 0755);
	return path;
}

/* As much of a dynamic program as is looked at. */
static void
image_make(struct image *image, const char *loader)
{
	memset(image, 0, sizeof(*image));
	memcpy(image->elf.e_ident, ELFMAG, SELFMAG);
	image->elf.e_ident[EI_CLASS] = ELFCLASS64;
	image->elf.e_ident[EI_DATA] = ELFDATA2LSB;
	image->elf.e_machine = EM_X86_64;
	image->elf.e_phoff = offsetof(struct image, segment);
	image->elf.e_phentsize = sizeof(image->segment);
	image->elf.e_phnum = 1;
	image->segment.p_type = PT_INTERP;
	image->segment.p_offset = offsetof(struct image, loader);
	image->segment.p_filesz = strlen(loader) + 1;
	strcpy(image->loader, loader);
}

/* "" when it takes the agent, else the reason. */
static const char *
verdict(const char *path)
{
	static struct err err;

	bool good;

	*err.text = '\0';
	good = program_takes_agent(path, &err);
	assert_int_equal(good, !*err.text);
	return err.text;
}

static const char *
image_verdict(const struct image *image)
{
	return verdict(write_file("image", image, sizeof(*image)));
}

static void
programs(void **state)
{
	struct image image;

	(void)state;
	assert_string_equal(verdict("/proc/self/exe"), "");
	image_make(&image, "/lib64/ld-linux-x86-64.so.2");
	assert_string_equal(image_verdict(&image), "");
	image_make(&image, "/lib/ld-musl-x86_64.so.1");
	assert_non_null(strstr(image_verdict(&image), "musl"));
	image_make(&image, "/lib/ld-linux-aarch64.so.1");
	image.elf.e_machine = EM_AARCH64;
	assert_non_null(strstr(image_verdict(&image), "architecture"));
	image_make(&image, "/lib/ld-linux.so.2");
	image.elf.e_ident[EI_CLASS] = ELFCLASS32;
	assert_non_null(strstr(image_verdict(&image), "architecture"));
	image_make(&image, "");
	image.segment.p_type = PT_LOAD;
	assert_non_null(strstr(image_verdict(&image), "statically"));
}

/* Nothing that a file says may hurt; what is not understood is let through. */
static void
lies(void **state)
{
	struct image image;
	size_t size;

	(void)state;
	for (size = 0; size < sizeof(image); size++) {
		image_make(&image, "/lib64/ld-linux-x86-64.so.2");
		verdict(write_file("short", &image, size));
	}
	image_make(&image, "/lib64/ld-linux-x86-64.so.2");
	image.elf.e_phoff = UINT64_MAX - 8;
	image.elf.e_phnum = UINT16_MAX;
	verdict(write_file("far", &image, sizeof(image)));
	image_make(&image, "/lib64/ld-linux-x86-64.so.2");
	image.segment.p_offset = UINT64_MAX;
	image.segment.p_filesz = UINT64_MAX;
	verdict(write_file("huge", &image, sizeof(image)));
	image_make(&image, "/lib64/ld-linux-x86-64.so.2");
	memset(image.loader, 'x', sizeof(image.loader));
	image.segment.p_filesz = sizeof(image.loader);
	verdict(write_file("endless", &image, sizeof(image)));
	assert_string_equal(verdict("/no/such/file"), "");
	assert_string_equal(verdict("/dev/zero"), "");
	assert_string_equal(verdict("/"), "");
}

static void
scripts(void **state)
{
	struct image image;
	char line[256];

	(void)state;
	image_make(&image, "/lib/ld-musl-x86_64.so.1");
	write_file("shell", &image, sizeof(image));
	snprintf(line, sizeof(line), "#! %s/shell -e\n", directory);
	assert_non_null(
	    strstr(verdict(write_file("a", line, strlen(line))), "musl"));
	snprintf(line, sizeof(line), "#!/usr/bin/env -S A=1 %s/shell x\n",
		 directory);
	assert_non_null(
	    strstr(verdict(write_file("b", line, strlen(line))), "musl"));
	/* One that starts itself comes to an end. */
	snprintf(line, sizeof(line), "#!%s/c\n", directory);
	assert_string_equal(verdict(write_file("c", line, strlen(line))), "");
	assert_string_equal(verdict(write_file("d", "#!", 2)), "");
	assert_string_equal(verdict(write_file("d", "#!\n", 3)), "");
	assert_string_equal(verdict(write_file("e", "#!/usr/bin/env\n", 15)),
			    "");
}

static void
finding(void **state)
{
	char *found;

	(void)state;
	write_file("tool", "x", 1);
	setenv("PATH", "/no/such/place:/proc", 1);
	assert_null(program_find("tool"));
	assert_int_equal(errno, ENOENT);
	setenv("PATH", directory, 1);
	found = program_find("tool");
	assert_string_equal(found, path_of("tool"));
	free(found);
	chmod(path_of("tool"), 0644);
	assert_null(program_find("tool"));
	assert_int_equal(errno, EACCES);
	assert_null(program_find(""));
	assert_int_equal(errno, ENOENT);
	assert_null(program_find("/no/such/file"));
	assert_int_equal(errno, ENOENT);
}

static int
setup(void **state)
{
	(void)state;
	return mkdtemp(directory) ? 0 : -1;
}

static int
teardown(void **state)
{
	static const char *const names[] = {"image",   "short", "far", "huge",
					    "endless", "shell", "a",   "b",
					    "c",       "d",	"e",   "tool"};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(*names); i++)
		unlink(path_of(names[i]));
	return rmdir(directory);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(programs),
	    cmocka_unit_test(lies),
	    cmocka_unit_test(scripts),
	    cmocka_unit_test(finding),
	};

	return cmocka_run_group_tests_name("program", tests, setup, teardown);
}
