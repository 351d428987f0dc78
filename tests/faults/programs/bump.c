/*
 * bump.c - an allocator that may be called at any instant, from signal handlers
 * too, and left by longjmp. It takes back only the last block. As a library it
 * stands behind the agent or in front of it; linked to a program it is the
 * program's own malloc.
 */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { UNIT = 16 /* its two words are a block's header */ };
static char room[256 << 20] __attribute__((aligned(4096)));
static size_t used;

/* Called in the midst of the next allocation. */
void (*bump_inside)(void);

void *
memalign(size_t alignment, size_t size)
{
	void (*inside)(void) = bump_inside;
	size_t all = size + alignment + 2 * UNIT;
	uintptr_t at;

	if (size > sizeof(room) || alignment > sizeof(room))
		all = sizeof(room);
	all = (all + UNIT - 1) & ~(size_t)(UNIT - 1);
	if (inside) {
		bump_inside = NULL;
		inside();
	}
	at = (uintptr_t)room + __atomic_fetch_add(&used, all, __ATOMIC_RELAXED);
	if (at + all > (uintptr_t)room + sizeof(room)) {
		__atomic_fetch_sub(&used, all, __ATOMIC_RELAXED);
		errno = ENOMEM;
		return NULL;
	}
	at = (at + UNIT + alignment - 1) & ~(uintptr_t)(alignment - 1);
	((size_t *)at)[-1] = size;
	((size_t *)at)[-2] = alignment == UNIT ? all : 0; /* 0: stays */
	return (void *)at;
}

void *
aligned_alloc(size_t alignment, size_t size)
{
	return memalign(alignment, size);
}

int
posix_memalign(void **out, size_t alignment, size_t size)
{
	void *block = memalign(alignment, size);

	if (!block)
		return ENOMEM;
	*out = block;
	return 0;
}

void *
malloc(size_t size)
{
	return memalign(UNIT, size);
}

/* Fresh memory of the system is zero. */
void *
calloc(size_t count, size_t size)
{
	size_t all;

	return __builtin_mul_overflow(count, size, &all) ? NULL
							 : memalign(UNIT, all);
}

size_t
malloc_usable_size(void *block)
{
	return block ? ((size_t *)block)[-1] : 0;
}

void *
realloc(void *old, size_t size)
{
	size_t had = malloc_usable_size(old);
	void *block = memalign(UNIT, size);

	return block && old ? memcpy(block, old, had < size ? had : size)
			    : block;
}

void
free(void *block)
{
	uintptr_t at = (uintptr_t)block;
	size_t begin = at - UNIT - (uintptr_t)room;
	size_t end = used;

	if (block && end - begin == ((size_t *)block)[-2])
		__atomic_compare_exchange_n(&used, &end, begin, 0,
					    __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}
