/* x86_64.c - registers, and the code that is run in the target. */
#include "config.h"

#include <cpuid.h>
#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <ucontext.h>

#include "inject/arch.h"

/* Of the kernel's own, which programs never see but a tracer does. */
enum {
	RESTART_SYS = 512,
	RESTART_NOINTR = 513,
	RESTART_NOHAND = 514,
	RESTART_BLOCK = 516,
};

enum { XSTATE_SW = 464, XSTATE_HEADER = 512, FEATURES_TILE = 3 << 17 };
#define SW_MAGIC1 0x46505853u
#define SW_MAGIC2 0x46505845u

/*
 * rbx is the plan, which is followed by the stack, r12 the size of both. errno
 * is the thread's own and stays as it was. When all is done the thread waits
 * for its tracer in select, which, interrupted, leaves nothing behind for the
 * kernel to restart; without a tracer it returns as from a signal handler.
 */
__asm__(".pushsection .rodata\n"
	".globl arch_code\n"
	".globl arch_code_end\n"
	"arch_code:\n"
	"	mov %rbx, %rdi\n" /* the plan and the stack: to be written */
	"	mov %r12, %rsi\n"
	"	mov $3, %edx\n"
	"	mov $10, %eax\n" /* mprotect */
	"	syscall\n"
	"	call *16(%rbx)\n"
	"	mov %rax, 120(%rbx)\n"
	"	mov (%rax), %ecx\n"
	"	mov %rcx, 128(%rbx)\n"
	"	mov 48(%rbx), %rax\n"
	"	test %rax, %rax\n"
	"	jnz 1f\n"
	"	mov 56(%rbx), %rdi\n"
	"	mov 64(%rbx), %esi\n"
	"	call *24(%rbx)\n"
	"	mov %rax, 88(%rbx)\n"
	"	test %rax, %rax\n"
	"	jz 2f\n"
	"	mov %rax, %rdi\n"
	"	mov 72(%rbx), %rsi\n"
	"	call *32(%rbx)\n"
	"	test %rax, %rax\n"
	"	jz 2f\n"
	"1:	mov %rax, 104(%rbx)\n"
	"	cmpq $0, 8(%rbx)\n"
	"	jne 3f\n"
	"	mov 80(%rbx), %rdi\n"
	"	call *%rax\n"
	"	movslq %eax, %rax\n"
	"	mov %rax, 112(%rbx)\n"
	"	jmp 3f\n"
	"2:	mov 40(%rbx), %rax\n"
	"	test %rax, %rax\n"
	"	jz 3f\n"
	"	call *%rax\n"
	"	mov %rax, 96(%rbx)\n"
	"3:	mov 120(%rbx), %rax\n"
	"	mov 128(%rbx), %rcx\n"
	"	mov %ecx, (%rax)\n"
	"	movq $1, (%rbx)\n"
	"	mov $23, %eax\n" /* select */
	"	xor %edi, %edi\n"
	"	xor %esi, %esi\n"
	"	xor %edx, %edx\n"
	"	xor %r10d, %r10d\n"
	"	lea 136(%rbx), %r8\n"
	"	syscall\n"
	"	cmpq $0, 160(%rbx)\n"
	"	je 4f\n"
	"	xor %edi, %edi\n"
	"	xor %esi, %esi\n"
	"	lea 168(%rbx), %rdx\n"
	"	mov $144, %eax\n" /* sched_setscheduler */
	"	syscall\n"
	"4:	movq $2, (%rbx)\n"
	"	mov 152(%rbx), %rsp\n"
	"	mov $15, %eax\n" /* rt_sigreturn */
	"	syscall\n"
	"	hlt\n"
	"arch_code_end:\n"
	".popsection\n");

#define AT(field_, offset_)                                           \
	_Static_assert(offsetof(struct arch_plan, field_) == offset_, \
		       "the code has another offset")
AT(cancel, 8);
AT(errno_location, 16);
AT(dlopen, 24);
AT(dlsym, 32);
AT(dlerror, 40);
AT(entry, 48);
AT(path, 56);
AT(flags, 64);
AT(symbol, 72);
AT(settings, 80);
AT(handle, 88);
AT(problem, 96);
AT(found, 104);
AT(answer, 112);
AT(errno_at, 120);
AT(errno_was, 128);
AT(seconds, 136);
AT(frame, 152);
AT(hurries, 160);
AT(ordinary, 168);

bool
arch_regs_read(pid_t tid, struct user_regs_struct *regs)
{
	struct iovec part = {regs, sizeof(*regs)};

	return ptrace(PTRACE_GETREGSET, tid, NT_PRSTATUS, &part) == 0 &&
	       part.iov_len == sizeof(*regs);
}

