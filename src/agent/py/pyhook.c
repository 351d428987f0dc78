/*
 * pyhook.c - what CPython's three allocators call in place of their own
 * functions. Which of it stands where is pyinstall.c's.
 *
 * Context: python and hook.
 */
#include "config.h"

#include "agent/py/pyhook.h"

#include "agent/py/py.h"
#include "agent/py/pycode.h"
#include "agent/py/pylight.h"
#include "agent/record_quick.h"

#define INLINE static inline __attribute__((always_inline))

struct py_allocator py_below[DOMAIN_COUNT];
struct py_allocator py_over[DOMAIN_COUNT];

bool py_settling;

/* The four functions, inlined into each real hook: the frame is the hook's.
 * What Python's allocators call in turn, malloc or mmap, is kept quiet also
 * when the block itself is passed over. */

#define HUSHED(block_, call_)                                           \
	do {                                                            \
		bool hushed_ = record_hush(__builtin_frame_address(0)); \
                                                                        \
		(block_) = (call_);                                     \
		record_unhush(hushed_);                                 \
	} while (0)

INLINE void
born(struct thread *thread, int domain, void *block, size_t size)
{
	if (!thread) {
		record_skip();
		return;
	}
	if (block)
		record_python(
		    thread, (enum wire_domain)(WIRE_DOMAIN_PYMEM_RAW + domain),
		    __builtin_frame_address(0), block, size);
	record_end(thread);
}

/* Whether a block is to be recorded, and how much to ask for. */
INLINE bool
wants(struct thread *thread, const struct py_allocator *below, int domain,
      size_t *size)
{
	if (!thread || !SAMPLE_LEVEL(thread_tls.rate))
		return thread != NULL;
	if (!record_hit(thread, *size))
		return false;
	if (domain != DOMAIN_RAW)
		*size = py_light_size(below, *size);
	return true;
}

INLINE void *
hook_malloc(const struct py_allocator *below, void *ctx, int domain,
	    size_t size)
{
	const enum wire_domain name =
	    (enum wire_domain)(WIRE_DOMAIN_PYMEM_RAW + domain);
	struct thread *thread;
	size_t asked = size;
	bool wanted;
	void *block;

	if (record_passes(size)) {
		HUSHED(block, below->malloc(ctx, size));
		return block;
	}
	thread = record_begin(__builtin_frame_address(0));
	if (__builtin_expect(thread && !SAMPLE_LEVEL(thread_tls.rate), 1)) {
		block = below->malloc(ctx, size);
		if (__builtin_expect(block != NULL, 1))
			record_python_quick(thread, name,
					    __builtin_frame_address(0), block,
					    size);
		record_end(thread);
		return block;
	}
	wanted = wants(thread, below, domain, &asked);
	block = below->malloc(ctx, asked);
	born(thread, domain, wanted ? block : NULL, size);
	return block;
}

INLINE void *
hook_calloc(const struct py_allocator *below, void *ctx, int domain,
	    size_t count, size_t size)
{
	struct thread *thread;
	size_t asked = count * size;
	bool wanted;
	void *block;

	if (record_passes(count * size)) {
		HUSHED(block, below->calloc(ctx, count, size));
		return block;
	}
	thread = record_begin(__builtin_frame_address(0));
	wanted = wants(thread, below, domain, &asked);
	if (asked != count * size)
		block = below->calloc(ctx, 1, asked);
	else
		block = below->calloc(ctx, count, size);
	born(thread, domain, wanted ? block : NULL, count * size);
	return block;
}

INLINE void *
hook_realloc(const struct py_allocator *below, void *ctx, int domain,
	     void *block, size_t size)
{
	struct thread *thread;
	size_t asked = size;
	bool wanted;
	struct taken taken = {0};
	void *moved;

	if (domain == DOMAIN_OBJ && py_code_may_be(block))
		py_code_freed(block);
	if (!record_may_know(block) && record_passes(size)) {
		HUSHED(moved, below->realloc(ctx, block, size));
		return moved;
	}
	thread = record_begin(__builtin_frame_address(0));
	wanted = wants(thread, below, domain, &asked);
	if (thread && block)
		taken = record_take(thread, block);
	moved = below->realloc(ctx, block, asked);
	if (moved)
		record_freed(thread, taken);
	else
		record_put_back(thread, block, taken);
	born(thread, domain, wanted ? moved : NULL, size);
	return moved;
}

/* The interpreter is gone. From 3.12 on the next one starts from the allocators
 * that Python was built with. Its last blocks to go are raw ones. */
static __attribute__((noinline)) void
expect_restart(void)
{
	if (!py_runtime.is_initialized())
		py_settle_again();
}

/*
 * A block that may have been recorded. Hooks below find nothing any more at the
 * same address. Whether it is a code object is asked only where its size is
 * not known to be too small. Not inline, so that the usual free of a sampled
 * process saves no registers.
 */
