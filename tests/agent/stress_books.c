/*
 * stress_books.c - the call sites of stress, and the comparison.
 */
#include "config.h"

#include "stress_books.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <link.h>
#include <linux/futex.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "check.h"
#include "reader.h"

#define PAGE 4096ul

static inline void *
posix(size_t align, size_t size)
{
	void *block = NULL;

	return posix_memalign(&block, align, size) ? NULL : block;
}

static inline void *
map(size_t size)
{
	void *block = mmap(NULL, size, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return block == MAP_FAILED ? NULL : block;
}

static inline void *
remap(void *old, size_t old_size, size_t size)
{
	void *block = mremap(old, old_size, size, MREMAP_MAYMOVE);

	return block == MAP_FAILED ? NULL : block;
}

#define SITE_(name_, call_)                                          \
	void *site_##name_(void *old, size_t old_size, size_t size); \
	__attribute__((noinline, noclone)) void *site_##name_(       \
	    void *old, size_t old_size, size_t size)                 \
	{                                                            \
		void *block_ = (call_);                              \
                                                                     \
		(void)old;                                           \
		(void)old_size;                                      \
		__asm__ volatile("" : "+r"(block_)::"memory");       \
		return block_;                                       \
	}
SITES(SITE_)
#undef SITE_

#define ENTRY_(name_, call_) {#name_, site_##name_},
const struct site sites[ID_COUNT] = {SITES(ENTRY_)};
#undef ENTRY_

static struct wire_totals books[ID_COUNT];

void
book_alloc(int id, uint64_t size)
{
	__atomic_fetch_add(&books[id].alloc_bytes, size, __ATOMIC_RELAXED);
	__atomic_fetch_add(&books[id].alloc_count, 1, __ATOMIC_RELAXED);
}

void
book_free(int id, uint64_t size, uint64_t count)
{
	__atomic_fetch_add(&books[id].free_bytes, size, __ATOMIC_RELAXED);
	__atomic_fetch_add(&books[id].free_count, count, __ATOMIC_RELAXED);
}

/* The segment of this process, once it is there. */
static const char *
segment_path(void)
{
	static char pattern[512];
	static char path[512];
	const char *directory = getenv("HEAPTOP_DIR");
	glob_t found;

	snprintf(pattern, sizeof(pattern), "%s/%d-*" WIRE_SUFFIX,
		 directory ? directory : "", getpid());
	if (glob(pattern, 0, NULL, &found))
		return NULL;
	snprintf(path, sizeof(path), "%s", found.gl_pathv[0]);
	globfree(&found);
	return path;
}

static bool
is_flushed(struct reader *reader, const char *path, uint32_t wanted)
{
	return reader_read_file(reader, path) &&
	       reader->status.flush_done == wanted;
}

/* Asks for a tick and waits for it, as a viewer does. */
static bool
flush_and_read(struct reader *reader)
{
	const char *path = NULL;
	struct wire_control *control;
	uint32_t wanted;
	int fd;

	if (!WAIT_FOR((path = segment_path()) &&
		      reader_read_file(reader, path)))
		return false;
	fd = open(path, O_RDWR | O_CLOEXEC);
	control = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		       WIRE_CONTROL_OFFSET);
	close(fd);
	if (control == MAP_FAILED)
		return false;
	wanted =
	    __atomic_add_fetch(&control->flush_wanted, 1, __ATOMIC_SEQ_CST);
	__atomic_add_fetch(&control->wake, 1, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, &control->wake, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
	return WAIT_FOR(is_flushed(reader, path, wanted));
}

static bool
code_range(int id, uint64_t *low, uint64_t *high)
{
	const ElfW(Sym) *symbol = NULL;
	Dl_info info;

	if (!dladdr1((void *)sites[id].call, &info, (void **)&symbol,
		     RTLD_DL_SYMENT) ||
	    !symbol || !symbol->st_size)
		return false;
	*low = symbol->st_value;
	*high = symbol->st_value + symbol->st_size;
	return true;
}

static struct wire_totals
totals_of(const struct reader *reader, int id)
{
	struct wire_totals sum = {0};
	uint64_t low;
	uint64_t high;

	if (!code_range(id, &low, &high))
		return sum;
	for (uint64_t i = 1; i <= reader->status.sites; i++) {
		const struct reader_site *site = &reader->sites[i];

		if (!site->there ||
		    (site->domain == WIRE_DOMAIN_MMAP) != is_map(id) ||
		    !reader_stack_begins(reader, site->stack,
					 program_invocation_short_name, low,
					 high))
			continue;
		sum.alloc_bytes += site->totals.alloc_bytes;
		sum.alloc_count += site->totals.alloc_count;
		sum.free_bytes += site->totals.free_bytes;
		sum.free_count += site->totals.free_count;
	}
	return sum;
}

static bool
is_as_booked(const struct wire_totals *found, int id)
{
	if (id != ID_interrupting_a)
		return memcmp(found, &books[id], sizeof(*found)) == 0;
	return found->alloc_count <= books[id].alloc_count &&
	       found->free_count <= found->alloc_count &&
	       found->free_bytes <= found->alloc_bytes;
}

static unsigned points;

bool
point(bool good, const char *phase, const char *what)
{
	printf("%s %u - %s: %s\n", good ? "ok" : "not ok", ++points, phase,
	       what);
	return good;
}

bool
compare(const char *phase)
{
	struct reader reader = {0};
	bool good = true;

	if (!point(flush_and_read(&reader), phase, "the agent answers")) {
		printf("# %s\n", reader.fault ? reader.fault : "too late");
		return false;
	}
	good = point(reader_is_named(&reader), phase, "every site has a stack");
	for (int id = 0; id < ID_COUNT; id++) {
		struct wire_totals found = totals_of(&reader, id);
		const struct wire_totals *book = &books[id];

		if (point(is_as_booked(&found, id), phase, sites[id].name))
			continue;
		good = false;
		printf("# agent +%lu/%lu -%lu/%lu, true +%lu/%lu -%lu/%lu\n",
		       found.alloc_bytes, found.alloc_count, found.free_bytes,
		       found.free_count, book->alloc_bytes, book->alloc_count,
		       book->free_bytes, book->free_count);
	}
	for (int i = 0; i < WIRE_LOST_COUNT; i++)
		if (reader.status.lost[i])
			printf("# lost: cause %d, %lu\n", i,
			       reader.status.lost[i]);
	reader_fini(&reader);
	return good;
}

void
plan(void)
{
	printf("1..%u\n", points);
}