bool
arch_regs_write(pid_t tid, const struct user_regs_struct *regs)
{
	struct iovec part = {(void *)regs, sizeof(*regs)};

	return ptrace(PTRACE_SETREGSET, tid, NT_PRSTATUS, &part) == 0;
}

bool
arch_read(pid_t tid, struct arch_state *state)
{
	struct iovec part = {state->xstate, sizeof(state->xstate)};

	if (ptrace(PTRACE_GETREGSET, tid, NT_X86_XSTATE, &part) != 0)
		return false;
	/* Cut off is worse than not read at all. */
	if (part.iov_len >= sizeof(state->xstate))
		return false;
	state->xstate_size = part.iov_len;
	return ptrace(PTRACE_GETSIGMASK, tid, sizeof(state->signals),
		      &state->signals) == 0 &&
	       arch_regs_read(tid, &state->regs);
}

bool
arch_write(pid_t tid, const struct arch_state *state)
{
	struct iovec part = {(void *)state->xstate, state->xstate_size};
	bool good = ptrace(PTRACE_SETREGSET, tid, NT_X86_XSTATE, &part) == 0;

	good &= ptrace(PTRACE_SETSIGMASK, tid, sizeof(state->signals),
		       &state->signals) == 0;
	good &= arch_regs_write(tid, &state->regs);
	return good;
}

long
arch_call(const struct user_regs_struct *regs, uint64_t args[6])
{
	args[0] = regs->rdi;
	args[1] = regs->rsi;
	args[2] = regs->rdx;
	args[3] = regs->r10;
	args[4] = regs->r8;
	args[5] = regs->r9;
	return (long)regs->orig_rax;
}

bool
arch_call_fails(long call)
{
	switch (call) {
	case SYS_epoll_wait:
	case SYS_epoll_pwait:
	case SYS_epoll_pwait2:
	case SYS_semop:
	case SYS_semtimedop:
	case SYS_io_getevents:
	case SYS_io_pgetevents:
	case SYS_rt_sigtimedwait:
		return true;
	default:
		return false;
	}
}

static bool
is_epoll(long call)
{
	return call == SYS_epoll_wait || call == SYS_epoll_pwait;
}

bool
arch_call_again(struct user_regs_struct *regs, uint64_t waited_ms)
{
	long call = (long)regs->orig_rax;
	int timeout = (int)regs->r10;

	/* close has done its work by then, and a signal was waited for. */
	if (call < 0 || (long)regs->rax != -EINTR || call == SYS_close ||
	    call == SYS_pause || call == SYS_rt_sigsuspend)
		return false;
	if (is_epoll(call) && timeout > 0)
		regs->r10 = waited_ms < (uint64_t)timeout
				? (uint64_t)timeout - waited_ms
				: 0;
	regs->rax = (uint64_t)call;
	regs->rip -= 2;
	regs->orig_rax = (uint64_t)-1;
	return true;
}

void
arch_syscall_prepare(struct user_regs_struct *regs, uint64_t pc, long call,
		     const uint64_t args[6])
{
	regs->rip = pc;
	regs->rax = (uint64_t)call;
	regs->orig_rax = (uint64_t)-1;
	regs->rdi = args[0];
	regs->rsi = args[1];
	regs->rdx = args[2];
	regs->r10 = args[3];
	regs->r8 = args[4];
	regs->r9 = args[5];
}

long
arch_syscall_result(const struct user_regs_struct *regs)
{
	return (long)regs->rax;
}

size_t
arch_syscall_find(const uint8_t *code, size_t size)
{
	for (size_t i = 0; i + 1 < size; i++)
		if (code[i] == 0x0f && code[i + 1] == 0x05)
			return i;
	return size;
}

bool
arch_is_sigreturn(const uint8_t *code)
{
	/* mov $15, %rax; syscall */
	return memcmp(code, "\x48\xc7\xc0\x0f\0\0\0\x0f\x05", 9) == 0;
}

/* E8 rel32; FF /2 with a register, or memory with what follows it. */
bool
arch_is_after_call(const uint8_t *code)
{
	if (code[3] == 0xe8)
		return true;
	for (int length = 2; length <= 7; length++)
		if (code[8 - length] == 0xff &&
		    (code[9 - length] & 0x38) == 0x10)
			return true;
	return false;
}

void
arch_frame_read(const uint8_t *frame, uint64_t *pc, uint64_t *sp)
{
	const size_t gregs = offsetof(ucontext_t, uc_mcontext.gregs);

	memcpy(pc, frame + gregs + REG_RIP * sizeof(greg_t), sizeof(*pc));
	memcpy(sp, frame + gregs + REG_RSP * sizeof(greg_t), sizeof(*sp));
}
_Static_assert(offsetof(ucontext_t, uc_mcontext.gregs) +
		       (REG_RIP + 1) * sizeof(greg_t) <=
		   ARCH_FRAME_SIZE,
	       "the frame has the pc");

