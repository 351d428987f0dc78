/*
 * life.h - switches the agent of a process on and off.
 */
#ifndef HEAPTOP_CMD_LIFE_H
#define HEAPTOP_CMD_LIFE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/*
 * Wishes that the agent of a process records, or leaves it alone, and waits
 * until it is so: five seconds at most. *sleeps, or NULL: it is still in the
 * process, asleep, since it was preloaded. False with one line; that there is
 * no agent in the process is one, too.
 */
bool life_switch(uint32_t pid, bool on, bool *sleeps, struct err *);

#endif
