/*
 * pyhook.c - stands in front of CPython's three allocators.
 *
 * Two ways in. Before the interpreter is initialised there is one thread, and
 * start-up may replace what we installed: then every installation gets a fresh
 * slot as its ctx, never used for another one, since start-up saves and puts
 * back allocators too, and an overwritten slot would lose what is below it.
 * In an interpreter that runs, readers take no lock and may combine one word
 * of the old allocator with one of the new: then the old ctx stays and only
 * the functions change, which know their domain and ignore whose ctx it is.
 *
 * Nothing is ever uninstalled or freed.
 *
 * Context: python and hook; py_setup: setup.
 */
#include "config.h"

#include "agent/py/py.h"
#include "agent/py/pycode.h"
#include "agent/py/pykept.h"
#include "agent/py/pyruntime.h"
#include "agent/record.h"
#include "agent/safe.h"
#include "agent/unwind.h"

#define INLINE static inline __attribute__((always_inline))

/* CPython's own numbers. */
enum { DOMAIN_RAW, DOMAIN_MEM, DOMAIN_OBJ, DOMAIN_COUNT };

/* From the first calls on, the allocators are looked at in every call of
 * py_settle, later in one of SETTLE_STEP: the interpreter may never start. */
#define SETTLE_EVERY (1u << 16)
#define SETTLE_STEP  64

struct slot {
	struct py_allocator below;
};

static struct {
	bool busy;	  /* one at a time, and not from its own mallocs */
	bool unknown;	  /* the loss is counted */
	unsigned settles; /* calls so far */
	struct slot *top[DOMAIN_COUNT];		 /* installed last, by slot */
	struct py_allocator below[DOMAIN_COUNT]; /* of the running kind */
} hook;

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

INLINE void *
hook_malloc(const struct py_allocator *below, void *ctx, int domain,
	    size_t size)
{
	struct thread *thread;
	bool wanted;
	void *block;

	if (record_passes(size)) {
		HUSHED(block, below->malloc(ctx, size));
		return block;
	}
	thread = record_begin(__builtin_frame_address(0));
	wanted = record_wants(thread, size);
	block = below->malloc(ctx, size);
	born(thread, domain, wanted ? block : NULL, size);
	return block;
}

INLINE void *
hook_calloc(const struct py_allocator *below, void *ctx, int domain,
	    size_t count, size_t size)
{
	struct thread *thread;
	bool wanted;
	void *block;

	if (record_passes(count * size)) {
		HUSHED(block, below->calloc(ctx, count, size));
		return block;
	}
	thread = record_begin(__builtin_frame_address(0));
	wanted = record_wants(thread, count * size);
	block = below->calloc(ctx, count, size);
	born(thread, domain, wanted ? block : NULL, count * size);
	return block;
}

INLINE void *
hook_realloc(const struct py_allocator *below, void *ctx, int domain,
	     void *block, size_t size)
{
	struct thread *thread;
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
	wanted = record_wants(thread, size);
	if (thread && block)
		taken = record_take(thread, block);
	moved = below->realloc(ctx, block, size);
	if (moved)
		record_freed(thread, taken);
	else
		record_put_back(thread, block, taken);
	born(thread, domain, wanted ? moved : NULL, size);
	return moved;
}

static void
settling_begin(void)
{
	py_settling = true;
	sample_rate_touch();
}

