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

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum arch_register {
	ARCH_BX = 3,
	ARCH_BP = 6,
	ARCH_SP = 7,
	ARCH_R12 = 12,
	ARCH_R15 = 15,
	ARCH_PC = 16, /* the column of the return address */
	ARCH_REGISTERS = 17,
};

/* What a function keeps for its caller. */
#define ARCH_CALLEE_SAVED (1u << ARCH_BX | 1u << ARCH_BP | 0xfu << ARCH_R12)

#define ARCH_RETURN_AT (-8)

/* User code lies below; the vsyscall page does not. */
#define ARCH_CODE_BITS 47

/* The longest call instruction: so many bytes before a return address. */
#define ARCH_CALL_MAX 7

/* Whether the bytes before a return address end with a call instruction: E8
 * with a distance, or FF /2 in the lengths that its operand can have. */
static inline bool
arch_follows_call(const uint8_t *at)
{
	bool has_index; /* a SIB byte follows, and moves the opcode */

	if (at[-5] == 0xe8)
		return true;
	for (int size = 2; size <= ARCH_CALL_MAX; size++) {
		uint8_t mode = at[1 - size];
		int wanted = 2;

		if (at[-size] != 0xff || (mode & 0x38) != 0x10)
			continue;
		has_index = mode < 0xc0 && (mode & 7) == 4;
		if (has_index)
			wanted++;
		if (mode >> 6 == 1)
			wanted++;
		if (mode >> 6 == 2 || (mode & 0xc7) == 5)
			wanted += 4;
		if (wanted == size)
			return true;
	}
	return false;
}

/* Where the call before a return address went; 0: it does not say. */
static inline uint64_t
arch_call_target(const uint8_t *at)
{
	int32_t distance;

	if (at[-5] != 0xe8)
		return 0;
	memcpy(&distance, at - 4, sizeof(distance));
	return (uint64_t)at + (uint64_t)(int64_t)distance;
}

/* The longest direct jump. */
#define ARCH_JUMP_MAX 6

/* Where bytes that look like a direct jump lead, EB or 70 to 7F with a distance
 * of 8 bits, E9 or 0F 80 to 0F 8F with one of 32; 0: they do not. */
static inline uint64_t
arch_jump_target(const uint8_t *at)
{
	int32_t distance;

	if (*at == 0xeb || (*at & 0xf0) == 0x70)
		return (uint64_t)at + 2 + (uint64_t)(int64_t)(int8_t)at[1];
	if (*at == 0x0f && (at[1] & 0xf0) == 0x80)
		at++;
	else if (*at != 0xe9)
		return 0;
	memcpy(&distance, at + 1, sizeof(distance));
	return (uint64_t)at + 5 + (uint64_t)(int64_t)distance;
}

/* The longest instruction that takes an address. */
#define ARCH_ADDRESS_MAX 7

/* The address that such bytes seem to take, relative to theirs: lea, with REX.W
 * (and R); 0: they do not. */
static inline uint64_t
arch_address_taken(const uint8_t *at)
{
	int32_t distance;

	if ((*at | 4) != 0x4c || at[1] != 0x8d || (at[2] & 0xc7) != 5)
		return 0;
	memcpy(&distance, at + 3, sizeof(distance));
	return (uint64_t)at + 7 + (uint64_t)(int64_t)distance;
}

#endif
