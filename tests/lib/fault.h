/*
 * fault.h - system calls of the agent that fail when a test wants it.
 *
 * fault.c takes the place of the agent's own safe_syscall. The environment
 * says what fails, so that it can be said before the first constructor:
 *
 *	FAULT_NTH   the nth call of those that can fail does, from 1
 *	FAULT_EVER  1: all later calls of the same kind do too
 *	FAULT_STALL the ticker stops for ever in its nth tick, as if it got no CPU
 */
#ifndef HEAPTOP_TESTS_LIB_FAULT_H
#define HEAPTOP_TESTS_LIB_FAULT_H

#include <stdbool.h>
#include <stdint.h>

/* From now on all calls of this kind (SYS_...) by this thread fail; 0: no more.
 */
void fault_all(long number);

/* Whether a call was made to fail so far, and which (SYS_...). */
bool fault_happened(void);
long fault_number(void);

#endif
