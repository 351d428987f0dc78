/*
 * wire.h - the segment: what the agent publishes and everybody else reads.
 *
 * One file per process, <dir>/<pid>-<start time>.heaptop. All fields are
 * little-endian and of fixed width; every offset counts from the start of the
 * file. heaptop-wire(5) says the same in prose.
 *
 *   +--------+---------+------+-----------+-------------+------------------+
 *   | header | control | turn | status[2] | ring        | names extents    |
 *   | 4 KiB  | 4 KiB   | 4 KiB| 2 x 4 KiB | slots       | grow, never move |
 *   +--------+---------+------+-----------+-------------+------------------+
 *
 * Nouns.
 *   status   everything about one tick. There are two; `turn` says which one
 *            is whole. The other one is being written.
 *   ring     a log of records of 64 bytes, or of 96 once the process has been
 *            sampled (status.record_bytes). A record that is still the newest
 *            of its site, or was at the last whole tick, is never overwritten:
 *            the writer passes over it and only renumbers it. So one scan of
 *            all slots holds every site's totals of the last whole tick.
 *   names    an append-only log of strings, modules, frames, stacks and marks.
 *            Ids are the position within their kind, from 1; 0 is "none".
 *
 * How to read it.
 *   1. Copy status[turn & 1]; if turn has moved meanwhile, copy again.
 *   2. Read names up to names_bytes.
 *   3. Scan every slot: keep, for each site, the record with the highest tick
 *      not above status.tick. Then follow from status.head.
 *   4. To follow: the slot of position p is p % ring_slots and holds sequence
 *      p + 1. A higher sequence means the reader fell behind: scan again.
 *   A record's tick orders the records of one site; the sequence does not,
 *   since old records are renumbered.
 *
 * Trust. The reader copies before it checks and believes no offset, count or
 * string. The agent believes nothing in the control page.
 *
 * Versions. A reader refuses another major. A higher minor only adds: record
 * kinds and name kinds the reader skips, and fields in what was padding.
 */
#ifndef HEAPTOP_WIRE_H
#define HEAPTOP_WIRE_H

#include <stdint.h>

#define WIRE_MAGIC	 UINT64_C(0x31706f7470616568) /* "heaptop1" */
#define WIRE_MAJOR	 1
#define WIRE_MINOR	 4
#define WIRE_PAGE	 4096
#define WIRE_SUFFIX	 ".heaptop"
#define WIRE_SUFFIX_BEGUN ".new" /* behind it, until the header is written */
#define WIRE_COMMAND_MAX 1024
#define WIRE_DIR_PREFIX	 "/dev/shm/heaptop-" /* then the user id */
/* What the agent exports for who has put it into a process that runs: see
 * heaptop_agent_attach in the agent's api.h. */
#define WIRE_ATTACH_SYMBOL "heaptop_agent_attach"

/* Where a block came from. Order is part of the format. */
enum wire_domain {
	WIRE_DOMAIN_MALLOC,
	WIRE_DOMAIN_PYMEM_RAW,
	WIRE_DOMAIN_PYMEM_MEM,
	WIRE_DOMAIN_PYMEM_OBJECT,
	WIRE_DOMAIN_MMAP,
	WIRE_DOMAIN_COUNT,
	WIRE_DOMAIN_MAX = 16, /* room in the status */
};