void
arch_plan_prepare(struct user_regs_struct *regs, uint64_t code, uint64_t plan,
		  uint64_t end)
{
	regs->rip = code;
	regs->rbx = plan;
	regs->r12 = end - plan;
	regs->rbp = 0;
	regs->rsp = end & ~UINT64_C(15);
	regs->orig_rax = (uint64_t)-1;
	regs->eflags &= ~UINT64_C(0x40500); /* no trap, direction, alignment */
}

/* Bytes of the features that may be on: a task that never asked for tiles has
 * no room for them in its frames. */
static size_t
frame_xstate_size(const struct arch_state *state, uint64_t *features)
{
	size_t size = XSTATE_HEADER + 64;
	uint64_t used, all;

	memcpy(&all, state->xstate + XSTATE_SW, sizeof(all));
	memcpy(&used, state->xstate + XSTATE_HEADER, sizeof(used));
	*features = all & (used | ~(uint64_t)FEATURES_TILE);
	for (unsigned i = 2; i < 63; i++) {
		unsigned bytes, offset, flags, none;

		if (!(*features >> i & 1))
			continue;
		__cpuid_count(13, i, bytes, offset, flags, none);
		if (offset + (size_t)bytes > size)
			size = offset + (size_t)bytes;
	}
	return size;
}

/* As the kernel would have left it for a signal handler. */
static void
frame_regs(const struct user_regs_struct *regs, ucontext_t *context)
{
	greg_t *out = context->uc_mcontext.gregs;
	long result = (long)regs->rax;

	out[REG_R8] = (greg_t)regs->r8;
	out[REG_R9] = (greg_t)regs->r9;
	out[REG_R10] = (greg_t)regs->r10;
	out[REG_R11] = (greg_t)regs->r11;
	out[REG_R12] = (greg_t)regs->r12;
	out[REG_R13] = (greg_t)regs->r13;
	out[REG_R14] = (greg_t)regs->r14;
	out[REG_R15] = (greg_t)regs->r15;
	out[REG_RDI] = (greg_t)regs->rdi;
	out[REG_RSI] = (greg_t)regs->rsi;
	out[REG_RBP] = (greg_t)regs->rbp;
	out[REG_RBX] = (greg_t)regs->rbx;
	out[REG_RDX] = (greg_t)regs->rdx;
	out[REG_RAX] = (greg_t)regs->rax;
	out[REG_RCX] = (greg_t)regs->rcx;
	out[REG_RSP] = (greg_t)regs->rsp;
	out[REG_RIP] = (greg_t)regs->rip;
	out[REG_EFL] = (greg_t)regs->eflags;
	out[REG_CSGSFS] = (greg_t)((regs->cs & 0xffff) | regs->ss << 48);
	if ((long)regs->orig_rax < 0)
		return;
	if (result == -RESTART_BLOCK) {
		out[REG_RAX] = -EINTR;
	} else if (result == -RESTART_SYS || result == -RESTART_NOINTR ||
		   result == -RESTART_NOHAND) {
		out[REG_RAX] = (greg_t)regs->orig_rax;
		out[REG_RIP] -= 2;
	}
}

size_t
arch_frame_make(const struct arch_state *state, uint64_t address, void *out,
		size_t room)
{
	enum { CONTEXT = 512, FLAGS = 7 /* xstate, ss, and its strict form */ };
	uint64_t features;
	size_t size = frame_xstate_size(state, &features);
	uint8_t *xstate = (uint8_t *)out + CONTEXT;
	ucontext_t context = {.uc_flags = FLAGS};
	uint32_t words[4] = {SW_MAGIC1, (uint32_t)size + 4};
	uint32_t end = SW_MAGIC2;
	uint32_t stored = (uint32_t)size;

	if (CONTEXT + size + sizeof(end) > room || size > state->xstate_size)
		return 0;
	memset(out, 0, CONTEXT);
	frame_regs(&state->regs, &context);
	/* A stack for handlers that makes no sense leaves the one there is. */
	context.uc_stack.ss_flags = 0x7fff;
	context.uc_mcontext.fpregs = (void *)(address + CONTEXT);
	memcpy(out, &context, offsetof(ucontext_t, uc_sigmask));
	memcpy((uint8_t *)out + offsetof(ucontext_t, uc_sigmask),
	       &state->signals, sizeof(state->signals));
	memcpy(xstate, state->xstate, size);
	memset(xstate + XSTATE_SW, 0, XSTATE_HEADER - XSTATE_SW);
	memcpy(xstate + XSTATE_SW, words, 8);
	memcpy(xstate + XSTATE_SW + 8, &features, sizeof(features));
	memcpy(xstate + XSTATE_SW + 16, &stored, sizeof(stored));
	memcpy(xstate + size, &end, sizeof(end));
	return CONTEXT + size + sizeof(end);
}
