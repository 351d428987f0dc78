/* preload.c - the agent's file and the environment that loads it. */
#include "config.h"

#include "cmd/preload.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "inject/arch.h"
#include "source/source.h"

#define AGENT_FILE "heaptop-agent.so"
#define ROOM_MIN   (UINT64_C(1) << 20)

static char *
beside_program(void)
{
	char *exe = realpath("/proc/self/exe", NULL);
	char *path = NULL;

	if (exe && strrchr(exe, '/')) {
		*strrchr(exe, '/') = '\0';
		path = mem_format("%s/" AGENT_FILE, exe);
	}
	free(exe);
	return path;
}

static bool
agent_unreadable(const char *path, struct err *err)
{
	return err_set(err,
		       "cannot read the agent '%s': %s; install heaptop again "
		       "or set HEAPTOP_AGENT to " AGENT_FILE,
		       path, strerror(errno));
}

/* Root, the user, or whose heaptop this is. */
static bool
is_trusted(uid_t owner)
{
	struct stat self;

	return owner == 0 || owner == geteuid() ||
	       (stat("/proc/self/exe", &self) == 0 && owner == self.st_uid);
}

/* Whether somebody else may write there. A group of the user's own is no one
 * else; in a sticky directory nobody replaces what is another's. */
static bool
others_write(const struct stat *st)
{
	if (S_ISDIR(st->st_mode) && st->st_mode & S_ISVTX)
		return false;
	return st->st_mode & S_IWOTH ||
	       (st->st_mode & S_IWGRP && st->st_gid && st->st_gid != getegid());
}

/* What is loaded into programs must be what its owner put there: the file, and
 * every folder on its way. */
static bool
agent_is_safe(const char *path, const struct stat *file, struct err *err)
{
	char *part = mem_string(path);
	struct stat st = *file;
	bool good = is_trusted(st.st_uid);

	if (!good)
		err_set(err,
			"the agent '%s' belongs to another user; set "
			"HEAPTOP_AGENT to a copy of your own",
			path);
	while (good) {
		char *slash = strrchr(part, '/');

		good = !others_write(&st);
		if (!good)
			err_set(err,
				"'%s', where the agent is, may be written by "
				"others; take that right away or set "
				"HEAPTOP_AGENT to a copy elsewhere",
				part);
		if (!slash || !slash[1])
			break;
		slash[slash == part] = '\0';
		if (good && stat(part, &st) != 0)
			good = agent_unreadable(path, err);
	}
	free(part);
	return good;
}

/* Or the loader would say so in each program, and start it without. */
static bool
is_library(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	Elf64_Ehdr elf = {0};
	bool is_it = fd >= 0 && read(fd, &elf, sizeof(elf)) == sizeof(elf) &&
		     memcmp(elf.e_ident, ELFMAG, SELFMAG) == 0 &&
		     elf.e_ident[EI_CLASS] == ELFCLASS64 &&
		     elf.e_machine == ARCH_ELF_MACHINE && elf.e_type == ET_DYN;

	if (fd >= 0)
		close(fd);
	return is_it;
}

static bool
agent_check(const char *path, struct err *err)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return agent_unreadable(path, err);
	if (!S_ISREG(st.st_mode))
		return err_set(err,
			       "the agent '%s' is not a regular file; set "
			       "HEAPTOP_AGENT to " AGENT_FILE,
			       path);
	if (access(path, R_OK) != 0)
		return agent_unreadable(path, err);
	if (!is_library(path))
		return err_set(err,
			       "the agent '%s' is not a library of this "
			       "machine; set HEAPTOP_AGENT to " AGENT_FILE,
			       path);
	/* The loader splits its list there and knows no quotes. */
	if (strpbrk(path, ": \t\n"))
		return err_set(err,
			       "the agent's path '%s' has a space or a "
			       "colon, which LD_PRELOAD cannot hold; set "
			       "HEAPTOP_AGENT to a copy elsewhere",
			       path);
	return agent_is_safe(path, &st, err);
}

char *
preload_find(struct err *err)
{
	const char *given = getenv("HEAPTOP_AGENT");
	char *path = given && *given ? mem_string(given) : beside_program();
	char *absolute;

	if (!path || (!(given && *given) && access(path, F_OK) != 0)) {
		free(path);
		path = mem_string(PKGLIBDIR "/" AGENT_FILE);
	}
	absolute = realpath(path, NULL);
	if (agent_check(absolute ? absolute : path, err)) {
		free(path);
		return absolute;
	}
	free(absolute);
	free(path);
	return NULL;
}

static bool
directory_unusable(const char *what, struct err *err)
{
	return err_set(err,
		       "cannot %s the directory of segments '%s': %s; set "
		       "HEAPTOP_DIR to another directory",
		       what, segment_directory(), strerror(errno));
}

