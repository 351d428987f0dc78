/*
 * names.h - what sites are called: strings, modules, frames and stacks.
 *
 * Nouns.
 *   string    an interned text, id from 1; 0 is "none"
 *   module    a file that is or was mapped
 *   frame     one frame of the target: native (module, offset) or Python
 *   location  what a person reads for a frame. A Python frame has one; a
 *             native frame has one for each function inlined there, innermost
 *             first, and the last is the function that was called.
 *   stack     a path in a tree of (parent, frame); the id names its innermost
 *             frame, parent leads outwards, 0 ends it
 *
 * Ids are dense, from 1, and never change; names only grow, until freed. Ids
 * come from a source that has been checked: asserts guard them here.
 *
 * Native locations come from a resolver that the command plugs in (the model
 * does no I/O). Until it answers, a native frame has one location whose
 * function is its address in hexadecimal.
 */
#ifndef HEAPTOP_MODEL_NAMES_H
#define HEAPTOP_MODEL_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum frame_kind { FRAME_NATIVE, FRAME_PYTHON };

enum {
	LOCATION_INLINED = 1u << 0, /* was inlined into the next location */
	LOCATION_GLUE = 1u << 1,    /* allocator or C++ runtime: names no row */
	LOCATION_FOREIGN = 1u << 2, /* not the user's own code (--mine) */
};

struct location {
	uint32_t function; /* string, 0 unknown */
	uint32_t file;	   /* string, 0 unknown */
	uint32_t line;	   /* 0 unknown */
	uint32_t flags;
};

struct module {
	uint32_t path; /* string */
	uint64_t start;
	uint64_t end;
	uint64_t bias;
	uint8_t build_id[24];
	uint32_t build_id_size;
};

struct frame {
	enum frame_kind kind;
	uint32_t module; /* native; 0 in no module */
	uint64_t offset; /* native: file address past the call */
	uint32_t first;	 /* its locations in names.locations */
	uint32_t count;	 /* 0: a native frame nobody has asked for yet */
	bool pending;	 /* the resolver said "later" */
};

struct stack {
	uint32_t parent;
	uint32_t frame;
	uint32_t depth; /* frames from here outwards, this one included */
};

/* One answer of a resolver: texts are copied by names. */
struct resolved {
	const char *function; /* NULL unknown */
	const char *file;
	uint32_t line;
	bool inlined;
};

enum resolve_result { RESOLVE_DONE, RESOLVE_LATER };

#define NAMES_LOCATIONS_MAX                               \
	32 /* of one frame; more are cut, outermost first \
	    */

/*
 * Finds the locations of an offset (already moved back into the call) of a
 * module. Fills at most max of out, innermost first, and sets *count; 0 means
 * that nothing is known. Texts live until the next call. RESOLVE_LATER: ask
 * again after names_retry.
 */
struct resolver {
	void *context;
	enum resolve_result (*find)(void *context, const char *path,
				    const uint8_t *build_id,
				    size_t build_id_size, uint64_t offset,
				    struct resolved *out, size_t max,
				    size_t *count);
};

struct names;

struct names *names_new(void);
void names_free(struct names *); /* NULL is fine */
/* No two names of one program have the same, one after the other neither. */
uint64_t names_serial(const struct names *);
void names_set_resolver(struct names *, const struct resolver *);

/* Interning; the same text gives the same id. size excludes any NUL. */
uint32_t names_string(struct names *, const char *text, size_t size);
/* Owned by names; ends with NUL; "" for 0. May hold any bytes but NUL. */
const char *names_text(const struct names *, uint32_t string);

/* Each appends and returns the new id. Frames and stacks are not interned
 * here: the agent has done so, and the caller keeps its numbering. */
uint32_t names_add_module(struct names *, const struct module *);
uint32_t names_add_native(struct names *, uint32_t module, uint64_t offset);
uint32_t names_add_python(struct names *, uint32_t file, uint32_t function,
			  uint32_t line);
/* With locations known, as a snapshot holds them. */
uint32_t names_add_frame(struct names *, enum frame_kind, uint32_t module,
			 uint64_t offset, const struct location *,
			 size_t count);
uint32_t names_add_stack(struct names *, uint32_t parent, uint32_t frame);

size_t names_strings(const struct names *); /* counts; ids are 1..count */
size_t names_modules(const struct names *);
size_t names_frames(const struct names *);
size_t names_stacks(const struct names *);

const struct module *names_module(const struct names *, uint32_t id);
/* LOCATION_GLUE and LOCATION_FOREIGN, as far as the module's path tells: they
 * hold for all frames in it, without asking the resolver. 0: in no module. */
uint32_t names_module_flags(const struct names *, uint32_t id);
const struct frame *names_frame(const struct names *, uint32_t id);
const struct stack *names_stack(const struct names *, uint32_t id);

/*
 * The locations of a frame, at least one, innermost first. Asks the resolver
 * at the first call for a native frame. Valid until the next call of a
 * function of names that is not const.
 */
const struct location *names_locations(struct names *, uint32_t frame,
				       size_t *count);

/* One of them by its place among those of all frames (frame.first + i); good
 * until names_generation changes. */
const struct location *names_location(const struct names *, size_t place);

/* Asks again for every frame whose answer was "later". Returns true when some
 * location changed: rows that were grouped by it are stale. */
bool names_retry(struct names *);
/* Frames whose answer is awaited. */
size_t names_pending(const struct names *);
/* Counts changes of locations after their first answer. */
uint64_t names_generation(const struct names *);

/* Sets the flags of all modules and locations anew: the list of
 * classify_choose is another. A new generation. */
void names_reclassify(struct names *);

#endif
