/*
 * memory.h - what a process has resident, by what its mappings are.
 */
#ifndef HEAPTOP_MODEL_MEMORY_H
#define HEAPTOP_MODEL_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

/* X(ID, name in snapshots) */
#define MEMORY_LIST(X)                                                    \
	X(HEAP, "heap")	      /* what brk made: libc's main arena */       \
	X(ARENAS, "arenas")   /* libc's arenas for threads */              \
	X(STACKS, "stacks")   /* of all threads */                         \
	X(ANON, "anonymous")  /* any other private memory */               \
	X(FILES, "files")     /* programs, libraries, data, their .bss */  \
	X(SHARED, "shared")   /* memory that several processes may have */ \
	X(SEGMENT, "segment") /* the agent's, for viewers */               \
	X(MODULE, "agent")    /* the agent's program */

#define MEMORY_ENUM_(id_, name_) MEMORY_##id_,
enum memory_kind { MEMORY_LIST(MEMORY_ENUM_) MEMORY_COUNT };
#undef MEMORY_ENUM_
extern const char *const memory_names[MEMORY_COUNT];

struct memory {
	uint64_t time_ns; /* CLOCK_REALTIME; 0: it was not looked at */
	uint64_t resident[MEMORY_COUNT]; /* bytes */
	bool part; /* mappings were left out: there are too many */
};

#endif
