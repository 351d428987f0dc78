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
#define PROBE_MORE    256	     /* and later on */
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
		most = PROBE_MORE;
	}
	if (!probe_pages(sp, known, most))
		return false;
	bounds->low = sp & ~(PAGE - 1);
	bounds->high = top;
	return true;
}

bool
stack_learn(struct unwind_bounds *bounds, uint64_t sp,
	    struct stack_range *range)
{
	uint32_t stamp = __atomic_load_n(&stack.stamp, __ATOMIC_RELAXED);

	if (sp - stack.main_low < stack.main_high - stack.main_low) {
		bounds->low = stack.main_low;
		bounds->high = stack.main_high;
	} else if (bounds->stamp == stamp &&
		   sp - bounds->other_low <
		       bounds->other_high - bounds->other_low) {
		range->low = bounds->other_low;
		range->high = bounds->other_high;
		range->is_known = false;
		return true;
	} else if (!learn_thread(bounds, sp)) {
		if (!stack_probe(sp))
			return false;
		bounds->stamp = stamp;
		bounds->other_low = sp & ~(PAGE - 1);
		bounds->other_high = bounds->other_low + PAGE;
		range->low = bounds->other_low;
		range->high = bounds->other_high;
		range->is_known = false;
		return true;
	}
	range->low = bounds->low;
	range->high = bounds->high;
	range->is_known = true;
	return true;
}

bool
stack_extend(struct unwind_bounds *bounds, struct stack_range *range,
	     uint64_t high)
{
	if (high <= range->high)
		return true;
	if (range->is_known || !probe_pages(range->high, high, PROBE_MORE))
		return false;
	range->high = (high + PAGE - 1) & ~(PAGE - 1);
	if (bounds->other_low == range->low)
		bounds->other_high = range->high;
	return true;
}

bool
stack_read(const struct stack_range *range, uint64_t address, uint64_t *value)
{
	bool inside = address >= range->low && range->high >= 8 &&
		      address <= range->high - 8;

	if (!inside && !(stack_probe(address) && stack_probe(address + 7)))
		return false;
	memcpy(value, (const void *)address, sizeof(*value));
	return true;
}

void
stack_forget(void)
{
	__atomic_fetch_add(&stack.stamp, 1, __ATOMIC_RELAXED);
}
