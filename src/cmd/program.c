/* program.c - which file a program is, and whether it takes the agent. */
#include "config.h"

#include "cmd/program.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/mem.h"

enum { SCRIPTS_MAX = 5, HEAD_SIZE = 4096 };

static bool
is_executable(const char *path)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return false;
	if (S_ISREG(st.st_mode) && access(path, X_OK) == 0)
		return true;
	errno = EACCES;
	return false;
}

char *
program_find(const char *name)
{
	const char *path = getenv("PATH");
	const char *end;
	bool denied = false;

	errno = ENOENT;
	if (!*name)
		return NULL;
	if (strchr(name, '/'))
		return is_executable(name) ? mem_string(name) : NULL;
	for (path = path ? path : "/bin:/usr/bin"; path; path = end) {
		int length = (int)strcspn(path, ":");
		char *file = mem_format("%.*s%s%s", length, path,
					length ? "/" : "", name);

		if (is_executable(file))
			return file;
		denied |= errno == EACCES;
		free(file);
		end = path[length] ? path + length + 1 : NULL;
	}
	errno = denied ? EACCES : ENOENT;
	return NULL;
}

/* Copies the word at text to out; returns what follows it. */
static const char *
next_word(const char *text, char *out, size_t size)
{
	size_t length;

	text += strspn(text, " \t");
	length = strcspn(text, " \t\n");
	if (length >= size)
		length = 0;
	memcpy(out, text, length);
	out[length] = '\0';
	return text + strcspn(text, " \t\n");
}

/* The program that a "#!" line starts, through env(1) if need be; NULL when
 * it is not plain. */
static char *
script_interpreter(const char *line)
{
	char word[PATH_MAX];
	const char *base;

	line = next_word(line, word, sizeof(word));
	base = strrchr(word, '/');
	if (!base || strcmp(base, "/env") != 0)
		return program_find(word);
	do
		line = next_word(line, word, sizeof(word));
	while (*word == '-' || strchr(word, '='));
	return program_find(word);
}

static bool
changes_identity(int fd, const char *path, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st) != 0 || geteuid() == 0)
		return false;
	if ((st.st_mode & S_ISUID && st.st_uid != geteuid()) ||
	    (st.st_mode & S_ISGID && st.st_mode & S_IXGRP &&
	     st.st_gid != getegid()))
		return !err_set(err,
				"'%s' changes its user or group when it "
				"starts and takes no agent; it runs "
				"without it",
				path);
	if (fgetxattr(fd, "security.capability", NULL, 0) > 0)
		return !err_set(err,
				"'%s' has file capabilities and takes no "
				"agent; it runs without it",
				path);
	return false;
}

/* Reads the name of the dynamic loader; "" when there is none. */
static bool
read_loader(int fd, const Elf64_Ehdr *elf, char *out, size_t size)
{
	Elf64_Phdr segment;
	unsigned i;

	*out = '\0';
	if (elf->e_phentsize != sizeof(segment))
		return false;
	for (i = 0; i < elf->e_phnum; i++) {
		off_t at = (off_t)(elf->e_phoff + i * sizeof(segment));

		if (pread(fd, &segment, sizeof(segment), at) !=
		    (ssize_t)sizeof(segment))
			return false;
		if (segment.p_type != PT_INTERP)
			continue;
		if (segment.p_filesz < size)
			size = segment.p_filesz;
		if (size == 0 ||
		    pread(fd, out, size, (off_t)segment.p_offset) !=
			(ssize_t)size)
			return false;
		out[size - 1] = '\0';
		return true;
	}
	return true;
}

static bool
elf_takes_agent(int fd, const char *path, const Elf64_Ehdr *elf,
		struct err *err)
{
	const char *base = strrchr(path, '/');
	char loader[256];

	if (elf->e_ident[EI_CLASS] != ELFCLASS64 ||
	    elf->e_ident[EI_DATA] != ELFDATA2LSB || elf->e_machine != EM_X86_64)
		return err_set(err,
			       "'%s' is for another architecture and "
			       "takes no agent; it runs without it",
			       path);
	if (!read_loader(fd, elf, loader, sizeof(loader)))
		return true;
	base = base ? base + 1 : path;
	if (!*loader && strncmp(base, "ld-linux", 8) != 0 &&
	    strncmp(base, "ld.so", 5) != 0)
		return err_set(err,
			       "'%s' is statically linked and takes no "
			       "agent; it runs without it",
			       path);
	if (strstr(loader, "ld-musl"))
		return err_set(err,
			       "'%s' uses musl, and the agent is for "
			       "glibc; it runs without it",
			       path);
	return !changes_identity(fd, path, err);
}

/* Returns the interpreter to look at next, or NULL with the verdict. */
static char *
look_at(const char *path, bool *good, struct err *err)
{
	union {
		char text[HEAD_SIZE];
		Elf64_Ehdr elf;
	} head;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	char *next = NULL;
	ssize_t size;

	*good = true;
	if (fd < 0)
		return NULL;
	memset(&head, 0, sizeof(head));
	size = pread(fd, head.text, sizeof(head) - 1, 0);
	if (size > 2 && memcmp(head.text, "#!", 2) == 0)
		next = script_interpreter(head.text + 2);
	else if (size >= (ssize_t)sizeof(head.elf) &&
		 memcmp(head.text, ELFMAG, SELFMAG) == 0)
		*good = elf_takes_agent(fd, path, &head.elf, err);
	close(fd);
	return next;
}

bool
program_takes_agent(const char *path, struct err *err)
{
	char *file = mem_string(path);
	bool good = true;
	int i;

	for (i = 0; file && i < SCRIPTS_MAX; i++) {
		char *next = look_at(file, &good, err);

		free(file);
		file = next;
	}
	free(file);
	return good;
}
