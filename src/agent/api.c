/*
 * api.c - what the agent exports for share/python.
 *
 * Memory here comes from the kernel, not from malloc, so that a snapshot does
 * not see itself.
 */
#include "config.h"

#include "agent/api.h"

#include <stdbool.h>
#include <stddef.h>

#include "agent/agent.h"
#include "agent/counts.h"
#include "agent/life.h"
#include "agent/live.h"
#include "agent/modules.h"
#include "agent/nodes.h"
#include "agent/py/py.h"
#include "agent/record.h"
#include "agent/safe.h"
#include "agent/sites.h"
#include "agent/thread.h"
#include "agent/ticker.h"
#include "agent/tracing.h"

uint32_t
heaptop_trace_version(void)
{
	return HEAPTOP_TRACE_VERSION;
}

int
heaptop_trace_start(void)
{
	bool hushed;
	bool done;

	if (!agent_on || !life_wake())
		return -1;
	/* A signal handler must not want a site while the lock is held. */
	hushed = record_hush(__builtin_frame_address(0));
	done = tracing_begin();
	record_unhush(hushed);
	return done ? 0 : -1;
}

void
heaptop_trace_stop(void)
{
	tracing_end();
}

int
heaptop_trace_on(void)
{
	return agent_on && tracing_is_on();
}

uint64_t
heaptop_trace_live(void)
{
	return tracing_live();
}

uint64_t
heaptop_trace_peak(void)
{
	return tracing_peak();
}

void
heaptop_trace_reset_peak(void)
{
	tracing_peak_reset();
}

uint64_t
heaptop_trace_overhead(void)
{
	return ticker_agent_bytes();
}

/* What heaptop_trace_take maps. */
struct taken_rows {
	uint64_t size; /* of the mapping */
	struct heaptop_trace_row rows[];
};

/* Of the sites of this era that have live blocks. */
static struct taken_rows *
rows_make(const struct counter *sums, uint32_t sites, uint32_t *made)
{
	uint64_t size = sizeof(struct taken_rows) +
			(uint64_t)sites * sizeof(struct heaptop_trace_row);
	struct taken_rows *taken = safe_map(size);

	if (!taken)
		return NULL;
	taken->size = size;
	for (uint32_t id = 1; id <= sites; id++) {
		const struct site *site = sites_get(id);

		if (sums[id].alloc_count != sums[id].free_count &&
		    sites_is_new(id))
			taken->rows[(*made)++] = (struct heaptop_trace_row){
			    site->node, site->domain,
			    sums[id].alloc_bytes - sums[id].free_bytes,
			    sums[id].alloc_count - sums[id].free_count};
	}
	return taken;
}

const struct heaptop_trace_row *
heaptop_trace_take(uint32_t *made)
{
	uint32_t count = sites_count();
	uint64_t size = (count + 1) * sizeof(struct counter);
	struct taken_rows *taken;
	struct counter *sums;

	*made = 0;
	if (!heaptop_trace_on())
		return NULL;
	sums = safe_map(size);
	if (!sums)
		return NULL;
	threads_hold();
	counts_sum(count, sums);
	threads_release();
	taken = rows_make(sums, count, made);
	safe_unmap(sums, size);
	return taken ? taken->rows : NULL;
}

void
heaptop_trace_drop(const struct heaptop_trace_row *rows)
{
	struct taken_rows *taken;

	if (!rows)
		return;
	taken = (void *)((char *)rows - offsetof(struct taken_rows, rows));
	safe_unmap(taken, taken->size);
}

static void
frame_name(const struct node *node, struct heaptop_trace_frame *frame)
{
	struct py_name name = {"<unknown>", "<unknown>", 0, 0};
	const struct module *module;

	if (node->word & PY_WORD_TAG) {
		if (node->ref)
			py_code_name(node->ref, node->word, &name);
		frame->file = name.file;
		frame->function = name.function;
		frame->line = name.line;
		return;
	}
	frame->offset = node->word;
	if (!node->ref)
		return;
	module = modules_get(node->ref);
	frame->file = module->path;
	frame->offset -= module->bias;
}

void
heaptop_trace_frames(const uint32_t *stacks, uint32_t count,
		     struct heaptop_trace_frame *frames)
{
	uint32_t known = nodes_count();

	for (uint32_t i = 0; i < count; i++) {
		struct heaptop_trace_frame *frame = &frames[i];
		const struct node *node;

		*frame = (struct heaptop_trace_frame){0};
		if (!stacks[i] || stacks[i] > known)
			continue;
		node = nodes_get(stacks[i]);
		frame_name(node, frame);
		frame->parent = node->parent;
		for (; node; node = node_parent(node)) {
			frame->depth++;
			frame->python += node->word >> 63;
		}
	}
}

uint32_t
heaptop_trace_block(const void *address, uint64_t size)
{
	struct block block;

	if (!heaptop_trace_on())
		return 0;
	block = live_look((uint64_t)address);
	if (!sites_is_new(block.site) || block.size <= size ||
	    !tracing_is_python(sites_get(block.site)->domain))
		return 0;
	return sites_get(block.site)->node;
}
