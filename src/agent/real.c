/*
 * real.c - the true functions below the hooks.
 *
 * Context: hook.
 */
#include "config.h"

#include "agent/real.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <stdint.h>
#include <string.h>

#include "agent/arch/arch.h"
#include "agent/got.h"
#include "agent/live_filter.h"
#include "agent/lookup.h"
#include "agent/safe.h"
#include "heaptop/wire.h"

#define POOL_FIRST  (64u << 10)
#define POOL_CHUNK  (1u << 20)
#define POOL_CHUNKS 32
#define POOL_UNIT   16 /* a block is preceded by its size, in one unit */

struct real real;
bool real_ready;
bool real_is_late;
bool real_is_behind;
struct pool_range pool_range = {0, UINTPTR_MAX};

static struct {
	uint64_t owner; /* the thread that is in real_init; 0 none */
	_Alignas(POOL_UNIT) char first[POOL_FIRST];
	struct chunk {
		char *start;
		size_t size;
		size_t used;
	} chunks[POOL_CHUNKS];
	size_t count;
} pool;

/* What lies between all chunks; nothing when there is none. */
static void
range_update(void)
{
	uintptr_t low = UINTPTR_MAX, high = 0;

	for (size_t i = 0; i < pool.count; i++) {
		uintptr_t start = (uintptr_t)pool.chunks[i].start;

		low = start < low ? start : low;
		high = start + pool.chunks[i].size > high
			   ? start + pool.chunks[i].size
			   : high;
	}
	pool_range.start = low;
	__atomic_store_n(&pool_range.size, high > low ? high - low : 0,
			 __ATOMIC_RELEASE);
}

/* The last chunk, if it has room for need bytes, else a new one. */
static struct chunk *
chunk_for(size_t need)
{
	struct chunk *chunk = &pool.chunks[pool.count ? pool.count - 1 : 0];

	if (!pool.count) {
		*chunk = (struct chunk){pool.first, sizeof(pool.first), 0};
		pool.count = 1;
	}
	if (need <= chunk->size - chunk->used)
		return chunk;
	if (pool.count == POOL_CHUNKS)
		return NULL;
	chunk++;
	chunk->size = need > POOL_CHUNK ? need : POOL_CHUNK;
	chunk->used = 0;
	chunk->start = safe_map(chunk->size);
	if (!chunk->start)
		return NULL;
	pool.count++;
	if (real_ready)
		range_update();
	return chunk;
}

void *
pool_alloc(size_t alignment, size_t size)
{
	struct chunk *chunk;
	uintptr_t at;

	if (alignment < POOL_UNIT)
		alignment = POOL_UNIT;
	if (size > SIZE_MAX / 4 || alignment > SIZE_MAX / 4)
		return NULL;
	chunk = chunk_for(size + alignment + 2 * POOL_UNIT);
	if (!chunk)
		return NULL;
	at = (uintptr_t)chunk->start + chunk->used + POOL_UNIT;
	at = (at + alignment - 1) & ~(uintptr_t)(alignment - 1);
	((size_t *)at)[-1] = size;
	chunk->used = at + size - (uintptr_t)chunk->start;
	chunk->used = (chunk->used + POOL_UNIT - 1) & ~(size_t)(POOL_UNIT - 1);
	/* Whoever asks whether nothing is known of it hears no. */
	live_filter_add(at);
	return (void *)at;
}

bool
pool_owns(const void *block)
{
	const char *p = block;

	for (size_t i = 0; i < pool.count; i++)
		if (p >= pool.chunks[i].start &&
		    p < pool.chunks[i].start + pool.chunks[i].used)
			return true;
	return false;
}

size_t
pool_size(const void *block)
{
	return ((const size_t *)block)[-1];
}

/* Behind a late agent there is nothing: what all others find is the true one.
 */
static void
find(const struct got_hook *hook)
{
	void *found = real_is_late ? lookup_first(hook->name)
				   : dlsym(RTLD_NEXT, hook->name);

	memcpy((char *)&real + hook->real, &found, sizeof(found));
}

/* Whether the program can find the agent, but not first: then it was preloaded
 * behind another allocator. That is asked of the program's own entry in the
 * loader's list, which is what dlopen(NULL) returns: a sanitizer behind the
 * agent answers dlopen only once it is set up. */
static void
find_all(void)
{
	void *program = _r_debug.r_map;
	void *first = lookup_first(got_hooks->name);

	if (first && memcmp(&first, &got_hooks->hook, sizeof(first)) != 0) {
		real_is_behind = dlsym(program, WIRE_ATTACH_SYMBOL) != NULL;
		real_is_late = !real_is_behind;
	}
	for (const struct got_hook *hook = got_hooks; hook->name; hook++)
		find(hook);
}

/*
 * Other threads that come while the first is here use the pool too: at this
 * time there is in practice one thread, and waiting could deadlock with the
 * loader.
 */
void
real_init(void)
{
	uint64_t self = arch_thread_pointer();
	int saved = errno;

	if (__atomic_exchange_n(&pool.owner, self, __ATOMIC_ACQUIRE))
		return;
	find_all();
	__atomic_store_n(&real_ready, true, __ATOMIC_RELEASE);
	range_update();
	errno = saved;
}

/* As _dl_find_object fills it in, with room to spare. */
struct object {
	unsigned long long flags;
	void *start;
	void *rest[14];
};

/* The start of the module that a function is in; NULL: unknown. dladdr would
 * look through all of libc's symbols, which takes longer than all the rest. */
static void *
module_of(void *function)
{
	int (*find_object)(void *, struct object *) = NULL;
	struct object object = {0};
	Dl_info found;

	*(void **)&find_object = dlsym(RTLD_DEFAULT, "_dl_find_object");
	if (find_object)
		return find_object(function, &object) ? NULL : object.start;
	return dladdr(function, &found) ? found.dli_fbase : NULL;
}

bool
real_is_libc(void)
{
	void *other = dlsym(RTLD_NEXT, "gnu_get_libc_version");
	void *function = NULL;

	memcpy(&function, &real.malloc, sizeof(function));
	return other && module_of(function) &&
	       module_of(function) == module_of(other);
}
