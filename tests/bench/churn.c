/*
 * churn.c - blocks of 16 to 4,095 bytes that come and go, 4,096 at a time.
 *
 *   churn PAIRS [THREADS]
 *
 * 200 sites, each reached on four or five ways of 20 frames: 900 stacks. Of
 * several threads each hands one block in 16 to the next, which frees it. To
 * be built without frame pointers. Prints how often it called malloc.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define SITES	 200
#define SLOTS	 4096
#define THREADS	 64
#define BOXES	 16
#define NOINLINE __attribute__((noinline, noclone))
/* Keeps a call from becoming a jump: the caller's frame must be there. */
#define STAY(pointer_) __asm__ volatile("" : "+r"(pointer_)::"memory")
/* The same, told apart from it: two calls with it are not merged to one. */
#define STAY_TOO(pointer_) __asm__ volatile("nop" : "+r"(pointer_)::"memory")

struct order {
	size_t size;
	uint32_t site;
	uint32_t way; /* one bit a level: which of its two calls to take */
};

struct worker {
	pthread_t id;
	unsigned long pairs;
	struct worker *next;	    /* NULL: nobody to hand blocks to */
	_Atomic(void *) box[BOXES]; /* blocks handed to this one */
	char apart[64];
};

typedef void *site_fn(size_t);

#define SITE(n_)                                     \
	static NOINLINE void *site_##n_(size_t size) \
	{                                            \
		void *block = malloc(size + n_ % 2); \
		STAY(block);                         \
		return block;                        \
	}
#define TEN(X, n_)                                                     \
	X(n_##0)                                                       \
	X(n_##1)                                                       \
	X(n_##2) X(n_##3) X(n_##4) X(n_##5) X(n_##6) X(n_##7) X(n_##8) \
	    X(n_##9)
#define HUNDRED(X, n_)                                                        \
	TEN(X, n_##0)                                                         \
	TEN(X, n_##1)                                                         \
	TEN(X, n_##2) TEN(X, n_##3) TEN(X, n_##4) TEN(X, n_##5) TEN(X, n_##6) \
	    TEN(X, n_##7) TEN(X, n_##8) TEN(X, n_##9)
HUNDRED(SITE, 1)
HUNDRED(SITE, 2)

#define NAME(n_) site_##n_,
static site_fn *const sites[SITES] = {HUNDRED(NAME, 1) HUNDRED(NAME, 2)};

static NOINLINE void *
level_0(const struct order *order)
{
	void *block = sites[order->site](order->size);

	STAY(block);
	return block;
}

#define LEVEL(n_, below_)                                           \
	static NOINLINE void *level_##n_(const struct order *order) \
	{                                                           \
		void *block;                                        \
                                                                    \
		if (order->way >> n_ & 1) {                         \
			block = level_##below_(order);              \
			STAY(block);                                \
		} else {                                            \
			block = level_##below_(order);              \
			STAY_TOO(block);                            \
		}                                                   \
		return block;                                       \
	}
LEVEL(1, 0)
LEVEL(2, 1)
LEVEL(3, 2) LEVEL(4, 3) LEVEL(5, 4) LEVEL(6, 5) LEVEL(7, 6) LEVEL(8, 7)
    LEVEL(9, 8) LEVEL(10, 9) LEVEL(11, 10) LEVEL(12, 11) LEVEL(13, 12)
	LEVEL(14, 13) LEVEL(15, 14)

	    static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* Frees a block, or has the next thread free it and frees one handed over. */
static void
let_go(struct worker *worker, void *block, uint64_t dice)
{
	if (worker->next != NULL && dice % 16 == 0) {
		_Atomic(void *) *mine = &worker->box[dice / 16 % BOXES];

		block = atomic_exchange(&worker->next->box[dice / 16 % BOXES],
					block);
		free(atomic_exchange(mine, NULL));
	}
	free(block);
}

static void *
churn(void *argument)
{
	struct worker *worker = argument;
	uint64_t state = UINT64_C(0x9e3779b97f4a7c15);
	void **slots = calloc(SLOTS, sizeof(*slots));

	if (slots == NULL)
		return NULL;
	for (unsigned long i = 0; i < worker->pairs; i++) {
		uint64_t dice = next_random(&state);
		void **slot = &slots[dice % SLOTS];
		struct order order = {.size = 16 + (dice >> 16) % 4080,
				      .site = (dice >> 32) % SITES};

		order.way = (dice >> 48) % (4 + order.site % 2);
		order.way = order.way << 1 | order.way << 9;
		let_go(worker, *slot, dice >> 52);
		*slot = level_15(&order);
	}
	for (int i = 0; i < SLOTS; i++)
		free(slots[i]);
	free(slots);
	return NULL;
}

int
main(int argc, char **argv)
{
	static struct worker workers[THREADS];
	unsigned long pairs = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000000;
	int threads = argc > 2 ? atoi(argv[2]) : 1;

	if (threads < 1 || threads > THREADS)
		return 2;
	pairs /= (unsigned long)threads;
	for (int i = 0; i < threads; i++) {
		workers[i].pairs = pairs;
		if (threads > 1)
			workers[i].next = &workers[(i + 1) % threads];
	}
	for (int i = 1; i < threads; i++)
		if (pthread_create(&workers[i].id, NULL, churn, &workers[i]) !=
		    0)
			return 1;
	churn(&workers[0]);
	for (int i = 1; i < threads; i++)
		pthread_join(workers[i].id, NULL);
	for (int i = 0; i < threads; i++)
		for (int j = 0; j < BOXES; j++)
			free(workers[i].box[j]);
	printf("%lu\n", pairs * (unsigned long)threads);
	return 0;
}
