/*
 * test_wire.c - the format as it was given away: offsets, sizes and numbers
 * never change within a major version.
 */
/* The header must need nothing before it. */
#include "heaptop/wire.h"

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#define OFFSET(struct_, field_, offset_)                                \
	{                                                               \
#struct_ "." #field_, offsetof(struct struct_, field_), \
		    offset_                                             \
	}

static const struct {
	const char *name;
	size_t is;
	size_t was;
} offsets[] = {
    OFFSET(wire_header, magic, 0),
    OFFSET(wire_header, major, 8),
    OFFSET(wire_header, minor, 10),
    OFFSET(wire_header, pid, 12),
    OFFSET(wire_header, start_time, 16),
    OFFSET(wire_header, start_ns, 24),
    OFFSET(wire_header, parent_pid, 32),
    OFFSET(wire_header, uid, 36),
    OFFSET(wire_header, run_id, 40),
    OFFSET(wire_header, pid_ns, 48),
    OFFSET(wire_header, boot_id, 56),
    OFFSET(wire_header, mode, 72),
    OFFSET(wire_header, unwinder, 76),
    OFFSET(wire_header, python, 80),
    OFFSET(wire_header, command_size, 84),
    OFFSET(wire_header, command, 88),
    OFFSET(wire_header, exe, 1112),
    OFFSET(wire_header, native, 2136),
    OFFSET(wire_control, wake, 0),
    OFFSET(wire_control, flush_wanted, 4),
    OFFSET(wire_control, watch_until, 8),
    OFFSET(wire_control, sample_bytes, 16),
    OFFSET(wire_control, stop, 24),
    OFFSET(wire_status, tick, 0),
    OFFSET(wire_status, time_ns, 8),
    OFFSET(wire_status, mono_ns, 16),
    OFFSET(wire_status, state, 24),
    OFFSET(wire_status, flush_done, 28),
    OFFSET(wire_status, file_size, 32),
    OFFSET(wire_status, ring_offset, 40),
    OFFSET(wire_status, ring_slots, 48),
    OFFSET(wire_status, head, 56),
    OFFSET(wire_status, sites, 64),
    OFFSET(wire_status, names_extents, 72),
    OFFSET(wire_status, names_bytes, 80),
    OFFSET(wire_status, agent_cpu_ns, 88),
    OFFSET(wire_status, agent_bytes, 96),
    OFFSET(wire_status, peak_rss_bytes, 104),
    OFFSET(wire_status, sample_bytes, 112),
    OFFSET(wire_status, threads, 120),
    OFFSET(wire_status, python, 124),
    OFFSET(wire_status, lost, 128),
    OFFSET(wire_status, totals, 640),
    OFFSET(wire_status, extents, 1152),
    OFFSET(wire_status, work_units, 1952),
    OFFSET(wire_turn, turn, 0),
    OFFSET(wire_turn, heartbeat_ns, 8),
    OFFSET(wire_record, sequence, 0),
    OFFSET(wire_record, kind, 8),
    OFFSET(wire_record, domain, 10),
    OFFSET(wire_record, id, 12),
    OFFSET(wire_record, stack, 16),
    OFFSET(wire_record, tick, 20),
    OFFSET(wire_record, alloc_bytes, 24),
    OFFSET(wire_record, alloc_count, 32),
    OFFSET(wire_record, free_bytes, 40),
    OFFSET(wire_record, free_count, 48),
    OFFSET(wire_record, peak_bytes, 56),
    OFFSET(wire_name, kind, 0),
    OFFSET(wire_name, length, 2),
    OFFSET(wire_name, size, 4),
    OFFSET(wire_name_module, start, 8),
    OFFSET(wire_name_module, end, 16),
    OFFSET(wire_name_module, bias, 24),
    OFFSET(wire_name_module, path, 32),
    OFFSET(wire_name_module, build_id_size, 36),
    OFFSET(wire_name_module, build_id, 40),
    OFFSET(wire_name_native, module, 8),
    OFFSET(wire_name_native, flags, 12),
    OFFSET(wire_name_native, offset, 16),
    OFFSET(wire_name_python, file, 8),
    OFFSET(wire_name_python, function, 12),
    OFFSET(wire_name_python, line, 16),
    OFFSET(wire_name_python, first_line, 20),
    OFFSET(wire_name_stack, parent, 8),
    OFFSET(wire_name_stack, frame, 12),
    OFFSET(wire_name_mark, text, 8),
    OFFSET(wire_name_mark, tick, 16),
    OFFSET(wire_name_mark, time_ns, 24),
    OFFSET(wire_name_mark, live_bytes, 32),
    OFFSET(wire_name_mark, live_count, 40),
    OFFSET(wire_name_mark, work_units, 48),
};

static void
test_offsets(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++)
		if (offsets[i].is != offsets[i].was)
			fail_msg("%s is at %zu, was at %zu", offsets[i].name,
				 offsets[i].is, offsets[i].was);
}

static void
test_numbers(void **state)
{
	const uint64_t magic = WIRE_MAGIC;

	(void)state;
	assert_memory_equal(&magic, "heaptop1", 8);
	assert_int_equal(WIRE_MAJOR, 1);
	assert_int_equal(WIRE_DOMAIN_MMAP, 4);
	assert_int_equal(WIRE_STATE_DORMANT, 5);
	assert_int_equal(WIRE_RECORD_MARK, 3);
	assert_int_equal(WIRE_NAME_STACK, 5);
	assert_int_equal(WIRE_NAME_MARK, 6);
	assert_int_equal(WIRE_LOST_REENTRANT, 0);
	assert_int_equal(WIRE_LOST_MMAP_FULL, 14);
	assert_int_equal(WIRE_LOST_MARKS_FULL, 15);
	assert_int_equal(WIRE_STATUS_OFFSET, 12288);
	assert_int_equal(WIRE_BODY_OFFSET, 20480);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_offsets),
	    cmocka_unit_test(test_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
