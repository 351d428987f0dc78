/*
 * test_pycode.c - code objects and frames made by hand, in the layout of 3.12.
 */
#include "config.h"

#include "check.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/py/py.h"
#include "agent/py/pycode.h"
#include "agent/py/pyruntime.h"
#include "agent/py/pytext.h"
#include "agent/py/pyword.h"
#include "agent/record.h"

#define MANY	20000
#define THREADS 4

static char code_type, str_type, bytes_type;
static uint64_t losses;

void
record_lost(enum wire_lost cause, uint64_t count)
{
	(void)cause;
	losses += count;
}

static void
put(void *object, int16_t offset, const void *value, size_t size)
{
	memcpy((char *)object + offset, value, size);
}

static void
put_u64(void *object, int16_t offset, uint64_t value)
{
	put(object, offset, &value, sizeof(value));
}

static void
put_pointer(void *object, int16_t offset, const void *value)
{
	put_u64(object, offset, (uint64_t)value);
}

/* width 0: ASCII. */
static void *
make_str(const void *text, size_t length, unsigned width)
{
	const struct py_layout *layout = py_runtime.layout;
	unsigned kind = width ? width : 1;
	uint32_t flags = kind << layout->str_kind_shift |
			 layout->str_compact_bit |
			 (width ? 0 : layout->str_ascii_bit);
	char *str = calloc(1, 64 + (length + 1) * kind);

	put_pointer(str, layout->ob_type, &str_type);
	put_u64(str, layout->str_length, length);
	put(str, layout->str_state, &flags, sizeof(flags));
	put(str, width ? layout->str_compact : layout->str_ascii, text,
	    length * kind);
	return str;
}

static void *
make_bytes(const void *data, size_t size)
{
	const struct py_layout *layout = py_runtime.layout;
	char *bytes = calloc(1, 40 + size);

	put_pointer(bytes, layout->ob_type, &bytes_type);
	put_u64(bytes, layout->ob_size, size);
	put(bytes, layout->bytes_data, data, size);
	return bytes;
}

/* One line, `first` + 2, for the first two bytes of bytecode. */
static void
fill_code(void *code, const char *file, const char *name, int32_t first)
{
	static const uint8_t lines[] = {0x80 | 12 << 3, 0, 0};
	const struct py_layout *layout = py_runtime.layout;

	put_pointer(code, layout->ob_type, &code_type);
	put_pointer(code, layout->code_filename,
		    make_str(file, strlen(file), 0));
	put_pointer(code, layout->code_name, make_str(name, strlen(name), 0));
	put_pointer(code, layout->code_qualname,
		    make_str(name, strlen(name), 0));
	put_pointer(code, layout->code_lines, make_bytes(lines, sizeof(lines)));
	put(code, layout->code_firstlineno, &first, sizeof(first));
}

static void *
make_code(const char *file, const char *name, int32_t first)
{
	void *code = calloc(1, 256);

	fill_code(code, file, name, first);
	return code;
}

static uint64_t
word_of(void *code)
{
	return py_word_pack((uint64_t)code, 0);
}

static void
words_keep_both_parts(void **state)
{
	static const uint64_t codes[] = {4096, 0x7f0123456788, 0x7ffffffffff8};
	static const int offsets[] = {0, 2, 4094, 1048572};

	(void)state;
	for (size_t i = 0; i < 3; i++)
		for (size_t k = 0; k < 4; k++) {
			uint64_t word = py_word_pack(codes[i], offsets[k]);

			assert_true(word & PY_WORD_TAG);
			assert_int_equal(py_word_code(word), codes[i]);
			assert_int_equal(py_word_offset(word), offsets[k]);
		}
	assert_int_equal(py_word_offset(py_word_pack(4096, -2)), -1);
	assert_int_equal(py_word_offset(py_word_pack(4096, 1 << 20)), -1);
	assert_int_equal(py_word_code(py_word_pack(4096, INT64_MAX)), 4096);
	assert_false(py_word_fits(0));
	assert_false(py_word_fits(4100));
	assert_false(py_word_fits(UINT64_C(1) << 47));
}

