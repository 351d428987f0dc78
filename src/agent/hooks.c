/*
 * hooks.c - what the program calls instead of malloc and its family.
 *
 * Each hook: begin; the true function; record; end. Nested in another hook, or
 * with the agent off, it only forwards. errno is the true function's: nothing
 * of the agent touches it.
 *
 * Context: hook. Built with frame pointers, which RECORD_CALLER needs.
 */
#include "config.h"

#include <dlfcn.h>
#include <errno.h>
#include <grp.h>
#include <malloc.h>
#include <sched.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/got.h"
#include "agent/modules.h"
#include "agent/pools.h"
#include "agent/py/py.h"
#include "agent/real.h"
#include "agent/record.h"
#include "agent/safe.h"

#define EXPORT __attribute__((visibility("default"), noinline))

#define BEGIN() \
	struct thread *thread_ = record_begin(__builtin_frame_address(0))

/* For a block that the program asks for; mappings need no more than BEGIN. */
#define BEGIN_BLOCK(size_) \
	BEGIN();           \
	bool wanted_ = record_wants(thread_, size_)

/* frame_: of the function that the program called. */
#define END_BORN_AT(frame_, domain_, block_, size_)                       \
	do {                                                              \
		if (thread_) {                                            \
			if (block_) {                                     \
				struct unwind_state state_;               \
				RECORD_CALLER_AT(&state_, frame_);        \
				record_alloc(thread_, (domain_), &state_, \
					     (block_), (size_));          \
			}                                                 \
			record_end(thread_);                              \
		}                                                         \
	} while (0)
#define END_BORN(domain_, block_, size_) \
	END_BORN_AT(__builtin_frame_address(0), domain_, block_, size_)

static inline void
settle(void)
{
	if (__builtin_expect(py_settling, 0))
		py_settle();
}

/*
 * What a block that passes is made by: the true functions when they are libc's.
 * Other allocators may call hooks, for their arenas, which are not to be
 * counted, so they are guarded.
 */
#define GUARDED(call_)                                                  \
	do {                                                            \
		bool hushed_ = record_hush(__builtin_frame_address(0)); \
		void *block_ = (call_);                                 \
                                                                        \
		record_unhush(hushed_);                                 \
		return block_;                                          \
	} while (0)

static void *
guarded_malloc(size_t size)
{
	GUARDED(real.malloc(size));
}

static void *
guarded_calloc(size_t count, size_t size)
{
	GUARDED(real.calloc(count, size));
}

static void *
guarded_realloc(void *old, size_t size)
{
	GUARDED(real.realloc(old, size));
}

static struct {
	void *(*malloc)(size_t);
	void *(*calloc)(size_t, size_t);
	void *(*realloc)(void *, size_t);
} passing = {guarded_malloc, guarded_calloc, guarded_realloc};

bool
hooks_ready(void)
{
	real_init();
	if (!__atomic_load_n(&real_ready, __ATOMIC_ACQUIRE))
		return false;
	if (real_is_libc()) {
		passing.malloc = real.malloc;
		passing.calloc = real.calloc;
		passing.realloc = real.realloc;
	}
	agent_early();
	return true;
}

/* Whether the true functions are known; looks for them at the first call. */
static inline bool
is_ready(void)
{
	if (__builtin_expect(__atomic_load_n(&real_ready, __ATOMIC_ACQUIRE), 1))
		return true;
	return hooks_ready();
}

/* A malloc that does not pass; frame is that of the hook. When this is called
 * by a jump, its own takes the same place and holds the same. */
static __attribute__((noinline)) void *
malloc_slow(size_t size, const uint64_t *frame)
{
	void *block;

	if (!is_ready())
		return pool_alloc(0, size);
	settle();
	BEGIN_BLOCK(size);
	block = real.malloc(size);
	if (!thread_)
		record_skip();
	END_BORN_AT(frame, WIRE_DOMAIN_MALLOC, wanted_ ? block : NULL, size);
	return block;
}

EXPORT void *
malloc(size_t size)
{
	if (record_passes(size))
		return passing.malloc(size);
	return malloc_slow(size, __builtin_frame_address(0));
}

static __attribute__((noinline)) void *
calloc_slow(size_t count, size_t size, const uint64_t *frame)
{
	void *block;

	if (!is_ready())
		return size && count > SIZE_MAX / size
			   ? NULL
			   : pool_alloc(0, count * size);
	settle();
	BEGIN_BLOCK((uint64_t)count * size);
	block = real.calloc(count, size);
	if (!thread_)
		record_skip();
	END_BORN_AT(frame, WIRE_DOMAIN_MALLOC, wanted_ ? block : NULL,
		    (uint64_t)count * size);
	return block;
}

EXPORT void *
calloc(size_t count, size_t size)
{
	size_t bytes;

	if (!__builtin_mul_overflow(count, size, &bytes) &&
	    record_passes(bytes))
		return passing.calloc(count, size);
	return calloc_slow(count, size, __builtin_frame_address(0));
}

