/*
 * arch.h - what the agent asks of each CPU; one file per CPU beside it.
 */
#ifndef HEAPTOP_AGENT_ARCH_ARCH_H
#define HEAPTOP_AGENT_ARCH_ARCH_H

#include <stdint.h>

#if defined(__x86_64__)
/* The address of the running thread's descriptor: unique while it lives, and
 * used again for a later thread only when this one is gone. */
static inline uint64_t
arch_thread_pointer(void)
{
	uint64_t self;

	__asm__("mov %%fs:0, %0" : "=r"(self));
	return self;
}
#else
#error "no port of the agent to this CPU"
#endif

#endif
