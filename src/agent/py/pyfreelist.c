/*
 * pyfreelist.c - hears of objects that are born out of free lists.
 *
 * CPython keeps the memory of floats, tuples, lists, dicts and others that died
 * for the next ones, without a word to the allocator. From 3.13 on it tells one
 * listener in the process of every object that is born (PyRefTracer). We listen
 * only where nobody else does, as tracemalloc does once it is started; where
 * the place falls free it is taken again.
 *
 * To take it needs the GIL. Who may call is a hook in a thread that has
 * attached its thread state: a look at that takes nothing, and setting the
 * listener is two stores. Not so in free-threaded builds, where it would stop
 * all threads from inside malloc: there it is not done.
 *
 * Context: hook; py_freelist_tend: ticker.
 */
#include "config.h"

#include "agent/py/py.h"
#include "agent/py/pyruntime.h"
#include "agent/record.h"

/* CPython's own numbers: PyRefTracer_CREATE; flags of types, and what lies
 * before an object whose type has them. */
#define CREATE	     0
#define HAS_WEAKREFS (UINT64_C(1) << 3)
#define HAS_DICT     (UINT64_C(1) << 4)
#define HAS_GC	     (UINT64_C(1) << 14)
#define TYPE_FLAGS   144 /* bytes after tp_name */
#define PRE_HEADER   (2 * sizeof(void *))

bool py_freelist_wanted;

static struct {
	bool listens; /* did, when it was looked last */
	bool refused; /* the loss is counted */
} freelist;

/* Where the memory of an object begins. */
static void *
block_of(const char *object)
{
	const struct py_layout *layout = py_runtime.layout;
	const char *type = *(const char *const *)(object + layout->ob_type);
	uint64_t flags =
	    *(const uint64_t *)(type + layout->type_name + TYPE_FLAGS);

	if (flags & HAS_GC)
		object -= PRE_HEADER;
	if (flags & (HAS_WEAKREFS | HAS_DICT))
		object -= PRE_HEADER;
	return (void *)object;
}

/* Most were born in a block that was recorded an instant ago, on this stack,
 * and stay where they are. */
static int
listener(void *object, int event, void *data)
{
	(void)data;
	if (event == CREATE)
		record_reborn(__builtin_frame_address(0), block_of(object));
	return 0;
}

static void
refuse(void)
{
	if (!freelist.refused)
		record_lost(WIRE_LOST_PY_TRACER, 1);
	freelist.refused = true;
}

static py_listener *
holder(void)
{
	void *data;

	return py_runtime.get_listener(&data);
}

bool
py_freelist_settle(void)
{
	if (!py_freelist_wanted)
		return true;
	if (!py_runtime.get_listener || py_runtime.layout->free_threaded) {
		refuse();
		return true;
	}
	if (!py_runtime.current())
		return false;
	if (!holder())
		py_runtime.set_listener(listener, NULL);
	freelist.listens = true;
	return true;
}

void
py_freelist_tend(void)
{
	py_listener *now;

	if (!freelist.listens || !py_runtime.is_initialized() ||
	    py_runtime_is_finalizing())
		return;
	now = holder();
	if (now == listener) {
		freelist.refused = false;
	} else if (now) {
		refuse();
	} else {
		freelist.listens = false;
		py_settle_again();
	}
}
