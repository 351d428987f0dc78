/*
 * fuzz_live.c - a good segment that is changed while it is read.
 *
 * The input is a list of changes, each with the number of reads to let pass
 * before it: all of the reader's reads go through pread, which is ours here.
 * So each way in which a writer and a reader can meet comes up again with the
 * same input.
 *
 *	change = reads, what, where (2 bytes), up to 8 bytes
 */
#include "config.h"

#include <sys/mman.h>
#include <unistd.h>

#include "export/export.h"
#include "fuzz.h"
#include "segment_writer.h"
#include "source/source.h"

ssize_t __real_pread(int fd, void *out, size_t size, off_t offset);
ssize_t __wrap_pread(int fd, void *out, size_t size, off_t offset);

static struct segment_writer writer;
static uint8_t *good; /* the segment as it was made */
static struct fuzz_input changes;
static unsigned wait_reads;

static void
change(void)
{
	uint8_t what = (uint8_t)fuzz_number(&changes, 1);
	uint64_t where = fuzz_number(&changes, 2) % writer.size;
	size_t size = 1 + what % 8;
	uint8_t bytes[8];

	switch (what >> 6) {
	case 0: /* the next tick begins */
		if (what & 32) {
			writer.turn->turn++;
			break;
		}
		__attribute__((fallthrough));
	case 1:
	case 2:
		fuzz_take(&changes, bytes, size);
		if (where + size <= writer.size)
			memcpy(writer.bytes + where, bytes, size);
		break;
	default: /* cut short, or whole again */
		if (ftruncate(writer.fd,
			      (off_t)(what & 32 ? where : writer.size)))
			abort();
	}
}

ssize_t
__wrap_pread(int fd, void *out, size_t size, off_t offset)
{
	ssize_t got = __real_pread(fd, out, size, offset);

	if (wait_reads) {
		wait_reads--;
	} else if (changes.left) {
		/* A store into what was cut off would be our own SIGBUS. */
		if (ftruncate(writer.fd, (off_t)writer.size))
			abort();
		change();
		wait_reads = (unsigned)fuzz_number(&changes, 1) % 32;
	}
	return got;
}

static void
make(const char *path)
{
	uint32_t file, function, stack = 0;

	writer_open(&writer, path, 64, 4096);
	file = writer_string(&writer, "/srv/app.py");
	function = writer_string(&writer, "leak");
	for (uint32_t i = 1; i <= 24; i++) {
		uint32_t frame = i % 3
				     ? writer_python(&writer, file, function, i)
				     : writer_native(&writer, 0, 64 * i);
		struct wire_totals totals = {100 * i, i, 10 * i, 1};

		stack = writer_stack(&writer, i % 6 ? stack : 0, frame);
		writer_site(&writer, i, stack, i % WIRE_DOMAIN_COUNT, &totals,
			    200 * i);
	}
	writer_mark(&writer, function);
	writer_commit(&writer);
	good = malloc(writer.size);
	memcpy(good, writer.bytes, writer.size);
}

/* What every reader of a snapshot relies on. */
static void
check(const struct snapshot *snapshot)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < snapshot->site_count; i++) {
		const struct site *site = &snapshot->sites[i];

		FUZZ_REQUIRE(site->alloc_bytes >= site->free_bytes);
		FUZZ_REQUIRE(site->alloc_count >= site->free_count);
		FUZZ_REQUIRE(site->domain < DOMAIN_COUNT);
		FUZZ_REQUIRE(site->stack <= names_stacks(snapshot->names));
		bytes += site->alloc_bytes - site->free_bytes;
	}
	FUZZ_REQUIRE(bytes == snapshot->live_bytes);
}

static void
use(struct source *source)
{
	static FILE *sink;
	struct engine *engine = engine_new();
	struct mark mark;
	struct err err;

	if (!sink)
		sink = fopen("/dev/null", "w");
	mark_take(&mark, source_snapshot(source), "");
	for (int round = 0; round < 4; round++) {
		struct query query = {
		    .group_by = (enum group)(round * GROUP_COUNT / 4),
		    .inclusive = round % 2,
		    .mark = round & 1 ? &mark : NULL,
		    .top = 20,
		};

		source_refresh(source, &err);
		check(source_snapshot(source));
		export_json(sink, source_snapshot(source), &query,
			    engine_run(engine, source_snapshot(source), &query),
			    &err);
	}
	mark_fini(&mark);
	engine_free(engine);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char path[FUZZ_PATH_MAX];
	struct source *source;
	struct err err = {""};

	if (!good) {
		fuzz_file(path, "", 0);
		make(path);
	}
	if (ftruncate(writer.fd, (off_t)writer.size))
		abort();
	memcpy(writer.bytes, good, writer.size);
	changes = (struct fuzz_input){data, size};
	wait_reads = (unsigned)fuzz_number(&changes, 1) % 32;
	source = source_open(path, &err);
	if (source)
		use(source);
	else
		FUZZ_REQUIRE(err.text[0] && !strchr(err.text, '\n'));
	source_close(source);
	return 0;
}
