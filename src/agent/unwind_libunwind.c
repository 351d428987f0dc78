/*
 * unwind_libunwind.c - libunwind, opened at run time.
 *
 * Context: hook, but libunwind_init: setup.
 */
#include "config.h"

#include "agent/unwind_libunwind.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>

static struct {
	int (*backtrace)(void **pcs, int size);
} libunwind;

bool
libunwind_init(void)
{
	void *library = dlopen("libunwind.so.8", RTLD_NOW | RTLD_LOCAL);

	if (library)
		*(void **)&libunwind.backtrace =
		    dlsym(library, "unw_backtrace");
	return libunwind.backtrace != NULL;
}

size_t
libunwind_walk(uint64_t pc, uint64_t *pcs, size_t max)
{
	int saved_errno = errno;
	int first = 0;
	int cancel;
	int count;

	/* Its memory check reads and writes a pipe: without this, malloc would
	 * be a place where threads are cancelled. */
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	count = libunwind.backtrace((void **)pcs, (int)max);
	pthread_setcancelstate(cancel, NULL);
	errno = saved_errno;
	while (first < count && pcs[first] != pc)
		first++;
	if (first >= count)
		return 0;
	memmove(pcs, pcs + first, (size_t)(count - first) * sizeof(*pcs));
	return (size_t)(count - first);
}
