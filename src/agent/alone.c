/*
 * alone.c - the ticker is a thread that libc need not reckon with.
 *
 * Context: setup, hook.
 */
#include "config.h"

#include "agent/alone.h"

#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "agent/real.h"
#include "agent/safe.h"

/* The flag may be copied into the executable: then there are two of them. */
static struct {
	bool asked;
	bool can_hide; /* the ticker meets none of the locks libc leaves out */
	bool was_single;
	int exit_status;
	long pid;
	bool hidden; /* the flag says one thread, and there is the ticker */
	uint32_t *threads; /* private to libc; NULL where it is not found */
	char *single;	   /* glibc 2.32 and later, else NULL */
	char *single_copy;
} alone;

static void
ask(void)
{
	alone.asked = true;
	/* A sanitizer keeps books of threads: it must see how ours ends. */
	if (dlsym(RTLD_DEFAULT, "__sanitizer_report_error_summary"))
		return;
	alone.threads = dlsym(RTLD_DEFAULT, "__nptl_nthreads");
	alone.single_copy = dlsym(RTLD_DEFAULT, "__libc_single_threaded");
	alone.single = dlsym(RTLD_NEXT, "__libc_single_threaded");
	/* Without _dl_find_object the ticker takes the loader's lock, and for
	 * objects loaded later where the agent is not preloaded; where it is
	 * counted it ends as any thread does, which frees memory. */
	alone.can_hide = alone.threads && alone.single && !real_is_late &&
			 dlsym(RTLD_DEFAULT, "_dl_find_object");
}

bool
alone_is_single(void)
{
	return alone.single && __atomic_load_n(alone.single, __ATOMIC_RELAXED);
}

bool
alone_is_hidden(void)
{
	return alone.hidden && alone_is_single();
}

static void
set_single(char value)
{
	__atomic_store_n(alone.single, value, __ATOMIC_RELAXED);
	if (alone.single_copy)
		__atomic_store_n(alone.single_copy, value, __ATOMIC_RELAXED);
}

void
alone_before_thread(void)
{
	if (!alone.asked)
		ask();
	alone.was_single = alone_is_single();
	/* At the first thread pthread_create turns on the locks of stdio for
	 * good (glibc, nptl/pthread_create.c), which made cc1 a
	 * quarter slower. The ticker uses no stdio: let it be the second, so
	 * that the program's first is the first. */
	if (alone.threads)
		__atomic_fetch_add(alone.threads, 1, __ATOMIC_ACQ_REL);
	alone.pid = safe_syscall(SYS_getpid, 0, 0, 0, 0, 0, 0);
}

void
alone_after_thread(bool made)
{
	if (alone.threads)
		__atomic_fetch_sub(alone.threads, made ? 2 : 1,
				   __ATOMIC_ACQ_REL);
	alone.hidden = alone.can_hide && alone.was_single;
	if (alone.hidden)
		set_single(1);
}

void
alone_thread_again(void)
{
	alone.pid = safe_syscall(SYS_getpid, 0, 0, 0, 0, 0, 0);
}

bool
alone_is_uncounted(void)
{
	return alone.threads != NULL;
}

/* Without its memory the first thread is a zombie, or the system forbids to
 * ask. Most ticks go no further. */
static bool
first_has_ended(void)
{
	char byte = 0;
	char copy;
	struct iovec from = {&byte, 1};
	struct iovec to = {&copy, 1};

	return safe_syscall(SYS_process_vm_readv,
			    safe_syscall(SYS_getpid, 0, 0, 0, 0, 0, 0),
			    (long)&to, 1, (long)&from, 1, 0) == -ESRCH;
}

bool
alone_is_last(void)
{
	char text[2048];
	const char *at;

	if (!first_has_ended() ||
	    !safe_read_file("/proc/self/stat", text, sizeof(text)))
		return false;
	/* The command, field 2, may hold anything; 20 are the threads. */
	at = strrchr(text, ')');
	for (int field = 2; at && field < 20; field++) {
		at = strchr(at, ' ');
		if (at)
			at++;
	}
	/* The zombie is one. Its status is the last field, as wait gives it. */
	if (!at || strncmp(at, "2 ", 2) != 0)
		return false;
	at = strrchr(text, ' ');
	alone.exit_status = at ? atoi(at) >> 8 & 0xff : 0;
	return true;
}

int
alone_exit_status(void)
{
	return alone.exit_status;
}

bool
alone_suspend(void)
{
	/* A child of vfork has its parent's memory, but none of its threads. */
	if (!alone_is_hidden() ||
	    safe_syscall(SYS_getpid, 0, 0, 0, 0, 0, 0) != alone.pid)
		return false;
	set_single(0);
	return true;
}

void
alone_resume(bool suspended)
{
	/* initgroups asks whom the system is told to ask; they may have made
	 * threads. */
	if (suspended && __atomic_load_n(alone.threads, __ATOMIC_ACQUIRE) == 1)
		set_single(1);
}
