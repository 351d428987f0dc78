/*
 * stubs.h - what the agent's files ask of their neighbours when they are
 * tested alone: the agent's life, unwinding and CPython. All of it is weak, so
 * a test may link the true thing instead.
 */
#ifndef HEAPTOP_TESTS_AGENT_STUBS_H
#define HEAPTOP_TESTS_AGENT_STUBS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct stubs {
	/* unwind_walk gives these, after the caller's own pc. */
	const uint64_t *frames;
	size_t frame_count;
	bool stopped;
	int end; /* enum unwind_end */
	/* py_walk gives these. */
	const uint64_t *python;
	size_t python_count;
	bool python_cut;
	/* py_code_intern and py_code_find. */
	uint32_t (*code)(uint64_t word);
	/* unwind_find_module; NULL: no module anywhere. */
	bool (*module)(uint64_t pc, void *found);
};
extern __thread struct stubs stubs;

/* A new directory for segments, in agent_config; the caller removes it. */
const char *stubs_directory(void);
void stubs_directory_remove(void);

#endif
