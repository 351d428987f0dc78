/*
 * shim.c - the Python room alone, as a preloaded library, with a simple
 * stand-in for record.c below it.
 *
 * Every block gets the stack it was born with, interned at once. A script
 * asks for them, and for the stack it runs on, through ctypes.
 */
#include "config.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/py/py.h"
#include "agent/py/pycode.h"
#include "agent/py/pykept.h"
#include "agent/py/pyword.h"
#include "agent/record_quick.h"
#include "agent/safe.h"
#include "agent/unwind_module.h"
#include "agent/unwind_stop.h"

#define EXPORT	__attribute__((visibility("default")))
#define BUCKETS 65536
#define BLOCKS	400000
#define DEPTH	64
#define DEEPEST 4096

struct born {
	struct born *next; /* in its bucket, or free */
	uint64_t address;
	uint64_t size;
	uint32_t count;
	uint32_t ids[DEPTH];
	uint64_t words[DEPTH];
};

struct shim_totals {
	uint64_t bytes;
	uint64_t blocks;
	uint64_t events[WIRE_DOMAIN_MAX];
	uint64_t frames;
	uint64_t lost[WIRE_LOST_MAX];
	uint64_t differ; /* walks by both ways that do not agree */
	uint64_t walked; /* frames, by the incremental one ... */
	uint64_t same;	 /* ... and known from the walk before */
};

static struct {
	struct safe_lock lock;
	struct born *blocks; /* room for BLOCKS */
	size_t used;	     /* of them, ever */
	struct born *unused; /* given back */
	struct born *buckets[BUCKETS];
	struct shim_totals totals;
	unsigned ignored_domain; /* blocks of this ... */
	uint64_t ignored_size;	 /* ... and that are not counted */
	bool started;
	int note; /* of a script in a subinterpreter */
} shim;

/* What the last walk of this thread gave. */
struct last {
	struct py_kept kept;
	size_t count;
	uint64_t words[DEEPEST];
	uint64_t walked[DEEPEST];
};
static __thread struct last *last;

/* Where the block is or would be linked. */
static struct born **
block_link(uint64_t address)
{
	struct born **link = &shim.buckets[(address >> 4) % BUCKETS];

	while (*link && (*link)->address != address)
		link = &(*link)->next;
	return link;
}

static struct born *
block_find(uint64_t address)
{
	return *block_link(address);
}

static struct born *
block_new(uint64_t address)
{
	struct born **bucket = &shim.buckets[(address >> 4) % BUCKETS];
	struct born *block = shim.unused;

	if (block)
		shim.unused = block->next;
	else if (shim.used < BLOCKS)
		block = &shim.blocks[shim.used++];
	else
		__builtin_trap(); /* the script keeps more than fits */
	block->next = *bucket;
	block->address = address;
	*bucket = block;
	return block;
}

/* Forgets the block; returns its size, or -1 when it is not known. */
static int64_t
block_drop(uint64_t address)
{
	struct born **link = block_link(address);
	struct born *block = *link;

	if (!block)
		return -1;
	*link = block->next;
	block->next = shim.unused;
	shim.unused = block;
	shim.totals.bytes -= block->size;
	shim.totals.blocks--;
	return (int64_t)block->size;
}

/* The parts of record.h that are inline lead to those here at every event. */
struct agent_config agent_config;
__thread struct thread_tls thread_tls;
uint32_t sample_rate = 1;
bool sample_was_exact = true;
uint64_t live_filter[(1u << LIVE_FILTER_BITS) / 64];
struct live live; /* no block has an entry: none is quick */
bool tracing_on;

void
sample_rate_touch(void)
{
}

uint64_t
sample_interval(void)
{
	return 1;
}

void
record_skip(void)
{
}

bool
record_hit(struct thread *thread, uint64_t size)
{
	(void)thread;
	(void)size;
	return false;
}

