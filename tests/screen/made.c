/* made.c - a service that leaks figures, without the service. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "made.h"

#define PYTHON "/opt/shop/lib/python3.11/"
#define MPL    PYTHON "site-packages/matplotlib/"

struct made_frame {
	const char *file;
	const char *function;
	uint32_t line;
};

/* Outermost first; the stacks below name how many of them they have. */
static const struct made_frame way[] = {
    {PYTHON "threading.py", "_bootstrap", 995},
    {PYTHON "site-packages/flask/app.py", "wsgi_app", 2525},
    {"/srv/shop/app.py", "monthly_report", 34},
    {"/srv/shop/charts.py", "draw_sales", 17},
    {MPL "pyplot.py", "subplots", 1443},
    {MPL "figure.py", "subplots", 891},
};

static const struct {
	struct made_frame inner;
	uint16_t domain;
	uint64_t bytes;
	uint64_t count;
	uint64_t grows; /* bytes a step */
} made_sites[] = {
    {{MPL "lines.py", "__init__", 345},
     DOMAIN_PYMEM_OBJECT,
     12582912,
     53000,
     840000},
    {{MPL "transforms.py", "__init__", 1787},
     DOMAIN_PYMEM_OBJECT,
     7340032,
     41000,
     310000},
    {{MPL "axis.py", "_copy_tick_props", 1530},
     DOMAIN_PYMEM_OBJECT,
     2621440,
     16100,
     96000},
    {{MPL "cbook/__init__.py", "_lock_path", 2090},
     DOMAIN_PYMEM_RAW,
     900,
     3,
     0},
    {{"/srv/shop/charts.py", "load_rows", 9},
     DOMAIN_PYMEM_OBJECT,
     5242880,
     120000,
     0},
    {{"/srv/shop/통계/집계.py", "계산", 41}, DOMAIN_PYMEM_MEM, 1048576, 64, 0},
    {{"/srv/shop/evil\033[31m\n.py", "f", 1}, DOMAIN_PYMEM_OBJECT, 4096, 2, 0},
    {{PYTHON "json/decoder.py", "raw_decode", 353},
     DOMAIN_PYMEM_OBJECT,
     3145728,
     40960,
     0},
};
#define MADE_SITES (sizeof(made_sites) / sizeof(*made_sites))

static uint32_t
string(struct made *made, const char *text)
{
	return names_string(made->names, text, strlen(text));
}

static uint32_t
frame(struct made *made, const struct made_frame *from)
{
	return names_add_python(made->names, string(made, from->file),
				string(made, from->function), from->line);
}

static struct site *
site_add(struct made *made, uint32_t stack, uint16_t domain, uint64_t bytes,
	 uint64_t count)
{
	struct snapshot *snapshot = &made->snapshot;
	size_t index = snapshot->site_count;
	struct site *site;

	snapshot_room(snapshot, index + 1);
	site = &snapshot->sites[index];
	site->stack = stack;
	site->domain = domain;
	site->alloc_bytes = bytes * 3;
	site->free_bytes = bytes * 2;
	site->alloc_count = count * 3;
	site->free_count = count * 2;
	site->peak_bytes = bytes;
	return site;
}

/* Native code of a library, with a function inlined there. */
static void
native_add(struct made *made, uint32_t outer)
{
	struct module module = {
	    .path = string(made, "/usr/lib/x86_64-linux-gnu/libAgg.so.2"),
	    .start = 0x7f0000000000,
	    .end = 0x7f0000100000,
	};
	struct location inlined[] = {
	    {string(made, "agg::pod_allocator<unsigned char>::allocate"),
	     string(made, "/build/agg/agg_array.h"), 42, LOCATION_INLINED},
	    {string(made, "RendererAgg::RendererAgg"),
	     string(made, "/build/matplotlib/src/_backend_agg.cpp"), 31,
	     LOCATION_FOREIGN},
	};
	uint32_t id = names_add_module(made->names, &module);
	uint32_t inner =
	    names_add_frame(made->names, FRAME_NATIVE, id, 0x4242, inlined, 2);

	site_add(made, names_add_stack(made->names, outer, inner),
		 DOMAIN_MALLOC, 5760000, 6);
	inner = names_add_native(made->names, id, 0x1234);
	site_add(made, names_add_stack(made->names, 0, inner), DOMAIN_MMAP,
		 2097152, 8);
}

