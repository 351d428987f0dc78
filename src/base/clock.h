/*
 * clock.h - what time it is, in nanoseconds.
 */
#ifndef HEAPTOP_BASE_CLOCK_H
#define HEAPTOP_BASE_CLOCK_H

#include <stdint.h>

uint64_t clock_ns(void);      /* CLOCK_MONOTONIC */
uint64_t clock_wall_ns(void); /* CLOCK_REALTIME */

#endif
