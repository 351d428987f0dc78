/*
 * segment_writer.h - makes segments for tests, as the agent does but for one
 * thread that writes what it is told to.
 *
 * The file is mapped, so a reader may follow while it is written. Whatever a
 * test wants to be wrong it writes into `bytes` itself.
 */
#ifndef HEAPTOP_TESTS_SEGMENT_WRITER_H
#define HEAPTOP_TESTS_SEGMENT_WRITER_H

#include <stddef.h>
#include <stdint.h>

#include "heaptop/wire.h"

#define WRITER_SITES_MAX 4096
#define WRITER_FILE_MAX	 (64u << 20)

struct segment_writer {
	char path[256];
	int fd;
	uint8_t *bytes; /* the file; WRITER_FILE_MAX are mapped */
	uint64_t size;	/* of the file */
	struct wire_header *header;
	struct wire_control *control;
	struct wire_turn *turn;
	struct wire_status next; /* what the next commit publishes */
	uint8_t *ring;	  /* slots of next.record_bytes, or of 64 when 0 */
	uint32_t *owners; /* [slot]: site, 0 none */
	uint32_t newest[WRITER_SITES_MAX + 1];	  /* slot + 1 */
	uint32_t committed[WRITER_SITES_MAX + 1]; /* slot + 1 */
	uint32_t strings;
	uint32_t modules;
	uint32_t frames;
	uint32_t stacks;
};

/* A new segment of this process, at path, with a ring of so many slots and
 * room for names in its first extent. */
void writer_open(struct segment_writer *, const char *path, uint64_t slots,
		 uint64_t names_size);
void writer_close(struct segment_writer *); /* the file stays */

/* Entries of names; each returns its id. An extent that is full is followed
 * by another. */
uint32_t writer_string(struct segment_writer *, const char *text);
uint32_t writer_module(struct segment_writer *, uint32_t path, uint64_t start);
uint32_t writer_native(struct segment_writer *, uint32_t module,
		       uint64_t offset);
uint32_t writer_python(struct segment_writer *, uint32_t file,
		       uint32_t function, uint32_t line);
uint32_t writer_stack(struct segment_writer *, uint32_t parent, uint32_t frame);
/* A mark of the program in the tick under way, of 100 bytes in 10 blocks and
 * next.work_units. */
void writer_mark(struct segment_writer *, uint32_t text);
/* An entry of any kind; size is that of the whole entry. */
struct wire_name *writer_entry(struct segment_writer *, uint16_t kind,
			       uint32_t size);

/* A site's totals, in the tick under way. */
void writer_site(struct segment_writer *, uint32_t id, uint32_t stack,
		 enum wire_domain, const struct wire_totals *,
		 uint64_t peak_bytes);
/* The same with its variances, once writer_sample was called. */
void writer_sampled_site(struct segment_writer *, uint32_t id, uint32_t stack,
			 enum wire_domain, const struct wire_totals *,
			 const struct wire_spread *);
/* The slot's record; its spread follows in a ring of 96 bytes a slot. */
struct wire_record *writer_slot(const struct segment_writer *, uint64_t slot);
/* Ends the tick: status and turn. */
void writer_commit(struct segment_writer *);
/* Moves the ring to a new place with so many slots. */
void writer_grow(struct segment_writer *, uint64_t slots);
/* Moves it to one of 96 bytes a slot: the process is sampled from now on. */
void writer_sample(struct segment_writer *, uint64_t slots);

#endif
