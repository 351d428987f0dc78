/* target.c - what /proc says of a process, and why it takes no agent. */
#include "config.h"

#include "inject/target.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "inject/arch.h"

#define SCOPE_FILE "/proc/sys/kernel/yama/ptrace_scope"

struct facts {
	char name[32];
	char state;
	bool kernel; /* it is a thread of the kernel */
	pid_t group;
	pid_t tracer;
	uid_t uid;
	unsigned seccomp;
	unsigned filters;
	uint64_t capabilities;
};

static size_t
proc_read(pid_t pid, const char *name, void *out, size_t size)
{
	char path[64];
	ssize_t got;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	got = read(fd, out, size);
	close(fd);
	return got > 0 ? (size_t)got : 0;
}

/* The text behind "NAME:" at the beginning of a line. */
static const char *
field(const char *text, const char *name)
{
	size_t size = strlen(name);

	for (; text; text = strchr(text, '\n')) {
		text += *text == '\n';
		if (strncmp(text, name, size) == 0 && text[size] == ':')
			return text + size + 1 + strspn(text + size + 1, " \t");
	}
	return "";
}

static bool
facts_read(struct facts *facts, pid_t pid)
{
	char text[8192];
	const char *uids;
	size_t size = proc_read(pid, "status", text, sizeof(text) - 1);

	*facts = (struct facts){0};
	if (!size)
		return false;
	text[size] = '\0';
	snprintf(facts->name, sizeof(facts->name), "%.*s",
		 (int)strcspn(field(text, "Name"), "\n"), field(text, "Name"));
	facts->state = *field(text, "State");
	facts->group = (pid_t)strtol(field(text, "Tgid"), NULL, 10);
	facts->tracer = (pid_t)strtol(field(text, "TracerPid"), NULL, 10);
	uids = field(text, "Uid");
	uids += strcspn(uids, "\t\n");
	facts->uid = (uid_t)strtoul(uids, NULL, 10);
	facts->seccomp = (unsigned)strtoul(field(text, "Seccomp"), NULL, 10);
	facts->filters =
	    (unsigned)strtoul(field(text, "Seccomp_filters"), NULL, 10);
	facts->capabilities = strtoull(field(text, "CapEff"), NULL, 16);
	facts->kernel = !*field(text, "VmSize") && facts->state != 'Z' &&
			facts->state != 'X';
	return true;
}

unsigned
target_scope(const char *scope_file)
{
	FILE *file = fopen(scope_file ? scope_file : SCOPE_FILE, "re");
	unsigned scope = 0;

	if (file && (fscanf(file, "%u", &scope) != 1 || scope > 3))
		scope = 3;
	if (file)
		fclose(file);
	return scope;
}

bool
target_may_trace_all(void)
{
	struct facts self;

	return facts_read(&self, getpid()) &&
	       (self.capabilities >> CAP_SYS_PTRACE & 1);
}

/* What is plain without asking for anything. */
static bool
facts_check(const struct facts *facts, pid_t pid, struct err *err)
{
	struct facts self;
	int n = (int)pid;

	if (facts->group && facts->group != pid)
		return err_set(err,
			       "%d is a thread of process %d; heaptop attach "
			       "%d",
			       n, (int)facts->group, (int)facts->group);
	if (facts->state == 'Z' || facts->state == 'X')
		return err_set(err,
			       "process %d ('%s') has ended and only waits for "
			       "its parent; see heaptop list",
			       n, facts->name);
	if (facts->kernel)
		return err_set(err,
			       "process %d ('%s') is part of the kernel; name "
			       "a program that ps -e shows without brackets",
			       n, facts->name);
	if (facts->state == 'T')
		return err_set(err,
			       "process %d is stopped; let it go on with kill "
			       "-CONT %d and try again",
			       n, n);
	if (facts->seccomp == 1 ||
	    (facts->seccomp == 2 && facts_read(&self, getpid()) &&
	     facts->filters > self.filters))
		return err_set(err,
			       "process %d may only make some system calls "
			       "(seccomp), and might be killed for one that "
			       "loading the agent takes; start it with heaptop "
			       "run, or attach from within its container",
			       n);
	return true;
}

static const char *
user_name(uid_t uid, char *text, size_t size)
{
	struct passwd *entry = getpwuid(uid);

	if (entry)
		snprintf(text, size, "%s", entry->pw_name);
	else
		snprintf(text, size, "%u", (unsigned)uid);
	return text;
}

static bool
refused(const struct facts *facts, pid_t pid, const char *scope_file,
	struct err *err)
{
	unsigned scope = target_scope(scope_file);
	char name[64];
	int n = (int)pid;

