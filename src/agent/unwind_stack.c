/*
 * unwind_stack.c - learns the bounds of stacks without locks or allocation.
 *
 * pthread_getattr_np would know them, but allocates and, for the main thread,
 * reads /proc through stdio; so the thread's descriptor is taken as the end of
 * its stack (glibc carves both out of one mapping, the descriptor on top).
 *
 * Context: hook.
 */
#include "config.h"

#include "agent/unwind_stack.h"

#include <dlfcn.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "agent/arch/arch.h"
#include "agent/safe.h"

#define PAGE	      4096ull
#define PROBE_MAX     4096	     /* pages probed in one go, at first */
#define PROBE_MORE    256	     /* on the way outwards */
#define PROBE_DOWN    16	     /* where the thread's own stack grew */
#define MAIN_SIZE_MIN (128ull << 20) /* the kernel maps nothing nearer */
#define MAIN_SIZE_MAX (64ull << 30)

static struct {
	uint64_t main_low;
	uint64_t main_high; /* 0: not known */
	uint64_t main_self; /* the main thread's descriptor; 0: not known */
	uint32_t stamp;	    /* of probed ranges; moved by stack_forget */
} stack = {.stamp = 1};

void
stack_init(void)
{
	void *const *end = dlsym(RTLD_DEFAULT, "__libc_stack_end");
	struct rlimit limit = {0, 0};
	uint64_t size;

	if (!end)
		return;
	safe_syscall(SYS_prlimit64, 0, RLIMIT_STACK, 0, (long)&limit, 0, 0);
	size = limit.rlim_cur;
	if (size < MAIN_SIZE_MIN)
		size = MAIN_SIZE_MIN;
	if (size > MAIN_SIZE_MAX)
		size = MAIN_SIZE_MAX;
	stack.main_high = (uint64_t)*end;
	stack.main_low = stack.main_high - size;
	if ((uint64_t)&size - stack.main_low < size)
		stack.main_self = arch_thread_pointer();
}

/* The kernel reads the new mask before it looks at how, which is none. */
bool
stack_probe(uint64_t address)
{
	address &= ~7ull;
	return safe_syscall(SYS_rt_sigprocmask, ~0l, (long)address, 0, 8, 0,
			    0) == -22;
}

/* Whether [low, high) is at most `most` pages and each can be read. */
static bool
probe_pages(uint64_t low, uint64_t high, unsigned most)
{
	uint64_t page = low & ~(PAGE - 1);

	if (high < low || high - page > most * PAGE)
		return false;
	for (; page < high; page += PAGE)
		if (!stack_probe(page))
			return false;
	return true;
}

/* A pthread's own stack: all of it between sp and the descriptor. */
static bool
learn_thread(struct unwind_bounds *bounds, uint64_t sp)
{
	uint64_t top = arch_thread_pointer();
	uint64_t known = top;
	unsigned most = PROBE_MAX;

	if (sp >= top || top == stack.main_self)
		return false;
	if (bounds->high == top && sp < bounds->low) {
		known = bounds->low;
		most = PROBE_DOWN;
	}
	if (!probe_pages(sp, known, most))
		return false;
	bounds->low = sp & ~(PAGE - 1);
	bounds->high = top;
	return true;
}

/* What is known of the page; NULL: nothing. */
static struct unwind_probed *
find_probed(struct unwind_bounds *bounds, uint64_t page, uint32_t stamp)
{
	struct unwind_probed *pair =
	    bounds->probed[(page / PAGE * 0x9e3779b97f4a7c15u) >> 56];

	_Static_assert(UNWIND_PROBED == 256, "bits of the hash");
	if (pair[0].page == page && pair[0].stamp == stamp)
		return &pair[0];
	if (pair[1].page == page && pair[1].stamp == stamp)
		return &pair[1];
	return NULL;
}

/* Valid at every instant: a handler may leave by longjmp. */
static void
put_probed(struct unwind_bounds *bounds, uint64_t page, uint64_t high,
	   uint32_t stamp)
{
	struct unwind_probed *pair =
	    bounds->probed[(page / PAGE * 0x9e3779b97f4a7c15u) >> 56];

	pair[1].stamp = 0;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	pair[1].page = pair[0].page;
	pair[1].high = pair[0].high;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	pair[1].stamp = pair[0].stamp;
	pair[0].stamp = 0;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	pair[0].page = page;
	pair[0].high = high;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	pair[0].stamp = stamp;
}

/* A stack of which sp's page is not known yet. */
static bool
learn_other(struct unwind_bounds *bounds, uint64_t page, uint32_t stamp,
	    uint64_t *high)
{
	const struct unwind_probed *above;

	if (!stack_probe(page))
		return false;
	*high = page + PAGE;
	above = find_probed(bounds, *high, stamp);
	if (above)
		*high = above->high;
	put_probed(bounds, page, *high, stamp);
	return true;
}

bool
stack_learn(struct unwind_bounds *bounds, uint64_t sp,
	    struct stack_range *range)
{
	uint32_t stamp = __atomic_load_n(&stack.stamp, __ATOMIC_RELAXED);
	uint64_t page = sp & ~(PAGE - 1);
	const struct unwind_probed *probed;

	range->is_known = true;
	if (sp - stack.main_low < stack.main_high - stack.main_low) {
		bounds->low = stack.main_low;
		bounds->high = stack.main_high;
	} else {
		probed = find_probed(bounds, page, stamp);
		if (probed || !learn_thread(bounds, sp)) {
			range->is_known = false;
			range->low = page;
			range->high = probed ? probed->high : 0;
			return probed ||
			       learn_other(bounds, page, stamp, &range->high);
		}
	}
	range->low = bounds->low;
	range->high = bounds->high;
	return true;
}

bool
stack_extend(struct unwind_bounds *bounds, struct stack_range *range,
	     uint64_t high)
{
	uint32_t stamp = __atomic_load_n(&stack.stamp, __ATOMIC_RELAXED);
	struct unwind_probed *probed;

	if (high <= range->high)
		return true;
	if (range->is_known || !probe_pages(range->high, high, PROBE_MORE))
		return false;
	range->high = (high + PAGE - 1) & ~(PAGE - 1);
	if (range->low < bounds->low && range->high > bounds->low) {
		/* One piece with the thread's own stack: that one grew. */
		bounds->low = range->low;
		range->high = bounds->high;
		range->is_known = true;
		return high <= range->high;
	}
	probed = find_probed(bounds, range->low, stamp);
	if (probed)
		probed->high = range->high;
	return true;
}

bool
stack_is_end(const struct stack_range *range, uint64_t sp)
{
	return range->is_known && range->high == stack.main_high &&
	       sp + 16 >= range->high;
}

/* A sanitizer's own memory is readable too, but not to its checks. */
__attribute__((no_sanitize_address)) bool
stack_read(const struct stack_range *range, uint64_t address, uint64_t *value)
{
	bool inside = address >= range->low && range->high >= 8 &&
		      address <= range->high - 8;

	if (!inside && !(stack_probe(address) && stack_probe(address + 7)))
		return false;
	__builtin_memcpy(value, (const void *)address, sizeof(*value));
	return true;
}

void
stack_forget(void)
{
	__atomic_fetch_add(&stack.stamp, 1, __ATOMIC_RELAXED);
}
