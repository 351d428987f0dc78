/*
 * deep.c - blocks allocated by some 5,000 stacks, 60 to 100 frames deep.
 *
 *   deep PAIRS
 *
 * The stacks are the leaves of a tree that branches every eighth frame; they
 * come in no order, so that two in a row have little more than their outermost
 * frames in common. To be built without frame pointers. Prints how often it
 * called malloc.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define STACKS	  5000
#define SLOTS	  512
#define FUNCTIONS 16
#define NOINLINE  __attribute__((noinline, noclone))

struct order {
	size_t size;
	uint64_t path; /* one bit for eight frames, the outermost's lowest */
};

typedef void *call_fn(const struct order *order, unsigned depth);
static call_fn *const calls[FUNCTIONS];

static inline __attribute__((always_inline)) void *
next(const struct order *order, unsigned depth, unsigned way)
{
	if (depth == 0)
		return malloc(order->size);
	return calls[(depth * 5 + way) % FUNCTIONS](order, depth - 1);
}

/* Frames of several sizes, each with two calls that are not merged to one. */
#define CALL(n_, size_)                                                  \
	static NOINLINE void *call_##n_(const struct order *order,       \
					unsigned depth)                  \
	{                                                                \
		char room[size_];                                        \
		void *block;                                             \
                                                                         \
		__asm__ volatile("" : : "r"(room) : "memory");           \
		if (order->path >> depth / 8 & 1) {                      \
			block = next(order, depth, 1);                   \
			__asm__ volatile("" : "+r"(block)::"memory");    \
		} else {                                                 \
			block = next(order, depth, 2);                   \
			__asm__ volatile("nop" : "+r"(block)::"memory"); \
		}                                                        \
		return block;                                            \
	}
CALL(0, 8)
CALL(1, 40)
CALL(2, 72)
CALL(3, 16)
CALL(4, 104)
CALL(5, 8)
CALL(6, 200)
CALL(7, 24)
CALL(8, 32)
CALL(9, 56)
CALL(10, 8)
CALL(11, 88)
CALL(12, 16)
CALL(13, 24)
CALL(14, 120)
CALL(15, 8)

static call_fn *const calls[FUNCTIONS] = {
    call_0, call_1, call_2,  call_3,  call_4,  call_5,	call_6,	 call_7,
    call_8, call_9, call_10, call_11, call_12, call_13, call_14, call_15};

static uint64_t
next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

int
main(int argc, char **argv)
{
	unsigned long pairs = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000000;
	uint64_t state = UINT64_C(0x9e3779b97f4a7c15);
	static void *slots[SLOTS];

	for (unsigned long i = 0; i < pairs; i++) {
		uint64_t dice = next_random(&state);
		uint64_t stack = (dice >> 32) % STACKS;
		struct order order = {.size = 16 + dice % 1000};

		order.path = stack * UINT64_C(0x9e3779b97f4a7c15) >> 32;
		free(slots[dice % SLOTS]);
		slots[dice % SLOTS] =
		    next(&order, 57 + (unsigned)(stack % 41), 0);
	}
	for (int i = 0; i < SLOTS; i++)
		free(slots[i]);
	printf("%lu\n", pairs);
	return 0;
}
