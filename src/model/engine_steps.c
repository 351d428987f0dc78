/*
 * engine_steps.c - inclusive mode: every location of a stack charges its slot,
 * each slot once for each block.
 *
 * All blocks below a node of the tree of stacks have the node on their stacks.
 * So a slot is charged with the sum of the whole subtree where it appears first
 * on the way in from the outermost frame, and nowhere else. Steps are just
 * these places: a tree in which no slot is met twice on a way, and each node
 * charges one. A frame in which functions were inlined is a step for each of
 * them; one whose slot is further out already, or whose locations are left out,
 * is none. Adding up from children to parents then charges all, whatever the
 * depth.
 */
#include "config.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/engine.h"

/* The way to a step, outermost first, so that ids rise along it. */
struct way {
	uint32_t *steps;
	size_t count;
	size_t room;
	uint8_t *has; /* [slot] */
	size_t has_room;
	uint32_t *rest; /* still to be gone */
	size_t rest_room;
};

void
steps_forget(struct engine *engine)
{
	free(engine->steps);
	free(engine->stack_step);
	free(engine->frame_slot);
	engine->steps = NULL;
	engine->stack_step = NULL;
	engine->frame_slot = NULL;
	engine->frame_slot_room = 0;
	engine->step_count = engine->step_room = 0;
	engine->stack_known = engine->stack_room = 0;
}

static uint32_t
step_slot(const struct engine *engine, uint32_t step)
{
	return engine->steps[step].slot & ~STEP_PASS;
}

static void
way_push(const struct engine *engine, struct way *way, uint32_t step)
{
	if (way->count == way->room)
		way->steps = mem_room(way->steps, &way->room, way->count,
				      sizeof(uint32_t));
	way->steps[way->count++] = step;
	way->has[step_slot(engine, step)] = 1;
}

/* Makes it the way to a step: back to where both part, and in from there. */
static void
way_go(const struct engine *engine, struct way *way, uint32_t to)
{
	size_t rest = 0;

	for (;;) {
		uint32_t last = way->count ? way->steps[way->count - 1] : 0;

		if (last == to)
			break;
		if (last > to) {
			way->has[step_slot(engine, last)] = 0;
			way->count--;
			continue;
		}
		way->rest = mem_room(way->rest, &way->rest_room, rest,
				     sizeof(uint32_t));
		way->rest[rest++] = to;
		to = engine->steps[to].parent;
	}
	while (rest)
		way_push(engine, way, way->rest[--rest]);
}

static bool
way_has(struct way *way, uint32_t slot)
{
	if (slot >= way->has_room) {
		size_t room = 2 * (size_t)slot + 64;

		way->has = mem_grow(way->has, room, 1);
		memset(way->has + way->has_room, 0, room - way->has_room);
		way->has_room = room;
	}
	return way->has[slot];
}

/* Charges a slot further in than `parent`, unless it is on the way already. */
static uint32_t
step_add(struct engine *engine, struct way *way, uint32_t parent, uint32_t slot)
{
	bool passes = !engine->filter ||
		      engine->steps[parent].slot & STEP_PASS ||
		      slot_at(engine, slot)->pass;

	if (way_has(way, slot))
		return parent;
	if (++engine->step_count >= engine->step_room) {
		engine->step_room = engine->step_count + engine->step_count / 4;
		engine->steps = mem_grow(engine->steps, engine->step_room,
					 sizeof(*engine->steps));
	}
	engine->steps[engine->step_count] =
	    (struct step){parent, slot | (passes ? STEP_PASS : 0)};
	way_push(engine, way, (uint32_t)engine->step_count);
	return (uint32_t)engine->step_count;
}

/* Charges the slots of all locations of a frame. */
static uint32_t
frame_add(struct engine *engine, struct way *way, uint32_t step, uint32_t id)
{
	struct names *names = engine->names;
	const struct frame *frame = names_frame(names, id);
	uint32_t first;
	size_t count, left_out = 0;

	if (engine->mine && frame->kind == FRAME_NATIVE &&
	    (names_module_flags(names, frame->module) & LOCATION_FOREIGN)) {
		engine->frame_slot[id] = FRAME_NONE;
		return step;
	}
	count = frame->count;
	if (!count) /* nobody has asked yet */
		names_locations(names, id, &count);
	first = names_frame(names, id)->first;
	for (size_t i = count; i--;) {
		uint32_t place = first + (uint32_t)i, slot, outer = step;

		if (engine->mine &&
		    (names_location(names, place)->flags & LOCATION_FOREIGN)) {
			left_out++;
			continue;
		}
		slot = slot_of_place(engine, place, id);
		step = step_add(engine, way, outer, slot);
		if (step == outer)
			continue;
		place_name(engine, place);
		if (count == 1)
			engine->frame_slot[id] = slot;
	}
	if (left_out == count)
		engine->frame_slot[id] = FRAME_NONE;
	return step;
}