struct thread *
record_begin_slow(void *frame)
{
	if (!shim.started || thread_tls.guard)
		return NULL;
	thread_tls.guard = (uint64_t)frame;
	return (struct thread *)&thread_tls;
}

/* Both ways to walk say the same, and what the incremental one says of the walk
 * before is true. */
static size_t
walk(uint64_t *words, size_t max, bool gil, bool *cut)
{
	size_t count = py_walk(words, max, gil, cut);
	const struct py_kept_stack *found;
	bool whole_cut = false;
	size_t whole, kept, same;

	if (!last)
		last = safe_map(sizeof(*last));
	whole = py_walk(last->walked, DEEPEST, gil, &whole_cut);
	found = &last->kept.found;
	same = py_kept_look(&last->kept, gil) ? found->count : found->same;
	kept = found->count;
	if (whole != kept || whole_cut != found->is_broken ||
	    memcmp(last->walked, found->words, kept * sizeof(*words)) != 0)
		shim.totals.differ++;
	if (same > kept || same > last->count ||
	    memcmp(found->words + kept - same, last->words + last->count - same,
		   same * sizeof(*words)) != 0)
		shim.totals.differ++;
	shim.totals.same += same;
	shim.totals.walked += kept;
	memcpy(last->words, found->words, kept * sizeof(*words));
	last->count = kept;
	return count;
}

void
record_python(struct thread *thread, enum wire_domain domain, const void *frame,
	      void *block, uint64_t size)
{
	bool gil = domain != WIRE_DOMAIN_PYMEM_RAW;
	struct born *fresh;
	bool cut = false;

	(void)thread;
	(void)frame;
	if (shim.ignored_size == size && shim.ignored_domain == domain)
		return;
	safe_lock(&shim.lock);
	block_drop((uint64_t)block);
	fresh = block_new((uint64_t)block);
	fresh->size = size;
	fresh->count = (uint32_t)walk(fresh->words, DEPTH, gil, &cut);
	for (uint32_t i = 0; i < fresh->count; i++)
		fresh->ids[i] = py_code_intern(fresh->words[i]);
	shim.totals.bytes += size;
	shim.totals.blocks++;
	shim.totals.events[domain]++;
	shim.totals.frames += fresh->count;
	safe_unlock(&shim.lock);
}

uint32_t
capture_python_slow(struct thread *thread, enum wire_domain domain,
		    const void *frame, bool same)
{
	(void)thread;
	(void)domain;
	(void)frame;
	(void)same;
	return 0;
}

void
record_nowhere(void)
{
}

void
record_put_slowly(struct thread *thread, uint64_t address, struct block block)
{
	(void)thread;
	(void)address;
	(void)block;
}

void
record_reborn(void *frame, void *block)
{
	(void)frame;
	(void)block;
}

struct taken
record_take(struct thread *thread, void *block)
{
	struct taken taken = {0};
	int64_t size;

	(void)thread;
	safe_lock(&shim.lock);
	size = block_drop((uint64_t)block);
	safe_unlock(&shim.lock);
	taken.site = size >= 0;
	taken.size = size >= 0 ? (uint64_t)size : 0;
	return taken;
}

uint64_t
record_gone_slow(void *block)
{
	struct taken taken = record_take(NULL, block);

	return taken.site ? taken.size : RECORD_UNKNOWN;
}

void
record_freed(struct thread *thread, struct taken taken)
{
	(void)thread;
	(void)taken;
}

/* Without its stack. */
void
record_put_back(struct thread *thread, void *block, struct taken taken)
{
	struct born *again;

	(void)thread;
	if (!taken.site)
		return;
	safe_lock(&shim.lock);
	again = block_new((uint64_t)block);
	again->size = taken.size;
	again->count = 0;
	shim.totals.bytes += taken.size;
	shim.totals.blocks++;
	safe_unlock(&shim.lock);
}

void
record_lost(enum wire_lost why, uint64_t count)
{
	__atomic_fetch_add(&shim.totals.lost[why], count, __ATOMIC_RELAXED);
}

