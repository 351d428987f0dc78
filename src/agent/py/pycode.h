/*
 * pycode.h - what pycode.c offers beyond py.h.
 */
#ifndef HEAPTOP_AGENT_PY_PYCODE_H
#define HEAPTOP_AGENT_PY_PYCODE_H

/* In a forked child: no other thread is inside any more. */
void py_code_forked(void);

#endif