static void
process_set(struct made *made)
{
	struct process *process = &made->snapshot.process;

	process->pid = 4242;
	process->command = mem_string("python3 app.py --port 8000");
	process->exe = mem_string("/usr/bin/python3.11");
	process->python = 0x030b0200;
	process->alive = true;
	process->state = "running";
	process->mode = "exact";
	process->unwinder = "rules";
	process->native = "leaf";
	process->sample_bytes = 1;
	process->rss_bytes = 117440512;
	process->peak_rss_bytes = 146800640;
	process->start_ns = UINT64_C(1700000000000000000);
	made->snapshot.agent_bytes = 8493465;
}

void
made_init(struct made *made, size_t extra)
{
	uint32_t stack = 0;
	uint32_t other = 0;

	memset(made, 0, sizeof(*made));
	made->names = names_new();
	made->extra = extra;
	snapshot_init(&made->snapshot, made->names);
	process_set(made);
	for (size_t i = 0; i < sizeof(way) / sizeof(*way); i++) {
		stack =
		    names_add_stack(made->names, stack, frame(made, &way[i]));
		if (i == 2)
			other = stack;
	}
	for (size_t i = 0; i < MADE_SITES; i++) {
		uint32_t inner = frame(made, &made_sites[i].inner);

		site_add(made, names_add_stack(made->names, stack, inner),
			 made_sites[i].domain, made_sites[i].bytes,
			 made_sites[i].count);
		if (i == 0) /* the same line by another way */
			site_add(made,
				 names_add_stack(made->names, other, inner),
				 DOMAIN_PYMEM_OBJECT, 3145728, 13000);
	}
	native_add(made, stack);
	for (size_t i = 0; i < extra; i++) {
		char name[64];
		struct made_frame from = {name, "work", (uint32_t)i % 900};

		snprintf(name, sizeof(name), "/srv/lib/module_%zu.py", i / 48);
		site_add(
		    made,
		    names_add_stack(made->names, stack, frame(made, &from)),
		    DOMAIN_PYMEM_OBJECT, 1024 + 8 * i, i % 77 + 1);
	}
	made_step(made);
}

void
made_fini(struct made *made)
{
	snapshot_fini(&made->snapshot);
	names_free(made->names);
}

#define MADE_INTERVAL 524288.0

/* What samples of blocks that are small beside the interval come to. */
static void
spread_set(struct spread *spread, const struct site *site)
{
	double block = (double)site->alloc_bytes / (double)site->alloc_count;
	double each = MADE_INTERVAL / block;

	*spread = spread_make(MADE_INTERVAL * (double)site->alloc_bytes,
			      MADE_INTERVAL * (double)site->free_bytes,
			      each * (double)site->alloc_count,
			      each * (double)site->free_count);
}

void
made_sample(struct made *made)
{
	struct snapshot *snapshot = &made->snapshot;

	snapshot->process.mode = "sampled";
	snapshot->process.sample_bytes = (uint64_t)MADE_INTERVAL;
	snapshot->process.budget_ppm = 20000;
	snapshot->process.cost_ppm = 13000;
	snapshot->process.live_map = "hash table";
	snapshot_spread(snapshot);
	for (size_t i = 0; i < snapshot->site_count; i++)
		spread_set(&snapshot->spreads[i], &snapshot->sites[i]);
}

