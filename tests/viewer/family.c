/* family.c - see family.h. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "family.h"

static const struct snapshot *
family_snapshot(void *context)
{
	return &((struct family *)context)->whole;
}

static int
family_refresh(void *context, struct err *err)
{
	(void)context, (void)err;
	return 1;
}

static void
family_watch(void *context)
{
	(void)context;
}

static bool
family_is_live(const void *context)
{
	(void)context;
	return true;
}

static void
family_take(struct family *family)
{
	for (size_t i = 0; i < FAMILY_MEMBERS; i++)
		merge_take(family->merge, i, &family->made[i].snapshot);
	merge_finish(family->merge);
}

static void
see(struct fixture *fixture)
{
	struct viewer *viewer = &fixture->viewer;

	viewer->now_ns += UINT64_C(500000000);
	viewer_update(viewer, viewer_refresh(viewer));
	viewer->message[0] = '\0';
	viewer_draw(viewer);
}

void
family_show(struct family *family, struct fixture *fixture)
{
	const struct feed feed = {.context = family,
				  .snapshot = family_snapshot,
				  .refresh = family_refresh,
				  .watch = family_watch,
				  .is_live = family_is_live};

	memset(family, 0, sizeof(*family));
	family->names = names_new();
	snapshot_init(&family->whole, family->names);
	family->merge = merge_new(&family->whole);
	for (uint32_t i = 0; i < FAMILY_MEMBERS; i++) {
		struct process *process;

		made_init(&family->made[i], 0);
		process = &family->made[i].snapshot.process;
		process->pid += i;
		merge_add(family->merge, process);
	}
	family_take(family);
	viewer_set_feed(&fixture->viewer, feed);
	see(fixture);
	for (int step = 0; step < 8; step++) {
		made_step(&family->made[FAMILY_MEMBERS - 1]);
		family_take(family);
		see(fixture);
	}
}

void
family_end(struct family *family)
{
	merge_free(family->merge);
	snapshot_fini(&family->whole);
	names_free(family->names);
	for (size_t i = 0; i < FAMILY_MEMBERS; i++)
		made_fini(&family->made[i]);
}

static const struct {
	uint32_t pid;
	uint32_t parent;
	bool python;
	bool alive;
	uint64_t live;
	uint64_t more; /* half a second later */
	const char *command;
	const char *problem;
} list[] = {
    {310, 1, false, true, 3 << 20, 0, "/usr/sbin/nginx -g daemon off;", ""},
    {5242, 310, true, true, 61 << 20, 0, "/opt/shop/bin/gunicorn shop:app", ""},
    {5250, 5242, true, true, 62 << 20, 100, "/opt/shop/bin/gunicorn shop:app",
     ""},
    {5251, 5242, true, true, 80 << 20, 3 << 20,
     "/opt/shop/bin/gunicorn shop:app", ""},
    {5252, 5242, true, false, 60 << 20, 0, "/opt/shop/bin/gunicorn shop:app",
     ""},
    {5300, 5251, false, true, 9000, 512, "convert \033[31m한글.png out.png",
     ""},
    {999, 1, false, false, 0, 0, "", "the file is empty"},
};
#define ENTRIES (sizeof(list) / sizeof(*list))

static void
entries_take(struct picker *picker, bool later, uint64_t now_ns)
{
	struct process_entry *entries = mem_array(ENTRIES, sizeof(*entries));

	for (size_t i = 0; i < ENTRIES; i++) {
		struct process process = {
		    .pid = list[i].pid,
		    .parent_pid = list[i].parent,
		    .command = mem_string(list[i].command),
		    .exe = mem_string(list[i].python ? "/usr/bin/python3.11"
						     : list[i].command),
		    .python = list[i].python ? 0x030b0200 : 0,
		    .start_ns = i + 1,
		    .state = list[i].alive ? "running" : "killed",
		    .rss_bytes = 2 * list[i].live,
		};

		entries[i] = (struct process_entry){
		    .path = mem_string("/dev/shm/heaptop-0/5242-1.heaptop"),
		    .process = process,
		    .alive = list[i].alive,
		    .live_bytes = list[i].live + (later ? list[i].more : 0),
		};
		snprintf(entries[i].problem, sizeof(entries[i].problem), "%s",
			 list[i].problem);
	}
	picker_take(picker, entries, ENTRIES, now_ns);
}

void
family_list(struct fixture *fixture)
{
	struct viewer *viewer = &fixture->viewer;

	setenv("HEAPTOP_DIR", "/tmp/heaptop-there-is-none", 1);
	fixture_keys(fixture, "P");
	entries_take(&viewer->picker, false, viewer->now_ns);
	viewer->now_ns += UINT64_C(500000000);
	entries_take(&viewer->picker, true, viewer->now_ns);
	viewer_draw(viewer);
	unsetenv("HEAPTOP_DIR");
}
