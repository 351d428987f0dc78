/*
 * pykept.h - walks Python frames of which the outer ones are mostly those of
 * the last walk: py_walk, made incremental.
 *
 * Each thread keeps the chain of frames it walked last. To follow the links of
 * a chain, each load waits for the one before. A kept chain is only compared:
 * the link in each frame with the address that is kept, whereupon the next
 * frame is looked at by its kept address. So nothing waits, and nothing is
 * read that a link did not lead to: memory of a frame that is gone may be
 * unmapped. Frames that the chain did not have are read and put in, frames
 * that run another instruction get another word; the result is exactly that of
 * py_walk. Of a chain too long to keep it has the innermost frames, no fewer
 * than PY_KEPT_LEAST, and is cut.
 *
 * Context: hook. No stack of its own to speak of: the arrays are the caller's.
 */
#ifndef HEAPTOP_AGENT_PY_PYKEPT_H
#define HEAPTOP_AGENT_PY_PYKEPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/hidden.h"

#define PY_KEPT_FRAMES	   4096 /* of a chain that is kept, and words */
#define PY_KEPT_LEAST	   1024 /* of a chain that is cut */
#define PY_KEPT_PLACE_BITS 11
#define PY_KEPT_MEMO_BITS  12

struct py_kept_frame {
	uint64_t address;
	uint64_t key; /* what its word follows from, as it was */
};

/* What a key that was met before stands for; its code object is known. */
struct py_kept_memo {
	uint64_t key;
	uint64_t word;	/* of the line */
	uint32_t epoch; /* when that was so */
};

/* What a look found: as py_walk would, but for a chain that is cut. */
struct py_kept_stack {
	const uint64_t *words; /* innermost first; good until the next look */
	uint32_t count;
	uint32_t same;	/* so many of the outermost are those of the last look
			   that was none of the same, the words and thus what
			   they mean while py_code_epoch does not change */
	bool is_broken; /* as *cut of py_walk */
};

/* One per thread, zero at first, touched by it alone; of its 300 KiB only what
 * the depth of the stacks asks for is ever touched. */
struct py_kept {
	bool is_whole;	/* what follows is a whole chain */
	uint32_t count; /* frames, 1 the outermost */
	uint64_t epoch; /* of py_code_epoch */
	uint64_t held;	/* the same, if it is whole, has frames, and is not cut;
			   else 0 */
	const uint64_t *current; /* py_runtime_current_place */
	uint64_t outermost_key;	 /* of frame[1] */
	struct py_kept_stack found;
	struct py_kept_frame frame[PY_KEPT_FRAMES + 1]; /* [0]: the end */
	uint16_t words_to[PY_KEPT_FRAMES + 1]; /* from the outermost frame */
	uint64_t words[PY_KEPT_FRAMES];	       /* the outermost last */
	struct py_kept_memo memo[1u << PY_KEPT_MEMO_BITS];
	uint16_t
	    place[1u << PY_KEPT_PLACE_BITS]; /* by address: where to look */
	/* New frames of the walk under way, innermost first. */
	struct py_kept_frame fresh[PY_KEPT_FRAMES];
	uint64_t fresh_words[PY_KEPT_FRAMES];
};

/* Looks at the Python frames of the calling thread; gil: as with py_walk. True:
 * what the last look found, which was something and is not cut, is so still.
 * Else found says what they are. */
extern HIDDEN bool (*py_kept_look)(struct py_kept *, bool gil);

/* Whether the last look's chain was cut because it is too long. */
static inline bool
py_kept_is_cut(const struct py_kept *kept)
{
	return kept->frame[0].address != 0;
}
/* Context: setup. The layout is known now. */
void py_kept_setup(void);

#endif
