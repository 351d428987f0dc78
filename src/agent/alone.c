/*
 * alone.c - the ticker is a thread that libc need not reckon with.
 *
 * Context: setup, hook.
 */
#include "config.h"

#include "agent/alone.h"

#include <dlfcn.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>

#include "agent/safe.h"

/* The flag may be copied into the executable: then there are two of them. */
static struct {
	bool asked;
	bool can_hide; /* the ticker meets none of the locks libc leaves out */
	bool was_single;
	long pid;
	bool hidden; /* the flag says one thread, and there is the ticker */
	uint32_t *threads; /* private to libc; NULL where it is not found */
	char *single;	   /* glibc 2.32 and later, else NULL */
	char *single_copy;
} alone;

static void
ask(void)
{
	void *libc = dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD);

	alone.asked = true;
	alone.threads = dlsym(RTLD_DEFAULT, "__nptl_nthreads");
	alone.single_copy = dlsym(RTLD_DEFAULT, "__libc_single_threaded");
	alone.single = alone.single_copy;
	if (!libc)
		return;
	alone.single = dlsym(libc, "__libc_single_threaded");
	dlclose(libc);
	/* Without _dl_find_object the ticker takes the loader's lock, and where
	 * it is counted it ends as any thread does, which frees memory. */
	alone.can_hide = alone.threads && alone.single &&
			 dlsym(RTLD_DEFAULT, "_dl_find_object");
}

bool
alone_is_single(void)
{
	return alone.single && __atomic_load_n(alone.single, __ATOMIC_RELAXED);
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

bool
alone_suspend(void)
{
	/* A child of vfork has its parent's memory, but none of its threads. */
	if (!alone.hidden || !alone_is_single() ||
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