/* Why something is missing from the totals: X(NAME, sentence for people). */
#define WIRE_LOST_LIST(X)                                                      \
	X(REENTRANT, "allocations made inside a hook, by a signal handler")    \
	X(SITES_FULL, "blocks of call sites beyond the table of sites")        \
	X(LIVE_FULL, "blocks without room in the map of live blocks")          \
	X(TOO_LARGE, "blocks of 256 GiB and more")                             \
	X(NO_MEMORY, "events dropped because the agent got no memory")         \
	X(SEGMENT_FULL, "sites not published: no room for the segment")        \
	X(STACK_CUT, "stacks cut at the deepest depth that is kept")           \
	X(STACK_NO_RULE, "stacks cut where no unwind rule was found")          \
	X(STACK_BOUNDS, "stacks cut where they left the thread's stack")       \
	X(PY_UNKNOWN, "interpreters of unknown version or build: native only") \
	X(PY_FRAME, "Python stacks cut at a frame that made no sense")         \
	X(PY_HOOKS_GONE, "Python allocators replaced by the program")          \
	X(UNKNOWN_FREE, "frees of blocks from before the agent")               \
	X(THREADS_FULL, "events of threads beyond the table of threads")       \
	X(MMAP_FULL, "mappings beyond the table of mappings")                  \
	X(MARKS_FULL, "marks of the program beyond those that are kept")       \
	X(PY_TRACER, "times Python's object births could not be listened to")  \
	X(NOT_HOOKED, "libraries whose calls could not be redirected")         \
	X(NOT_FIRST, "allocator before the agent: its blocks are not seen")    \
	X(SEALED, "threads that may not do what recording takes (seccomp)")    \
	X(SEGMENT_CUT, "times somebody cut the segment short: made anew")

#define WIRE_LOST_ENUM_(name_, text_) WIRE_LOST_##name_,
enum wire_lost {
	WIRE_LOST_LIST(WIRE_LOST_ENUM_) WIRE_LOST_COUNT,
	WIRE_LOST_MAX = 64, /* room in the status */
};
#undef WIRE_LOST_ENUM_

enum wire_state {
	WIRE_STATE_STARTING = 1,
	WIRE_STATE_RUNNING,
	WIRE_STATE_EXITED, /* the last totals are final */
	WIRE_STATE_EXECED,
	WIRE_STATE_DORMANT,  /* nothing new is recorded, until it is wished */
	WIRE_STATE_DETACHED, /* minor 3: the last totals are final, and the
				process goes on without the agent */
};

/* What a viewer may wish of the agent's life (minor 3). */
enum wire_life {
	WIRE_LIFE_AS_IS,
	WIRE_LIFE_ON,	  /* record; one that had been off counts from zero */
	WIRE_LIFE_DETACH, /* as if it had never been there; an agent that was
			     preloaded falls asleep instead: DORMANT */
};

enum wire_mode { WIRE_MODE_EXACT = 1, WIRE_MODE_SAMPLED };

enum wire_unwinder {
	WIRE_UNWINDER_RULES = 1,
	WIRE_UNWINDER_LIBUNWIND,
	WIRE_UNWINDER_CHECK,
};

/* Which native frames a stack has where Python runs. */
enum wire_native {
	WIRE_NATIVE_LEAF = 1, /* those between the block and the interpreter */
	WIRE_NATIVE_NONE,
	WIRE_NATIVE_FULL, /* all, interleaved with Python's */
};

/* How the agent finds a block by its address; chosen at start. */
enum wire_live_map {
	WIRE_LIVE_SHADOW = 1,	/* reserves what it needs of address space */
	WIRE_LIVE_SHADOW_SMALL, /* in small pieces: address space is short */
	WIRE_LIVE_HASH,		/* a hash table: hardly any address space */
};

/* Set once, before magic; magic is stored last. One page. */
struct wire_header {
	uint64_t magic;
	uint16_t major;
	uint16_t minor;
	uint32_t pid;	     /* as the process sees itself */
	uint64_t start_time; /* clock ticks since boot: /proc/PID/stat, 22 */
	uint64_t start_ns;   /* CLOCK_REALTIME when the agent started */
	uint32_t parent_pid; /* of the process this one was forked from, or 0 */
	uint32_t uid;
	uint64_t run_id; /* the same for all processes of one `run` */
	uint64_t pid_ns; /* inode of the pid namespace, 0 unknown */
	uint8_t boot_id[16];
	uint32_t mode;	   /* enum wire_mode at start */
	uint32_t unwinder; /* enum wire_unwinder */
	uint32_t python;   /* 0x030b0200 for 3.11.2; 0 none so far */
	uint32_t command_size;
	char command[WIRE_COMMAND_MAX]; /* argv, separated by NUL */
	char exe[WIRE_COMMAND_MAX];	/* path, NUL-terminated */
	uint32_t native;		/* enum wire_native; 0 (minor 1): leaf */
	uint8_t pad[WIRE_PAGE - 2140];
};

