/* loop.c - waits for keys, data, answers and time, and shows what changed. */
#include "config.h"

#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "viewer/screen.h"
#include "viewer/script.h"
#include "viewer/view.h"

#define MS(ms_)	  ((uint64_t)(ms_)*1000000)
#define WATCH_NS  MS(500)
#define HOST_NS	  MS(100) /* how often a child is asked about */
#define FIRST_NS  MS(50)  /* between looks for the first totals */
#define SCRIPT_NS MS(20)
#define ANSWER_NS MS(20)      /* how often an answer is looked for */
#define FIXED_NS  MS(3600000) /* any, with a past before it */
#define FDS_MAX	  16
#define FDS_OWN	  3

struct loop {
	struct viewer viewer;
	struct screen *screen; /* NULL: a script */
	struct script *script;
	uint64_t refresh_ns; /* when the feed is read next */
	uint64_t watch_ns;
	bool fixed;	   /* only the script lets time pass */
	int signal_number; /* that ended it; 0 none */
	bool failed;
};

/* A script on what does not change shows the same whenever it runs. */
static bool
is_fixed(const struct viewer *viewer)
{
	const struct feed *feed = &viewer->feed;

	return viewer->options->script && feed->context && feed->is_live &&
	       !feed->is_live(feed->context);
}

static void
clock_read(struct loop *loop)
{
	if (!loop->fixed)
		loop->viewer.now_ns = clock_ns();
}

/*
 * Characters as the user has set them; C and POSIX become C.UTF-8 as in PEP
 * 538, unless LC_ALL asks for C. Only LC_CTYPE: numbers keep their point.
 * Returns whether the terminal is sent UTF-8.
 */
static bool
locale_set(void)
{
	const char *all = getenv("LC_ALL");
	const char *now = setlocale(LC_CTYPE, "");
	bool plain = !now || !strcmp(now, "C") || !strcmp(now, "POSIX");
	bool wanted = all && (!strcmp(all, "C") || !strcmp(all, "POSIX"));

	if (plain && !wanted && !setlocale(LC_CTYPE, "C.UTF-8"))
		setlocale(LC_CTYPE, "C");
	return !strcmp(nl_langinfo(CODESET), "UTF-8");
}

static void
show(struct loop *loop, bool all)
{
	viewer_draw(&loop->viewer);
	if (loop->screen)
		screen_show(loop->screen, &loop->viewer.canvas, all);
}

/* Makes everything fresh, on the terminal too. */
static void
settle(struct loop *loop, unsigned stale)
{
	struct viewer *viewer = &loop->viewer;

	if (loop->screen && (stale & STALE_LOOK))
		screen_look(loop->screen, &viewer->theme, !viewer->no_mouse);
	if (viewer_update(viewer, stale))
		show(loop, stale & STALE_TERMINAL);
	if (!viewer->suspend)
		return;
	viewer->suspend = false;
	if (loop->screen) {
		struct event event = {.key = INPUT_RESIZE};

		screen_suspend(loop->screen);
		screen_size(loop->screen, &event.y, &event.x);
		viewer_event(viewer, &event);
		show(loop, true);
	}
}

static unsigned
names_answered(struct viewer *viewer)
{
	resolve_drain(viewer->resolve);
	if (!viewer->snapshot || !names_retry(viewer->snapshot->names))
		return 0;
	return STALE_ROWS | STALE_TRACE | STALE_DRAW;
}

static unsigned
signals_handle(struct loop *loop)
{
	struct event event = {.key = INPUT_RESIZE};
	unsigned stale = 0;

	for (;;)
		switch (screen_wish(loop->screen, &loop->signal_number)) {
		case SCREEN_NOTHING:
			return stale;
		case SCREEN_RESIZED:
			screen_size(loop->screen, &event.y, &event.x);
			stale |= viewer_event(&loop->viewer, &event);
			break;
		case SCREEN_SUSPEND:
			loop->viewer.suspend = true;
			stale |= STALE_DRAW;
			break;
		case SCREEN_END:
			loop->viewer.quit = true;
			if (loop->viewer.host && !loop->viewer.child_ended)
				loop->viewer.host->left = VIEWER_LEFT_RUNNING;
			return stale;
		}
}

static unsigned
keys_handle(struct loop *loop)
{
	struct event event;
	unsigned stale = 0;

	while (!loop->viewer.quit && screen_read(loop->screen, &event)) {
		unsigned more = viewer_event(&loop->viewer, &event);

		/* The next key may need the rows that this one asked for. */
		if (more & (STALE_ROWS | STALE_TRACE)) {
			viewer_update(&loop->viewer, more);
			more = (more & STALE_TERMINAL) | STALE_DRAW;
		}
		stale |= more;
	}
	return stale;
}

static int
timeout_ms(const struct loop *loop)
{
	const struct viewer *viewer = &loop->viewer;
	uint64_t now = viewer->now_ns;
	uint64_t end = now + MS(1000);
	int64_t left;

	if (viewer->host && end > now + HOST_NS)
		end = now + HOST_NS;
	if (loop->script && end > now + SCRIPT_NS)
		end = now + SCRIPT_NS;
	if (viewer->told.asked_ns && end > now + ANSWER_NS)
		end = now + ANSWER_NS;
	if (viewer->feed.context && !viewer->ended &&
	    end > loop->watch_ns + WATCH_NS)
		end = loop->watch_ns + WATCH_NS;
	if (end > loop->refresh_ns)
		end = loop->refresh_ns;
	left = (int64_t)(end - now);
	return left > 0 ? (int)((left + 999999) / 1000000) : 0;
}

