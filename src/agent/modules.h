/*
 * modules.h - the files that addresses in stacks belong to, kept after they
 * are unmapped.
 *
 * Append-only: a module that is closed and another opened at its place are
 * two. Context: hook (modules_intern), ticker (the rest).
 */
#ifndef HEAPTOP_AGENT_MODULES_H
#define HEAPTOP_AGENT_MODULES_H

#include <stdint.h>

struct module {
	uint64_t start;
	uint64_t end;
	uint64_t bias;
	uint64_t epoch; /* modules_epoch when it was last seen to be this one */
	const char *path; /* lives for ever */
	uint8_t build_id[24];
	uint32_t build_id_size;
};

/* The id, from 1, of the module that holds pc; 0: none, or no room. */
uint32_t modules_intern(uint64_t pc);
const struct module *modules_get(uint32_t id);

/* Some module may have been unmapped. */
void modules_changed(void);
void modules_forked(void);
/* Reads the path of the executable; the loader knows it as "". */
void modules_init(void);

#endif
