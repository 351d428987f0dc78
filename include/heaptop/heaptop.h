/*
 * heaptop.h - what a program may say of itself to whoever watches its heap.
 *
 *	#include <heaptop/heaptop.h>
 *
 *	load_everything();
 *	heaptop_mark("after warm-up");
 *	for (;;) {
 *		serve(next_request());
 *		heaptop_work(1);
 *	}
 *
 * Nothing is linked and nothing is needed at run time. In a process that runs
 * under heaptop its agent answers; in any other each call is a load and a
 * branch. For C and C++, and compilers that know GCC's attributes.
 *
 * The agent must be there when the program, or the shared library that makes
 * these calls, is loaded (`heaptop run`, LD_PRELOAD): the references are weak
 * and bound then, once. An agent that comes later by dlopen is not seen, and
 * in a statically linked program there never is one.
 *
 * Each may be called by any thread and in a signal handler. None blocks,
 * allocates, or changes errno. A child of fork begins without marks and work,
 * and records or does not as its parent did.
 */
#ifndef HEAPTOP_HEAPTOP_H
#define HEAPTOP_HEAPTOP_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef void (*heaptop_mark_fn_)(const char *text);
typedef void (*heaptop_work_fn_)(uint64_t units);
typedef void (*heaptop_record_fn_)(int on);

/*
 * The address of a function of the agent, in a pointer. Of a weak function
 * that is absent the linker makes 0 for good where code is not built to be
 * moved (-fno-pic); what stands in the global offset table is left to the
 * loader everywhere.
 */
#ifdef __x86_64__
/* In both dialects of assembly that the compiler may write. */
#define HEAPTOP_FIND_(pointer_, name_)                        \
	__asm__(".weak " #name_ "\n\t"                        \
		"{movq " #name_ "@GOTPCREL(%%rip), %0|"       \
		"mov %0, QWORD PTR " #name_ "@GOTPCREL[rip]}" \
		: "=r"(pointer_))
#else
void heaptop_agent_mark(const char *text) __attribute__((weak));
void heaptop_agent_work(uint64_t units) __attribute__((weak));
void heaptop_agent_record(int on) __attribute__((weak));
#define HEAPTOP_FIND_(pointer_, name_) ((pointer_) = name_)
#endif

/* Whether an agent answers. */
static inline int
heaptop_is_loaded(void)
{
	heaptop_mark_fn_ agent;

	HEAPTOP_FIND_(agent, heaptop_agent_mark);
	return agent != 0;
}

/*
 * Gives this moment a name, for people: "after warm-up". The totals of the
 * next few milliseconds are published with it, and stay where a viewer that
 * comes later finds them. UTF-8, cut at 255 bytes, copied. A process may make
 * 4,096; those beyond are counted as lost.
 */
static inline void
heaptop_mark(const char *text)
{
	heaptop_mark_fn_ agent;

	HEAPTOP_FIND_(agent, heaptop_agent_mark);
	if (agent)
		agent(text);
}

/*
 * So many more units of work are done: requests served, rows read, frames
 * drawn; what a unit is, the program decides. heaptop then shows the bytes
 * kept for each, which a change of load leaves as they are.
 */
static inline void
heaptop_work(uint64_t units)
{
	heaptop_work_fn_ agent;

	HEAPTOP_FIND_(agent, heaptop_agent_work);
	if (agent)
		agent(units);
}

/* From now on new blocks are recorded, as they are from the start on ... */
static inline void
heaptop_start(void)
{
	heaptop_record_fn_ agent;

	HEAPTOP_FIND_(agent, heaptop_agent_record);
	if (agent)
		agent(1);
}

/* ... or they are not. Those recorded before go on to be counted until they are
 * freed. It is for the whole process; the last one to say so is obeyed. */
static inline void
heaptop_stop(void)
{
	heaptop_record_fn_ agent;

	HEAPTOP_FIND_(agent, heaptop_agent_record);
	if (agent)
		agent(0);
}

#ifdef __cplusplus
}
#endif

#endif
