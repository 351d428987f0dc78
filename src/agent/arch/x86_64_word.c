/*
 * x86_64_word.c - which word a function returns that does nothing else.
 *
 * Context: hook.
 */
#include "config.h"

#include "agent/arch/arch.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

extern void *__tls_get_addr(void *index);

/* What is read of code, byte by byte. */
struct code {
	const uint8_t *at;
};

static bool
follows(struct code *code, const char *bytes, size_t size)
{
	if (memcmp(code->at, bytes, size) != 0)
		return false;
	code->at += size;
	return true;
}
#define FOLLOWS(code_, bytes_) follows(code_, bytes_, sizeof(bytes_) - 1)

static int64_t
number(struct code *code)
{
	int32_t value;

	memcpy(&value, code->at, sizeof(value));
	code->at += sizeof(value);
	return value;
}

/* What a displacement from the next instruction leads to. */
static const void *
relative(struct code *code)
{
	int64_t distance = number(code);

	return code->at + distance;
}

/* At a distance from the thread pointer. */
static const char *
local_word(struct code *code)
{
	return (const char *)arch_thread_pointer() + number(code);
}

/* After `mov distance(%rip), %rax`: the word itself, or an entry of the global
 * offset table that leads to it. */
static const uint64_t *
word_or_entry(struct code *code)
{
	const uint64_t *const *entry = relative(code);
	const char *base;
	int64_t distance = 0;

	if (FOLLOWS(code, "\xc3"))
		return (const uint64_t *)entry;
	base = (const char *)*entry;
	if (FOLLOWS(code, "\x64\x48\x8b\x00"))
		base += arch_thread_pointer();
	else if (FOLLOWS(code, "\x48\x8b\x80"))
		distance = number(code);
	else if (!FOLLOWS(code, "\x48\x8b\x00"))
		return NULL;
	return FOLLOWS(code, "\xc3") ? (const uint64_t *)(base + distance)
				     : NULL;
}

/* After `sub $8, %rsp`: the general dynamic model, which the linker may have
 * made a distance from the thread pointer. */
static const uint64_t *
dynamic_word(struct code *code)
{
	const char *word;

	if (FOLLOWS(code, "\x66\x48\x8d\x3d")) {
		const void *index = relative(code);

		if (!FOLLOWS(code, "\x66\x66\x48\xe8"))
			return NULL;
		word = __tls_get_addr((void *)index);
		number(code);
	} else if (FOLLOWS(code, "\x64\x48\x8b\x04\x25\0\0\0\0"
				 "\x48\x8d\x80")) {
		word = local_word(code);
	} else {
		return NULL;
	}
	return FOLLOWS(code, "\x48\x8b\x00\x48\x83\xc4\x08\xc3")
		   ? (const uint64_t *)word
		   : NULL;
}

const uint64_t *
arch_returned_word(const void *function)
{
	struct code code = {function};
	const char *word;

	FOLLOWS(&code, "\xf3\x0f\x1e\xfa"); /* endbr64 */
	if (FOLLOWS(&code, "\x48\x8b\x05"))
		return word_or_entry(&code);
	if (FOLLOWS(&code, "\x48\x83\xec\x08"))
		return dynamic_word(&code);
	if (FOLLOWS(&code, "\x64\x48\x8b\x04\x25")) {
		word = local_word(&code);
	} else if (FOLLOWS(&code, "\x48\xc7\xc0")) {
		word = local_word(&code);
		if (!FOLLOWS(&code, "\x64\x48\x8b\x00"))
			return NULL;
	} else {
		return NULL;
	}
	return FOLLOWS(&code, "\xc3") ? (const uint64_t *)word : NULL;
}