/* What a request for types may ask at once: see struct wire_types. */
#define WIRE_TYPES_SITES 640
#define WIRE_TYPES_ROWS	 16

/*
 * The only page that others write. The agent reads it with single loads and
 * treats each value as a wish.
 */
struct wire_control {
	uint32_t wake;	       /* futex: add 1 and wake after any change */
	uint32_t flush_wanted; /* publish now; answered by status.flush_done */
	uint64_t watch_until;  /* CLOCK_MONOTONIC ns; 10 Hz until then */
	uint64_t
	    sample_bytes; /* wish: 0 leave as it is, 1 exact, else interval */
	uint32_t stop;	  /* wish: 1 stop recording, 0 go on */
	uint32_t budget_ppm; /* wish: 0 leave as it is, ~0 none, else the
				agent's share of the process's CPU */
	uint32_t types_wanted; /* say what blocks of these sites are; answered
				  by status.types_done. Written last */
	uint32_t types_count;  /* of the two arrays */
	uint32_t types_sites[WIRE_TYPES_SITES];
	uint8_t types_rows[WIRE_TYPES_SITES]; /* each site's row in the answer,
						 below WIRE_TYPES_ROWS */
	uint32_t life_wanted; /* wish: enum wire_life (minor 3) */
	uint8_t pad[WIRE_PAGE - 44 - 5 * WIRE_TYPES_SITES];
};

/* Totals of one domain, since the agent started. */
struct wire_totals {
	uint64_t alloc_bytes;
	uint64_t alloc_count;
	uint64_t free_bytes;
	uint64_t free_count;
};

#define WIRE_EXTENTS_MAX 48

/* Part of the names log. An entry never crosses from one to the next. */
struct wire_extent {
	uint64_t offset;
	uint64_t size; /* bytes used in all but the last, see names_bytes */
};

/* One tick. One page. */
struct wire_status {
	uint64_t tick;	     /* from 1; 0 is "nothing published yet" */
	uint64_t time_ns;    /* CLOCK_REALTIME of this tick */
	uint64_t mono_ns;    /* CLOCK_MONOTONIC of this tick */
	uint32_t state;	     /* enum wire_state */
	uint32_t flush_done; /* the last control.flush_wanted that was served */
	uint64_t file_size;
	uint64_t ring_offset;
	uint64_t ring_slots; /* any number, not 0 */
	uint64_t head;	     /* position of the next record to be written */
	uint64_t sites;	     /* site ids are 1..sites */
	uint64_t names_extents;
	uint64_t names_bytes;	 /* used bytes of the last extent */
	uint64_t agent_cpu_ns;	 /* of the ticker thread */
	uint64_t agent_bytes;	 /* memory the agent holds, segment included */
	uint64_t peak_rss_bytes; /* of the process */
	uint64_t sample_bytes;	 /* 1 exact, else the mean interval */
	uint32_t threads;	 /* thread slots ever used */
	uint32_t python;	 /* as header.python, when found later */
	uint64_t lost[WIRE_LOST_MAX];
	struct wire_totals totals[WIRE_DOMAIN_MAX];
	struct wire_extent extents[WIRE_EXTENTS_MAX];
	uint32_t record_bytes; /* of a ring slot; 0 (minor 0): 64 */
	uint32_t live_map;     /* enum wire_live_map */
	uint32_t budget_ppm;   /* 0: none is set */
	uint32_t cost_ppm;     /* measured: the agent's CPU time, of the
				  process's, since the tick before */
	uint64_t types_offset; /* of struct wire_types; 0: never asked for */
	uint32_t types_done;   /* the last control.types_wanted served */
	uint32_t asleep;       /* minor 3: 1: dormant until life_wanted is on,
				  and not since the program paused it */
	uint64_t work_units;   /* minor 2: of work done, as the program says */
	uint64_t pool_bytes;   /* minor 2: mapped by allocators from within
				  a call: what they cut blocks from */
	uint8_t pad[WIRE_PAGE - 176 - 8 * WIRE_LOST_MAX - 32 * WIRE_DOMAIN_MAX -
		    16 * WIRE_EXTENTS_MAX];
};

