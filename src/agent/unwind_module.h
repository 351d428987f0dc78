/*
 * unwind_module.h - the module of a pc, without a lock.
 *
 * Context: hook.
 */
#ifndef HEAPTOP_AGENT_UNWIND_MODULE_H
#define HEAPTOP_AGENT_UNWIND_MODULE_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/unwind_cfi.h"

/* Once, in set-up. with_loader: ask _dl_find_object if there is one. */
void module_init(bool with_loader);

/* The module of pc as an image to read CFI from; name may be NULL. */
bool module_find(uint64_t pc, struct cfi_image *, const char **name);

/* Fills the table that is used where the loader cannot be asked.
 * Context: setup, ticker. */
void module_scan(void);

/* Whether value can be what a call in a module's code has pushed. */
bool module_is_return(uint64_t value);

#endif
