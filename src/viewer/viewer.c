/* viewer.c - the viewer's two doors: show a process, choose a process. */
#include "config.h"

#include "viewer/viewer.h"

int
viewer_run(struct source *source, const struct viewer_options *options,
	   struct viewer_host *host, struct err *err)
{
	(void)source;
	(void)options;
	(void)host;
	err_set(err, "the screen is not built in; use heaptop top -b");
	return 1;
}

int
viewer_pick(const struct viewer_options *options, char **path, struct err *err)
{
	(void)options;
	*path = NULL;
	err_set(err, "the screen is not built in; name a process");
	return 1;
}