enum wire_record_kind {
	WIRE_RECORD_NONE, /* a slot never written, or being written */
	WIRE_RECORD_SITE,
	WIRE_RECORD_TICK,
	WIRE_RECORD_MARK, /* reserved, never written: see wire_name_mark */
};

/*
 * One slot of the ring. The writer stores 0 in sequence, then the rest, then
 * position + 1 in sequence; a reader loads sequence before and after.
 */
struct wire_record {
	uint64_t sequence;
	uint16_t kind;
	uint16_t domain; /* SITE */
	uint32_t id;	 /* SITE: site. TICK: 0 */
	uint32_t stack;	 /* SITE: stack id, never 0 */
	uint32_t tick;	 /* low 32 bits of the tick it belongs to */
	uint64_t alloc_bytes; /* TICK: CLOCK_REALTIME ns */
	uint64_t alloc_count;
	uint64_t free_bytes;
	uint64_t free_count;
	uint64_t peak_bytes; /* most live bytes seen at a tick */
};

/*
 * What a sampled total may be off by: follows each record where
 * status.record_bytes says so. Variances, of the same sums as in the record;
 * the square root of (alloc - free) is the standard error of what is live.
 * From a process that only ever recorded exactly they are 0 or absent.
 */
struct wire_spread {
	double alloc_bytes; /* bytes squared */
	double free_bytes;
	double alloc_count; /* blocks squared */
	double free_count;
};
#define WIRE_RECORD_EXACT   64
#define WIRE_RECORD_SAMPLED 96

enum wire_name_kind {
	WIRE_NAME_STRING = 1,
	WIRE_NAME_MODULE,
	WIRE_NAME_NATIVE, /* a frame */
	WIRE_NAME_PYTHON, /* a frame; numbered together with native ones */
	WIRE_NAME_STACK,
	WIRE_NAME_MARK, /* minor 2 */
};

/* Before each entry of names. Entries are 8-byte aligned. */
struct wire_name {
	uint16_t kind;
	uint16_t length; /* STRING: bytes that follow, no NUL; others 0 */
	uint32_t size;	 /* of the whole entry, this header included */
};

#define WIRE_STRING_MAX 4096 /* longer ones are cut by the agent */

struct wire_name_module {
	struct wire_name name;
	uint64_t start; /* addresses [start, end) while it was mapped */
	uint64_t end;
	uint64_t bias; /* runtime address minus the file's own address */
	uint32_t path; /* string id */
	uint32_t build_id_size;
	uint8_t build_id[24];
};

/*
 * A return address, except in the innermost frame of a walk that began there;
 * both are past the call, so look up offset - 1.
 */
struct wire_name_native {
	struct wire_name name;
	uint32_t module; /* 0: in no module, offset is the address */
	uint32_t flags;
	uint64_t offset; /* address - bias: the module file's own address */
};

struct wire_name_python {
	struct wire_name name;
	uint32_t file; /* string ids */
	uint32_t function;
	uint32_t line;	     /* 0 unknown */
	uint32_t first_line; /* of the function */
};

/* A stack is a path in a tree: its innermost frame and the rest. */
struct wire_name_stack {
	struct wire_name name;
	uint32_t parent; /* stack id, lower than this one's; 0 outermost */
	uint32_t frame;
};

/*
 * What the live blocks of some sites are: the answer to control.types_wanted,
 * in its own pages of the body, made when it is asked for first and overwritten
 * by the next answer. The writer stores 0 in sequence, then the rest, then
 * sequence; a reader compares it before and after it copies.
 *
 * A row is what the request put together. Of its blocks, at most so many are
 * looked into (blocks > read then); the totals of its types are estimates made
 * to add up to those of the row.
 */
struct wire_types_row {
	uint64_t blocks; /* live, of the sites asked for, when looked for */
	uint64_t bytes;
	uint32_t read;	/* blocks that were looked into */
	uint32_t flags; /* WIRE_TYPES_PART */
};
#define WIRE_TYPES_PART 1u /* time was up before all of the heap was searched */

