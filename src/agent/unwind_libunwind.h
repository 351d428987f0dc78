/*
 * unwind_libunwind.h - libunwind as the unwinder, or as the referee.
 *
 * Never linked: its _Unwind_* symbols would take the host's place. It locks,
 * opens descriptors and needs much stack, so it is for tests and for CPUs that
 * have no rules.
 *
 * Context: hook, but libunwind_init: setup.
 */
#ifndef HEAPTOP_AGENT_UNWIND_LIBUNWIND_H
#define HEAPTOP_AGENT_UNWIND_LIBUNWIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* False: it is not installed. */
bool libunwind_init(void);

/* The frames from the one whose return address is pc outwards, at most max.
 * 0: that one was not met. */
size_t libunwind_walk(uint64_t pc, uint64_t *pcs, size_t max);

#endif
