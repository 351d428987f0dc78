/* action_program.c - handlers: the viewer itself. */
#include "config.h"

#include "viewer/action.h"
#include "viewer/view.h"

static const double delays[] = {0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60};
#define DELAYS (sizeof(delays) / sizeof(*delays))

unsigned
do_pause(struct viewer *viewer, enum command_id command, uint32_t key)
{
	(void)command, (void)key;
	past_pause(viewer, !viewer->paused);
	if (viewer->paused)
		return STALE_DRAW;
	return viewer_refresh(viewer) | STALE_ROWS;
}

unsigned
do_delay_step(struct viewer *viewer, enum command_id command, uint32_t key)
{
	double delay = viewer->delay_s;

	(void)key;
	if (command == COMMAND_FASTER) {
		for (size_t i = 0; i < DELAYS && delays[i] < viewer->delay_s;
		     i++)
			delay = delays[i];
	} else {
		for (size_t i = DELAYS;
		     i > 0 && delays[i - 1] > viewer->delay_s; i--)
			delay = delays[i - 1];
	}
	viewer->delay_s = delay;
	viewer_message(viewer, ROLE_ACCENT, "an update every %g s", delay);
	return STALE_DRAW;
}

unsigned
do_redraw(struct viewer *viewer, enum command_id command, uint32_t key)
{
	(void)viewer, (void)command, (void)key;
	return STALE_DRAW | STALE_TERMINAL;
}

unsigned
do_suspend(struct viewer *viewer, enum command_id command, uint32_t key)
{
	(void)command, (void)key;
	viewer->suspend = true;
	return STALE_DRAW | STALE_TERMINAL;
}

enum leave { LEAVE_RUNNING, LEAVE_STOPPED, LEAVE_NOT };

static unsigned
choose_leave(struct viewer *viewer, int value)
{
	struct viewer_host *host = viewer->host;

	if (value == LEAVE_NOT)
		return STALE_DRAW;
	host->left =
	    value == LEAVE_STOPPED ? VIEWER_LEFT_STOPPED : VIEWER_LEFT_RUNNING;
	if (value == LEAVE_STOPPED && host->stop)
		host->stop(host->context);
	viewer->quit = true;
	return 0;
}

unsigned
do_quit(struct viewer *viewer, enum command_id command, uint32_t key)
{
	struct menu *menu = &viewer->menu;

	(void)command, (void)key;
	if (!viewer->host || !viewer->host->exited || viewer->child_ended) {
		viewer->quit = true;
		return 0;
	}
	*menu = (struct menu){
	    .title = "The program is still running",
	    .entries = {{'l', "leave it running", "heaptop finds it again",
			 LEAVE_RUNNING},
			{'s', "stop it", "SIGTERM", LEAVE_STOPPED},
			{'c', "cancel", "stay here", LEAVE_NOT}},
	    .count = 3,
	    .choose = choose_leave,
	};
	return STALE_DRAW;
}
