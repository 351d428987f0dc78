/* moment.c - whether a thread may load a library where it is. */
#include "config.h"

#include "inject/moment.h"

#include <linux/futex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/mem.h"

enum {
	NEAR = 4096, /* bytes of stack that such a call uses at most */
	FAR = 32768, /* within which the frame of a signal is looked for */
	HANDLERS_MAX = 4,
};

/* Names that an allocator defines, where its code begins and ends. */
static const char *const allocating[] = {
    "malloc",
    "free",
    "calloc",
    "realloc",
    "memalign",
    "aligned_alloc",
    "posix_memalign",
    "valloc",
    "pvalloc",
    "malloc_trim",
    "mallinfo",
    "mallinfo2",
    "malloc_info",
    "malloc_stats",
    "mallopt",
    "reallocarray",
    "malloc_usable_size",
};

/* Of libc: they hold locks of the allocator or the loader, or all of them. */
static const char *const holding[] = {
    "fork",	    "_Fork",	       "vfork",
    "posix_spawn",  "posix_spawnp",    "exit",
    "quick_exit",   "dlopen",	       "dlclose",
    "dlsym",	    "dlvsym",	       "dlmopen",
    "dladdr",	    "dl_iterate_phdr", "__libc_dlopen_mode",
    "pthread_exit",
};

#define COUNT(array_) (sizeof(array_) / sizeof(*(array_)))

static void
range_add(struct ranges *ranges, uint64_t start, uint64_t end)
{
	if (start >= end)
		return;
	ranges->list = mem_room(ranges->list, &ranges->room, ranges->count,
				sizeof(*ranges->list));
	ranges->list[ranges->count++] = (struct range){start, end};
}

static bool
is_in(const struct ranges *ranges, uint64_t pc)
{
	for (size_t i = 0; i < ranges->count; i++)
		if (pc >= ranges->list[i].start && pc < ranges->list[i].end)
			return true;
	return false;
}

/* Static functions of an allocator stand before its first public one, behind
 * the last public one of whatever stands before it. */
static void
allocator_add(struct moments *moments, const struct object *object)
{
	for (size_t i = 0; i < COUNT(allocating); i++) {
		uint64_t size = 0;
		uint64_t at = object_find(object, allocating[i], &size);
		uint64_t before = at ? object_end_before(object, at) : 0;

		if (at)
			range_add(&moments->bad, before ? before : at,
				  at + size);
	}
}

static void
functions_add(struct moments *moments, const struct object *object)
{
	for (size_t i = 0; i < COUNT(holding); i++) {
		uint64_t size = 0;
		uint64_t at = object_find(object, holding[i], &size);

		if (at)
			range_add(&moments->bad, at, at + size);
	}
}

static bool
is_same_file(const struct region *a, const struct region *b)
{
	return a->inode == b->inode && strcmp(a->path, b->path) == 0;
}

/* The code of the object that begins at regions[first]. */
static void
code_add(struct ranges *ranges, const struct regions *regions, size_t first)
{
	for (size_t i = first; i < regions->count; i++) {
		const struct region *region = &regions->list[i];

		if (!is_same_file(region, &regions->list[first]))
			break;
		if (region->executable)
			range_add(ranges, region->start, region->end);
	}
}

/* Another allocator than libc's: all of a library, as its parts lie anywhere;
 * of a program only what stands around its functions. */
static void
object_add(struct moments *moments, const struct regions *regions, size_t first,
	   int memory, const char *program)
{
	const struct region *region = &regions->list[first];
	struct object object;

	if (!object_read(&object, memory, region->start))
		return;
	if (object_find(&object, "malloc", NULL)) {
		code_add(&moments->system, regions, first);
		if (strcmp(region->path, program) == 0)
			allocator_add(moments, &object);
		else
			code_add(&moments->bad, regions, first);
	}
	object_fini(&object);
}

void
moments_init(struct moments *moments, const struct regions *regions, int memory,
	     const struct object *libc, const struct region *libc_at,
	     uint64_t loader)
{
	const char *program = regions->list[0].path;

	*moments = (struct moments){0};
	allocator_add(moments, libc);
	functions_add(moments, libc);
	for (size_t i = 0; i < regions->count; i++) {
		const struct region *region = &regions->list[i];

		if (region == libc_at) {
			code_add(&moments->system, regions, i);
		} else if (region->start == loader) {
			code_add(&moments->system, regions, i);
			code_add(&moments->bad, regions, i);
		} else if (strcmp(region->path, "[vdso]") == 0) {
			code_add(&moments->system, regions, i);
		} else if (region->offset == 0 && region->inode &&
			   *region->path == '/') {
			object_add(moments, regions, i, memory, program);
		}
	}
}

void
moments_fini(struct moments *moments)
{
	free(moments->bad.list);
	free(moments->system.list);
	*moments = (struct moments){0};
}

/* As much of a stack as can be read. */
static size_t
stack_read(const struct trace *trace, uint64_t sp, uint64_t *words, size_t size)
{
	for (; size >= 512; size /= 2)
		if (trace_peek(trace, sp, words, size))
			return size;
	return 0;
}

static bool
returns_there(const struct trace *trace, uint64_t pc)
{
	uint8_t code[8];

	return trace_peek(trace, pc - sizeof(code), code, sizeof(code)) &&
	       arch_is_after_call(code);
}

static bool
is_handler_return(const struct moments *moments, const struct trace *trace,
		  uint64_t pc)
{
	uint8_t code[9];

	return is_in(&moments->system, pc) &&
	       trace_peek(trace, pc, code, sizeof(code)) &&
	       arch_is_sigreturn(code);
}

static bool
stack_is_good(const struct moments *moments, const struct trace *trace,
	      uint64_t pc, uint64_t sp, int handlers)
{
	uint64_t words[FAR / sizeof(uint64_t)];
	uint8_t frame[ARCH_FRAME_SIZE];
	size_t size, i;

	size_t near = is_in(&moments->system, pc) ? NEAR / sizeof(*words) : 0;

	if (is_in(&moments->bad, pc))
		return false;
	size = stack_read(trace, sp, words, sizeof(words));
	for (i = 0; i < size / sizeof(*words); i++) {
		if (i < near && is_in(&moments->bad, words[i]) &&
		    returns_there(trace, words[i]))
			return false;
		if (handlers >= HANDLERS_MAX ||
		    !is_handler_return(moments, trace, words[i]) ||
		    !trace_peek(trace, sp + (i + 1) * sizeof(*words), frame,
				sizeof(frame)))
			continue;
		arch_frame_read(frame, &pc, &sp);
		return stack_is_good(moments, trace, pc, sp, handlers + 1);
	}
	return true;
}

bool
moment_is_good(const struct moments *moments, const struct trace *trace,
	       const struct user_regs_struct *regs, bool parked)
{
	if (parked)
		return !is_in(&moments->bad, arch_pc(regs));
	return stack_is_good(moments, trace, arch_pc(regs), arch_sp(regs), 0);
}

bool
moment_call_is_open(long call, const uint64_t args[6])
{
	switch (call) {
	case SYS_futex:
		/* A lock of libc's; what programs wait for has other words. */
		return ((int)args[1] & FUTEX_CMD_MASK) == FUTEX_WAIT;
	case SYS_brk:
	case SYS_mmap:
	case SYS_munmap:
	case SYS_mremap:
	case SYS_madvise:
	case SYS_mprotect:
	case SYS_clone:
	case SYS_clone3:
	case SYS_vfork:
	case SYS_fork:
		return true;
	default:
		return call < 0;
	}
}
