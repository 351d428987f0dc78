/* subcommand.c - the table of subcommands. */
#include "config.h"

#include "cmd/subcommand.h"

#include <string.h>

#define COMMON (OPTION_BIT(HELP) | OPTION_BIT(VERSION))

const struct subcommand subcommands[] = {
    {
	.name = "",
	.operands = "[PID|NAME|FILE]",
	.summary = "show a process, or a list to choose from",
	.text = "Opens the viewer on the process with that PID, on the "
		"profiled process with that NAME, or on a segment or "
		"snapshot FILE. A process that is not profiled yet is "
		"attached to, once you have agreed. Without an operand it shows the "
		"profiled processes to choose from. With --family it "
		"shows a process and its workers as one: the oldest of "
		"its forebears that run the same program, and all that "
		"descend from that one. A row is the sum over those that "
		"live, and says how many have it and which share the "
		"biggest has. A process that ends leaves the sum. What a "
		"child inherited from its parent counts in both for as "
		"long as both have it.",
	.options = OPTION_VIEW | OPTION_BIT(FAMILY) | COMMON,
	.operands_max = 1,
	.operand = VALUE_PROCESS,
	.run = cmd_view,
    },
    {
	.name = "run",
	.operands = "[--] PROGRAM [ARGUMENT]...",
	.summary = "start a program with the agent in it",
	.text = "On a terminal the viewer opens, and the program "
		"writes to a pane of it and to a file that is named at "
		"the end. Without a terminal, or with --headless, the "
		"program keeps its input and output, and nothing is "
		"added. The exit status is the program's: 128+N when "
		"signal N killed it, 127 when it was not found, 126 "
		"when it could not be executed, 125 when heaptop "
		"failed. With --dormant nothing is recorded until "
		"heaptop attach, or the viewer when it opens the process, "
		"switches it on; then blocks from before are unknown. What "
		"the program forks or starts has the agent too, and a "
		"segment of its own, unless --no-children is given.",
	.options = OPTION_BIT(EXACT) | OPTION_BIT(SAMPLE) | OPTION_BIT(BUDGET) |
		   OPTION_BIT(DORMANT) |
		   OPTION_BIT(UNWINDER) | OPTION_BIT(NATIVE) |
		   OPTION_BIT(FREELISTS) | OPTION_BIT(HEADLESS) |
		   OPTION_BIT(SAVE) | OPTION_BIT(KEEP) | OPTION_BIT(OUTPUT) |
		   OPTION_BIT(NO_CHILDREN) |
		   OPTION_VIEW | COMMON,
	.operands_min = 1,
	.operands_max = -1,
	.program = true,
	.operand = VALUE_COMMAND,
	.run = cmd_run,
    },
    {
	.name = "attach",
	.operands = "PID",
	.summary = "put the agent into a process that runs",
	.text = "One thread of the process is stopped for a millisecond or "
		"two, at a point where it can load the agent, and goes on as "
		"it was; all others run on. For how long is printed. What is "
		"allocated from then on is counted; blocks from before are "
		"unknown. An agent that sleeps in the process is woken, which "
		"stops nothing. It takes the right to trace the process: that "
		"of its user, or of root. Where ptrace itself is taken by "
		"another program or denied, CPython from 3.14 on is asked to "
		"run a script that loads the agent, which stops nothing; its "
		"main thread has to come to that within the time that "
		"--timeout gives, else the request is taken back. heaptop "
		"detach undoes it.",
	.options = OPTION_BIT(EXACT) | OPTION_BIT(SAMPLE) | OPTION_BIT(BUDGET) |
		   OPTION_BIT(NATIVE) | OPTION_BIT(TIMEOUT) | COMMON,
	.operands_min = 1,
	.operands_max = 1,
	.operand = VALUE_PROCESS,
	.run = cmd_attach,
    },
    {
	.name = "detach",
	.operands = "PID",
	.summary = "leave a process alone again",
	.text = "Nothing is recorded any more, and the process calls its own "
		"allocators, as before. Of an agent that was attached only "
		"the file stays mapped; one that was loaded at the start "
		"sleeps. heaptop attach switches either on again, which "
		"counts from zero.",
	.options = COMMON,
	.operands_min = 1,
	.operands_max = 1,
	.operand = VALUE_PROCESS,
	.run = cmd_detach,
    },
    {
	.name = "list",
	.operands = "",
	.summary = "list profiled processes, live and dead",
	.text = "One line for each segment in the directory of "
		"segments: those that live first, then by age, and below each "
		"what it forked or started. JSON has them by age.",
	.options = OPTION_BIT(JSON) | OPTION_UNITS | COMMON,
	.run = cmd_list,
    },
    {
	.name = "top",
	.operands = "PID|NAME|FILE",
	.summary = "print the table again and again",
	.text = "With -b, prints the table every few seconds with the "
		"growth since the first time, for logs and scripts; "
		"with --json one document a line. With --suspects the "
		"rows come by evidence of a leak, which takes 8 seconds "
		"to gather, and a line under each tells it. Without -b it "
		"opens the viewer.",
	.options = OPTION_BIT(BATCH) | OPTION_BIT(ITERATIONS) |
		   OPTION_BIT(DELAY) | OPTION_QUERY | OPTION_BIT(SUSPECTS) |
		   OPTION_MARK | COMMON,
	.operands_min = 1,
	.operands_max = 1,
	.operand = VALUE_PROCESS,
	.run = cmd_top,
    },
    {
	.name = "report",
	.operands = "PID|NAME|FILE",
	.summary = "print the table once",
	.text = "Prints the biggest entries of a process, a segment or "
		"a snapshot. A live process is asked to publish its "
		"totals first. With --types it is also asked what the "
		"blocks of each row are: they are looked into where they "
		"lie, up to 100,000 of a row and of more a sample, which "
		"is then said. \"(buffer)\" is memory that objects keep "
		"elsewhere, as a list does its items; \"(free list)\" is "
		"dead objects that Python keeps for the next ones. With "
		"--ledger the first lines tell where the resident memory is. "
		"--suspects needs a FILE that key S of the viewer saved, since "
		"it judges how rows went over time; of a process use top -b "
		"--suspects.",
	.options =
	    OPTION_QUERY | OPTION_BIT(TYPES) | OPTION_BIT(LEDGER) |
	    OPTION_BIT(SUSPECTS) | OPTION_BIT(FAIL_ABOVE) | COMMON,
	.operands_min = 1,
	.operands_max = 1,
	.operand = VALUE_PROCESS,
	.run = cmd_report,
    },
    {
	.name = "diff",
	.operands = "OLD NEW",
	.summary = "print what changed between two",
	.text = "OLD and NEW are as for report. Sites are matched by "
		"their whole stack, so that two runs of one program "
		"can be compared. Sorted by how much an entry "
		"changed, in either direction. With --ledger the first lines "
		"tell which part of the resident memory has grown.",
	.options = OPTION_QUERY | OPTION_BIT(LEDGER) | OPTION_BIT(FAIL_ABOVE) |
		   COMMON,
	.operands_min = 2,
	.operands_max = 2,
	.operand = VALUE_PROCESS,
	.run = cmd_diff,
    },
    {
	.name = "snapshot",
	.operands = "PID|NAME|FILE",
	.summary = "save all totals in a file",
	.text = "The file is JSON, compressed when its name ends in .gz. "
		"report, diff, export and the viewer read it. A file "
		"that is there already stays as it is unless --replace "
		"is given. Key S of the viewer saves history and marks "
		"too.",
	.options = OPTION_BIT(FAMILY) | OPTION_BIT(TO) |
		   OPTION_BIT(REPLACE) | COMMON,
	.operands_min = 1,
	.operands_max = 1,
	.operand = VALUE_PROCESS,
	.run = cmd_snapshot,
    },
    {
	.name = "export",
	.operands = "PID|NAME|FILE",
	.summary = "write the totals in another tool's format",
	.text = "Writes to standard output unless -o names a file.",
	.options = OPTION_BIT(FAMILY) | OPTION_BIT(FORMAT) | OPTION_BIT(TO) |
		   COMMON,
	.operands_min = 1,
	.operands_max = 1,
	.operand = VALUE_PROCESS,
	.run = cmd_export,
    },
    {
	.name = "rate",
	.operands = "PID|NAME RATE",
	.summary = "change how much a running process records",
	.text = "RATE is \"exact\" (every block), a size such as 512K "
		"(one block in so many bytes on average), or a share of "
		"its CPU time such as 2% to keep within. What was "
		"recorded before keeps its weight, so totals and growth "
		"stay right. Prints what it was and what it is, once "
		"the process has done it.",
	.options = COMMON,
	.operands_min = 2,
	.operands_max = 2,
	.operand = VALUE_PROCESS,
	.run = cmd_rate,
    },
    {
	.name = "clean",
	.operands = "",
	.summary = "remove the segments of dead processes",
	.text = "Prints the path of each file that it removes.",
	.options = OPTION_BIT(FORCE) | COMMON,
	.run = cmd_clean,
    },
    {
	.name = "env",
	.operands = "",
	.summary = "print the lines that load the agent",
	.text = "For service files and shells: eval \"$(heaptop env)\". With "
		"--dormant the agent is loaded asleep: this is for services, "
		"where heaptop attach switches it on when it is needed; in a "
		"unit of systemd write each as Environment=NAME=VALUE.",
	.options = OPTION_BIT(DORMANT) | COMMON,
	.run = cmd_env,
    },
    {
	.name = "demo",
	.operands = "",
	.summary = "watch a program that leaks",
	.text = "Starts a small service that forgets its sessions and opens "
		"the viewer on it: press m, wait, and the line that grows is "
		"the leak. Without a terminal it prints a report instead.",
	.options = COMMON,
	.operands_max = 2,
	.run = cmd_demo,
    },
    {
	.name = "doctor",
	.operands = "",
	.summary = "check what heaptop needs on this machine",
	.text = "One line for each thing: agent, directory of segments and its "
		"space, terminal, locale, ptrace, libdw, files with debug "
		"information, settings.",
	.options = COMMON,
	.run = cmd_doctor,
    },
    {
	.name = "help",
	.operands = "[COMMAND]",
	.summary = "print help, on one command if named",
	.text = "\"heaptop help viewer\" has the options of heaptop without a "
		"command.",
	.options = COMMON,
	.operands_max = 1,
	.operand = VALUE_TOPIC,
	.run = cmd_help,
    },
};
const size_t subcommand_count = sizeof(subcommands) / sizeof(*subcommands);

const struct subcommand *
subcommand_find(const char *name)
{
	size_t i;

	for (i = 0; i < subcommand_count; i++)
		if (strcmp(subcommands[i].name, name) == 0)
			return &subcommands[i];
	return NULL;
}
