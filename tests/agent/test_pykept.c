/*
 * test_pykept.c - chains of frames that change at random: both walks agree,
 * and no frame that is gone is read.
 *
 * Each frame has a page of its own, which cannot be read while it is not in
 * the chain.
 */
#include "config.h"

#include "check.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "agent/py/py.h"
#include "agent/py/pykept.h"
#include "agent/py/pyruntime.h"
#include "agent/record.h"

#define PAGE	4096
#define FRAMES	64
#define CODES	5
#define CHANGES 40000
#define DEEP	12000

static struct {
	char thread[512];
	uint64_t cframe[2];
	char codes[CODES][512];
	/* Bytecode of each thread's own: how many, and where they are. */
	uint64_t bytecodes[CODES][3];
	char nothing[128];
	char *pages;
	unsigned chain[FRAMES]; /* outermost first */
	unsigned count;
	bool is_used[FRAMES];
	struct py_kept kept;
	uint64_t last[FRAMES];
	size_t last_count;
	size_t same;
	size_t unchanged;
	uint32_t dice;
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

static unsigned
roll(unsigned sides)
{
	test.dice = test.dice * 1664525u + 1013904223u;
	return (test.dice >> 8) % sides;
}

static void
put(char *object, int16_t offset, uint64_t value)
{
	memcpy(object + offset, &value, sizeof(value));
}

static char *
frame_at(unsigned place)
{
	unsigned page = test.chain[place];

	return test.pages + (size_t)page * PAGE + page % 8 * 64;
}

static uint64_t
bytecode(const char *frame, const char *code)
{
	const struct py_layout *layout = py_runtime.layout;
	int32_t index;

	if (layout->code_tlbc == PY_ABSENT)
		return (uint64_t)code + (uint64_t)layout->code_bytecode;
	memcpy(&index, frame + layout->frame_tlbc, sizeof(index));
	return test.bytecodes[(code - test.codes[0]) / 512][1 + index];
}

static void
set_instr(char *frame, const char *code)
{
	const struct py_layout *layout = py_runtime.layout;
	int32_t last = (int32_t)(2 * roll(60));

	if (layout->instr == PY_INSTR_POINTER)
		put(frame, layout->frame_instr,
		    bytecode(frame, code) + (uint64_t)last);
	else
		memcpy(frame + layout->frame_instr, &last, sizeof(last));
}

static void
fill(char *frame)
{
	const struct py_layout *layout = py_runtime.layout;
	unsigned which = roll(CODES);
	const char *code = test.codes[which];

	memset(frame, 0, 192);
	put(frame, layout->frame_code,
	    (uint64_t)code | (layout->frame_code_tags & roll(2)));
	if (layout->frame_tlbc != PY_ABSENT)
		frame[layout->frame_tlbc] = (char)roll(2);
	set_instr(frame, code);
	if (layout->frame_owner == PY_ABSENT || roll(6) > 0)
		return;
	frame[layout->frame_owner] = (char)roll(4);
	/* A generator has frames of its own code alone. */
	if (frame[layout->frame_owner] == 1 && which % 2)
		frame[layout->frame_owner] = 0;
	if (frame[layout->frame_owner] == 3) /* runs code of its own */
		put(frame, layout->frame_instr, (uint64_t)test.nothing);
}

static void
pop(void)
{
	unsigned page = test.chain[--test.count];

	test.is_used[page] = false;
	assert_int_equal(
	    mprotect(test.pages + (size_t)page * PAGE, PAGE, PROT_NONE), 0);
}

static void
push(void)
{
	unsigned page = roll(FRAMES);

	if (test.count > 40 || test.is_used[page])
		return;
	test.is_used[page] = true;
	test.chain[test.count++] = page;
	assert_int_equal(mprotect(test.pages + (size_t)page * PAGE, PAGE,
				  PROT_READ | PROT_WRITE),
			 0);
	fill(frame_at(test.count - 1));
}

/* Two frames change places, as generators that call each other do. */
static void
swap(void)
{
	unsigned a = roll(test.count), b = roll(test.count);
	unsigned page = test.chain[a];

	test.chain[a] = test.chain[b];
	test.chain[b] = page;
}

static void
change(void)
{
	unsigned kind = roll(12);

	if (kind < 4 || test.count == 0)
		push();
	else if (kind < 6)
		for (unsigned i = roll(test.count + 1) / (1 + roll(6)); i; i--)
			pop();
	else if (kind < 10)
		fill(frame_at(test.count - 1 - roll(test.count) / 4));
	else if (kind == 10)
		fill(frame_at(roll(test.count)));
	else if (roll(8) == 0)
		swap();
}

static void
link_frames(void)
{
	const struct py_layout *layout = py_runtime.layout;
	uint64_t outer = 0;

	for (unsigned i = 0; i < test.count; i++) {
		put(frame_at(i), layout->frame_previous, outer);
		outer = (uint64_t)frame_at(i);
	}
	test.cframe[layout->cframe_current == 8] = outer;
	put(test.thread, layout->thread_frame,
	    layout->cframe_current == PY_ABSENT ? outer
						: (uint64_t)test.cframe);
}

static void
compare(void)
{
	uint64_t words[FRAMES];
	const struct py_kept_stack *found = &test.kept.found;
	const uint64_t *kept;
	bool cut = false;
	size_t count = py_walk(words, FRAMES, true, &cut);
	bool is_same = py_kept_look(&test.kept, true);
	size_t same = is_same ? found->count : found->same;

	assert_false(cut);
	assert_int_equal(found->count, count);
	assert_true(!is_same || same == test.last_count);
	kept = found->words;
	assert_false(found->is_broken);
	assert_true(same <= count && same <= test.last_count);
	if (count)
		assert_memory_equal(kept, words, count * sizeof(*words));
	if (same)
		assert_memory_equal(kept + count - same,
				    test.last + test.last_count - same,
				    same * sizeof(*words));
	memcpy(test.last, words, count * sizeof(*words));
	test.last_count = count;
	test.same += same;
	test.unchanged += is_same;
}

static void
make_codes(void)
{
	const struct py_layout *layout = py_runtime.layout;
	const uint64_t nothing = (uint64_t)test.nothing;

	for (unsigned i = 0; i < CODES; i++) {
		char *code = test.codes[i];

		py_code_freed(code);
		memset(code, 0, sizeof(test.codes[i]));
		put(code, layout->ob_type, (uint64_t)py_runtime.code_type);
		put(code, layout->code_filename, nothing);
		put(code, layout->code_name, nothing);
		put(code, layout->code_lines, nothing);
		if (layout->code_qualname != PY_ABSENT)
			put(code, layout->code_qualname, nothing);
		if (layout->code_firsttraceable != PY_ABSENT)
			code[layout->code_firsttraceable] = (char)(i * 3);
		if (layout->code_flags != PY_ABSENT)
			code[layout->code_flags] = i % 2 ? 3 : 0x23;
		if (layout->code_tlbc == PY_ABSENT)
			continue;
		test.bytecodes[i][0] = 2;
		test.bytecodes[i][1] =
		    (uint64_t)code + (uint64_t)layout->code_bytecode;
		test.bytecodes[i][2] = test.bytecodes[i][1] + 128;
		put(code, layout->code_tlbc, (uint64_t)test.bytecodes[i]);
	}
}

static void
check_layout(unsigned minor, bool free_threaded)
{
	py_runtime.layout = py_layout_find(minor, free_threaded);
	assert_non_null(py_runtime.layout);
	py_kept_setup();
	make_codes();
	test.same = test.unchanged = 0;
	for (unsigned i = 0; i < CHANGES; i++) {
		change();
		link_frames();
		compare();
	}
	assert_true(test.same > CHANGES);
	assert_true(test.unchanged > CHANGES / 16);
	while (test.count)
		pop();
	link_frames();
	compare();
}

static void
chains_that_change(void **state)
{
	(void)state;
	for (unsigned minor = 6; minor <= 15; minor++)
		check_layout(minor, false);
	for (unsigned minor = 13; minor <= 15; minor++)
		check_layout(minor, true);
}

/* A recursion of thousands of frames and back, with random changes on top. */
static struct {
	char frames[DEEP][192];
	uint64_t words[DEEP];
	uint64_t last[PY_KEPT_FRAMES];
	size_t last_count;
	unsigned count;
} deep;

static void
deep_move(void)
{
	unsigned up = roll(roll(2) ? 8 : 3000);
	unsigned down = roll(roll(2) ? 8 : 3000);

	deep.count = down < deep.count ? deep.count - down : 0;
	for (unsigned i = 0; i < up && deep.count < DEEP; i++) {
		char *frame = deep.frames[deep.count];

		fill(frame);
		put(frame, py_runtime.layout->frame_previous,
		    deep.count ? (uint64_t)deep.frames[deep.count - 1] : 0);
		deep.count++;
	}
	put(test.thread, py_runtime.layout->thread_frame,
	    deep.count ? (uint64_t)deep.frames[deep.count - 1] : 0);
}

static void
deep_compare(void)
{
	const struct py_kept_stack *found = &test.kept.found;
	const uint64_t *kept;
	bool cut, whole_cut = false;
	size_t all = py_walk(deep.words, DEEP, true, &whole_cut);
	size_t same, count;

	same = py_kept_look(&test.kept, true) ? found->count : found->same;
	count = found->count;
	kept = found->words;
	cut = py_kept_is_cut(&test.kept);
	assert_false(whole_cut);
	assert_false(found->is_broken);
	/* Some frames are not shown. */
	assert_true(cut ? count <= all && count >= PY_KEPT_LEAST / 2
			: count == all);
	assert_memory_equal(kept, deep.words, count * sizeof(*kept));
	assert_true(same <= count && same <= deep.last_count);
	assert_memory_equal(kept + count - same,
			    deep.last + deep.last_count - same,
			    same * sizeof(*kept));
	memcpy(deep.last, kept, count * sizeof(*kept));
	deep.last_count = count;
	test.same += same;
}

static void
chains_too_long_to_keep(void **state)
{
	unsigned cut = 0, whole = 0;

	(void)state;
	py_runtime.layout = py_layout_find(13, false);
	py_kept_setup();
	make_codes();
	memset(&test.kept, 0, sizeof(test.kept));
	put(test.thread, py_runtime.layout->thread_frame, 0);
	test.same = 0;
	for (unsigned i = 0; i < 4000; i++) {
		deep_move();
		deep_compare();
		cut += py_kept_is_cut(&test.kept);
		whole += !py_kept_is_cut(&test.kept);
	}
	assert_true(cut > 500 && whole > 500);
	assert_true(test.same > (cut + whole) * 1000);
}

static int
group_begin(void **state)
{
	(void)state;
	test.pages = mmap(NULL, (size_t)FRAMES * PAGE, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	py_runtime.attached_current = true;
	py_runtime.this_thread = get_thread;
	py_runtime.current = get_thread;
	py_runtime.is_finalizing = answer_no;
	py_runtime.code_type = py_runtime.str_type = py_runtime.bytes_type =
	    test.thread;
	return test.pages == MAP_FAILED;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(chains_that_change),
	    cmocka_unit_test(chains_too_long_to_keep),
	};

	return cmocka_run_group_tests(tests, group_begin, NULL);
}