/* A block from before the true functions were known moves to the true heap. */
static void *
pool_realloc(void *old, size_t size)
{
	size_t had = old ? pool_size(old) : 0;
	void *block = is_ready() ? real.malloc(size) : pool_alloc(0, size);

	if (block && old)
		memcpy(block, old, had < size ? had : size);
	return block;
}

static __attribute__((noinline)) void *
realloc_slow(void *old, size_t size, const uint64_t *frame)
{
	struct taken taken = {0};
	void *block;

	if (!is_ready() || pool_owns(old))
		return pool_realloc(old, size);
	BEGIN_BLOCK(size);
	/* From the moment the true realloc frees it, another thread may own
	 * the old address: take it first. */
	if (thread_)
		taken = record_take(thread_, old);
	block = real.realloc(old, size);
	if (thread_) {
		/* realloc(p, 0) may free and return NULL; else NULL is
		 * failure and the old block lives on. */
		if (block || size == 0)
			record_freed(thread_, taken);
		else
			record_put_back(thread_, old, taken);
	} else {
		record_skip();
	}
	END_BORN_AT(frame, WIRE_DOMAIN_MALLOC, wanted_ ? block : NULL, size);
	return block;
}

EXPORT void *
realloc(void *old, size_t size)
{
	if (!record_may_know(old) && record_passes(size))
		return passing.realloc(old, size);
	return realloc_slow(old, size, __builtin_frame_address(0));
}

/* Whether it is not for the true free. */
static bool
is_odd(void *block)
{
	return pool_may_own(block) &&
	       (!block || !is_ready() || pool_owns(block));
}

/* A function of its own, so that the usual case is a jump. */
#define FREE(name_, params_, args_, call_)                         \
	static __attribute__((noinline)) void name_##_slow params_ \
	{                                                          \
		if (is_odd(block))                                 \
			return;                                    \
		record_gone(block);                                \
		call_;                                             \
	}                                                          \
	EXPORT void name_ params_                                  \
	{                                                          \
		if (!record_may_know(block))                       \
			call_;                                     \
		else                                               \
			name_##_slow args_;                        \
	}

FREE(free, (void *block), (block), real.free(block))

#ifdef HAVE_FREE_SIZED
/* Older C libraries below have only free. */
FREE(free_sized, (void *block, size_t size), (block, size),
     real.free_sized ? real.free_sized(block, size) : real.free(block))
FREE(free_aligned_sized, (void *block, size_t align, size_t size),
     (block, align, size),
     real.free_aligned_sized ? real.free_aligned_sized(block, align, size)
			     : real.free(block))
#endif

EXPORT void *
memalign(size_t align, size_t size)
{
	void *block;

	if (!is_ready())
		return pool_alloc(align, size);
	BEGIN_BLOCK(size);
	block = real.memalign(align, size);
	END_BORN(WIRE_DOMAIN_MALLOC, wanted_ ? block : NULL, size);
	return block;
}

EXPORT int
posix_memalign(void **out, size_t align, size_t size)
{
	int result;

	if (!is_ready()) {
		*out = pool_alloc(align, size);
		return *out ? 0 : ENOMEM;
	}
	BEGIN_BLOCK(size);
	result = real.posix_memalign(out, align, size);
	END_BORN(WIRE_DOMAIN_MALLOC, wanted_ && !result ? *out : NULL, size);
	return result;
}

EXPORT void *
aligned_alloc(size_t align, size_t size)
{
	void *block;

	if (!is_ready())
		return pool_alloc(align, size);
	BEGIN_BLOCK(size);
	block = real.aligned_alloc(align, size);
	END_BORN(WIRE_DOMAIN_MALLOC, wanted_ ? block : NULL, size);
	return block;
}

EXPORT void *
valloc(size_t size)
{
	void *block;

	if (!is_ready())
		return pool_alloc(4096, size);
	BEGIN_BLOCK(size);
	block = real.valloc(size);
	END_BORN(WIRE_DOMAIN_MALLOC, wanted_ ? block : NULL, size);
	return block;
}

EXPORT void *
pvalloc(size_t size)
{
	void *block;

	if (!is_ready())
		return pool_alloc(4096, size);
	BEGIN_BLOCK(size);
	block = real.pvalloc(size);
	END_BORN(WIRE_DOMAIN_MALLOC, wanted_ ? block : NULL, size);
	return block;
}

static __attribute__((noinline)) size_t
usable_size_slow(void *block)
{
	if (!is_ready() || pool_owns(block))
		return block ? pool_size(block) : 0;
	return real.malloc_usable_size(block);
}

/* Some ask it at each allocation and each free: redis does. */
EXPORT size_t
malloc_usable_size(void *block)
{
	return __builtin_expect(pool_may_own(block), 0)
		   ? usable_size_slow(block)
		   : real.malloc_usable_size(block);
}