static __attribute__((noinline)) void
free_known(const struct py_allocator *below, void *ctx, bool object,
	   void *block)
{
	uint64_t size = record_gone_slow(block);

	if (object && size >= (uint64_t)py_runtime.layout->code_size &&
	    py_code_may_be(block))
		py_code_freed(block);
	below->free(ctx, block);
}

static __attribute__((noinline)) void
free_code(const struct py_allocator *below, void *ctx, void *block)
{
	py_code_freed(block);
	below->free(ctx, block);
}

/* A block that was counted as freed: whether it was a code object is asked
 * only where its size is not known to be too small. */
INLINE void
free_counted(const struct py_allocator *below, void *ctx, bool object,
	     void *block, uint64_t size)
{
	if (object &&
	    __builtin_expect(size >= (uint64_t)py_runtime.layout->code_size,
			     0) &&
	    py_code_may_be(block))
		free_code(below, ctx, block);
	else
		below->free(ctx, block);
}

INLINE void
hook_free(const struct py_allocator *below, void *ctx, int domain, void *block)
{
	uint64_t size;

	if (domain == DOMAIN_RAW && !py_settling)
		expect_restart();
	if (__builtin_expect(sample_was_exact, 1)) {
		if (__builtin_expect(record_gone_quick(block, &size), 1))
			free_counted(below, ctx, domain == DOMAIN_OBJ, block,
				     size);
		else
			free_known(below, ctx, domain == DOMAIN_OBJ, block);
		return;
	}
	if (record_may_know(block))
		free_known(below, ctx, domain == DOMAIN_OBJ, block);
	else if (domain == DOMAIN_OBJ && py_code_may_be(block))
		free_code(below, ctx, block);
	else
		below->free(ctx, block);
}

/* HOOKS(name, domain, below, ctx): one set of hooks. Object frees look for
 * code objects, so each domain has its own. */
#define HOOKS(name_, domain_, below_, ctx_)                               \
	static void *name_##_malloc(void *ctx, size_t size)               \
	{                                                                 \
		return hook_malloc(below_, ctx_, domain_, size);          \
	}                                                                 \
	static void *name_##_calloc(void *ctx, size_t count, size_t size) \
	{                                                                 \
		return hook_calloc(below_, ctx_, domain_, count, size);   \
	}                                                                 \
	static void *name_##_realloc(void *ctx, void *block, size_t size) \
	{                                                                 \
		return hook_realloc(below_, ctx_, domain_, block, size);  \
	}                                                                 \
	static void name_##_free(void *ctx, void *block)                  \
	{                                                                 \
		hook_free(below_, ctx_, domain_, block);                  \
	}
#define SLOT_HOOKS(name_, domain_)                             \
	HOOKS(name_, domain_, &((struct py_slot *)ctx)->below, \
	      ((struct py_slot *)ctx)->below.ctx)
#define RUNNING_HOOKS(name_, domain_) \
	HOOKS(name_, domain_, &py_below[domain_], ctx)
SLOT_HOOKS(slot_raw, DOMAIN_RAW)
SLOT_HOOKS(slot_mem, DOMAIN_MEM)
SLOT_HOOKS(slot_obj, DOMAIN_OBJ)
RUNNING_HOOKS(running_raw, DOMAIN_RAW)
RUNNING_HOOKS(running_mem, DOMAIN_MEM)
RUNNING_HOOKS(running_obj, DOMAIN_OBJ)

#define ALLOCATOR(name_)                                               \
	{                                                              \
		NULL, name_##_malloc, name_##_calloc, name_##_realloc, \
		    name_##_free                                       \
	}
const struct py_allocator py_slot_hooks[DOMAIN_COUNT] = {
    [DOMAIN_RAW] = ALLOCATOR(slot_raw),
    [DOMAIN_MEM] = ALLOCATOR(slot_mem),
    [DOMAIN_OBJ] = ALLOCATOR(slot_obj),
};
const struct py_allocator py_running_hooks[DOMAIN_COUNT] = {
    [DOMAIN_RAW] = ALLOCATOR(running_raw),
    [DOMAIN_MEM] = ALLOCATOR(running_mem),
    [DOMAIN_OBJ] = ALLOCATOR(running_obj),
};

static void
mem_free_over(void *ctx, void *block)
{
	hook_free(&py_over[DOMAIN_MEM], ctx, DOMAIN_MEM, block);
}

static void
obj_free_over(void *ctx, void *block)
{
	hook_free(&py_over[DOMAIN_OBJ], ctx, DOMAIN_OBJ, block);
}

void (*const py_free_over[DOMAIN_COUNT])(void *, void *) = {
    [DOMAIN_MEM] = mem_free_over,
    [DOMAIN_OBJ] = obj_free_over,
};