static void
assert_text(const void *text, size_t length, unsigned width, const char *utf8)
{
	char buffer[64];
	char *str = make_str(text, length, width);

	assert_int_equal(py_text_utf8(str, buffer, sizeof(buffer)),
			 strlen(utf8));
	assert_string_equal(buffer, utf8);
	assert_true(py_text_is(str, utf8));
	assert_false(py_text_is(str, "other"));
	snprintf(buffer, sizeof(buffer), "%s+", utf8);
	assert_false(py_text_is(str, buffer));
	buffer[strlen(utf8) - (length != 0)] = '\0';
	assert_int_equal(py_text_is(str, buffer), length == 0);
	free(str);
}

static void
text_of_every_width(void **state)
{
	static const uint16_t ucs2[] = {0x4e2d, 0xe9, 0xdc80, 'x'};
	static const uint32_t ucs4[] = {0x1f40d, 0x10ffff, 'y', 0x110000};
	char buffer[6];
	char *str;

	(void)state;
	assert_text("plain", 5, 0, "plain");
	assert_text("", 0, 0, "");
	assert_text("a\xe9\xff", 3, 1, "a\xc3\xa9\xc3\xbf");
	assert_text("a\0b", 3, 1,
		    "a\xef\xbf\xbd"
		    "b");
	assert_text(ucs2, 4, 2, "\xe4\xb8\xad\xc3\xa9\xef\xbf\xbdx");
	assert_text(ucs4, 4, 4,
		    "\xf0\x9f\x90\x8d\xf4\x8f\xbf\xbfy\xef\xbf\xbd");
	str = make_str(ucs2, 4, 2);
	assert_int_equal(py_text_utf8(str, buffer, sizeof(buffer)), 5);
	assert_string_equal(buffer, "\xe4\xb8\xad\xc3\xa9");
	put_pointer(str, py_runtime.layout->ob_type, &bytes_type);
	py_text_utf8(str, buffer, sizeof(buffer));
	assert_string_equal(buffer, "?");
	py_text_utf8(NULL, buffer, sizeof(buffer));
	assert_string_equal(buffer, "?");
	free(str);
}

static void
names_outlive_the_code(void **state)
{
	void *code = make_code("a.py", "f", 10);
	uint64_t epoch = py_code_epoch;
	struct py_name name;
	uint32_t id;

	(void)state;
	assert_int_equal(py_code_find(word_of(code)), 0);
	id = py_code_intern(word_of(code));
	assert_true(id);
	assert_int_equal(py_code_find(word_of(code)), id);
	assert_int_equal(py_code_intern(word_of(code)), id);
	assert_int_equal(py_code_epoch, epoch);
	py_code_freed(code);
	assert_int_equal(py_code_epoch, epoch + 1);
	assert_int_equal(py_code_find(word_of(code)), 0);
	py_code_name(id, word_of(code), &name);
	assert_string_equal(name.file, "a.py");
	assert_string_equal(name.function, "f");
	assert_int_equal(name.line, 12);
	assert_int_equal(name.first_line, 10);
	py_code_name(id, py_word_pack((uint64_t)code, 2), &name);
	assert_int_equal(name.line, 0);
	py_code_name(id, py_word_pack((uint64_t)code, -1), &name);
	assert_int_equal(name.line, 10);
	py_code_name(1u << 30, word_of(code), &name);
	assert_string_equal(name.file, "?");
}

static void
same_content_same_id(void **state)
{
	void *code = make_code("same.py", "f", 1);
	void *other = make_code("same.py", "f", 1);
	void *third = make_code("same.py", "f", 2);
	uint32_t id = py_code_intern(word_of(code));

	(void)state;
	assert_int_equal(py_code_intern(word_of(other)), id);
	assert_int_not_equal(py_code_intern(word_of(third)), id);
	py_code_freed(code);
	py_code_freed(other);
	assert_int_equal(py_code_intern(word_of(other)), id);
}

