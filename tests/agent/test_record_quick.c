/*
 * test_record_quick.c - blocks of Python's allocators in exact mode, through
 * the true hooks: each is recorded once, with its size, at the stack that runs.
 *
 * The interpreter is made of its structures alone: a thread state and frames,
 * which call, return and go on from line to line. Blocks of more than 512 bytes
 * pass through the raw allocator, as CPython's do.
 */
#include "config.h"

#include "check.h"

#include <string.h>

#include "agent/counts.h"
#include "agent/live.h"
#include "agent/nodes.h"
#include "agent/py/py.h"
#include "agent/py/pyhook.h"
#include "agent/py/pykept.h"
#include "agent/py/pyruntime.h"
#include "agent/py/pyword.h"
#include "agent/sample.h"
#include "agent/sites.h"

#define BLOCKS	2000
#define FRAMES	4
#define CODES	2
#define SITES	16384
#define LINE	8  /* units of bytecode */
#define UNITS	32 /* of a function */
#define CHANGES 60000
#define SMALL	512
#define ROOM	1024 /* of a block */

struct held {
	size_t size; /* 0: free */
	uint32_t site;
	uint32_t domain;
};

static struct {
	char thread[512];
	char codes[CODES][512];
	char frames[FRAMES][192];
	char nothing[128];
	char lines[64];
	char types[3][8];
	unsigned depth;
	uint64_t seed;

	struct py_slot slots[DOMAIN_COUNT];
	unsigned nested; /* hooks that were called inside others */
	void *next;	 /* what the allocator below gives */

	char heap[BLOCKS][ROOM] __attribute__((aligned(16)));
	struct held held[BLOCKS];
	struct counter books[SITES]; /* what is to be counted */
	struct counter counted[SITES];
} test;

static void *
get_thread(void)
{
	return test.thread;
}

static int
answer_no(void)
{
	return 0;
}

static int
answer_yes(void)
{
	return 1;
}

static void
put(char *object, int16_t offset, uint64_t value)
{
	memcpy(object + offset, &value, sizeof(value));
}

/* The allocator below. */
static void *
below_malloc(void *ctx, size_t size)
{
	struct py_slot *raw = &test.slots[DOMAIN_RAW];

	if (ctx == raw || size <= SMALL)
		return test.next;
	test.nested++;
	return py_slot_hooks[DOMAIN_RAW].malloc(raw, size);
}

static void *
below_calloc(void *ctx, size_t count, size_t size)
{
	return below_malloc(ctx, count * size);
}

static void *
below_realloc(void *ctx, void *block, size_t size)
{
	(void)block;
	return below_malloc(ctx, size);
}

static void
below_free(void *ctx, void *block)
{
	struct py_slot *raw = &test.slots[DOMAIN_RAW];
	size_t at = (size_t)((char(*)[ROOM])block - test.heap);

	if (ctx == raw || test.held[at].size <= SMALL)
		return;
	test.nested++;
	py_slot_hooks[DOMAIN_RAW].free(raw, block);
}

static void
make_codes(void)
{
	const struct py_layout *layout = py_runtime.layout;
	char *lines = test.lines;

	put(lines, layout->ob_type, (uint64_t)py_runtime.bytes_type);
	put(lines, layout->ob_size, 2 * UNITS / LINE);
	for (int i = 0; i < UNITS / LINE; i++) {
		lines[layout->bytes_data + 2 * i] =
		    (char)(0x80 | 13 << 3 | (LINE - 1));
		lines[layout->bytes_data + 2 * i + 1] = 2; /* the next one */
	}
	for (unsigned i = 0; i < CODES; i++) {
		char *code = test.codes[i];

		put(code, layout->ob_type, (uint64_t)py_runtime.code_type);
		put(code, layout->code_filename, (uint64_t)test.nothing);
		put(code, layout->code_name, (uint64_t)test.nothing);
		put(code, layout->code_qualname, (uint64_t)test.nothing);
		put(code, layout->code_lines, (uint64_t)lines);
		code[layout->code_firstlineno] = (char)(10 * i);
		code[layout->code_flags] = 3;
	}
}

static void
go_to(char *frame, unsigned instruction)
{
	const struct py_layout *layout = py_runtime.layout;
	uint64_t code;

	memcpy(&code, frame + layout->frame_code, sizeof(code));
	put(frame, layout->frame_instr,
	    code + (uint64_t)layout->code_bytecode + 2 * instruction);
}

/* The word of the line that a frame is in. */
static uint64_t
word_of(const char *frame)
{
	const struct py_layout *layout = py_runtime.layout;
	uint64_t code, instr, unit;

	memcpy(&code, frame + layout->frame_code, sizeof(code));
	memcpy(&instr, frame + layout->frame_instr, sizeof(instr));
	unit = (instr - code - (uint64_t)layout->code_bytecode) / 2;
	return py_word_pack(code, (int64_t)(unit / LINE * LINE * 2));
}

static void
call(void)
{
	const struct py_layout *layout = py_runtime.layout;
	char *frame = test.frames[test.depth];

	put(frame, layout->frame_previous,
	    test.depth ? (uint64_t)test.frames[test.depth - 1] : 0);
	put(frame, layout->frame_code,
	    (uint64_t)test.codes[random_below(&test.seed, CODES)]);
	go_to(frame, (unsigned)random_below(&test.seed, UNITS));
	put(test.thread, layout->thread_frame, (uint64_t)frame);
	test.depth++;
}

