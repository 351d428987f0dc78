/*
 * pyoffsets.c - the table of layouts, and its check against what an
 * interpreter publishes about itself.
 *
 * Context: setup.
 */
#include "config.h"

#include "agent/py/pyoffsets.h"

/* "xdebugpy", the first 8 bytes of _PyRuntime from 3.13 on. */
#define COOKIE	      UINT64_C(0x7970677562656478)
#define FIRST_MINOR   13
#define MINORS	      3
#define FIELD(field_) offsetof(struct py_layout, field_)

#define LAYOUT(name_, ...) [PY_LAYOUT_##name_] = {__VA_ARGS__},
const struct py_layout py_layouts[PY_LAYOUT_COUNT] = {
#include "agent/py/pyoffsets.def"
};
#undef LAYOUT

/*
 * Where the published table holds the fields of a layout: index of a u64, per
 * minor version from 3.13; 0 when it has no such field. Its own layout
 * (Include/internal/pycore_debug_offsets.h) changes with each minor version.
 */
static const struct {
	uint8_t field;
	uint8_t bias; /* published value is this much more */
	uint8_t index[MINORS];
} published_fields[] = {
    {FIELD(thread_frame), 0, {23, 26, 26}},
    {FIELD(thread_id), 0, {24, 27, 30}},
    {FIELD(frame_previous), 0, {29, 32, 40}},
    {FIELD(frame_code), 0, {30, 33, 41}},
    {FIELD(frame_instr), 0, {31, 34, 42}},
    {FIELD(frame_owner), 0, {33, 36, 44}},
    {FIELD(code_filename), 0, {35, 40, 48}},
    {FIELD(code_name), 0, {36, 41, 49}},
    {FIELD(code_qualname), 0, {37, 42, 50}},
    {FIELD(code_lines), 0, {38, 43, 51}},
    {FIELD(code_firstlineno), 0, {39, 44, 52}},
    {FIELD(code_bytecode), 0, {43, 48, 56}},
    {FIELD(ob_type), 0, {45, 51, 59}},
    {FIELD(type_name), 0, {47, 53, 61}},
    {FIELD(ob_size), 0, {65, 75, 87}},
    {FIELD(bytes_data), 0, {66, 76, 88}},
    {FIELD(str_pointer), 8, {67, 77, 89}},
    {FIELD(str_state), 0, {68, 78, 90}},
    {FIELD(str_length), 0, {69, 79, 91}},
    {FIELD(str_ascii), 0, {70, 80, 92}},
    /* Free-threaded builds only. */
    {FIELD(frame_tlbc), 0, {0, 38, 46}},
    {FIELD(code_tlbc), 0, {0, 49, 57}},
};

const struct py_layout *
py_layout_find(unsigned minor, bool free_threaded)
{
	for (size_t i = 0; i < PY_LAYOUT_COUNT; i++)
		if (py_layouts[i].minor == minor &&
		    py_layouts[i].free_threaded == free_threaded)
			return &py_layouts[i];
	return NULL;
}

bool
py_layout_published(const uint64_t *published, uint64_t *version,
		    bool *free_threaded)
{
	if (published[0] != COOKIE)
		return false;
	*version = published[1];
	*free_threaded = published[2] != 0;
	return true;
}

bool
py_layout_agrees(const struct py_layout *layout, const uint64_t *published)
{
	unsigned minor = layout->minor - FIRST_MINOR;
	size_t count = sizeof(published_fields) / sizeof(*published_fields);

	if (minor >= MINORS)
		return false;
	for (size_t i = 0; i < count; i++) {
		uint8_t index = published_fields[i].index[minor];
		int16_t ours = *(const int16_t *)((const char *)layout +
						  published_fields[i].field);

		if (!index || ours == PY_ABSENT)
			continue;
		if (published[index] !=
		    (uint64_t)ours + published_fields[i].bias)
			return false;
	}
	return true;
}
