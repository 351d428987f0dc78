/* walks.c - stacks that lead nowhere, or too far. */
#include "config.h"

#include <execinfo.h>
#include <link.h>
#include <pthread.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unwind.h>

#include "case.h"

KEEPER(kept)
KEEPER(deep_kept)

static void
keep_some(void)
{
	for (int i = 0; i < 10; i++)
		kept(100);
}

/*
 * Calls a function with this as frame pointer and, where its caller's frame
 * would be, words that are no addresses. Nothing describes this code.
 */
void call_lost(void (*function)(void), uint64_t frame, uint64_t word);
__asm__(".text\n"
	".globl call_lost\n"
	".type call_lost, @function\n"
	"call_lost:\n"
	"	push %rbp\n"
	"	push %rbx\n"
	"	mov %rsp, %rbx\n"
	"	mov $40, %ecx\n"
	"1:	push %rdx\n"
	"	dec %ecx\n"
	"	jnz 1b\n"
	"	mov %rsi, %rbp\n"
	"	and $-16, %rsp\n"
	"	call *%rdi\n"
	"	mov %rbx, %rsp\n"
	"	pop %rbx\n"
	"	pop %rbp\n"
	"	ret\n"
	".size call_lost, . - call_lost\n");

static int
run_garbage(void)
{
	char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t here = (uint64_t)(uintptr_t)__builtin_frame_address(0);
	uint64_t words[] = {0,
			    1,
			    UINT64_MAX,
			    UINT64_C(1) << 63,
			    UINT64_C(0x00007ffffffffff8),
			    UINT64_C(0x5a5a5a5a5a5a5a5a),
			    (uint64_t)(uintptr_t)pages + 4096,
			    (uint64_t)(uintptr_t)pages + 4089,
			    here,
			    here + 1,
			    here - 4096,
			    (uint64_t)(uintptr_t)&call_lost,
			    (uint64_t)(uintptr_t)&keep_some + 1};
	size_t count = sizeof(words) / sizeof(*words);

	if (pages == MAP_FAILED || mprotect(pages + 4096, 4096, PROT_NONE))
		return 1;
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < count; j++)
			call_lost(keep_some, words[i], words[j]);
	return 0;
}

/* Machine code that is made, run, and made anew at the same place: the frame
 * of the second has another size. */
static int
run_made_code(void)
{
	unsigned char code[] = {0x48, 0x81, 0xec, 0, 0, 0, 0, /* sub rsp */
				0xff, 0xd7,		      /* call rdi */
				0x48, 0x81, 0xc4, 0, 0, 0, 0, /* add rsp */
				0xc3};
	unsigned char *place = NULL;

	for (int i = 0; i < 200; i++) {
		place = mmap(place, 4096, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (place == MAP_FAILED)
			return 1;
		code[3] = code[12] = (unsigned char)(8 + 16 * (i % 5));
		memcpy(place, code, sizeof(code));
		if (mprotect(place, 4096, PROT_READ | PROT_EXEC))
			return 2;
		((void (*)(void (*)(void)))(void *)place)(keep_some);
		munmap(place, 4096);
	}
	return 0;
}

static NOINLINE int
descend(int depth)
{
	volatile int below = 0;

	if (depth == 0)
		for (int i = 0; i < 50; i++)
			deep_kept(60);
	else
		below = descend(depth - 1);
	return below + 1;
}

static void *
descend_far(void *unused)
{
	for (int i = 0; i < 5; i++)
		descend(100000);
	return unused;
}

static int
run_deep(void)
{
	pthread_attr_t attributes;
	pthread_t thread;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 64 << 20);
	return pthread_create(&thread, &attributes, descend_far, NULL) ||
	       pthread_join(thread, NULL);
}

static ucontext_t main_context, context;

static void
take_turns(void)
{
	for (;;) {
		kept(70);
		swapcontext(&context, &main_context);
	}
}

/* A stack whose memory is a block of the heap, and moves. */
static int
run_switched(void)
{
	for (int round = 0; round < 20; round++) {
		void *stack = malloc(65536);

		getcontext(&context);
		context.uc_stack.ss_sp = stack;
		context.uc_stack.ss_size = 65536;
		context.uc_link = &main_context;
		makecontext(&context, take_turns, 0);
		for (int i = 0; i < 50; i++)
			swapcontext(&main_context, &context);
		free(stack);
	}
	return 0;
}

static _Unwind_Reason_Code
keep_one(struct _Unwind_Context *frame, void *arg)
{
	(void)frame;
	(void)arg;
	kept(30);
	return _URC_NO_REASON;
}

static NOINLINE int
walk(int depth)
{
	volatile int result = 0;

	if (depth)
		result = walk(depth - 1);
	else
		_Unwind_Backtrace(keep_one, NULL);
	return result;
}

static int
keep_for_object(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)info;
	(void)size;
	(void)arg;
	deep_kept(30);
	return 1;
}

/* Allocates while libgcc walks the stack, and with the loader's lock held. */
static int
run_in_unwinder(void)
{
	void *frames[20];

	for (int i = 0; i < 50; i++) {
		walk(i);
		dl_iterate_phdr(keep_for_object, NULL);
		free(backtrace_symbols(frames, backtrace(frames, 20)));
	}
	return 0;
}

static const struct fault_case cases[] = {
    {"garbage", run_garbage},
    {"made-code", run_made_code},
    {"deep", run_deep},
    {"switched", run_switched},
    {"in-unwinder", run_in_unwinder},
    {NULL, NULL},
};

int
main(int argc, char **argv)
{
	return case_run(argc, argv, cases);
}
