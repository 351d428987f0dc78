/*
 * guard.h - a hook that is called while one is in progress in its thread
 * (tls.h).
 *
 * Nearly always it is called by the true function of that one, and is none of
 * the program's. But a signal handler may have left that one by longjmp: then
 * its guard is stale, and this hook takes its place. That is seen as soon as
 * one is called from as far out on the stack; those from further in that were
 * called before are counted as lost then.
 *
 * Context: hook.
 */
#ifndef HEAPTOP_AGENT_GUARD_H
#define HEAPTOP_AGENT_GUARD_H

#include <stdbool.h>
#include <stdint.h>

/* Whether the hook in progress was left, now that one with this frame begins.
 * What it held is given up then. */
bool guard_was_left(uint64_t frame);

#endif
