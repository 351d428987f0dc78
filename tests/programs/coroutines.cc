/*
 * coroutines.cc - allocates in coroutines, in destructors that run while an
 * exception is in flight, in catch blocks and in what rethrows.
 */
#include <coroutine>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#define NOINLINE __attribute__((noinline))

namespace
{

volatile int sink;

struct Generator {
	struct promise_type {
		std::string value;

		Generator get_return_object()
		{
			return {std::coroutine_handle<
			    promise_type>::from_promise(*this)};
		}
		std::suspend_always initial_suspend() { return {}; }
		std::suspend_always final_suspend() noexcept { return {}; }
		std::suspend_always yield_value(std::string text)
		{
			value = std::move(text);
			return {};
		}
		void return_void() {}
		void unhandled_exception() { std::terminate(); }
	};
	std::coroutine_handle<promise_type> handle;

	~Generator() { handle.destroy(); }
	bool next()
	{
		handle.resume();
		return !handle.done();
	}
};

Generator words(int count)
{
	for (int i = 0; i < count; i++)
		co_yield std::string(100 + i, 'w');
}

/* Allocates when it is destroyed, thus while unwinding too. */
struct Witness {
	const char *name;

	explicit Witness(const char *name) : name(name) {}
	NOINLINE ~Witness()
	{
		std::string text(200, *name);
		std::vector<std::string> copies(4, text);

		sink = static_cast<int>(copies.size());
	}
};

NOINLINE void deep(int depth)
{
	Witness witness("deep");
	std::unique_ptr<char[]> room(new char[64 + depth]);

	if (depth == 0)
		throw std::runtime_error(std::string(100, 'x'));
	deep(depth - 1);
	sink = room[0];
}

NOINLINE void __attribute__((cold)) complain(const std::exception &error)
{
	std::map<std::string, std::string> report;

	report["what"] = error.what();
	report["again"] = std::string(300, '!');
	sink = static_cast<int>(report.size());
}

NOINLINE void rethrow(int depth)
{
	Witness witness("rethrow");

	try {
		deep(depth);
	} catch (const std::exception &error) {
		complain(error);
		std::string kept(error.what());
		throw std::logic_error(kept + "again");
	}
}

NOINLINE int attempt(int depth)
{
	try {
		Witness witness("attempt");

		rethrow(depth);
	} catch (const std::logic_error &error) {
		std::unique_ptr<std::string> text(new std::string(500, 'c'));

		complain(error);
		return static_cast<int>(text->size());
	}
	return 0;
}

void work(int rounds)
{
	std::function<int(int)> call = [](int depth) { return attempt(depth); };
	int caught = 0;

	for (int i = 0; i < rounds; i++) {
		caught += call(i % 20) == 500;
		Generator generator = words(i % 7 + 1);
		while (generator.next())
			sink = static_cast<int>(
			    generator.handle.promise().value.size());
	}
	if (caught != rounds)
		std::abort();
}

} /* namespace */

int main(int argc, char **argv)
{
	int rounds = argc > 1 ? std::atoi(argv[1]) : 200;
	std::vector<std::thread> threads;

	for (int i = 0; i < 3; i++)
		threads.emplace_back(work, rounds);
	work(rounds);
	for (std::thread &thread : threads)
		thread.join();
	std::puts("done");
	return 0;
}