	if (scope == 3)
		return err_set(err,
			       "nobody may attach on this machine until it "
			       "starts again (kernel.yama.ptrace_scope is 3); "
			       "start process %d's program with heaptop run",
			       n);
	if (geteuid() != 0 && facts->uid != geteuid())
		return err_set(err,
			       "process %d belongs to user '%s'; sudo heaptop "
			       "attach %d",
			       n, user_name(facts->uid, name, sizeof(name)), n);
	if (geteuid() != 0 && scope > 0)
		return err_set(err,
			       "the kernel keeps you from attaching to process "
			       "%d (kernel.yama.ptrace_scope is %u); sudo "
			       "heaptop attach %d, or start it with heaptop "
			       "run",
			       n, scope, n);
	if (geteuid() != 0)
		return err_set(err,
			       "process %d has more rights than you or hides "
			       "its memory; sudo heaptop attach %d",
			       n, n);
	return err_set(err,
		       "may not attach to process %d without the capability "
		       "SYS_PTRACE; add it to the container (docker run "
		       "--cap-add=SYS_PTRACE), or start the program with "
		       "heaptop run",
		       n);
}

/* A program that was started with more rights than who started it. */
static bool
auxv_check(struct target *target, struct err *err)
{
	Elf64_auxv_t vector[64];
	size_t size = proc_read(target->pid, "auxv", vector, sizeof(vector)) /
		      sizeof(*vector);

	for (size_t i = 0; i < size && vector[i].a_type != AT_NULL; i++) {
		if (vector[i].a_type == AT_BASE)
			target->loader = vector[i].a_un.a_val;
		if (vector[i].a_type == AT_SECURE && vector[i].a_un.a_val)
			return err_set(err,
				       "process %d was started with the rights "
				       "of another user or of its file "
				       "(setuid) and takes no agent; start it "
				       "as that user with heaptop run",
				       (int)target->pid);
	}
	return true;
}

static bool
exe_check(const struct target *target, struct err *err)
{
	Elf64_Ehdr elf = {0};

	if (proc_read(target->pid, "exe", &elf, sizeof(elf)) != sizeof(elf))
		return true;
	if (memcmp(elf.e_ident, ELFMAG, SELFMAG) == 0 &&
	    elf.e_ident[EI_CLASS] == ELFCLASS64 &&
	    elf.e_machine == ARCH_ELF_MACHINE)
		return true;
	return err_set(err,
		       "process %d runs a program of another architecture%s; "
		       "heaptop profiles 64-bit x86-64 ones",
		       (int)target->pid,
		       elf.e_ident[EI_CLASS] == ELFCLASS32 ? " (32 bit)" : "");
}

bool
target_open(struct target *target, pid_t pid, const char *scope_file,
	    struct err *err)
{
	struct facts facts;
	char path[64];

	*target = (struct target){.pid = pid, .memory = -1};
	if (pid == getpid())
		return err_set(err, "heaptop does not attach to itself; name "
				    "another process");
	if (pid <= 0 || !facts_read(&facts, pid))
		return err_set(err,
			       "there is no process %d; ps -e shows those that "
			       "there are",
			       (int)pid);
	target->uid = facts.uid;
	target->tracer = facts.tracer;
	if (!facts_check(&facts, pid, err))
		return false;
	/* The kernel asks here what it would ask for ptrace. */
	snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
	target->memory = open(path, O_RDWR | O_CLOEXEC);
	if (target->memory < 0 && errno == ENOENT)
		return err_set(err,
			       "process %d has just ended; see heaptop "
			       "list",
			       (int)pid);
	if (target->memory < 0)
		return refused(&facts, pid, scope_file, err);
	if (exe_check(target, err) && auxv_check(target, err))
		return true;
	target_close(target);
	return false;
}

void
target_close(struct target *target)
{
	if (target->memory >= 0)
		close(target->memory);
	target->memory = -1;
}

bool
target_is_traced(const struct target *target, struct err *err)
{
	struct facts tracer;

	if (!target->tracer)
		return false;
	if (!facts_read(&tracer, target->tracer))
		snprintf(tracer.name, sizeof(tracer.name), "?");
	err_set(err,
		"process %d is traced by process %d ('%s') already; end that "
		"and try again, or start the program with heaptop run",
		(int)target->pid, (int)target->tracer, tracer.name);
	return true;
}

bool
target_no_libc(const struct target *target, bool musl, struct err *err)
{
	if (musl)
		return err_set(err,
			       "process %d uses musl, and the agent is for "
			       "glibc; run the program where glibc is",
			       (int)target->pid);
	return err_set(err,
		       "process %d is statically linked and cannot load the "
		       "agent; link the program dynamically and use heaptop "
		       "run",
		       (int)target->pid);
}
