/*
 * view.h - what the viewer needs from a command line.
 */
#ifndef HEAPTOP_CMD_VIEW_H
#define HEAPTOP_CMD_VIEW_H

#include "cmd/option.h"
#include "viewer/viewer.h"

void view_options(const struct options *, struct viewer_options *);
/* Whether the viewer can open: on a terminal, or by a script. */
bool view_can_open(const struct options *);
/* Whether there is a terminal, which TERM says can show no screen. */
bool view_is_dumb(void);

#endif
