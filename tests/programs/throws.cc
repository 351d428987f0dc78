/*
 * throws.cc - a C++ program whose allocations, exceptions and cancellations
 * have a known outcome; prints one line a fact.
 *
 *	throws		all of it, then waits for the end of its input
 */
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <pthread.h>
#include <stdexcept>
#include <string>
#include <unistd.h>
#include <vector>

#define NOINLINE __attribute__((noinline))

namespace ledger
{

struct alignas(128) Wide {
	char bytes[256];
};

static std::vector<void *> kept;

/* Results go through a volatile: a tail call would leave no frame. */
using block = void *volatile;

NOINLINE void *
by_new()
{
	block made = new char[1000];

	return made;
}

NOINLINE void *
by_aligned_new()
{
	block made = new Wide;

	return made;
}

NOINLINE void *
by_nothrow_new()
{
	block made = new (std::nothrow) char[2000];

	return made;
}

template <class Number>
NOINLINE void *
by_template(Number size)
{
	block made = ::operator new(static_cast<size_t>(size));

	return made;
}

struct Maker {
	void *made;
	NOINLINE
	Maker() : made(malloc(3000))
	{
	}
};

static void
keep_all()
{
	kept.reserve(1000);
	auto by_lambda = [](size_t size) NOINLINE {
		block made = new char[size];

		return made;
	};

	for (int i = 0; i < 10; i++) {
		kept.push_back(by_new());
		kept.push_back(by_aligned_new());
		kept.push_back(by_nothrow_new());
		kept.push_back(by_template(500));
		kept.push_back(by_template(600L));
		kept.push_back(by_lambda(700));
		kept.push_back(Maker().made);
	}
}

} // namespace ledger

static int destroyed;

struct Guard {
	std::string text = std::string(100, 'g');
	~Guard()
	{
		destroyed++;
	}
};

NOINLINE static void
throw_deep(int depth)
{
	Guard guard;

	if (depth == 0)
		throw std::runtime_error(std::string(200, 'e'));
	throw_deep(depth - 1);
}

static int
catch_many()
{
	int caught = 0;

	for (int i = 0; i < 100; i++) {
		try {
			throw_deep(10);
		} catch (const std::exception &error) {
			caught += strlen(error.what()) == 200;
		}
	}
	return caught;
}

static int
catch_bad_alloc()
{
	volatile size_t much = SIZE_MAX / 4;
	char *volatile block;

	try {
		block = new char[much];
		delete[] block;
	} catch (const std::bad_alloc &) {
		return 1;
	}
	return 0;
}

/* Is cancelled while it waits: its destructors and handlers run. */
static void *
wait_to_be_cancelled(void *pipe_end)
{
	Guard outer;
	std::unique_ptr<Guard> inner(new Guard);
	char byte;

	pthread_cleanup_push([](void *) { destroyed += 100; }, nullptr);
	if (read(*static_cast<int *>(pipe_end), &byte, 1) == 1)
		destroyed = -1000;
	pthread_cleanup_pop(0);
	return nullptr;
}

/* Is cancelled wherever it is, most often near an allocation. */
static void *
allocate_to_be_cancelled(void *)
{
	for (;;) {
		Guard guard;

		pthread_testcancel();
	}
	return nullptr;
}

static bool
cancel(void *(*start)(void *), void *argument)
{
	pthread_t thread;
	void *result = nullptr;

	if (pthread_create(&thread, nullptr, start, argument))
		return false;
	return pthread_cancel(thread) == 0 &&
	       pthread_join(thread, &result) == 0 && result == PTHREAD_CANCELED;
}

static int
errno_kept()
{
	int kept = 0;

	for (int i = 0; i < 1000; i++) {
		errno = 1234 + i;
		void *block = malloc(static_cast<size_t>(i) * 7);
		void *aligned = aligned_alloc(64, 64);

		block = realloc(block, static_cast<size_t>(i) * 9 + 1);
		free(block);
		free(aligned);
		delete new std::string(300, 'x');
		kept += errno == 1234 + i;
	}
	return kept;
}

int
main()
{
	int ends[2];
	int cancelled = 0;
	char byte;

	ledger::keep_all();
	printf("caught %d\n", catch_many());
	printf("destroyed %d\n", destroyed);
	printf("bad_alloc %d\n", catch_bad_alloc());
	destroyed = 0;
	if (pipe(ends) != 0)
		return 1;
	for (int i = 0; i < 20; i++)
		cancelled += cancel(wait_to_be_cancelled, &ends[0]);
	printf("cancelled %d cleaned %d\n", cancelled, destroyed);
	cancelled = 0;
	for (int i = 0; i < 50; i++)
		cancelled += cancel(allocate_to_be_cancelled, nullptr);
	printf("cancelled %d\n", cancelled);
	printf("errno %d\n", errno_kept());
	printf("ready %d\n", static_cast<int>(getpid()));
	fflush(stdout);
	while (read(0, &byte, 1) == 1)
		;
	return 0;
}