/* Its free went past us: there is another object at the address. */
static void
address_reused_unseen(void **state)
{
	void *code = make_code("old.py", "f", 1);
	uint32_t id = py_code_intern(word_of(code));
	uint64_t epoch = py_code_epoch;
	struct py_name name;
	uint32_t other;

	(void)state;
	fill_code(code, "new.py", "g", 1);
	other = py_code_intern(word_of(code));
	assert_int_not_equal(other, id);
	assert_true(py_code_epoch > epoch);
	py_code_name(other, word_of(code), &name);
	assert_string_equal(name.file, "new.py");
}

/* Another object at the address, and all that it points to where that of the
 * first was. */
static void
all_reused_unseen(void **state)
{
	const struct py_layout *layout = py_runtime.layout;
	void *code = make_code("cell 1", "f", 1);
	uint32_t id = py_code_intern(word_of(code));
	char *file = *(char **)((char *)code + layout->code_filename);
	struct py_name name;

	(void)state;
	py_code_forget();
	assert_int_equal(py_code_intern(word_of(code)), id);
	memcpy(file + layout->str_ascii, "cell 2", 6);
	py_code_forget();
	assert_int_not_equal(py_code_intern(word_of(code)), id);
	py_code_name(py_code_find(word_of(code)), word_of(code), &name);
	assert_string_equal(name.file, "cell 2");
}

static void
no_code_object(void **state)
{
	void *str = make_str("text", 4, 0);
	uint64_t before = losses;

	(void)state;
	assert_int_equal(py_code_intern(word_of(str)), 0);
	assert_int_equal(losses, before + 1);
	py_code_freed(str);
}

static void
many_come_and_go(void **state)
{
	static void *codes[MANY];
	static uint32_t ids[MANY];
	uint64_t epoch = py_code_epoch;
	char name[32];

	(void)state;
	for (int i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		codes[i] = make_code("many.py", name, 1);
		ids[i] = py_code_intern(word_of(codes[i]));
		assert_true(ids[i]);
	}
	/* Every second is freed, several times over, so that filters and runs
	 * in the table are made anew. */
	for (int turn = 0; turn < 8; turn++) {
		for (int i = 0; i < MANY; i += 2)
			py_code_freed(codes[i]);
		for (int i = 0; i < MANY; i++)
			assert_int_equal(py_code_find(word_of(codes[i])),
					 i % 2 ? ids[i] : 0);
		for (int i = 0; i < MANY; i += 2)
			assert_int_equal(py_code_intern(word_of(codes[i])),
					 ids[i]);
	}
	assert_int_equal(py_code_epoch, epoch + 8 * MANY / 2);
	for (int i = 0; i < MANY; i++)
		py_code_freed(codes[i]);
	for (int i = 0; i < MANY; i++)
		assert_int_equal(py_code_find(word_of(codes[i])), 0);
}

static void *
intern_and_free(void *argument)
{
	uint64_t seed = (uint64_t)argument;
	void *codes[64];
	uint32_t ids[64] = {0};
	char name[32];

	for (int i = 0; i < 64; i++) {
		snprintf(name, sizeof(name), "t%lu-%d", (unsigned long)seed, i);
		codes[i] = make_code("threads.py", name, 1);
	}
	for (int turn = 0; turn < 100000; turn++) {
		size_t i = random_below(&seed, 64);
		uint64_t word = word_of(codes[i]);

		if (py_code_find(word) != ids[i])
			return argument;
		if (ids[i])
			py_code_freed(codes[i]);
		ids[i] = ids[i] ? 0 : py_code_intern(word);
	}
	return NULL;
}

static void
threads_at_once(void **state)
{
	pthread_t threads[THREADS];

	(void)state;
	for (uintptr_t i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, intern_and_free,
			       (void *)(i + 1));
	for (int i = 0; i < THREADS; i++) {
		void *wrong;

		pthread_join(threads[i], &wrong);
		assert_null(wrong);
	}
}

/* Frames. */

static void *current;

