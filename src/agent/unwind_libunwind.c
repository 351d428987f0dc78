/*
 * unwind_libunwind.c - libunwind, opened at run time.
 *
 * Context: hook, but libunwind_init: setup.
 */
#include "config.h"

#include "agent/unwind_libunwind.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "agent/safe.h"
#include "agent/unwind.h"

#define FRAMES_MAX 512
#define LOGGED_MAX 200

static struct {
	int (*backtrace)(void **pcs, int size);
	char log_path[256]; /* empty: differences are only counted */
	uint32_t logged;
} libunwind;

bool
libunwind_init(void)
{
	const char *path = getenv("HEAPTOP_UNWIND_LOG");
	void *library = dlopen("libunwind.so.8", RTLD_NOW | RTLD_LOCAL);

	if (path && strlen(path) < sizeof(libunwind.log_path))
		memcpy(libunwind.log_path, path, strlen(path) + 1);
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

static void
append_frame(char *line, size_t size, uint64_t pc)
{
	struct unwind_module module;

	safe_append(line, size, "  ");
	if (pc == 0) {
		safe_append(line, size, "-");
		return;
	}
	if (!unwind_find_module(pc - 1, &module)) {
		safe_append_u64(line, size, pc, 16);
		return;
	}
	safe_append(line, size, *module.name ? module.name : "(main)");
	safe_append(line, size, "+");
	safe_append_u64(line, size, pc - module.bias, 16);
}

/* Side by side: ours, libunwind's. */
static void
log_difference(const uint64_t *ours, size_t count, const uint64_t *theirs,
	       size_t their_count, int end)
{
	char line[640] = "stack, ended by ";
	long fd =
	    safe_syscall(SYS_openat, AT_FDCWD, (long)libunwind.log_path,
			 O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600, 0, 0);

	if (safe_failed(fd))
		return;
	safe_append_u64(line, sizeof(line), (uint64_t)end, 10);
	for (size_t i = 0;; i++) {
		safe_append(line, sizeof(line), "\n");
		safe_syscall(SYS_write, fd, (long)line, (long)strlen(line), 0,
			     0, 0);
		if (i >= count && i >= their_count)
			break;
		line[0] = '\0';
		append_frame(line, sizeof(line), i < count ? ours[i] : 0);
		append_frame(line, sizeof(line),
			     i < their_count ? theirs[i] : 0);
	}
	safe_syscall(SYS_close, fd, 0, 0, 0, 0, 0);
}

static bool
same(const uint64_t *ours, size_t count, const uint64_t *theirs,
     size_t their_count, bool is_whole)
{
	if (is_whole ? count != their_count : count > their_count)
		return false;
	return memcmp(ours, theirs, count * sizeof(*ours)) == 0;
}

bool
libunwind_agrees(const uint64_t *pcs, size_t count, size_t max, bool stopped,
		 int end)
{
	uint64_t theirs[FRAMES_MAX];
	size_t their_count;
	bool is_whole = !stopped && end != UNWIND_END_FULL;

	if (count == 0)
		return true;
	if (max > FRAMES_MAX - 16)
		max = FRAMES_MAX - 16;
	if (count > max) {
		count = max;
		is_whole = false;
	}
	their_count = libunwind_walk(pcs[0], theirs, FRAMES_MAX);
	if (same(pcs, count, theirs, their_count, is_whole))
		return true;
	if (libunwind.log_path[0] &&
	    __atomic_fetch_add(&libunwind.logged, 1, __ATOMIC_RELAXED) <
		LOGGED_MAX)
		log_difference(pcs, count, theirs, their_count, end);
	return false;
}
