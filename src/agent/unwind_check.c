/*
 * unwind_check.c - the books and the log of differential mode.
 *
 * Context: hook, but check_init: setup. Not for production: it makes syscalls
 * in hooks when stacks differ.
 */
#include "config.h"

#include "agent/unwind_check.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "agent/safe.h"
#include "agent/unwind_libunwind.h"

#define FRAMES_MAX 1024
#define SLACK	   16 /* frames of the agent itself */
#define LOGGED_MAX 400

/* Not on the stack, which libunwind needs. */
static struct buffer {
	bool is_taken;
	uint64_t pcs[FRAMES_MAX];
} buffers[16];

static struct {
	char log_path[256]; /* empty: differences are only counted */
	struct check_counts own;
	struct check_counts *counts;
	struct unwind_module allocator; /* another than libc's; or nothing */
} check = {.counts = &check.own};

struct comparison {
	const uint64_t *ours;
	size_t count;
	const uint64_t *theirs;
	size_t their_count;
	bool is_whole; /* not cut on purpose: the ends must agree too */
	enum unwind_end end;
};

static void
share_counts(void)
{
	char path[sizeof(check.log_path) + 16];
	long fd, at;

	memcpy(path, check.log_path, sizeof(check.log_path));
	safe_append(path, sizeof(path), ".counts");
	fd = safe_syscall(SYS_openat, AT_FDCWD, (long)path,
			  O_RDWR | O_CREAT | O_CLOEXEC, 0600, 0, 0);
	if (safe_failed(fd))
		return;
	at = safe_syscall(SYS_ftruncate, fd, sizeof(*check.counts), 0, 0, 0, 0);
	if (!safe_failed(at))
		at = safe_syscall(SYS_mmap, 0, sizeof(*check.counts),
				  PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (!safe_failed(at))
		check.counts = (struct check_counts *)at;
	safe_syscall(SYS_close, fd, 0, 0, 0, 0, 0);
}

/* libunwind's first walk in a thread allocates: not when an allocator asks for
 * pages, with its locks taken. libc's does so in its own hook, which is seen.
 */
static void
find_allocator(void)
{
	static const char *const names[] = {"mallocx", "tc_malloc",
					    "mi_malloc"};

	for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++) {
		void *address = dlsym(RTLD_DEFAULT, names[i]);

		if (address)
			unwind_find_module((uint64_t)address, &check.allocator);
	}
}

void
check_init(void)
{
	const char *path = getenv("HEAPTOP_UNWIND_LOG");

	find_allocator();
	if (check.log_path[0] || !path || path[0] != '/' ||
	    strlen(path) >= sizeof(check.log_path))
		return;
	memcpy(check.log_path, path, strlen(path) + 1);
	share_counts();
}

const struct check_counts *
check_counts(void)
{
	return check.counts;
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

static void
write_difference(const struct comparison *this, enum check_verdict verdict,
		 long fd)
{
	static const char *const names[CHECK_COUNT] = {
	    [CHECK_SAME] = "same",	 [CHECK_CUT] = "cut",
	    [CHECK_SHORTER] = "shorter", [CHECK_LONGER] = "longer",
	    [CHECK_UNMET] = "unmet",	 [CHECK_OTHER] = "other",
	};
	char line[640] = "";

	safe_append(line, sizeof(line), names[verdict]);
	safe_append(line, sizeof(line), ", ended by ");
	safe_append_u64(line, sizeof(line), this->end, 10);
	safe_append(line, sizeof(line), ", process ");
	safe_append_u64(line, sizeof(line),
			(uint64_t)safe_syscall(SYS_getpid, 0, 0, 0, 0, 0, 0),
			10);
	for (size_t i = 0;; i++) {
		safe_append(line, sizeof(line), "\n");
		safe_syscall(SYS_write, fd, (long)line, (long)strlen(line), 0,
			     0, 0);
		if (i >= this->count && i >= this->their_count)
			return;
		line[0] = '\0';
		append_frame(line, sizeof(line),
			     i < this->count ? this->ours[i] : 0);
		append_frame(line, sizeof(line),
			     i < this->their_count ? this->theirs[i] : 0);
	}
}

/* Whether it is the first of its kind: the two differing ends tell kinds
 * apart. */
static bool
is_new(const struct comparison *this, size_t alike)
{
	size_t inner = alike ? alike - 1 : 0;
	uint64_t hash = 1;
	uint64_t old;

	for (size_t i = inner; i < alike + 2; i++) {
		hash = (hash ^ (i < this->count ? this->ours[i] : 0)) *
		       0x9e3779b97f4a7c15u;
		hash = (hash ^ (i < this->their_count ? this->theirs[i] : 0)) *
		       0x9e3779b97f4a7c15u;
		hash ^= hash >> 32;
	}
	old = __atomic_exchange_n(&check.counts->seen[hash % 256], hash,
				  __ATOMIC_RELAXED);
	return old != hash;
}

static void
log_difference(const struct comparison *this, size_t alike,
	       enum check_verdict verdict)
{
	long fd;

	if (!check.log_path[0] || !is_new(this, alike) ||
	    __atomic_fetch_add(&check.counts->logged, 1, __ATOMIC_RELAXED) >=
		LOGGED_MAX)
		return;
	fd =
	    safe_syscall(SYS_openat, AT_FDCWD, (long)check.log_path,
			 O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600, 0, 0);
	if (safe_failed(fd))
		return;
	write_difference(this, verdict, fd);
	safe_syscall(SYS_close, fd, 0, 0, 0, 0, 0);
}

static enum check_verdict
judge(const struct comparison *this, size_t alike)
{
	if (this->their_count == 0)
		return CHECK_UNMET;
	if (alike == this->count && alike == this->their_count)
		return CHECK_SAME;
	if (alike == this->count && !this->is_whole)
		return CHECK_SAME;
	if (alike == this->count)
		return this->end == UNWIND_END_OUTERMOST ? CHECK_SHORTER
							 : CHECK_CUT;
	return alike == this->their_count ? CHECK_LONGER : CHECK_OTHER;
}

static struct buffer *
take_buffer(void)
{
	for (unsigned i = 0; i < sizeof(buffers) / sizeof(*buffers); i++)
		if (!__atomic_exchange_n(&buffers[i].is_taken, true,
					 __ATOMIC_ACQUIRE))
			return &buffers[i];
	return NULL;
}

void
check_walk(const uint64_t *pcs, size_t count, size_t max, bool stopped,
	   enum unwind_end end)
{
	struct comparison this = {.ours = pcs, .count = count, .end = end};
	enum check_verdict verdict;
	struct buffer *buffer;
	size_t alike = 0;

	if (count == 0 || pcs[0] - check.allocator.start <
			      check.allocator.end - check.allocator.start)
		return;
	this.is_whole = !stopped && end != UNWIND_END_FULL;
	if (max > FRAMES_MAX - SLACK)
		max = FRAMES_MAX - SLACK;
	if (count > max) {
		this.count = max;
		this.is_whole = false;
	}
	buffer = take_buffer();
	if (!buffer)
		return;
	this.theirs = buffer->pcs;
	this.their_count = libunwind_walk(pcs[0], buffer->pcs, FRAMES_MAX);
	while (alike < this.count && alike < this.their_count &&
	       pcs[alike] == this.theirs[alike])
		alike++;
	verdict = judge(&this, alike);
	__atomic_fetch_add(&check.counts->verdicts[verdict], 1,
			   __ATOMIC_RELAXED);
	if (verdict != CHECK_SAME)
		log_difference(&this, alike, verdict);
	__atomic_store_n(&buffer->is_taken, false, __ATOMIC_RELEASE);
}
