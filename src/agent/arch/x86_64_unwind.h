/*
 * x86_64_unwind.h - what unwinding must know of the CPU: DWARF's numbers of
 * its registers.
 *
 * Source: System V ABI, AMD64 supplement, 1.0, figure 3.36.
 *
 * Context: hook.
 */
#ifndef HEAPTOP_AGENT_ARCH_X86_64_UNWIND_H
#define HEAPTOP_AGENT_ARCH_X86_64_UNWIND_H

enum arch_register {
	ARCH_BX = 3,
	ARCH_BP = 6,
	ARCH_SP = 7,
	ARCH_R12 = 12,
	ARCH_R15 = 15,
	ARCH_PC = 16, /* the column of the return address */
	ARCH_REGISTERS = 17,
};

/* User code lies below; the vsyscall page does not. */
#define ARCH_CODE_BITS 47

#endif
