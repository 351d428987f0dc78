/* arch.h - what differs between processors: registers and the code that is
 * run in the target. One file of the processor's name has it all. */
#ifndef HEAPTOP_INJECT_ARCH_H
#define HEAPTOP_INJECT_ARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/user.h>

#define ARCH_XSTATE_MAX	 65536
#define ARCH_ELF_MACHINE 62 /* EM_X86_64 */

/* Everything that makes up the state of a thread that is stopped. */
struct arch_state {
	struct user_regs_struct regs;
	uint64_t signals; /* those blocked */
	size_t xstate_size;
	uint8_t xstate[ARCH_XSTATE_MAX] __attribute__((aligned(64)));
};

bool arch_read(pid_t, struct arch_state *);
bool arch_write(pid_t, const struct arch_state *);
/* The general registers only. */
bool arch_regs_read(pid_t, struct user_regs_struct *);
bool arch_regs_write(pid_t, const struct user_regs_struct *);

static inline uint64_t
arch_pc(const struct user_regs_struct *regs)
{
	return regs->rip;
}

static inline uint64_t
arch_sp(const struct user_regs_struct *regs)
{
	return regs->rsp;
}

/* The system call that a stop has interrupted, with its arguments, or -1. */
long arch_call(const struct user_regs_struct *, uint64_t args[6]);
/*
 * A stop makes some calls fail with EINTR where no signal handler ran: has such
 * a one begin again. waited_ms is how long it had waited, and comes off its
 * timeout where that is an argument. Returns whether anything was changed.
 */
bool arch_call_again(struct user_regs_struct *, uint64_t waited_ms);
/* Whether that call is one of those. */
bool arch_call_fails(long call);

/* Sets the thread up to make a system call at pc, which must be on its
 * instruction; the result of it, once it has returned. */
void arch_syscall_prepare(struct user_regs_struct *, uint64_t pc, long call,
			  const uint64_t args[6]);
long arch_syscall_result(const struct user_regs_struct *);
/* Where in code the instruction is, or size. */
size_t arch_syscall_find(const uint8_t *code, size_t size);
/* Whether code, 9 bytes, is what a signal handler returns to. */
bool arch_is_sigreturn(const uint8_t *code);
/* Whether a call instruction may end at the end of code, 8 bytes. */
bool arch_is_after_call(const uint8_t *code);
/* Bytes of a signal frame behind its return address that tell where the thread
 * was, and how. */
enum { ARCH_FRAME_SIZE = 256 };
void arch_frame_read(const uint8_t *frame, uint64_t *pc, uint64_t *sp);

/*
 * What the code that is run in the target reads and writes; it stands in the
 * target's memory. The assembler code has the offsets.
 */
struct arch_plan {
	uint64_t state;	 /* enum arch_plan_state */
	uint64_t cancel; /* not 0: do not call the entry any more */
	uint64_t errno_location;
	uint64_t dlopen;
	uint64_t dlsym;
	uint64_t dlerror; /* 0: there is none */
	uint64_t entry;	  /* 0: to be found by dlopen and dlsym */
	uint64_t path;
	uint64_t flags;
	uint64_t symbol;
	uint64_t settings;
	uint64_t handle; /* what came of it */
	uint64_t problem;
	uint64_t found;
	int64_t answer;
	uint64_t errno_at;
	uint64_t errno_was;
	uint64_t seconds; /* that it waits for us; then it goes by itself */
	uint64_t microseconds;
	uint64_t frame;	  /* to return by itself */
	uint64_t hurries; /* it is to make itself an ordinary thread then */
	uint64_t ordinary;
};
enum arch_plan_state { PLAN_RUNS, PLAN_DONE, PLAN_LEAVES };

extern const uint8_t arch_code[];
extern const uint8_t arch_code_end[];

/* Sets the thread up to run the code, which is at `code`. It makes what is from
 * the plan to `end`, where its stack begins, writable for itself. */
void arch_plan_prepare(struct user_regs_struct *, uint64_t code, uint64_t plan,
		       uint64_t end);
/*
 * A signal frame that brings the thread back to where it was, to be written at
 * `address`, a multiple of 64. Returns its size, or 0 when room does not do.
 */
size_t arch_frame_make(const struct arch_state *, uint64_t address, void *out,
		       size_t room);

#endif