static void *
get_current(void)
{
	return current;
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

struct stack {
	char thread[256];
	uint64_t cframe[2];
	char frames[4][128];
};

/* Four frames of the code, each at its first instruction. */
static void
make_stack(struct stack *stack, void *code)
{
	const struct py_layout *layout = py_runtime.layout;

	memset(stack, 0, sizeof(*stack));
	put_pointer(stack->thread, layout->thread_frame, stack->cframe);
	stack->cframe[0] = (uint64_t)stack->frames[0];
	for (int i = 0; i < 4; i++) {
		char *frame = stack->frames[i];

		put_pointer(frame, layout->frame_code, code);
		put_pointer(frame, layout->frame_instr,
			    (char *)code + layout->code_bytecode);
		if (i < 3)
			put_pointer(frame, layout->frame_previous,
				    stack->frames[i + 1]);
	}
	current = stack->thread;
}

static size_t
walk(size_t max, bool *cut)
{
	uint64_t words[16];

	*cut = false;
	return py_walk(words, max, true, cut);
}

static void
frames_are_walked_and_cut(void **state)
{
	const struct py_layout *layout = py_runtime.layout;
	void *code = make_code("w.py", "f", 1);
	struct stack stack;
	bool cut;

	(void)state;
	make_stack(&stack, code);
	assert_int_equal(walk(16, &cut), 4);
	assert_false(cut);
	assert_int_equal(walk(4, &cut), 4);
	assert_false(cut);
	assert_int_equal(walk(3, &cut), 3);
	assert_true(cut);
	stack.frames[1][layout->frame_owner] = 3;
	assert_int_equal(walk(16, &cut), 3);
	assert_false(cut);
	put_u64(stack.frames[2], layout->frame_code, 12);
	assert_int_equal(walk(16, &cut), 1);
	assert_true(cut);
	put_u64(stack.frames[0], layout->frame_previous, 13);
	assert_int_equal(walk(16, &cut), 1);
	assert_true(cut);
}

static void
frames_in_a_circle(void **state)
{
	const struct py_layout *layout = py_runtime.layout;
	struct stack stack;
	bool cut;

	(void)state;
	make_stack(&stack, make_code("w.py", "f", 1));
	put_pointer(stack.frames[3], layout->frame_previous, stack.frames[0]);
	assert_int_equal(walk(16, &cut), 16);
	assert_true(cut);
	for (int i = 0; i < 4; i++)
		stack.frames[i][layout->frame_owner] = 3;
	assert_int_equal(walk(16, &cut), 0);
	assert_true(cut);
}

static void
prologues_are_skipped(void **state)
{
	const struct py_layout *layout = py_runtime.layout;
	void *code = make_code("w.py", "f", 1);
	int32_t first = 3;
	struct stack stack;
	bool cut;

	(void)state;
	make_stack(&stack, code);
	put(code, layout->code_firsttraceable, &first, sizeof(first));
	put_pointer(stack.frames[2], layout->frame_instr,
		    (char *)code + layout->code_bytecode + 6);
	stack.frames[3][layout->frame_owner] = 1; /* a generator */
	assert_int_equal(walk(16, &cut), 2);
	assert_false(cut);
}

static void
no_thread_no_frames(void **state)
{
	bool cut;

	(void)state;
	current = NULL;
	assert_int_equal(walk(16, &cut), 0);
	assert_false(cut);
}

static int
group_begin(void **state)
{
	(void)state;
	py_runtime.attached_current = true;
	py_runtime.this_thread = get_current;
	py_runtime.current = get_current;
	py_runtime.is_finalizing = answer_no;
	py_runtime.is_initialized = answer_yes;
	py_runtime.code_type = &code_type;
	py_runtime.str_type = &str_type;
	py_runtime.bytes_type = &bytes_type;
	py_runtime.layout = py_layout_find(12, false);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(words_keep_both_parts),
	    cmocka_unit_test(text_of_every_width),
	    cmocka_unit_test(names_outlive_the_code),
	    cmocka_unit_test(same_content_same_id),
	    cmocka_unit_test(address_reused_unseen),
	    cmocka_unit_test(all_reused_unseen),
	    cmocka_unit_test(no_code_object),
	    cmocka_unit_test(many_come_and_go),
	    cmocka_unit_test(threads_at_once),
	    cmocka_unit_test(frames_are_walked_and_cut),
	    cmocka_unit_test(frames_in_a_circle),
	    cmocka_unit_test(prologues_are_skipped),
	    cmocka_unit_test(no_thread_no_frames),
	};

	return cmocka_run_group_tests(tests, group_begin, NULL);
}
