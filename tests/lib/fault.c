/*
 * fault.c - system calls of the agent that fail when a test wants it.
 */
#include "config.h"

#include "fault.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/safe.h"

static const struct {
	long number;
	long error;
} kinds[] = {
    {SYS_mmap, ENOMEM},	      {SYS_openat, EMFILE},
    {SYS_fallocate, ENOSPC},  {SYS_newfstatat, EACCES},
    {SYS_read, EIO},	      {SYS_ftruncate, EIO},
    {SYS_mkdirat, EROFS},     {SYS_unlinkat, EROFS},
    {SYS_madvise, EINVAL},    {SYS_mincore, ENOMEM},
    {SYS_getrusage, EINVAL},  {SYS_close_range, ENOSYS},
    {SYS_prctl, EPERM},	      {SYS_prlimit64, EPERM},
    {SYS_readlinkat, EACCES}, {SYS_clone, EAGAIN},
};

static struct {
	int state; /* 0 environment not read yet */
	long nth;  /* 0 never */
	bool ever;
	long count;
	long failed; /* number of the call that did, 0 none */
	long stall;  /* ticks until there are no more, 0 never */
} faults;

static __thread long failing; /* calls of this kind, 0 none */

void
fault_all(long number)
{
	failing = number;
}

bool
fault_happened(void)
{
	return __atomic_load_n(&faults.failed, __ATOMIC_ACQUIRE) != 0;
}

long
fault_number(void)
{
	return __atomic_load_n(&faults.failed, __ATOMIC_ACQUIRE);
}

static void
read_environment(void)
{
	const char *nth = getenv("FAULT_NTH");
	const char *ever = getenv("FAULT_EVER");
	const char *stall = getenv("FAULT_STALL");

	faults.stall = stall ? strtol(stall, NULL, 10) : 0;
	faults.nth = nth ? strtol(nth, NULL, 10) : 0;
	faults.ever = ever && *ever == '1';
	__atomic_store_n(&faults.state, 1, __ATOMIC_RELEASE);
}

/* 0: the call may go on. */
static long
fault_for(long number)
{
	long error = 0;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (kinds[i].number == number)
			error = kinds[i].error;
	if (!error)
		return 0;
	if (!__atomic_load_n(&faults.state, __ATOMIC_ACQUIRE))
		read_environment();
	/* The ticker calls it once in a tick. */
	if (number == SYS_getrusage && faults.stall && !--faults.stall)
		for (;;)
			pause();
	if (faults.ever && fault_number() == number)
		return -error;
	if (failing == number)
		return -error;
	if (__atomic_add_fetch(&faults.count, 1, __ATOMIC_ACQ_REL) !=
	    faults.nth)
		return 0;
	__atomic_store_n(&faults.failed, number, __ATOMIC_RELEASE);
	return -error;
}

long
safe_syscall(long number, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long result = fault_for(number);

	if (result)
		return result;
	r10 = d;
	r8 = e;
	r9 = f;
	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10),
			   "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}

/* The ticker's thread can fail too; it counts as one of the calls. */
int
pthread_create(pthread_t *id, const pthread_attr_t *attributes,
	       void *(*start)(void *), void *argument)
{
	static int (*next)(pthread_t *, const pthread_attr_t *,
			   void *(*)(void *), void *);

	if (!next)
		*(void **)&next = dlsym(RTLD_NEXT, "pthread_create");
	if (fault_for(SYS_clone))
		return EAGAIN;
	return next(id, attributes, start, argument);
}