void
unwind_modules_changed(void)
{
}

/* The two places from which the agent lets the room settle. */

void *__libc_malloc(size_t size);

EXPORT void *
malloc(size_t size)
{
	if (py_settling)
		py_settle();
	return __libc_malloc(size);
}

EXPORT void *
mmap64(void *start, size_t size, int prot, int flags, int fd, __off64_t offset)
{
	if (py_settling)
		py_settle();
	return (void *)syscall(SYS_mmap, start, size, prot, flags, fd, offset);
}

static void
after_fork(void)
{
	shim.lock.word = 0;
	py_forked();
}

int pthread_atfork(void (*)(void), void (*)(void), void (*)(void));

__attribute__((constructor)) static void
shim_start(void)
{
	shim.blocks = safe_reserve(BLOCKS * sizeof(*shim.blocks));
	shim.started = shim.blocks && !getenv("SHIM_LATE");
	pthread_atfork(NULL, NULL, after_fork);
	module_init(true);
	if (shim.started)
		py_setup();
}

/* For scripts. */

EXPORT uint32_t shim_setup(void);
EXPORT uint32_t shim_walk(uint64_t *words, uint32_t max, int gil);
EXPORT uint32_t shim_intern(uint64_t word);
EXPORT uint32_t shim_find(uint64_t word);
EXPORT uint64_t shim_word(uint64_t code, int64_t offset);
EXPORT int shim_lines(void *code, int (*line_of)(void *, int), int size);
EXPORT void shim_lines_at(void *code, const int *offsets, uint32_t *lines,
			  int count);
EXPORT int shim_name(uint32_t id, uint64_t word, char *text, uint32_t size);
EXPORT int shim_block(uint64_t address, uint32_t i, char *text, uint32_t size);
EXPORT int64_t shim_size(uint64_t address);
EXPORT void shim_totals(struct shim_totals *);
EXPORT uint32_t shim_sizes(uint64_t *sizes, uint32_t max);
EXPORT void shim_reset(void);
EXPORT void shim_ignore(uint32_t domain, uint32_t size);
EXPORT void shim_note(int note);
EXPORT int shim_subinterpreter(const char *script);
EXPORT uint64_t shim_epoch(void);
EXPORT uint64_t shim_held(void);
EXPORT int shim_differ(void);
EXPORT uint32_t shim_eval(uint64_t low, uint64_t high, uint64_t *ranges,
			  uint32_t max);

uint32_t
shim_setup(void)
{
	shim.started = true;
	return py_setup() ? py_version() : 0;
}

uint32_t
shim_walk(uint64_t *words, uint32_t max, int gil)
{
	bool cut = false;
	uint32_t count = (uint32_t)walk(words, max, gil, &cut);

	return cut ? count | 1u << 31 : count;
}

uint32_t
shim_intern(uint64_t word)
{
	return py_code_intern(word);
}

uint32_t
shim_find(uint64_t word)
{
	return py_code_find(word);
}

uint64_t
shim_word(uint64_t code, int64_t offset)
{
	return py_word_pack(code, offset);
}

/* How many instructions of `size` bytes have another line than line_of says. */
int
shim_lines(void *code, int (*line_of)(void *, int), int size)
{
	uint32_t id = py_code_intern(py_word_pack((uint64_t)code, 0));
	int differ = 0;

	for (int at = 0; at < size; at += 2) {
		uint64_t word = py_word_pack((uint64_t)code, at);
		struct py_name name, group;
		int line = line_of(code, at);

		py_code_name(id, word, &name);
		differ += name.line != (uint32_t)(line > 0 ? line : 0);
		py_code_group(&word);
		py_code_name(id, word, &group);
		differ += group.line != name.line;
	}
	return differ;
}

