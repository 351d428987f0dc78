/* family.h - the service made by hand, as one of several processes. */
#ifndef HEAPTOP_TESTS_VIEWER_FAMILY_H
#define HEAPTOP_TESTS_VIEWER_FAMILY_H

#include "fixture.h"
#include "model/merge.h"

#define FAMILY_MEMBERS 3

/* A master and two workers, of which the last one leaks. */
struct family {
	struct made made[FAMILY_MEMBERS];
	struct snapshot whole;
	struct names *names;
	struct merge *merge;
};

/* Shows it in the fixture's viewer, from a mark on. family_end comes after
 * fixture_close. */
void family_show(struct family *, struct fixture *);
void family_end(struct family *);
/* The list of processes, with a family, a process by itself and one that has
 * ended; then half a second later. */
void family_list(struct fixture *);

#endif
