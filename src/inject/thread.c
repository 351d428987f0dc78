/*
 * thread.c - the threads of a process, and which of them to borrow first.
 *
 * Best is one that waits in a system call which goes on by itself after a stop.
 * Next is one that runs; then one in a call that a stop makes fail, which has
 * to be begun again. What cannot be
 * stopped at all is left alone.
 */
#include "config.h"

#include "inject/thread.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "inject/arch.h"
#include "inject/moment.h"

#define PARKED_NS UINT64_C(100000000)

enum { RANK_WAITS, RANK_RUNS, RANK_FAILS, RANK_OPEN, RANK_STUCK };

static bool
task_read(pid_t pid, pid_t tid, const char *name, char *out, size_t size)
{
	char path[96];
	ssize_t got;
	int fd;

	*out = '\0';
	snprintf(path, sizeof(path), "/proc/%d/task/%d/%s", (int)pid, (int)tid,
		 name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	got = read(fd, out, size - 1);
	close(fd);
	out[got > 0 ? got : 0] = '\0';
	return got > 0;
}

/* A field of /proc's stat, which are numbered from 1; the name, 2, may hold
 * anything. */
static const char *
task_field(char *text, int field)
{
	const char *at = strrchr(text, ')');

	for (; at && field > 2; field--) {
		at = strchr(at, ' ');
		if (at)
			at++;
	}
	return at ? at : "X";
}

/* When a thread last ran, by the clock of the scheduler, in ns. */
static uint64_t
task_ran_ns(pid_t pid, pid_t tid)
{
	char text[1024];
	const char *at;

	task_read(pid, tid, "sched", text, sizeof(text));
	at = strstr(text, "se.exec_start");
	at = at ? strchr(at, ':') : NULL;
	return at ? (uint64_t)(strtod(at + 1, NULL) * 1e6) : 0;
}

/*
 * How long a thread has been waiting. Each processor has such a clock, so that
 * of ours is taken where it last ran, right after we have been woken up there.
 */
static uint64_t
slept_ns(pid_t pid, pid_t tid, unsigned processor)
{
	uint64_t ran = task_ran_ns(pid, tid);
	uint64_t now = 0;
	cpu_set_t before, there;

	CPU_ZERO(&there);
	if (processor >= CPU_SETSIZE ||
	    sched_getaffinity(0, sizeof(before), &before) != 0)
		return 0;
	CPU_SET(processor, &there);
	if (sched_setaffinity(0, sizeof(there), &there) != 0)
		return 0;
	trace_pause(1000);
	now = task_ran_ns(getpid(), getpid());
	sched_setaffinity(0, sizeof(before), &before);
	return ran && now > ran ? now - ran : 0;
}

static int
rank_of(const char *line, char state)
{
	uint64_t args[6] = {0};
	long call = -1;

	if (state == 'D' || state == 'Z' || state == 'X')
		return RANK_STUCK;
	if (sscanf(line, "%ld %lx %lx %lx %lx %lx %lx", &call,
		   (unsigned long *)&args[0], (unsigned long *)&args[1],
		   (unsigned long *)&args[2], (unsigned long *)&args[3],
		   (unsigned long *)&args[4], (unsigned long *)&args[5]) < 7)
		return RANK_RUNS;
	if (arch_call_fails(call))
		return RANK_FAILS;
	return moment_call_is_open(call, args) ? RANK_OPEN : RANK_WAITS;
}

void
thread_look(struct thread *thread, pid_t pid)
{
	char line[sizeof(thread->call)], stat[1024];
	uint64_t now = trace_now_ns();

	task_read(pid, thread->tid, "syscall", line, sizeof(line));
	task_read(pid, thread->tid, "stat", stat, sizeof(stat));
	if (strcmp(line, thread->call) != 0 || !thread->since_ns) {
		thread->since_ns = now;
		memcpy(thread->call, line, sizeof(line));
	}
	thread->rank = rank_of(line, *task_field(stat, 3));
	thread->parked =
	    (thread->rank == RANK_WAITS || thread->rank == RANK_FAILS) &&
	    now - thread->since_ns > PARKED_NS;
	thread->stuck = thread->rank == RANK_STUCK;
	thread->slept_ns = 0;
	if (thread->rank == RANK_FAILS)
		thread->slept_ns =
		    slept_ns(pid, thread->tid,
			     (unsigned)strtoul(task_field(stat, 39), NULL, 10));
}

static struct thread *
thread_of(struct threads *threads, pid_t tid)
{
	struct thread *thread;

	for (size_t i = 0; i < threads->count; i++)
		if (threads->list[i].tid == tid)
			return &threads->list[i];
	threads->list = mem_room(threads->list, &threads->room, threads->count,
				 sizeof(*threads->list));
	thread = &threads->list[threads->count++];
	*thread = (struct thread){.tid = tid};
	return thread;
}

static int
compare(const void *left, const void *right)
{
	const struct thread *a = left, *b = right;

	if (a->rank != b->rank)
		return a->rank - b->rank;
	return a->tid < b->tid ? -1 : 1;
}

void
threads_look(struct threads *threads, pid_t pid)
{
	char path[64];
	struct dirent *entry;
	size_t kept = 0;
	DIR *stream;

	for (size_t i = 0; i < threads->count; i++)
		threads->list[i].seen = false;
	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	stream = opendir(path);
	while (stream && (entry = readdir(stream))) {
		pid_t tid = (pid_t)strtol(entry->d_name, NULL, 10);
		struct thread *thread =
		    tid > 0 ? thread_of(threads, tid) : NULL;

		if (!thread)
			continue;
		thread->seen = true;
		thread_look(thread, pid);
	}
	if (stream)
		closedir(stream);
	for (size_t i = 0; i < threads->count; i++)
		if (threads->list[i].seen)
			threads->list[kept++] = threads->list[i];
	threads->count = kept;
	if (kept)
		qsort(threads->list, kept, sizeof(*threads->list), compare);
}

void
threads_fini(struct threads *threads)
{
	free(threads->list);
	*threads = (struct threads){0};
}
