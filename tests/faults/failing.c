/*
 * failing.c - runs a program in which one system call fails.
 *
 *	failing NTH WHERE REPORT PROGRAM [ARGUMENT]...
 *
 * NTH, from 1, counts the calls that can fail, of all threads and children,
 * made by the code of mapped files whose path holds the word WHERE; "-WORD":
 * whose path does not. 0: none fails. REPORT gets a line: how many there were,
 * and the number of the one that failed or -1. The exit status is the
 * program's, 128 + N for signal N.
 */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <linux/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define THREADS_MAX 4096
#define KNOWN	    64

/* What they fail with; the others as if the kernel had them not. */
static const struct {
	long number;
	int error;
} errors[] = {
    {SYS_mmap, ENOMEM},	     {SYS_mremap, ENOMEM}, {SYS_openat, EMFILE},
    {SYS_fallocate, ENOSPC}, {SYS_write, ENOSPC},  {SYS_read, EIO},
    {SYS_pread64, EIO},	     {SYS_clone, EAGAIN},  {SYS_clone3, EAGAIN},
    {SYS_mkdirat, EROFS},
};

/* Those that cannot fail, and those whose failure is the end of libc. */
static const long never[] = {
    SYS_exit,	 SYS_exit_group,      SYS_rt_sigreturn, SYS_getpid, SYS_gettid,
    SYS_getppid, SYS_getuid,	      SYS_geteuid,	SYS_getgid, SYS_getegid,
    SYS_execve,	 SYS_restart_syscall, SYS_arch_prctl,	SYS_brk,    SYS_kill,
};

static struct {
	long nth;
	long count;
	long failed; /* number of the call; -1: none did */
	const char *where;
	bool not_there;
	struct thread {
		pid_t tid;
		int error; /* of the call that it is in */
	} threads[THREADS_MAX];
	/* Whether code at an address counts, as far as it was asked. */
	struct known {
		pid_t tid;
		uint64_t start, end;
		bool counts;
	} known[KNOWN];
	unsigned next;
} run = {.failed = -1};

static struct thread *
thread_of(pid_t tid)
{
	struct thread *at = run.threads;

	while (at->tid && at->tid != tid)
		at++;
	at->tid = tid;
	return at;
}

/* Reads what is mapped at an address. */
static bool
known_read(struct known *known, uint64_t address)
{
	char path[64], line[8192];
	bool found = false;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/maps", known->tid);
	file = fopen(path, "r");
	while (file && !found && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%lx-%lx", &known->start, &known->end) != 2)
			continue;
		found = address >= known->start && address < known->end;
		known->counts = !strstr(line, run.where) == run.not_there;
	}
	if (file)
		fclose(file);
	return found;
}

static bool
counts(pid_t tid, uint64_t address)
{
	struct known *known;

	for (known = run.known; known < run.known + KNOWN; known++)
		if (known->tid == tid && address >= known->start &&
		    address < known->end)
			return known->counts;
	known = &run.known[run.next++ % KNOWN];
	*known = (struct known){.tid = tid};
	return known_read(known, address) && known->counts;
}

static void
forget(pid_t tid)
{
	for (int i = 0; i < KNOWN; i++)
		if (run.known[i].tid == tid)
			run.known[i].tid = 0;
}

static bool
can_fail(long number)
{
	for (size_t i = 0; i < sizeof(never) / sizeof(*never); i++)
		if (never[i] == number)
			return false;
	/* libc ends the program when its own does. */
	return number != SYS_futex || !run.not_there;
}

static int
error_of(long number)
{
	for (size_t i = 0; i < sizeof(errors) / sizeof(*errors); i++)
		if (errors[i].number == number)
			return errors[i].error;
	return ENOSYS;
}

static void
begin(pid_t tid, const struct ptrace_syscall_info *info)
{
	long number = (long)info->entry.nr;
	struct user_regs_struct regs;

	if (!can_fail(number) || !counts(tid, info->instruction_pointer) ||
	    ++run.count != run.nth)
		return;
	run.failed = number;
	thread_of(tid)->error = error_of(number);
	ptrace(PTRACE_GETREGS, tid, NULL, &regs);
	regs.orig_rax = ~0ull;
	ptrace(PTRACE_SETREGS, tid, NULL, &regs);
}

static void
end(pid_t tid)
{
	struct thread *thread = thread_of(tid);
	struct user_regs_struct regs;

	if (!thread->error)
		return;
	ptrace(PTRACE_GETREGS, tid, NULL, &regs);
	regs.rax = (uint64_t) - (int64_t)thread->error;
	ptrace(PTRACE_SETREGS, tid, NULL, &regs);
	thread->error = 0;
}

static void
at_call(pid_t tid)
{
	struct ptrace_syscall_info info;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, tid, sizeof(info), &info) <= 0)
		return;
	if (info.op == PTRACE_SYSCALL_INFO_ENTRY)
		begin(tid, &info);
	else if (info.op == PTRACE_SYSCALL_INFO_EXIT)
		end(tid);
}

/* The signal to go on with. */
static int
stopped(pid_t tid, int status)
{
	int number = WSTOPSIG(status);
	int event = status >> 16;
	static pid_t seen[THREADS_MAX];

	if (number == (SIGTRAP | 0x80)) {
		at_call(tid);
		return 0;
	}
	if (event) {
		if (event == PTRACE_EVENT_EXEC)
			forget(tid);
		return 0;
	}
	/* A new thread begins with a stop. */
	if (number == SIGSTOP && seen[tid % THREADS_MAX] != tid) {
		seen[tid % THREADS_MAX] = tid;
		return 0;
	}
	return number;
}

static int
trace(pid_t child)
{
	int result = 0;
	int status;
	pid_t tid;

	waitpid(child, &status, 0);
	ptrace(PTRACE_SETOPTIONS, child, NULL,
	       PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE |
		   PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
		   PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL);
	ptrace(PTRACE_SYSCALL, child, NULL, NULL);
	while ((tid = waitpid(-1, &status, __WALL)) > 0 || errno == EINTR) {
		if (tid > 0 && WIFSTOPPED(status))
			ptrace(PTRACE_SYSCALL, tid, NULL, stopped(tid, status));
		else if (tid == child)
			result = WIFEXITED(status) ? WEXITSTATUS(status)
						   : 128 + WTERMSIG(status);
	}
	return result;
}

int
main(int argc, char **argv)
{
	FILE *report;
	pid_t child;
	int status;

	if (argc < 5)
		return 2;
	run.nth = strtol(argv[1], NULL, 10);
	run.not_there = *argv[2] == '-';
	run.where = argv[2] + run.not_there;
	child = fork();
	if (!child) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL))
			_exit(125);
		raise(SIGSTOP);
		execvp(argv[4], argv + 4);
		_exit(127);
	}
	status = trace(child);
	report = fopen(argv[3], "w");
	if (!report)
		return 125;
	fprintf(report, "%ld %ld\n", run.count, run.failed);
	fclose(report);
	return status;
}
