/*
 * container.h - processes of other pid and mount namespaces.
 *
 * A segment names its process by the number that this has for itself. From
 * outside it has another one, and its directory of segments may be mounted for
 * it alone.
 */
#ifndef HEAPTOP_SOURCE_CONTAINER_H
#define HEAPTOP_SOURCE_CONTAINER_H

#include <stdint.h>

/* What we call the process that has this number in that namespace; 0: it is
 * gone, or not to be seen from here. */
uint32_t container_outer(uint64_t pid_ns, uint32_t inner);
/* What a process of ours has for its own number; 0: unknown. */
uint32_t container_inner(uint32_t pid);
/* The pid namespace that one of our processes is in; 0: unknown. */
uint64_t container_namespace(uint32_t pid);

/* Where it has its segments, by a path that leads there from here; owned by the
 * caller. Not through a symbolic link. NULL: nowhere, or where everybody's are.
 */
char *container_directory(uint32_t pid);

#endif