bool
preload_directory(struct err *err)
{
	const char *path = segment_directory();
	struct statvfs room;
	struct stat st;

	if (mkdir(path, 0700) != 0 && errno != EEXIST)
		return directory_unusable("make", err);
	if (lstat(path, &st) != 0)
		return directory_unusable("read", err);
	if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid())
		return err_set(err,
			       "'%s' is not a directory of yours; remove it or "
			       "set HEAPTOP_DIR to another directory",
			       path);
	if (st.st_mode & 022)
		return err_set(err,
			       "others may write to '%s'; take that right away "
			       "or set HEAPTOP_DIR to another directory",
			       path);
	if (access(path, R_OK | W_OK | X_OK) != 0)
		return directory_unusable("write to", err);
	if (statvfs(path, &room) == 0 &&
	    room.f_bavail < ROOM_MIN / (room.f_frsize ? room.f_frsize : 1))
		return err_set(err,
			       "'%s' is full; make room, run heaptop clean, or "
			       "set HEAPTOP_DIR to another directory",
			       path);
	return true;
}

uint64_t
preload_run_id(void)
{
	uint64_t id = 0;

	if (getrandom(&id, sizeof(id), 0) != sizeof(id) || id == 0)
		id = (uint64_t)time(NULL) << 32 | (uint64_t)getpid();
	return id;
}

/* The user's list without the agent, which comes first anyway. */
static void
list_append(char *list, const char *agent, const char *rest)
{
	while (*rest) {
		size_t length = strcspn(rest, ": ");

		if (length && !(strlen(agent) == length &&
				memcmp(agent, rest, length) == 0)) {
			strcat(list, ":");
			strncat(list, rest, length);
		}
		rest += length;
		rest += strspn(rest, ": ");
	}
}

char *
preload_value(const char *agent)
{
	const char *rest = getenv("LD_PRELOAD");
	char *list;

	if (!rest)
		rest = "";
	list = mem_alloc(strlen(agent) + strlen(rest) + 2);
	strcpy(list, agent);
	list_append(list, agent, rest);
	return list;
}

/* The program may change its directory before the agent looks. */
static void
directory_make_absolute(void)
{
	const char *given = getenv("HEAPTOP_DIR");
	char *absolute;

	if (!given || !*given || *given == '/')
		return;
	absolute = realpath(given, NULL);
	if (absolute)
		setenv("HEAPTOP_DIR", absolute, 1);
	free(absolute);
}

/* AddressSanitizer refuses to start behind another library, though it works
 * there; what it is told last counts. */
static void
sanitizer_allow(void)
{
	const char *given = getenv("ASAN_OPTIONS");
	const char *more = "verify_asan_link_order=0";
	size_t size;
	char *options;

	if (given && strstr(given, more))
		return;
	given = given ? given : "";
	size = strlen(given) + strlen(more) + 2;
	options = mem_alloc(size);
	snprintf(options, size, "%s%s%s", given, *given ? ":" : "", more);
	setenv("ASAN_OPTIONS", options, 1);
	free(options);
}

void
preload_tell(const struct options *options, uint64_t run_id,
	     preload_teller *tell, void *context)
{
	char text[64] = "exact";
	char mode[80];

	if (options->has_sample)
		snprintf(text, sizeof(text), "sample:%" PRIu64,
			 options->sample_bytes);
	snprintf(mode, sizeof(mode), "dormant:%s", text);
	tell(context, "HEAPTOP_MODE", options->dormant ? mode : text);
	snprintf(text, sizeof(text), "%" PRIu32, options->budget_ppm);
	tell(context, "HEAPTOP_BUDGET", options->budget_ppm ? text : NULL);
	if (options->unwinder)
		tell(context, "HEAPTOP_UNWINDER", options->unwinder);
	if (options->native)
		tell(context, "HEAPTOP_NATIVE", options->native);
	tell(context, "HEAPTOP_FREELISTS", options->freelists ? "1" : NULL);
	snprintf(text, sizeof(text), "%016" PRIx64, run_id);
	tell(context, "HEAPTOP_RUN", text);
}

static void
tell_environment(void *context, const char *name, const char *value)
{
	(void)context;
	if (value)
		setenv(name, value, 1);
	else
		unsetenv(name);
}

void
preload_set(const char *agent, const struct options *options, uint64_t run_id,
	    bool keep)
{
	char text[64];
	char *list = preload_value(agent);

	setenv("LD_PRELOAD", list, 1);
	free(list);
	sanitizer_allow();
	preload_tell(options, run_id, tell_environment, NULL);
	/* Only this process's is looked at after its end, and a program that
	 * forks a lot would fill the directory. */
	snprintf(text, sizeof(text), "%d", options->keep ? 1 : (int)getpid());
	tell_environment(NULL, "HEAPTOP_KEEP", keep ? text : NULL);
	snprintf(text, sizeof(text), "%d", (int)getpid());
	tell_environment(NULL, "HEAPTOP_ONLY",
			 options->no_children ? text : NULL);
	directory_make_absolute();
}
