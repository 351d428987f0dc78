/*
 * hidden.h - how the agent declares its variables.
 *
 * -fvisibility=hidden is for definitions. Where only the declaration is in
 * sight, a compiler takes the address of a variable from a table first, unless
 * it is told that nobody else can define it.
 */
#ifndef HEAPTOP_AGENT_HIDDEN_H
#define HEAPTOP_AGENT_HIDDEN_H

#define HIDDEN __attribute__((visibility("hidden")))

#endif
