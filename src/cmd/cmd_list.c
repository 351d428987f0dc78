/* cmd_list.c - `heaptop list`: the profiled processes, live and dead. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/text.h"
#include "cmd/subcommand.h"
#include "source/source.h"
#include "viewer/picker.h"

enum { INDENT = 2, DEPTH_MAX = 8 };

static const char *
state_of(const struct process_entry *entry)
{
	return *entry->problem ? "unreadable" : entry->process.state;
}

static void
print_mode(const struct process *process)
{
	char size[TEXT_SIZE_MAX];

	if (process->sample_bytes > 1)
		printf("  %-11s", text_size(size, process->sample_bytes));
	else
		printf("  %-11s", process->mode);
}

static void
print_size(uint64_t bytes)
{
	char size[TEXT_SIZE_MAX];

	printf(" %10s", bytes ? text_size(size, bytes) : "-");
}

/* depth: below how many others of the list it stands. */
static void
print_entry(const struct process_entry *entry, unsigned depth)
{
	if (*entry->problem) {
		printf("%7s %-10s %10s %10s %11s  %-11s ", "-", state_of(entry),
		       "-", "-", "-", "-");
		text_clean_write(stdout, entry->path);
		printf(": ");
		text_clean_write(stdout, entry->problem);
		putchar('\n');
		return;
	}
	printf("%7u %-10s", entry->process.pid, state_of(entry));
	print_size(entry->alive ? entry->process.rss_bytes : 0);
	print_size(entry->live_bytes);
	printf(" %11" PRIu64, entry->live_count);
	print_mode(&entry->process);
	printf(" %*s", INDENT * (int)(depth < DEPTH_MAX ? depth : DEPTH_MAX),
	       "");
	text_clean_write(stdout, entry->process.command);
	putchar('\n');
}

static void
print_entry_json(const struct process_entry *entry)
{
	const struct process *process = &entry->process;

	printf("{\"pid\":%u,\"parent_pid\":%u,\"state\":", process->pid,
	       process->parent_pid);
	text_json_write(stdout, state_of(entry));
	printf(",\"alive\":%s,\"rss\":%" PRIu64 ",\"size\":%" PRIu64
	       ",\"count\":%" PRIu64 ",\"mode\":",
	       entry->alive ? "true" : "false", process->rss_bytes,
	       entry->live_bytes, entry->live_count);
	text_json_write(stdout, process->mode);
	printf(",\"sample_bytes\":%" PRIu64 ",\"start_ns\":%" PRIu64
	       ",\"time_ns\":%" PRIu64 ",\"run\":\"%016" PRIx64
	       "\",\"command\":",
	       process->sample_bytes, process->start_ns, entry->time_ns,
	       process->run_id);
	text_json_write(stdout, process->command);
	printf(",\"path\":");
	text_json_write(stdout, entry->path);
	if (*entry->problem) {
		printf(",\"problem\":");
		text_json_write(stdout, entry->problem);
	}
	putchar('}');
}

/* As the screen has them: below each what it forked or started. */
static void
print_tree(struct process_entry *list, size_t count)
{
	struct picker picker = {.sort = PICKER_AGE};
	bool unread = false;

	printf("%7s %-10s %10s %10s %11s  %-11s %s\n", "PID", "STATE", "RSS",
	       "LIVE", "BLOCKS", "MODE", "COMMAND");
	picker_take(&picker, list, count, 1);
	for (size_t i = 0; i < picker.count; i++) {
		const struct process_entry *entry = picker_entry(&picker, i);

		print_entry(entry, picker.lines[i].depth);
		unread |= *entry->problem;
	}
	picker_fini(&picker);
	if (unread)
		puts("heaptop clean --force removes what is unreadable.");
}

static void
print_json(struct process_entry *list, size_t count)
{
	putchar('[');
	for (size_t i = 0; i < count; i++) {
		printf(i ? ",\n" : "\n");
		print_entry_json(&list[i]);
	}
	puts("\n]");
	process_list_free(list, count);
}

int
cmd_list(const struct options *options)
{
	struct process_entry *list;
	struct err err;
	size_t count;

	if (!process_list(&list, &count, &err))
		return failed(&err);
	if (options->json)
		print_json(list, count);
	else
		print_tree(list, count);
	return STATUS_DONE;
}
