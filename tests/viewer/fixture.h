/* fixture.h - a viewer on the service made by hand, without a terminal. */
#ifndef HEAPTOP_TESTS_VIEWER_FIXTURE_H
#define HEAPTOP_TESTS_VIEWER_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants these four before it. */
#include <cmocka.h>

#include "made.h"
#include "viewer/state.h"

struct fixture {
	struct made made;
	struct viewer viewer;
	struct viewer_options options;
	struct viewer_host host;
};

/* 80x24 on the service, drawn once. */
void fixture_open(struct fixture *, const struct viewer_options *, bool hosted);
void fixture_close(struct fixture *);
void fixture_resize(struct fixture *, int width, int height);
/* Names of input.h, separated by spaces; drawn after each. */
void fixture_keys(struct fixture *, const char *names);
void fixture_click(struct fixture *, int y, int x);
/* The service goes on for one tick and the viewer sees it. */
void fixture_step(struct fixture *);

void assert_shows(struct fixture *, const char *text);
void assert_hides(struct fixture *, const char *text);
/* Line y of the screen. */
const char *fixture_line(struct fixture *, int y);
/* The line that has text, -1 none. */
int fixture_find(struct fixture *, const char *text);
enum role fixture_role(struct fixture *, int y, int x);

#endif