static void
leave(void)
{
	test.depth--;
	put(test.thread, py_runtime.layout->thread_frame,
	    (uint64_t)test.frames[test.depth - 1]);
}

/* What a program does between two blocks; often nothing. */
static void
run_on(void)
{
	unsigned kind = (unsigned)random_below(&test.seed, 8);
	unsigned at = test.depth - 1;

	if (kind == 0 && test.depth < FRAMES)
		call();
	else if (kind == 1 && test.depth > 1)
		leave();
	else if (kind == 2 && at)
		at--;
	if (kind < 6)
		go_to(test.frames[at < test.depth ? at : test.depth - 1],
		      (unsigned)random_below(&test.seed, UNITS));
}

/* Whether a site's stack is that of the frames now. */
static void
check_stack(uint32_t id)
{
	const struct node *node = nodes_get(sites_get(id)->node);

	for (unsigned i = test.depth; i-- > 0;) {
		assert_non_null(node);
		assert_int_equal(node->word, word_of(test.frames[i]));
		node = node_parent(node);
	}
	assert_null(node);
}

static void
check_block(unsigned at, uint32_t domain)
{
	struct held *held = &test.held[at];
	struct block block = live_look((uint64_t)test.heap[at]);

	assert_int_equal(block.size, held->size);
	assert_int_equal(block.level, 0);
	assert_true(block.site && block.site < SITES);
	assert_int_equal(sites_get(block.site)->domain,
			 WIRE_DOMAIN_PYMEM_RAW + domain);
	check_stack(block.site);
	held->site = block.site;
	held->domain = domain;
	test.books[block.site].alloc_bytes += held->size;
	test.books[block.site].alloc_count++;
}

static void
let_go(unsigned at)
{
	struct held *held = &test.held[at];

	py_slot_hooks[held->domain].free(&test.slots[held->domain],
					 test.heap[at]);
	assert_int_equal(live_look((uint64_t)test.heap[at]).site, 0);
	test.books[held->site].free_bytes += held->size;
	test.books[held->site].free_count++;
	held->size = 0;
}

static void
allocate(unsigned at)
{
	uint32_t domain = (uint32_t)random_below(&test.seed, DOMAIN_COUNT);
	size_t most = random_below(&test.seed, 4) ? 100 : ROOM;
	size_t size = 1 + random_below(&test.seed, most);

	test.held[at].size = size;
	test.next = test.heap[at];
	assert_ptr_equal(
	    py_slot_hooks[domain].malloc(&test.slots[domain], size),
	    test.heap[at]);
	check_block(at, domain);
}

static bool
add(void *context, uint32_t site, const struct counter *change,
    const struct spread *spread)
{
	(void)context;
	(void)spread;
	if (site >= SITES)
		return true;
	test.counted[site].alloc_bytes += change->alloc_bytes;
	test.counted[site].alloc_count += change->alloc_count;
	test.counted[site].free_bytes += change->free_bytes;
	test.counted[site].free_count += change->free_count;
	return true;
}

static void
each_block_once(void **state)
{
	(void)state;
	call();
	for (unsigned i = 0; i < CHANGES; i++) {
		unsigned at = (unsigned)random_below(&test.seed, BLOCKS);

		run_on();
		if (test.held[at].size)
			let_go(at);
		else
			allocate(at);
	}
	assert_true(test.nested > CHANGES / 20);
	assert_in_range(sites_count(), 1000, SITES - 1);
	counts_collect(add, NULL);
	assert_memory_equal(test.counted, test.books, sizeof(test.books));
}

/* Instructions of one line are one stack. */
static void
a_line_is_a_site(void **state)
{
	uint32_t sites[3];

	(void)state;
	while (test.depth > 1)
		leave();
	for (unsigned i = 0; i < 3; i++) {
		static const unsigned instructions[] = {LINE, 2 * LINE - 1,
							2 * LINE};

		if (test.held[i].size)
			let_go(i);
		go_to(test.frames[0], instructions[i]);
		test.held[i].size = 24;
		test.next = test.heap[i];
		py_slot_hooks[DOMAIN_OBJ].malloc(&test.slots[DOMAIN_OBJ], 24);
		check_block(i, DOMAIN_OBJ);
		sites[i] = test.held[i].site;
	}
	assert_int_equal(sites[0], sites[1]);
	assert_int_not_equal(sites[1], sites[2]);
}

static int
group_begin(void **state)
{
	(void)state;
	test.seed = 1;
	py_runtime.attached_current = true;
	py_runtime.this_thread = py_runtime.current = get_thread;
	py_runtime.is_finalizing = answer_no;
	py_runtime.is_initialized = answer_yes;
	py_runtime.code_type = test.types[0];
	py_runtime.bytes_type = test.types[1];
	py_runtime.str_type = test.types[2];
	py_runtime.layout = py_layout_find(13, false);
	py_kept_setup();
	make_codes();
	for (int i = 0; i < DOMAIN_COUNT; i++)
		test.slots[i].below = (struct py_allocator){
		    &test.slots[i], below_malloc, below_calloc, below_realloc,
		    below_free};
	sample_rate_set(1);
	return !live_init_as(WIRE_LIVE_SHADOW);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_block_once),
	    cmocka_unit_test(a_line_is_a_site),
	};

	return cmocka_run_group_tests(tests, group_begin, NULL);
}
