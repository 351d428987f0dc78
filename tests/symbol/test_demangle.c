/* test_demangle.c - names as their programmers wrote them. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "symbol/symbol.h"

static const char *const names[][2] = {
    /* not mangled */
    {"main", "main"},
    {"", ""},
    {"_start", "_start"},
    {"_Z", "_Z"},
    {"_R", "_R"},
    {"_ZN", "_ZN"},
    {"_ZNSt6vector", "_ZNSt6vector"},
    {"\x01\xff", "\x01\xff"},
    /* C++ */
    {"_Z3fooi", "foo"},
    {"_ZN2ns3Foo3barEv", "ns::Foo::bar"},
    {"_ZN2ns3FooC1Ev", "ns::Foo::Foo"},
    {"_ZN2ns3FooC4Ev", "ns::Foo::Foo"},
    {"_ZN2ns3FooD0Ev", "ns::Foo::~Foo"},
    {"_ZN12_GLOBAL__N_16hiddenEi", "(anonymous namespace)::hidden"},
    {"_Znwm", "operator new"},
    {"_ZNSt6vectorIiSaIiEE9push_backERKi",
     "std::vector<int, std::allocator<int> >::push_back"},
    {"_ZZ4mainENKUliE_clEi", "main::{lambda(int)#1}::operator()"},
    /* Rust, legacy: the hash is dropped */
    {"_ZN4core3ptr13drop_in_place17h0123456789abcdefE",
     "core::ptr::drop_in_place"},
    {"_ZN4main17h6af98f44df74ee35E", "main"},
    {"_ZN71_$LT$Test$u20$$u2b$$u20$$u27$static$u20$as$u20$foo..Bar$LT"
     "$Test$GT$$GT$3bar17h930b740aa94f1d3aE",
     "<Test + 'static as foo::Bar<Test>>::bar"},
    /* Rust, v0 */
    {"_RNvCs1234_7mycrate3foo", "mycrate::foo"},
    {"_RNvCsbFYJioi4cCO_2rs4main", "rs::main"},
    {"_RNvNtNtCs1234_7mycrate3bar3baz3foo", "mycrate::bar::baz::foo"},
    {"_RNCNvCs1234_7mycrate4main0B3_", "mycrate::main::{closure#0}"},
};

static void
test_names(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		char *readable = symbol_demangle(names[i][0]);

		assert_string_equal(readable, names[i][1]);
		free(readable);
	}
}

/* Deep nesting and lengths that lie. */
static void
test_hostile(void **state)
{
	static char long_name[100000];
	char *readable;

	(void)state;
	memset(long_name, 'P', sizeof(long_name) - 1);
	memcpy(long_name, "_Z1f", 4);
	readable = symbol_demangle(long_name);
	assert_string_equal(readable, long_name);
	free(readable);
	long_name[8000] = '\0';
	free(symbol_demangle(long_name));
	free(symbol_demangle("_ZN99999999999999999999foo"));
	free(symbol_demangle("_RNvC99999999999999999999_3foo"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_names),
	    cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
