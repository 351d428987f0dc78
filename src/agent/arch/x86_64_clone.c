/*
 * x86_64_clone.c - a thread by one system call.
 *
 * Context: hook.
 */
#include "config.h"

#include <sys/syscall.h>

#include "agent/arch/arch.h"

/* Where the new thread begins nobody has called it: whoever walks its stack
 * ends there. */
long
arch_clone(uint64_t flags, void *stack, uint32_t *id_word, uint64_t descriptor,
	   void (*main)(void))
{
	register uint32_t *r10 __asm__("r10") = id_word;
	register uint64_t r8 __asm__("r8") = descriptor;
	register void (*r9)(void) __asm__("r9") = main;
	long result;

	__asm__ volatile("syscall\n\t"
			 "test %%rax, %%rax\n\t"
			 "jnz 1f\n\t"
			 ".cfi_remember_state\n\t"
			 ".cfi_undefined rip\n\t"
			 "xor %%ebp, %%ebp\n\t"
			 "call *%%r9\n\t"
			 "hlt\n\t"
			 ".cfi_restore_state\n"
			 "1:"
			 : "=a"(result)
			 : "a"((long)SYS_clone), "D"(flags), "S"(stack),
			   "d"(id_word), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory", "cc");
	return result;
}
