/*
 * real.h - the true functions below the hooks: libc's, or those of whichever
 * allocator is loaded behind the agent.
 *
 * Context: hook. real_init may run in the first call of any hook, before any
 * constructor. While it runs, dlsym may allocate: the pool serves that.
 */
#ifndef HEAPTOP_AGENT_REAL_H
#define HEAPTOP_AGENT_REAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define REAL_FIELD_(result_, name_, params_, args_, exported_) \
	result_(*name_) params_;

struct real {
#define HOOK REAL_FIELD_
#include "agent/hidden.h"
#include "agent/hooks.def"
#undef HOOK
};

extern HIDDEN struct real real;
extern HIDDEN bool real_ready;
/* The agent was loaded when the program ran already (dlopen, not LD_PRELOAD):
 * nobody calls its hooks by themselves. Known with real_ready. */
extern HIDDEN bool real_is_late;
/* Preloaded, but another malloc stands before it: it is not asked. */
extern HIDDEN bool real_is_behind;

void real_init(void);
/* Whether the true malloc is the one of libc, which calls no hook. */
bool real_is_libc(void);

/* Memory for whoever allocates while real_init looks for the true malloc.
 * Never given back; pool_owns tells its blocks, which hooks must not pass on.
 */
void *pool_alloc(size_t alignment, size_t size);
bool pool_owns(const void *block);
/* False is certain; true before the true functions are known. For any pointer,
 * NULL too. */
struct pool_range {
	uintptr_t start;
	uintptr_t size;
};
extern HIDDEN struct pool_range pool_range;
static inline bool
pool_may_own(const void *block)
{
	return (uintptr_t)block - pool_range.start < pool_range.size;
}
size_t pool_size(const void *block);

#endif