void
made_step(struct made *made)
{
	struct snapshot *snapshot = &made->snapshot;

	for (size_t i = 0; made->step && i < MADE_SITES; i++) {
		/* Site 1 is the other way to the line of site 0. */
		struct site *site = &snapshot->sites[i + (i > 0)];

		site->alloc_bytes += made_sites[i].grows;
		site->alloc_count += made_sites[i].grows / 200;
		if (snapshot->spreads)
			spread_set(&snapshot->spreads[i + (i > 0)], site);
	}
	for (size_t i = 0; made->step && i < made->extra; i += 7)
		snapshot->sites[snapshot->site_count - 1 - i].alloc_bytes +=
		    i % 91;
	made->step++;
	snapshot->tick = made->step;
	snapshot->time_ns =
	    UINT64_C(1700000042000000000) + made->step * UINT64_C(500000000);
	snapshot->mono_ns = made->step * UINT64_C(500000000);
	snapshot->agent_cpu_ns = made->step * UINT64_C(6000000);
	snapshot_sum(snapshot);
}

static const struct snapshot *
feed_snapshot(void *context)
{
	struct made *made = context;

	return &made->snapshot;
}

static int
feed_refresh(void *context, struct err *err)
{
	struct made *made = context;

	(void)err;
	if (made->ends) {
		made->snapshot.process.alive = false;
		made->snapshot.process.state = "exited";
	}
	if (!made->grows)
		return 0;
	made_step(made);
	return 1;
}

static void
feed_watch(void *context)
{
	struct made *made = context;

	made->watched++;
}

static bool
feed_is_live(const void *context)
{
	const struct made *made = context;

	return !made->ends;
}

static bool
feed_ask_rate(void *context, const struct rate *rate, struct err *err)
{
	struct made *made = context;

	made->asked = *rate;
	return !made->refuses || err_set(err, "it is deaf");
}

static bool
feed_ask_types(void *context, struct types_ask *ask, struct err *err)
{
	struct made *made = context;

	(void)ask;
	return !made->refuses || err_set(err, "it is deaf");
}

/* Figures: three in four blocks are numbers, as far as one in eight tells. */
static int
feed_take_types(void *context, struct types_ask *ask, struct types *rows,
		struct err *err)
{
	static const struct {
		const char *name;
		uint64_t count;
		uint64_t size;
	} objects[] = {{"float", 40000, 9000000},
		       {"numpy.ndarray", 120, 2900000},
		       {"matplotlib.lines.Line2D", 9, 2880}};
	struct made *made = context;

	(void)ask, (void)err;
	if (made->late)
		return 0;
	for (size_t i = 0; i < sizeof(objects) / sizeof(*objects); i++)
		types_add(rows, TYPE_OBJECT,
			  names_string(made->names, objects[i].name,
				       strlen(objects[i].name)),
			  objects[i].count, objects[i].size);
	types_add(rows, TYPE_BUFFER, 0, 12800, 680000);
	types_add(rows, TYPE_KEPT, 0, 71, 4000);
	rows->every = 8;
	types_sort(rows);
	return 1;
}

/* Much of what was freed stays with the process. */
static bool
feed_memory(void *context, struct err *err)
{
	struct made *made = context;
	struct snapshot *snapshot = &made->snapshot;
	struct memory *memory = &snapshot->memory;

	if (made->refuses)
		return err_set(err, "it is deaf");
	*memory = (struct memory){.time_ns = snapshot->time_ns};
	memory->resident[MEMORY_HEAP] = snapshot->live_bytes + (90 << 20);
	memory->resident[MEMORY_ANON] = 40 << 20;
	memory->resident[MEMORY_FILES] = 21 << 20;
	memory->resident[MEMORY_STACKS] = 140 << 10;
	memory->resident[MEMORY_SEGMENT] = 1 << 20;
	snapshot->pool_bytes = 24 << 20;
	return true;
}

struct feed
made_feed(struct made *made)
{
	return (struct feed){.context = made,
			     .snapshot = feed_snapshot,
			     .refresh = feed_refresh,
			     .watch = feed_watch,
			     .is_live = feed_is_live,
			     .ask_rate = feed_ask_rate,
			     .ask_types = feed_ask_types,
			     .take_types = feed_take_types,
			     .memory = feed_memory};
}