enum wire_type_kind {
	WIRE_TYPE_OBJECT = 1,
	WIRE_TYPE_BUFFER, /* no object: what one keeps elsewhere */
	WIRE_TYPE_KEPT,	  /* an object that died; Python keeps it for the next */
	WIRE_TYPE_OTHERS, /* objects of all types without an entry */
};

struct wire_type {
	uint32_t name; /* OBJECT: string id; 0 unknown */
	uint16_t row;
	uint16_t kind; /* enum wire_type_kind */
	uint64_t blocks;
	uint64_t bytes;
};

#define WIRE_TYPES_BYTES (10 * WIRE_PAGE)
#define WIRE_TYPES_MAX	 1690

struct wire_types {
	uint32_t sequence; /* the request's; 0: being written */
	uint32_t digest;   /* WIRE_TYPES_DIGEST over what was served */
	uint32_t rows;
	uint32_t count; /* of types */
	struct wire_types_row row[WIRE_TYPES_ROWS];
	struct wire_type types[WIRE_TYPES_MAX];
	uint8_t pad[WIRE_TYPES_BYTES - 16 - 24 * WIRE_TYPES_ROWS -
		    24 * WIRE_TYPES_MAX];
};

/* Begin with 0 and go on for each site in order, so that who asks can tell that
 * nobody else asked in between. */
#define WIRE_TYPES_DIGEST(digest_, site_, row_)                             \
	((uint32_t)(((digest_) ^ ((site_) << 8 | (row_))) * 0x01000193u + 1))

/*
 * A mark that the program made (heaptop.h). What was live then is what was at
 * the tick that it stands in, which it brings about within milliseconds.
 */
struct wire_name_mark {
	struct wire_name name;
	uint32_t text; /* string id */
	uint32_t flags;
	uint64_t tick;
	uint64_t time_ns; /* CLOCK_REALTIME, when the program made it */
	uint64_t live_bytes; /* of all domains, at the tick */
	uint64_t live_count;
	uint64_t work_units; /* at the tick */
};

#define WIRE_HEADER_OFFSET  0
#define WIRE_CONTROL_OFFSET WIRE_PAGE
#define WIRE_TURN_OFFSET    (2 * WIRE_PAGE)
#define WIRE_STATUS_OFFSET  (3 * WIRE_PAGE)
#define WIRE_BODY_OFFSET    (5 * WIRE_PAGE)

/* The page at WIRE_TURN_OFFSET. status[turn & 1] is whole; 0: none yet. */
struct wire_turn {
	uint64_t turn;
	uint64_t heartbeat_ns; /* CLOCK_MONOTONIC, at each turn of the ticker */
	uint8_t pad[WIRE_PAGE - 16];
};

_Static_assert(sizeof(struct wire_header) == WIRE_PAGE, "header");
_Static_assert(sizeof(struct wire_control) == WIRE_PAGE, "control");
_Static_assert(sizeof(struct wire_turn) == WIRE_PAGE, "turn");
_Static_assert(sizeof(struct wire_status) == WIRE_PAGE, "status");
_Static_assert(sizeof(struct wire_types) == WIRE_TYPES_BYTES, "types");
_Static_assert(sizeof(struct wire_record) == WIRE_RECORD_EXACT, "record");
_Static_assert(sizeof(struct wire_record) + sizeof(struct wire_spread) ==
		   WIRE_RECORD_SAMPLED,
	       "sampled record");
_Static_assert(sizeof(struct wire_name_module) == 64, "module");
_Static_assert(sizeof(struct wire_name_native) == 24, "native frame");
_Static_assert(sizeof(struct wire_name_python) == 24, "python frame");
_Static_assert(sizeof(struct wire_name_stack) == 16, "stack");
_Static_assert(sizeof(struct wire_name_mark) == 56, "mark");
_Static_assert((int)WIRE_LOST_COUNT <= (int)WIRE_LOST_MAX, "losses");
_Static_assert((int)WIRE_DOMAIN_COUNT <= (int)WIRE_DOMAIN_MAX, "domains");

#endif
