/*
 * fuzz_control.c - any bytes as the control page: the agent takes each value
 * for a wish, and goes on as it was.
 */
#include "config.h"

#include <unistd.h>

#include "../agent/stubs.h"
#include "agent/budget.h"
#include "agent/live.h"
#include "agent/nodes.h"
#include "agent/ring.h"
#include "agent/sample.h"
#include "agent/segment.h"
#include "agent/sites.h"
#include "agent/types.h"
#include "fuzz.h"

#define SITES 16

static struct segment segment;
static struct wire_status status;

static void
leave(void)
{
	stubs_directory_remove();
}

/* A segment, and sites with a block each, in turns of two domains. */
static void
make(void)
{
	void *body;

	stubs_directory();
	atexit(leave);
	live_init_as(WIRE_LIVE_HASH);
	FUZZ_REQUIRE(segment_create(&segment, WIRE_PAGE, &body));
	for (uint32_t i = 1; i <= SITES; i++) {
		struct node *node = nodes_child(NULL, 0x1000 * i);

		FUZZ_REQUIRE(sites_intern(node, i % 2
						    ? WIRE_DOMAIN_PYMEM_OBJECT
						    : WIRE_DOMAIN_MALLOC) == i);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint32_t go_on;
	struct fuzz_input input = {data, size};
	uint8_t twice = (uint8_t)fuzz_number(&input, 1);
	uint64_t interval;

	if (!segment.control)
		make();
	for (int i = 0; i <= (twice & 1); i++) {
		fuzz_take(&input, segment.control, sizeof(*segment.control));
		budget_wishes(segment.control);
		interval = sample_interval();
		FUZZ_REQUIRE(interval && interval <= SAMPLE_INTERVAL_MAX);
		budget_tick(&status);
		FUZZ_REQUIRE(status.budget_ppm <= 1000000);
		types_serve(&segment, &status, SITES, &go_on);
		FUZZ_REQUIRE(status.types_done ==
			     segment.control->types_wanted);
	}
	return 0;
}