/* The system call, for the time before libc's own is known. */
static void *
raw_map(void *start, size_t size, int prot, int flags, int fd, off_t offset)
{
	long result = safe_syscall(SYS_mmap, (long)start, (long)size, prot,
				   flags, fd, offset);

	if (!safe_failed(result))
		return (void *)result;
	errno = (int)-result;
	return MAP_FAILED;
}

/* Pages, since that is what the kernel gives and takes. */
static uint64_t
pages(uint64_t size)
{
	return (size + 4095) & ~UINT64_C(4095);
}

/* A reservation without access holds no memory; it is not a block. */
static bool
is_block(int prot, int flags)
{
	return flags & MAP_ANONYMOUS && prot & (PROT_READ | PROT_WRITE);
}

#define MAP_BODY(call_)                                                        \
	do {                                                                   \
		void *block_;                                                  \
		settle();                                                      \
		if (!is_ready() || !(call_))                                   \
			return raw_map(start, size, prot, flags, fd, offset);  \
		BEGIN();                                                       \
		block_ = (call_)(start, size, prot, flags, fd, offset);        \
		if (thread_ && block_ != MAP_FAILED && flags & MAP_FIXED &&    \
		    !is_block(prot, flags))                                    \
			record_unmapped(thread_, block_, pages(size));         \
		if (!thread_ && block_ != MAP_FAILED && is_block(prot, flags)) \
			pools_changed((int64_t)pages(size));                   \
		END_BORN(WIRE_DOMAIN_MMAP,                                     \
			 block_ != MAP_FAILED && is_block(prot, flags)         \
			     ? block_                                          \
			     : NULL,                                           \
			 pages(size));                                         \
		return block_;                                                 \
	} while (0)

EXPORT void *
mmap(void *start, size_t size, int prot, int flags, int fd, off_t offset)
{
	MAP_BODY(real.mmap);
}

EXPORT void *
mmap64(void *start, size_t size, int prot, int flags, int fd, off_t offset)
{
	MAP_BODY(real.mmap64);
}

EXPORT int
munmap(void *start, size_t size)
{
	int result;

	if (!is_ready()) {
		long raw = safe_syscall(SYS_munmap, (long)start, (long)size, 0,
					0, 0, 0);

		errno = raw ? (int)-raw : errno;
		return raw ? -1 : 0;
	}
	BEGIN();
	/* Before: afterwards another thread may have mapped it again. When
	 * munmap fails, which takes wrong arguments, nothing was there. */
	if (thread_ && size && !((uint64_t)start & 4095))
		record_unmapped(thread_, start, pages(size));
	result = real.munmap(start, size);
	unwind_unmapped();
	if (thread_)
		record_end(thread_);
	else if (!result)
		pools_changed(-(int64_t)pages(size));
	return result;
}

EXPORT void *
mremap(void *old, size_t old_size, size_t size, int flags, ...)
{
	void *place = NULL;
	struct taken known = {0};
	void *block;

	if (flags & MREMAP_FIXED) {
		va_list list;

		va_start(list, flags);
		place = va_arg(list, void *);
		va_end(list);
	}
	if (!is_ready()) {
		long raw = safe_syscall(SYS_mremap, (long)old, (long)old_size,
					(long)size, flags, (long)place, 0);

		if (!safe_failed(raw))
			return (void *)raw;
		errno = (int)-raw;
		return MAP_FAILED;
	}
	BEGIN();
	/* First: once it has moved, another thread may map the old place. */
	if (thread_)
		known = record_unmapped(thread_, old, pages(old_size));
	block = real.mremap(old, old_size, size, flags, place);
	unwind_unmapped();
	if (thread_ && block == MAP_FAILED)
		record_unmap_failed(thread_, old, known);
	END_BORN(WIRE_DOMAIN_MMAP,
		 block != MAP_FAILED && known.site ? block : NULL, pages(size));
	return block;
}

static void
modules_may_go(void)
{
	unwind_modules_changed();
	modules_changed();
}

/*
 * Not an allocation: rules and module names must not outlive their module.
 * Told before, since another thread may open a module at the same place before
 * this call returns, and after, since destructors ran meanwhile.
 */
EXPORT int
dlclose(void *handle)
{
	int result;

	if (!is_ready() || !real.dlclose)
		return -1;
	modules_may_go();
	result = real.dlclose(handle);
	modules_may_go();
	return result;
}

/* A call in tail position: the loader finds libraries by who calls it, and that
 * is still the program. Not exported: it is for who switches us on later. */
static void *
hurried_dlopen(const char *file, int mode)
{
	got_hurry();
	return real.dlopen(file, mode);
}

#define ENTRY(name_, hook_) \
	{#name_, (void (*)(void))(hook_), offsetof(struct real, name_)},
#define ENTRY_0(name_) ENTRY(name_, hurried_##name_)
#define ENTRY_1(name_) ENTRY(name_, name_)
const struct got_hook got_hooks[] = {
#define HOOK(result_, name_, params_, args_, exported_) ENTRY_##exported_(name_)
#include "agent/hooks.def"
#undef HOOK
    {NULL, NULL, 0},
};
