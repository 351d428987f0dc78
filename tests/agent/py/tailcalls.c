/*
 * tailcalls.c - a loop as compilers make it of the interpreter's: one function,
 * of which what is rare lies elsewhere, and that goes to functions which jump
 * to each other, one for each instruction.
 *
 * Each place says where it is: it calls a witness and keeps what that returns,
 * the address to which it returned.
 */
#include <stdint.h>

#define EXPORT __attribute__((visibility("default")))
#define APART  __attribute__((noinline, noclone))

enum { STOP, ONE, TWO, FAIL, SEEN_COLD, SEEN_OUTSIDE, SEEN_COUNT };

EXPORT uint64_t tail_seen[SEEN_COUNT];
EXPORT long tail_outside(const uint8_t *code);
EXPORT long tail_loop(const uint8_t *code, long sum);

typedef long handler(const uint8_t *code, long sum);
static handler *const handlers[256];

static APART uint64_t
witness(void)
{
	return (uint64_t)__builtin_return_address(0);
}

static APART __attribute__((cold)) uint64_t
cold_witness(void)
{
	return (uint64_t)__builtin_return_address(0);
}

#define NEXT(code_, sum_) return handlers[*(code_)](code_, sum_)

static long
stop(const uint8_t *code, long sum)
{
	(void)code;
	tail_seen[STOP] = witness();
	return sum;
}

static long
one(const uint8_t *code, long sum)
{
	tail_seen[ONE] = witness();
	NEXT(code + 1, sum + 1);
}

static long
two(const uint8_t *code, long sum)
{
	tail_seen[TWO] = witness();
	NEXT(code + 1, sum + 2);
}

/* In no table: handlers jump here. */
static APART long
fail(const uint8_t *code, long sum)
{
	tail_seen[FAIL] = witness();
	if (code[1] == STOP)
		return -sum;
	NEXT(code + 1, -sum);
}

static long
jump(const uint8_t *code, long sum)
{
	return fail(code, sum);
}

static handler *const handlers[256] = {
    [STOP] = stop,
    [ONE] = one,
    [TWO] = two,
    [FAIL ... 255] = jump,
};

static APART long
start(const uint8_t *code, long sum)
{
	NEXT(code, sum);
}

long
tail_outside(const uint8_t *code)
{
	tail_seen[SEEN_OUTSIDE] = witness();
	return tail_loop(code, 0);
}

long
tail_loop(const uint8_t *code, long sum)
{
	long entry[8] = {sum};
	long *volatile kept = entry;

	if (__builtin_expect(!code, 0)) {
		tail_seen[SEEN_COLD] = cold_witness();
		kept[0]++;
	}
	/* What is kept is on the stack: this is no jump. */
	return (code ? start(code, sum) : sum) + kept[0];
}
