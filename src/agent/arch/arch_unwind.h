/*
 * arch_unwind.h - what unwinding asks of each CPU; one header per CPU beside
 * it, which says:
 *
 *	enum arch_register	DWARF's numbers of the registers by name: BP the
 *				frame pointer, SP, PC the return address's
 *				column, and REGISTERS, their count
 *	ARCH_CALLEE_SAVED	which of them a function keeps, a bit each
 *	ARCH_RETURN_AT		where a call leaves its return address, from the
 *				CFA
 *	ARCH_CODE_BITS		of an address of user code
 *	ARCH_CALL_MAX,		the bytes before a return address:
 *	arch_follows_call,	whether they are a call, and of what
 *	arch_call_target
 *	ARCH_JUMP_MAX,		what a jump may look like, and an instruction
 *	arch_jump_target,	that takes an address: where they lead
 *	ARCH_ADDRESS_MAX,
 *	arch_address_taken
 *
 * A compact rule (unwind_table.h) holds one base register, the distance to the
 * CFA and where bp is saved. A CPU whose calls leave the return address in a
 * register needs a field more there, and the loads of unwind_rules.c and
 * unwind_kept.c; rows, expressions, bounds and the rest stay as they are.
 */
#ifndef HEAPTOP_AGENT_ARCH_ARCH_UNWIND_H
#define HEAPTOP_AGENT_ARCH_ARCH_UNWIND_H

#if defined(__x86_64__)
#include "agent/arch/x86_64_unwind.h"
#else
#error "no port of the unwinder to this CPU"
#endif

#endif
