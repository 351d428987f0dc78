/*
 * sites.h - the table of sites: one distinct stack and domain each.
 *
 * A stack is an array of words, innermost first: a return address, or a Python
 * frame (py/py.h) when PY_WORD_TAG is set. Beside each word stands a ref that
 * keeps its meaning when the address is used again: a module id (modules.h)
 * or a code object's id.
 *
 * Two stacks are the same site when all words are equal and none of its Python
 * words has come to mean another code object; a hash that is equal is not
 * enough. Sites are never removed. Look-ups take no lock; a new site takes one
 * that guards memory only.
 *
 * Context: hook.
 */
#ifndef HEAPTOP_AGENT_SITES_H
#define HEAPTOP_AGENT_SITES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SITES_MAX (1u << 24) /* ids fit the live map's entries */

struct site {
	uint64_t hash;
	uint32_t id; /* from 1 */
	uint16_t depth;
	uint8_t domain;	     /* enum wire_domain */
	uint8_t python;	     /* it has Python words */
	uint64_t code_epoch; /* py_code_epoch when the words were last true */
	uint64_t words[];    /* depth of them, then depth refs of 4 bytes */
};

static inline const uint32_t *
site_refs(const struct site *site)
{
	return (const uint32_t *)(site->words + site->depth);
}

/* A hash of the words and the domain. */
uint64_t sites_hash(const uint64_t *words, size_t depth, unsigned domain);

/* Whether site stands for this stack now. */
bool site_is(struct site *, uint64_t hash, const uint64_t *words, size_t depth,
	     unsigned domain);

/* The site of a stack, made if it is new. NULL: no room, counted as a loss. */
struct site *sites_intern(uint64_t hash, const uint64_t *words, size_t depth,
			  unsigned domain);

/* How many there are; ids 1..count are complete. */
uint32_t sites_count(void);
struct site *sites_get(uint32_t id);

void sites_forked(void);

#endif
