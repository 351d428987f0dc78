/*
 * piece.h - native stacks that a thread meets again, piece by piece.
 *
 * A piece is some frames of a stack and its shape: from where, counted from
 * sp, each return address was read, and what bp had to be where a rule goes by
 * it. If a stack has the words of a piece at the piece's places, a walk by
 * rules would go exactly there, since the rule of each word leads to the place
 * of the next. So the loads wait neither for each other nor for rules, and
 * where one piece ends the next begins. Which piece to try is guessed; a wrong
 * guess of the same shape still says where the words are, by which the right
 * piece is found.
 *
 * A joint says what pieces on top of a base are: which node (nodes.h), and for
 * a domain which site. They stand on no base, or on the node of a Python stack.
 *
 * Of a deep stack the joint is guessed once its innermost piece is known. It
 * says which piece comes next, so that the pieces do not wait for each other
 * either; where it is wrong, they go on one by one.
 *
 * Context: hook. One per thread, touched by it alone, zero at first. A signal
 * handler may leave by longjmp while something is made: it is published last.
 */
#ifndef HEAPTOP_AGENT_PIECE_H
#define HEAPTOP_AGENT_PIECE_H

#include "agent/scroll.h"
#include "agent/unwind_shape.h"

#define PIECE_HINTS 16384 /* pairs */
#define PIECE_MARKS 4096
#define PIECE_MARK  3
#define PIECE_SETS  8192
#define PIECE_WAYS  4
#define JOINT_SETS  8192
#define JOINT_WAYS  4
#define RECALL_SETS 8192
#define RECALL_WAYS 4
#define PIECES_MAX  256 /* of a stack: more is for the usual walk */

struct piece {
	uint64_t hash;
	/* What it was the last time that it was the whole walk. */
	const struct node *base;
	struct leaf *leaf;
	uint32_t site; /* 0: it never was */
	uint32_t domain;
	uint32_t span;
	uint16_t count; /* of words */
	uint16_t bp;	/* as in struct unwind_shape */
	uint16_t checks;
	uint16_t rest;	 /* words after the first, in whole blocks */
	uint16_t caller; /* offset of the return address after the last */
	bool is_last;
	uint64_t words[]; /* in whole blocks; then checks, then offsets */
};

/* What pieces are on top of a base. */
struct joint {
	const struct node *base;
	const struct node *node;
	struct leaf *leaf;
	uint32_t site;
	uint32_t self; /* position */
	uint16_t domain;
	uint16_t count;
	uint32_t pieces[]; /* positions, innermost first */
};

/* Words read at some places. */
struct piece_sought {
	uint64_t hash;
	const uint64_t *words;
	const uint16_t *offsets;
	size_t count;
	const struct unwind_state *state; /* at which the piece must hold */
	uint64_t high;
	const struct unwind_shape *shape; /* NULL, or its whole shape */
};

/*
 * A node of a tree of guesses. Below the root walks have the same innermost
 * piece and sp; below another, also the same word at its mark. Marks lie
 * further out from node to node, and each is a return address of all walks
 * below, as far as those were met: so nothing that varies is looked at.
 */
struct recall {
	uint32_t tag;	/* of its parent and the word there */
	uint32_t id;	/* 0: none */
	uint32_t joint; /* position: of some walk below */
	uint16_t mark;	/* of the word that tells its children apart: 1 is where
			   the innermost piece's caller was read; 0: no children
			   */
	bool is_used;	/* since its neighbours were last all in use */
};

struct pieces {
	uint64_t changes; /* unwind_changes, when it was begun; 0: it was not */
	uint64_t quick;	  /* the same, once pieces_quick may be used */
	uint16_t marks[PIECE_MARKS][PIECE_MARK]; /* offsets of words that tell
					   pieces of the same beginning apart */
	uint32_t hints[PIECE_HINTS][2]; /* positions of pieces, 0 none */
	uint32_t index[PIECE_SETS][PIECE_WAYS]; /* likewise, by hash */
	uint32_t joints[JOINT_SETS][JOINT_WAYS];
	struct recall recalls[RECALL_SETS][RECALL_WAYS];
	uint32_t recall_ids;
	const struct joint *whole; /* a guess that was right to the end */
	uint64_t outer_sp;	   /* after the innermost piece ... */
	uint64_t outer_high;	   /* ... to the end of the stack */
	uint64_t differ_word;	   /* of a guess that was wrong ... */
	uint16_t differ_mark;	   /* ... there; 0: none was */
	uint32_t count;		   /* of the walk under way, innermost first */
	uint32_t walk[PIECES_MAX];
	uint32_t repeats; /* walks in a row of which all but the two innermost
			     pieces were those of the walk before */
	struct unwind_shape shape;   /* being made */
	uint64_t words[SHAPE_WORDS]; /* being compared */
	struct piece_sought sought;  /* being looked for */
	struct scroll scroll;	     /* pieces */
	struct scroll joint_scroll;  /* joints */
};

/*
 * Walks the stack that runs now, which is known to end at `high`, into walk.
 * *stopped: it ended at limits' range. False: not only simple rules, or too
 * deep.
 */
bool pieces_walk(struct pieces *, struct unwind_kept *,
		 struct unwind_state state, uint64_t high,
		 const struct unwind_limits *, bool *stopped);

/*
 * The usual case of all the below, for a whole stack of native frames that is
 * one piece, as the last one was: the site that it has in a domain, and the
 * leaf of its counters. 0: it is to be walked.
 */
uint32_t pieces_quick(struct pieces *, const struct unwind_state *,
		      const struct unwind_bounds *, uint32_t domain,
		      struct leaf **leaf);

/* A piece of the walk; NULL: overwritten meanwhile. */
const struct piece *pieces_get(struct pieces *, uint32_t position);

/* A guess at the walk under way, of which the innermost piece is known and ends
 * at state. NULL: none. */
const struct joint *pieces_recall(struct pieces *, const struct unwind_state *,
				  uint64_t high);
/* The guess was wrong at its piece `at`, where the stack is at state. */
void pieces_recall_failed(struct pieces *, const struct joint *, uint32_t at,
			  const struct unwind_state *);

/* What the walk is on top of base. NULL: not known. The stack is still as it
 * was walked. */
const struct joint *pieces_joint(struct pieces *, const struct node *base,
				 uint32_t domain);
/* Whether the walk is one piece, and what it was the last time. */
static inline const struct piece *
pieces_only(struct pieces *pieces, const struct node *base, uint32_t domain)
{
	const struct piece *piece = scroll_at(&pieces->scroll, pieces->walk[0]);

	return pieces->count == 1 && piece && piece->site &&
		       piece->base == base && piece->domain == domain
		   ? piece
		   : NULL;
}

/* Makes it known, with the walk's pieces. */
const struct joint *pieces_join(struct pieces *, const struct joint *);

/* All is to be forgotten, at the next refresh. */
static inline void
pieces_end(struct pieces *pieces)
{
	pieces->changes = pieces->quick = 0;
}

/* Forgets all. */
void pieces_begin(struct pieces *);

/* Forgets all, if modules or the range of limits changed since. */
static inline void
pieces_refresh(struct pieces *pieces)
{
	if (__builtin_expect(
		pieces->changes !=
		    __atomic_load_n(&unwind_changes, __ATOMIC_ACQUIRE),
		0))
		pieces_begin(pieces);
}

#endif
