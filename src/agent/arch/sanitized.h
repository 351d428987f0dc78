/*
 * sanitized.h - what arch.h does with words of memory, in C: ThreadSanitizer
 * sees neither assembler nor that volatile words are meant to be shared.
 */
#ifndef HEAPTOP_AGENT_ARCH_SANITIZED_H
#define HEAPTOP_AGENT_ARCH_SANITIZED_H

#include <stdint.h>

static inline void
arch_add(uint64_t *to, uint64_t value)
{
	value += __atomic_load_n(to, __ATOMIC_RELAXED);
	__atomic_store_n(to, value, __ATOMIC_RELAXED);
}

static inline uint64_t
arch_pair_load(const uint32_t *words)
{
	uint64_t low = __atomic_load_n(&words[0], __ATOMIC_RELAXED);

	return (uint64_t)__atomic_load_n(&words[1], __ATOMIC_RELAXED) << 32 |
	       low;
}

static inline void
arch_pair_store(uint32_t *words, uint64_t value)
{
	__atomic_store_n(&words[0], (uint32_t)value, __ATOMIC_RELAXED);
	__atomic_store_n(&words[1], (uint32_t)(value >> 32), __ATOMIC_RELAXED);
}

static inline uint32_t
arch_load_to_write_32(uint32_t *word)
{
	return __atomic_fetch_add(word, 0, __ATOMIC_RELAXED);
}

static inline uint64_t
arch_load_to_write_64(void *words)
{
	return arch_pair_load(words);
}

#endif
