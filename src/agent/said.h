/*
 * said.h - what the program says of itself: marks, units of work done, and
 * whether to record.
 *
 * The calls are those of heaptop.h. They copy what is said into a table and
 * ask for a tick; the ticker writes it into the names log.
 */
#ifndef HEAPTOP_AGENT_SAID_H
#define HEAPTOP_AGENT_SAID_H

#include <stdint.h>

#include "heaptop/wire.h"

#define SAID_TEXT_MAX  255  /* bytes of a mark's text; more is cut */
#define SAID_MARKS_MAX 4096 /* in a process's life; more are lost, counted */

/* The program's. Context: hook. Nothing happens while the agent is off. */
void heaptop_agent_mark(const char *text);
void heaptop_agent_work(uint64_t units);
void heaptop_agent_work_one(void); /* for ctypes: three times as fast */
void heaptop_agent_record(int on);

/* Writes new marks into the names log, with the totals and the tick of this
 * status, and fills in its units of work. Context: ticker. */
void said_publish(struct wire_status *);

/* In a forked child: what its parent has said is not repeated. */
void said_forked(void);

#endif