static void
stack_extend(struct engine *engine, uint32_t id, struct way *way)
{
	const struct stack *stack = names_stack(engine->names, id);
	uint32_t step = engine->stack_step[stack->parent];
	uint32_t slot = engine->frame_slot[stack->frame];

	if (slot != FRAME_NONE) {
		way_go(engine, way, step);
		step = slot ? step_add(engine, way, step, slot)
			    : frame_add(engine, way, step, stack->frame);
	}
	engine->stack_step[id] = step;
}

static void
frames_room(struct engine *engine)
{
	size_t frames = names_frames(engine->names);
	size_t old = engine->frame_slot_room;

	if (frames < old)
		return;
	engine->frame_slot_room = room_for(frames);
	engine->frame_slot = mem_grow(
	    engine->frame_slot, engine->frame_slot_room, sizeof(uint32_t));
	memset(engine->frame_slot + old, 0,
	       (engine->frame_slot_room - old) * sizeof(uint32_t));
}

void
steps_extend(struct engine *engine)
{
	size_t stacks = names_stacks(engine->names);
	struct way way = {0};

	if (engine->steps && engine->stack_known == stacks)
		return;
	if (stacks >= engine->stack_room) {
		engine->stack_room = room_for(stacks);
		engine->stack_step = mem_grow(
		    engine->stack_step, engine->stack_room, sizeof(uint32_t));
		engine->stack_step[0] = 0;
	}
	if (!engine->steps) {
		engine->step_room = room_for(stacks);
		engine->steps =
		    mem_grow(NULL, engine->step_room, sizeof(*engine->steps));
		engine->steps[0] = (struct step){0};
	}
	frames_room(engine);
	way_has(&way, (uint32_t)engine->slot_count);
	while (engine->stack_known < stacks)
		stack_extend(engine, (uint32_t)++engine->stack_known, &way);
	free(way.steps);
	free(way.has);
	free(way.rest);
}

void
steps_pass(struct engine *engine)
{
	for (size_t i = 1; i <= engine->step_count; i++) {
		struct step *step = &engine->steps[i];
		uint32_t slot = step->slot & ~STEP_PASS;
		bool passes = engine->steps[step->parent].slot & STEP_PASS ||
			      slot_at(engine, slot)->pass;

		step->slot = slot | (passes ? STEP_PASS : 0);
	}
}

uint8_t *
steps_cover(const struct engine *engine, uint32_t slot)
{
	uint8_t *cover = mem_array(engine->step_count + 1, 1);

	for (uint32_t i = 1; i <= engine->step_count; i++)
		cover[i] = cover[engine->steps[i].parent] ||
			   step_slot(engine, i) == slot;
	return cover;
}

/* The rest of what is marked in bits. */
static void
branch_make(const struct engine *engine, struct branch *branch)
{
	size_t words = engine->step_count / 64 + 1, number = 0;

	branch->ranks = mem_array(words, sizeof(*branch->ranks));
	for (size_t i = 0; i < words; i++) {
		branch->ranks[i] = (uint32_t)branch->count;
		branch->count +=
		    (unsigned)__builtin_popcountll(branch->bits[i]);
	}
	branch->steps =
	    mem_grow(NULL, branch->count + 1, sizeof(*branch->steps));
	for (size_t i = 0; i < words; i++)
		for (uint64_t bits = branch->bits[i]; bits; bits &= bits - 1) {
			size_t id = 64 * i + (unsigned)__builtin_ctzll(bits);
			const struct step *step = &engine->steps[id];

			branch->steps[++number] = (struct step){
			    (uint32_t)branch_number(branch, step->parent),
			    step->slot};
		}
}

static void
branch_init(const struct engine *engine, struct branch *branch)
{
	*branch = (struct branch){.bits = mem_array(engine->step_count / 64 + 1,
						    sizeof(*branch->bits))};
}

static void
branch_make_all(const struct engine *engine, struct branch *branch)
{
	branch_init(engine, branch);
	for (size_t i = 1; i <= engine->step_count; i++) {
		uint32_t step = engine->steps[i].parent;

		branch->bits[step / 64] |= UINT64_C(1) << step % 64;
	}
	branch->bits[0] &= ~UINT64_C(1);
	branch_make(engine, branch);
}

const struct branch *
branch_all(struct engine *engine)
{
	static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER;

	pthread_mutex_lock(&one);
	if (engine->inclusive && !engine->all.bits)
		branch_make_all(engine, &engine->all);
	pthread_mutex_unlock(&one);
	return &engine->all;
}

void
moves_branch(const struct engine *engine, struct moves *moves)
{
	struct branch *branch = &moves->branch;

	*branch = (struct branch){0};
	if (!engine->inclusive)
		return;
	branch_init(engine, branch);
	for (size_t i = 0; i < moves->count; i++) {
		uint32_t at = engine->site_at[moves->list[i].site];
		uint32_t step =
		    at & AT_STEP ? engine->steps[at & ~AT_STEP].parent : 0;

		for (; step && !branch_has(branch, step);
		     step = engine->steps[step].parent)
			branch->bits[step / 64] |= UINT64_C(1) << step % 64;
	}
	branch_make(engine, branch);
}

void
branch_fini(struct branch *branch)
{
	free(branch->bits);
	free(branch->ranks);
	free(branch->steps);
	*branch = (struct branch){0};
}
