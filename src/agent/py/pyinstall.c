/*
 * pyinstall.c - stands in front of CPython's three allocators.
 *
 * Two ways in. Before the interpreter is initialised there is one thread, and
 * start-up may replace what we installed: then every installation gets a fresh
 * slot as its ctx, never used for another one, since start-up saves and puts
 * back allocators too, and an overwritten slot would lose what is below it.
 * In an interpreter that runs, readers take no lock and may combine one word
 * of the old allocator with one of the new: then the old ctx stays and only
 * the functions change, which know their domain and ignore whose ctx it is.
 *
 * Nothing is ever freed. Where the process is sampled, light hooks take the
 * place of those that see everything (pylight.h).
 *
 * Context: hook, and ticker where said; py_setup: setup.
 */
#include "config.h"

#include <string.h>
#include <sys/syscall.h>
#include <time.h>

#include "agent/agent.h"
#include "agent/py/py.h"
#include "agent/py/pycode.h"
#include "agent/py/pyhook.h"
#include "agent/py/pykept.h"
#include "agent/py/pylight.h"
#include "agent/py/pyruntime.h"
#include "agent/record.h"
#include "agent/safe.h"
#include "agent/sample.h"
#include "agent/unwind.h"

/* From the first calls on, the allocators are looked at in every call of
 * py_settle, later in one of SETTLE_STEP: the interpreter may never start. */
#define SETTLE_EVERY (1u << 16)
#define SETTLE_STEP  64

#define PATIENCE 1000 /* ms that the ticker waits for whoever installs */

static struct {
	bool busy;	  /* one at a time, and not from its own mallocs */
	bool unknown;	  /* the loss is counted */
	bool lost_over;	  /* likewise */
	bool late;	  /* it ran when it was found */
	unsigned settles; /* calls so far */
	struct py_slot *top[DOMAIN_COUNT]; /* installed last, by slot */
} installed;

static void
settling_begin(void)
{
	py_settling = true;
	sample_rate_touch();
}

void
py_settle_again(void)
{
	installed.settles = 0;
	settling_begin();
}

static bool
is_ours(const struct py_allocator *current, int domain)
{
	return current->malloc == py_slot_hooks[domain].malloc ||
	       current->malloc == py_running_hooks[domain].malloc ||
	       py_light_is(current, domain);
}

/* Before the interpreter is initialised. */
static void
install_slot(int domain)
{
	struct py_allocator current, ours = py_slot_hooks[domain];
	struct py_slot *slot;

	py_runtime.get_allocator(domain, &current);
	if (is_ours(&current, domain))
		return;
	slot = safe_alloc(sizeof(*slot));
	if (!slot)
		return;
	slot->below = current;
	ours.ctx = slot;
	installed.top[domain] = slot;
	py_runtime.set_allocator(domain, &ours);
}

/* While it runs. py_below is written once: what calls in flight use stays. */
static void
install_running(int domain)
{
	struct py_allocator current, ours = py_running_hooks[domain];
	const struct py_allocator *below = &py_below[domain];

	py_runtime.get_allocator(domain, &current);
	if (is_ours(&current, domain) ||
	    (below->malloc &&
	     (below->malloc != current.malloc || below->ctx != current.ctx)))
		return;
	py_below[domain] = current;
	ours.ctx = current.ctx;
	__atomic_thread_fence(__ATOMIC_RELEASE);
	py_runtime.set_allocator(domain, &ours);
}

/* An allocator that somebody has put on top of ours stays, and ours below it.
 */
static void
uninstall_running(int domain)
{
	struct py_allocator current;

	py_runtime.get_allocator(domain, &current);
	if (current.malloc == py_running_hooks[domain].malloc ||
	    py_light_is(&current, domain))
		py_runtime.set_allocator(domain, &py_below[domain]);
}

/* Whether full hooks are on top, with pymalloc below. */
static bool
is_full(int domain)
{
	const struct py_allocator *below = &py_below[domain];
	struct py_allocator current;

	py_runtime.get_allocator(domain, &current);
	if (current.malloc == py_slot_hooks[domain].malloc)
		below = &((const struct py_slot *)current.ctx)->below;
	else if (current.malloc != py_running_hooks[domain].malloc)
		return false;
	return !memcmp(below, &py_runtime.pymalloc, sizeof(*below));
}

/* In an interpreter that runs, whose allocators have just become ours. */
static void
lighten(void)
{
	py_arenas_take();
	if (!py_light.is_outside)
		return;
	if (!py_light_fits()) {
		py_light_end();
		return;
	}
	if (!is_full(DOMAIN_MEM) || !is_full(DOMAIN_OBJ))
		return;
	py_light_begin();
	for (int domain = DOMAIN_MEM; domain <= DOMAIN_OBJ; domain++) {
		py_below[domain] = py_runtime.pymalloc;
		py_light_install(domain, &py_running_hooks[domain]);
	}
}

static void
put_over(int domain, struct py_allocator *current)
{
	struct py_allocator *over = &py_over[domain];

	if (!over->malloc)
		*over = *current;
	if (memcmp(over, current, sizeof(*over)) != 0) {
		if (!installed.lost_over)
			record_lost(WIRE_LOST_PY_HOOKS_GONE, 1);
		installed.lost_over = true;
		return;
	}
	current->free = py_free_over[domain];
	__atomic_thread_fence(__ATOMIC_RELEASE);
	py_runtime.set_allocator(domain, current);
}

