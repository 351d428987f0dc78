/*
 * settings.h - what the user wrote down: $XDG_CONFIG_HOME/heaptop/config, or
 * ~/.config/heaptop/config, in lines of
 *
 *	key = value
 *
 * # begins a comment. An option counts more than the environment, and that more
 * than this file. It is written only when the user asks for it, and what is not
 * understood in it stays as it is.
 */
#ifndef HEAPTOP_VIEWER_SETTINGS_H
#define HEAPTOP_VIEWER_SETTINGS_H

#include "viewer/viewer.h"

#define SETTING_MAX 1024 /* of a value, with its NUL */

struct setting {
	const char *key;
	const char *values; /* in words, for the manual */
	const char *help;
	bool (*set)(struct viewer_options *, const char *value, struct err *);
	void (*put)(const struct viewer_options *, char out[SETTING_MAX]);
};
extern const struct setting settings[];
extern const size_t setting_count;

/* The path of a file or folder among the user's settings, to be freed; NULL:
 * neither XDG_CONFIG_HOME nor HOME says where they are. */
char *settings_path(const char *name);

/* Opens a file of the user's for reading, if it is a regular one; never waits.
 * NULL with errno. */
FILE *settings_open(const char *path);

/* Reads path into options, whose texts live as long as the program. No file is
 * no setting. notice gets a line about the first thing that was not understood,
 * or "". */
void settings_read(struct viewer_options *, const char *path, char *notice,
		   size_t notice_size);

/* Writes options to path; other lines of the file stay. */
bool settings_write(const struct viewer_options *, const char *path,
		    struct err *);

/* "0.5": 0.1 to 60 seconds between two updates. */
bool delay_parse(const char *text, double *delay_s, struct err *);

/* "iec", "si", "bytes" */
extern const char *const unit_names[TEXT_UNITS_COUNT];

#endif