void
py_settle_again(void)
{
	hook.settles = 0;
	settling_begin();
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

INLINE void
hook_free(const struct py_allocator *below, void *ctx, int domain, void *block)
{
	if (domain == DOMAIN_RAW && !py_settling)
		expect_restart();
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
#define SLOT_HOOKS(name_, domain_)                          \
	HOOKS(name_, domain_, &((struct slot *)ctx)->below, \
	      ((struct slot *)ctx)->below.ctx)
#define RUNNING_HOOKS(name_, domain_) \
	HOOKS(name_, domain_, &hook.below[domain_], ctx)
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
static const struct py_allocator slot_hooks[DOMAIN_COUNT] = {
    [DOMAIN_RAW] = ALLOCATOR(slot_raw),
    [DOMAIN_MEM] = ALLOCATOR(slot_mem),
    [DOMAIN_OBJ] = ALLOCATOR(slot_obj),
};
static const struct py_allocator running_hooks[DOMAIN_COUNT] = {
    [DOMAIN_RAW] = ALLOCATOR(running_raw),
    [DOMAIN_MEM] = ALLOCATOR(running_mem),
    [DOMAIN_OBJ] = ALLOCATOR(running_obj),
};

static bool
is_ours(const struct py_allocator *current, int domain)
{
	return current->malloc == slot_hooks[domain].malloc ||
	       current->malloc == running_hooks[domain].malloc;
}

/* Before the interpreter is initialised. */
static void
install_slot(int domain)
{
	struct py_allocator current, ours = slot_hooks[domain];
	struct slot *slot;

	py_runtime.get_allocator(domain, &current);
	if (is_ours(&current, domain))
		return;
	slot = safe_alloc(sizeof(*slot));
	if (!slot)
		return;
	slot->below = current;
	ours.ctx = slot;
	hook.top[domain] = slot;
	py_runtime.set_allocator(domain, &ours);
}

/* While it runs. hook.below is written once: what calls in flight use stays. */
static void
install_running(int domain)
{
	struct py_allocator current, ours = running_hooks[domain];
	const struct py_allocator *below = &hook.below[domain];

	py_runtime.get_allocator(domain, &current);
	if (is_ours(&current, domain) ||
	    (below->malloc && (below->malloc != current.malloc ||
			       below->ctx != current.ctx)))
		return;
	hook.below[domain] = current;
	ours.ctx = current.ctx;
	__atomic_thread_fence(__ATOMIC_RELEASE);
	py_runtime.set_allocator(domain, &ours);
}

/* An allocator that somebody has put on top of ours stays, and ours below it. */
static void
uninstall_running(int domain)
{
	struct py_allocator current;

	py_runtime.get_allocator(domain, &current);
	if (current.malloc == running_hooks[domain].malloc)
		py_runtime.set_allocator(domain, &hook.below[domain]);
}

static void
install(void)
{
	bool running = py_runtime.is_initialized() != 0;

	for (int domain = 0; domain < DOMAIN_COUNT; domain++)
		if (running)
			install_running(domain);
		else
			install_slot(domain);
	if (!running)
		settling_begin();
}

/* Whether what was below our slot is now on top: somebody took us away, as
 * initialising again does from 3.12 on. A wrapper on top of us is none. */
static bool
is_gone(int domain)
{
	const struct slot *top = hook.top[domain];
	struct py_allocator current;

	py_runtime.get_allocator(domain, &current);
	return top && current.malloc == top->below.malloc &&
	       current.ctx == top->below.ctx;
}

static bool
enter(void)
{
	return !__atomic_exchange_n(&hook.busy, true, __ATOMIC_ACQUIRE);
}

static void
leave(void)
{
	__atomic_store_n(&hook.busy, false, __ATOMIC_RELEASE);
}

static void
setup_again(void)
{
	if (!py_runtime.is_initialized() || py_runtime_is_finalizing())
		return;
	for (int domain = 0; domain < DOMAIN_COUNT; domain++) {
		if (!is_gone(domain))
			continue;
		record_lost(WIRE_LOST_PY_HOOKS_GONE, 1);
		install_running(domain);
	}
}

static bool
find(void)
{
	switch (py_runtime_find()) {
	case PY_FOUND_NONE:
		break;
	case PY_FOUND_UNKNOWN:
		if (!hook.unknown)
			record_lost(WIRE_LOST_PY_UNKNOWN, 1);
		hook.unknown = true;
		break;
	case PY_FOUND:
		/* Walks stop at the interpreter's loop from now on. */
		unwind_modules_changed();
		py_kept_setup();
		return true;
	}
	return false;
}

static void
setup_first(void)
{
	if (find())
		install();
}

bool
py_setup(void)
{
	if (!enter())
		return py_runtime.layout != NULL;
	if (py_runtime.layout)
		setup_again();
	else if (!hook.unknown)
		setup_first();
	leave();
	return py_runtime.layout != NULL;
}

void
py_look(void)
{
	if (!enter())
		return;
	if (!py_runtime.layout && !hook.unknown)
		find();
	leave();
}

void
py_join(void)
{
	if (!enter())
		return;
	/* One that starts has one thread, which is not this one. */
	if (py_runtime.layout && py_runtime.is_initialized() &&
	    !py_runtime_is_finalizing())
		for (int domain = 0; domain < DOMAIN_COUNT; domain++)
			install_running(domain);
	leave();
}

void
py_leave(void)
{
	if (!enter())
		return;
	for (int domain = 0; py_runtime.layout && domain < DOMAIN_COUNT;
	     domain++)
		uninstall_running(domain);
	leave();
}

/*
 * Stops once the interpreter is initialised: from then on something on top of
 * us wraps us, and to wrap it in turn would make a cycle. 3.6 replaces its
 * allocators last thing before it calls itself initialised, hence once more.
 */
void
py_settle(void)
{
	bool initialized;

	if (++hook.settles > SETTLE_EVERY && hook.settles % SETTLE_STEP)
		return;
	if (!enter())
		return;
	initialized = py_runtime.is_initialized() != 0;
	if (!initialized || py_runtime.layout->minor == 6)
		for (int domain = 0; domain < DOMAIN_COUNT; domain++)
			install_slot(domain);
	if (initialized && py_freelist_settle())
		py_settling = false;
	leave();
}

void
py_forked(void)
{
	hook.busy = false;
	py_code_forked();
}