/* Where there were light hooks, all frees are seen from now on. */
static void
make_full(void)
{
	for (int domain = DOMAIN_MEM; domain <= DOMAIN_OBJ; domain++) {
		struct py_allocator current, ours = py_running_hooks[domain];

		py_runtime.get_allocator(domain, &current);
		ours.ctx = current.ctx;
		if (py_light_is(&current, domain))
			py_runtime.set_allocator(domain, &ours);
		else if (!is_ours(&current, domain) &&
			 current.free != py_free_over[domain] &&
			 current.malloc != py_runtime.pymalloc.malloc)
			put_over(domain, &current);
	}
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
	const struct py_slot *top = installed.top[domain];
	struct py_allocator current;

	py_runtime.get_allocator(domain, &current);
	return top && current.malloc == top->below.malloc &&
	       current.ctx == top->below.ctx;
}

static bool
enter(void)
{
	return !__atomic_exchange_n(&installed.busy, true, __ATOMIC_ACQUIRE);
}

static void
leave(void)
{
	__atomic_store_n(&installed.busy, false, __ATOMIC_RELEASE);
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

/* In that library; NULL: among all that is loaded. */
static bool
find(const struct unwind_module *library)
{
	switch (py_runtime_find(library)) {
	case PY_FOUND_NONE:
		break;
	case PY_FOUND_UNKNOWN:
		if (!installed.unknown)
			record_lost(WIRE_LOST_PY_UNKNOWN, 1);
		installed.unknown = true;
		break;
	case PY_FOUND:
		/* Walks stop at the interpreter's loop from now on. */
		unwind_modules_changed();
		/* All frames, interleaved, are walked another way. */
		if (agent_config.native != WIRE_NATIVE_FULL)
			py_kept_setup();
		py_light_setup();
		return true;
	}
	return false;
}

static void
setup_first(void)
{
	if (find(NULL))
		install();
}

bool
py_setup(void)
{
	if (!enter())
		return py_runtime.layout != NULL;
	if (py_runtime.layout)
		setup_again();
	else if (!installed.unknown)
		setup_first();
	leave();
	return py_runtime.layout != NULL;
}

/* 3.6 calls itself initialised when it begins: what it does until the ticker
 * comes is seen, too. The rest may not be done inside a malloc of pymalloc's.
 */
static void
install_late(void)
{
	for (int domain = 0; domain < DOMAIN_COUNT; domain++)
		install_running(domain);
	__atomic_store_n(&installed.late, true, __ATOMIC_RELEASE);
}

void
py_arrived(const struct unwind_module *library)
{
	if (py_runtime.layout || installed.unknown || !enter())
		return;
	if (!py_runtime.layout && find(library)) {
		agent_config.rests = py_runtime.version >= PY_COUNTS_THREADS;
		if (py_runtime.is_initialized())
			install_late();
		else
			py_settle_again();
	}
	leave();
}

bool
py_is_late(void)
{
	return __atomic_load_n(&installed.late, __ATOMIC_ACQUIRE);
}

void
py_look(void)
{
	if (!enter())
		return;
	if (!py_runtime.layout && !installed.unknown)
		find(NULL);
	leave();
}

void
py_join(void)
{
	if (!enter())
		return;
	/* One that starts has one thread, which is not this one. */
	if (py_runtime.layout && py_runtime.is_initialized() &&
	    !py_runtime_is_finalizing()) {
		for (int domain = 0; domain < DOMAIN_COUNT; domain++)
			install_running(domain);
		lighten();
	}
	leave();
}

void
py_leave(void)
{
	if (!enter())
		return;
	py_arenas_leave();
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

	if (++installed.settles > SETTLE_EVERY &&
	    installed.settles % SETTLE_STEP)
		return;
	if (!enter())
		return;
	initialized = py_runtime.is_initialized() != 0;
	if (!initialized || py_runtime.layout->minor == 6)
		for (int domain = 0; domain < DOMAIN_COUNT; domain++)
			install_slot(domain);
	if (initialized && py_freelist_settle()) {
		lighten();
		py_settling = false;
	}
	leave();
}

static bool
enter_patiently(void)
{
	const struct timespec step = {0, 1000000};

	for (int i = 0; i < PATIENCE; i++) {
		if (enter())
			return true;
		safe_syscall(SYS_nanosleep, (long)&step, 0, 0, 0, 0, 0);
	}
	return false;
}

bool
py_rate_may(uint64_t interval)
{
	bool may = true;

	if (interval >= PY_LIGHT_INTERVAL || !py_light.is_outside)
		return true;
	if (!enter_patiently())
		return false;
	if (py_light.was_on) {
		may = !py_runtime_is_finalizing();
		if (may)
			make_full();
	}
	if (may)
		py_light_end();
	leave();
	return may;
}

void
py_tend(void)
{
	if (!py_runtime.layout)
		return;
	py_freelist_tend();
	/* Who had a copy of light hooks may have put it back. */
	if (!py_light.was_on || py_light.is_outside ||
	    !py_runtime.is_initialized() || py_runtime_is_finalizing() ||
	    !enter())
		return;
	make_full();
	leave();
}

void
py_forked(void)
{
	installed.busy = false;
	py_code_forked();
}
