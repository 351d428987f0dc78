/*
 * arch.h - what the agent asks of each CPU; one file per CPU beside it.
 */
#ifndef HEAPTOP_AGENT_ARCH_ARCH_H
#define HEAPTOP_AGENT_ARCH_ARCH_H

#include <stdbool.h>
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

#if defined(__SANITIZE_THREAD__)
#include "agent/arch/sanitized.h"
#else
/* Adds in one instruction: a signal handler of the same thread comes before or
 * after, and other threads read the old value or the new. They must not add. */
static inline void
arch_add(uint64_t *to, uint64_t value)
{
	__asm__ volatile("addq %1, %0" : "+m"(*to) : "er"(value) : "cc");
}

/* Reads a word in such a way that memory which was never touched is ready to be
 * written to: by a mere load the kernel would map a page of zeros first, and
 * another one at the store. Nobody else may write to the word meanwhile. */
static inline uint32_t
arch_load_to_write_32(uint32_t *word)
{
	uint32_t value = 0;

	__asm__ volatile("xaddl %0, %1" : "+r"(value), "+m"(*word) : : "cc");
	return value;
}

static inline uint64_t
arch_load_to_write_64(void *word)
{
	uint64_t value = 0;

	__asm__ volatile("xaddq %0, %1"
			 : "+r"(value), "+m"(*(char(*)[8])word)
			 :
			 : "cc");
	return value;
}

/* Two words in one instruction, which need not lie in one cache line: each of
 * them is read and written whole, both together perhaps not. */
typedef uint64_t arch_pair __attribute__((aligned(4), may_alias));

static inline uint64_t
arch_pair_load(const uint32_t *words)
{
	return *(const volatile arch_pair *)words;
}

static inline void
arch_pair_store(uint32_t *words, uint64_t value)
{
	*(volatile arch_pair *)words = value;
}
#endif

/* Whether a word in memory is another than the value. The compiler does not see
 * that they are equal if not: it may go on with the one that has come first. */
static inline bool
arch_differs_64(const uint64_t *word, uint64_t value)
{
	bool differs;

	__asm__("cmpq %2, %1" : "=@ccne"(differs) : "m"(*word), "r"(value));
	return differs;
}

/* A clock of cycles, of unknown but constant frequency. */
static inline uint64_t
arch_cycles(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}

/* Relocations that store the address of a function: for a call, for other uses
 * through the global offset table, as data. */
#define ARCH_RELOC_SLOT	   7 /* R_X86_64_JUMP_SLOT */
#define ARCH_RELOC_DATA	   6 /* R_X86_64_GLOB_DAT */
#define ARCH_RELOC_ADDRESS 1 /* R_X86_64_64 */

/* The address of the word that a function returns which does nothing but return
 * it, if it was compiled to what we know: of the calling thread, where the word
 * is in thread-local storage. NULL: cannot be told. */
const uint64_t *arch_returned_word(const void *function);
/* clone, for a thread: it runs main, which does not return, on this stack (the
 * address of its upper end, in multiples of 16) with this descriptor. id_word
 * is for its number, in both senses of clone's flags. Returns the number, or
 * -errno. */
long arch_clone(uint64_t flags, void *stack, uint32_t *id_word,
		uint64_t descriptor, void (*main)(void));
#else
#error "no port of the agent to this CPU"
#endif

#endif
