/*
 * made_viewer.c - the real viewer on a snapshot made by hand.
 *
 *	made_viewer [--ascii] [--theme NAME] [--script FILE] [--extra SITES]
 *		[--grow] [--ended] [--delay SECONDS] [--no-color] [--host]
 *		[--empty] [--sampled]
 */
#include "config.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "made.h"

struct child {
	int asked;
	int stopped;
};

static bool
child_exited(void *context, int *status)
{
	const struct child *child = context;

	*status = 15;
	return child->stopped > 0;
}

static void
child_stop(void *context)
{
	struct child *child = context;

	child->stopped++;
}

static struct output_log *
log_made(void)
{
	struct output_log *log = output_log_new(0);
	char line[128];

	for (int i = 1; i <= 100; i++) {
		snprintf(line, sizeof(line),
			 "127.0.0.1 - - \"GET /report/%d HTTP/1.1\" 200\n", i);
		output_log_append(log, line, strlen(line));
	}
	output_log_append(log, "\033[2Jevil\007\n", 10);
	return log;
}

int
main(int argc, char **argv)
{
	static const struct option names[] = {
	    {"ascii", no_argument, NULL, 'a'},
	    {"theme", required_argument, NULL, 't'},
	    {"script", required_argument, NULL, 's'},
	    {"extra", required_argument, NULL, 'x'},
	    {"grow", no_argument, NULL, 'g'},
	    {"ended", no_argument, NULL, 'e'},
	    {"delay", required_argument, NULL, 'd'},
	    {"no-color", no_argument, NULL, 'c'},
	    {"host", no_argument, NULL, 'h'},
	    {"empty", no_argument, NULL, '0'},
	    {"sampled", no_argument, NULL, 'p'},
	    {NULL, 0, NULL, 0},
	};
	struct viewer_options options = {0};
	struct child child = {0};
	struct viewer_host host = {.context = &child,
				   .exited = child_exited,
				   .stop = child_stop,
				   .output_path = "/tmp/app.log"};
	struct made made;
	struct feed feed;
	struct err err;
	size_t extra = 0;
	bool grows = false, ends = false, hosted = false, empty = false;
	bool sampled = false;
	int option;
	int status;

	while ((option = getopt_long(argc, argv, "", names, NULL)) != -1)
		switch (option) {
		case 'a':
			options.ascii = true;
			break;
		case 't':
			options.theme = optarg;
			break;
		case 's':
			options.script = optarg;
			break;
		case 'x':
			extra = strtoul(optarg, NULL, 10);
			break;
		case 'g':
			grows = true;
			break;
		case 'e':
			ends = true;
			break;
		case 'd':
			options.delay_s = strtod(optarg, NULL);
			break;
		case 'c':
			options.color = VIEWER_COLOR_NEVER;
			break;
		case 'h':
			hosted = true;
			break;
		case '0':
			empty = true;
			break;
		case 'p':
			sampled = true;
			break;
		default:
			return 2;
		}
	made_init(&made, extra);
	if (sampled)
		made_sample(&made);
	made.grows = grows;
	made.ends = ends;
	feed = made_feed(&made);
	if (hosted)
		host.output = log_made();
	status = viewer_run_feed(empty ? (struct feed){0} : feed, &options,
				 hosted ? &host : NULL, &err);
	if (status == 1)
		fprintf(stderr, "made_viewer: %s\n", err.text);
	if (hosted)
		printf("left %d stopped %d\n", host.left, child.stopped);
	output_log_free((struct output_log *)host.output);
	made_fini(&made);
	return status;
}