/* The lines of the instructions at the offsets. */
void
shim_lines_at(void *code, const int *offsets, uint32_t *lines, int count)
{
	uint32_t id = py_code_intern(py_word_pack((uint64_t)code, 0));

	for (int i = 0; i < count; i++) {
		uint64_t word = py_word_pack((uint64_t)code, offsets[i]);
		struct py_name name;

		py_code_name(id, word, &name);
		lines[i] = name.line;
	}
}

int
shim_name(uint32_t id, uint64_t word, char *text, uint32_t size)
{
	struct py_name name;

	py_code_name(id, word, &name);
	return snprintf(text, size, "%s\n%s\n%u\n%u", name.file, name.function,
			name.line, name.first_line);
}

/* Frame i of the block at address; -1 when there is none. */
int
shim_block(uint64_t address, uint32_t i, char *text, uint32_t size)
{
	struct born *block = block_find(address);

	if (!block || i >= block->count)
		return -1;
	return shim_name(block->ids[i], block->words[i], text, size);
}

/* The size of the live block at address, or -1. */
int64_t
shim_size(uint64_t address)
{
	struct born *block = block_find(address);

	return block ? (int64_t)block->size : -1;
}

void
shim_totals(struct shim_totals *totals)
{
	*totals = shim.totals;
}

/* The sizes of all live blocks. */
uint32_t
shim_sizes(uint64_t *sizes, uint32_t max)
{
	uint32_t count = 0;

	safe_lock(&shim.lock);
	for (size_t i = 0; i < BUCKETS; i++) {
		struct born *block = shim.buckets[i];

		for (; block && count < max; block = block->next)
			sizes[count++] = block->size;
	}
	safe_unlock(&shim.lock);
	return count;
}

void
shim_reset(void)
{
	safe_lock(&shim.lock);
	for (size_t i = 0; i < BUCKETS; i++)
		while (shim.buckets[i])
			block_drop(shim.buckets[i]->address);
	safe_unlock(&shim.lock);
}

void
shim_ignore(uint32_t domain, uint32_t size)
{
	shim.ignored_domain = domain;
	shim.ignored_size = size;
}

void
shim_note(int note)
{
	shim.note = note;
}

/* Runs the script in an interpreter of its own, on this thread and with the
 * same GIL. Returns what it noted. */
int
shim_subinterpreter(const char *script)
{
	void *(*new_interpreter)(void);
	void (*end_interpreter)(void *);
	void *(*swap)(void *);
	int (*run)(const char *, void *);
	void *sub, *old;

	*(void **)&new_interpreter = dlsym(RTLD_DEFAULT, "Py_NewInterpreter");
	*(void **)&end_interpreter = dlsym(RTLD_DEFAULT, "Py_EndInterpreter");
	*(void **)&swap = dlsym(RTLD_DEFAULT, "PyThreadState_Swap");
	*(void **)&run = dlsym(RTLD_DEFAULT, "PyRun_SimpleStringFlags");
	shim.note = 0;
	old = swap(NULL);
	swap(old);
	sub = new_interpreter();
	if (sub) {
		run(script, NULL);
		end_interpreter(sub);
	}
	swap(old);
	return shim.note;
}

uint64_t
shim_epoch(void)
{
	return __atomic_load_n(&py_code_epoch, __ATOMIC_RELAXED);
}

uint64_t
shim_held(void)
{
	return safe_held();
}

int
shim_differ(void)
{
	return shim.totals.differ != 0;
}

/* The ranges that are of the loop, from low on, up to high. */
uint32_t
shim_eval(uint64_t low, uint64_t high, uint64_t *ranges, uint32_t max)
{
	uint64_t size = py_eval_high - py_eval_low;
	uint32_t count = 0;
	bool inside = false;

	for (uint64_t pc = low; pc <= high && count < max; pc++) {
		bool is = pc < high && unwind_is_stop(pc, py_eval_low, size);

		if (is && !inside)
			ranges[2 * count] = pc;
		if (inside && !is)
			ranges[2 * count++ + 1] = pc;
		inside = is;
	}
	return count;
}