static unsigned
wait_for_work(struct loop *loop, int timeout)
{
	struct viewer *viewer = &loop->viewer;
	struct viewer_host *host = viewer->host;
	struct pollfd polls[FDS_MAX + FDS_OWN];
	int fds[FDS_MAX];
	size_t count = 0;
	unsigned stale = 0;

	if (host && host->fds)
		count = host->fds(host->context, fds, FDS_MAX);
	count = count < FDS_MAX ? count : FDS_MAX;
	polls[0].fd = loop->screen ? screen_input_fd(loop->screen) : -1;
	polls[1].fd = loop->screen ? screen_signal_fd(loop->screen) : -1;
	polls[2].fd = viewer->resolve ? resolve_fd(viewer->resolve) : -1;
	for (size_t i = 0; i < count; i++)
		polls[FDS_OWN + i].fd = fds[i];
	for (size_t i = 0; i < FDS_OWN + count; i++)
		polls[i].events = POLLIN, polls[i].revents = 0;
	poll(polls, FDS_OWN + count, timeout);
	clock_read(loop);
	for (size_t i = 0; i < count; i++)
		if (polls[FDS_OWN + i].revents && host->readable) {
			host->readable(host->context, fds[i]);
			if (viewer_view(viewer) == VIEW_OUTPUT)
				stale |= STALE_DRAW;
		}
	if (polls[2].revents)
		stale |= names_answered(viewer);
	if (polls[1].revents)
		stale |= signals_handle(loop);
	if (polls[0].revents & POLLIN)
		stale |= keys_handle(loop);
	else if (polls[0].revents) /* the terminal is gone */
		viewer->quit = true;
	return stale;
}

static unsigned
time_passed(struct loop *loop)
{
	struct viewer *viewer = &loop->viewer;
	uint64_t now = viewer->now_ns;
	uint64_t delay = (uint64_t)(viewer->delay_s * 1e9);

	if (viewer->feed.context && !viewer->ended &&
	    now - loop->watch_ns >= WATCH_NS) {
		viewer->feed.watch(viewer->feed.context);
		loop->watch_ns = now;
	}
	if (now < loop->refresh_ns && now + delay >= loop->refresh_ns)
		return 0;
	loop->refresh_ns =
	    now + (viewer->rows || !(viewer->feed.context || viewer->host)
		       ? delay
		       : FIRST_NS);
	return viewer_refresh(viewer);
}

/* Runs lines of the script until one waits. */
static unsigned
script_run(struct loop *loop, struct err *err)
{
	unsigned all = 0;
	unsigned stale;

	while (!loop->viewer.quit) {
		enum script_step step =
		    script_step(loop->script, &loop->viewer, &stale, err);

		if (viewer_update(&loop->viewer, stale))
			show(loop, false);
		all |= stale & STALE_TERMINAL;
		if (step == SCRIPT_WAIT)
			break;
		loop->failed = step == SCRIPT_FAILED;
		loop->viewer.quit |= step != SCRIPT_GO_ON;
	}
	return all;
}

static void
loop_run(struct loop *loop, struct err *err)
{
	struct viewer *viewer = &loop->viewer;

	clock_read(loop);
	viewer->start_ns = viewer->now_ns;
	loop->watch_ns = viewer->now_ns - WATCH_NS;
	settle(loop, time_passed(loop) | STALE_DRAW);
	while (!viewer->quit) {
		unsigned stale = 0;

		if (loop->script)
			stale |= script_run(loop, err);
		if (viewer->quit)
			break;
		stale |= wait_for_work(loop, timeout_ms(loop));
		stale |= types_follow(viewer);
		if (!viewer->quit)
			stale |= time_passed(loop);
		settle(loop, stale);
	}
}

static bool
loop_open(struct loop *loop, struct err *err)
{
	const struct viewer_options *options = loop->viewer.options;
	struct viewer *viewer = &loop->viewer;
	int height = 24;
	int width = 80;
	char notice[TEXT_MAX] = "";

	if (options->script) {
		if (!theme_load(&viewer->theme, viewer->theme_name, err))
			return false;
		loop->script = script_open(options->script, err);
		if (!loop->script)
			return false;
	} else {
		loop->screen = screen_open(options, &viewer->theme, notice,
					   sizeof(notice), err);
		if (!loop->screen)
			return false;
		screen_size(loop->screen, &height, &width);
	}
	canvas_init(&viewer->canvas, height, width, viewer->ascii);
	loop->fixed = is_fixed(viewer);
	viewer->now_ns = loop->fixed ? FIXED_NS : clock_ns();
	if (options->notice)
		viewer_message(viewer, ROLE_WARNING, "%s", options->notice);
	if (notice[0])
		viewer_message(viewer, ROLE_WARNING, "%s", notice);
	return true;
}

int
viewer_run_feed(struct feed feed, const struct viewer_options *options,
		struct viewer_host *host, struct err *err)
{
	struct loop *loop = mem_alloc(sizeof(*loop));
	struct viewer *viewer = &loop->viewer;
	bool utf8 = locale_set();
	int status = 1;

	viewer_init(viewer, feed, options, host);
	viewer->plain = !utf8;
	viewer->ascii |= !utf8;
	if (!feed.context && !host)
		viewer->views[0] = VIEW_PROCESSES;
	if (loop_open(loop, err)) {
		loop_run(loop, err);
		status = loop->failed	       ? 1
			 : loop->signal_number ? 128 + loop->signal_number
					       : 0;
	}
	screen_close(loop->screen);
	script_close(loop->script);
	viewer_fini(viewer);
	free(loop);
	return status;
}

int
viewer_run(struct source *source, const struct viewer_options *options,
	   struct viewer_host *host, struct err *err)
{
	return viewer_run_feed(feed_source(source), options, host, err);
}
