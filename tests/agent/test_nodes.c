/*
 * test_nodes.c - the tree of stacks and its sites: one node for each stack,
 * whoever asks, however many there are, and whatever a word comes to mean.
 */
#include "config.h"

#include "check.h"

#include <pthread.h>
#include <stdlib.h>

#include "agent/nodes.h"
#include "agent/py/py.h"
#include "agent/sites.h"
#include "heaptop/wire.h"
#include "stubs.h"

#define MANY	 200000
#define THREADS	 4
#define SHARED	 20000
#define SIBLINGS (NODE_CHILDREN * 3) /* more than stand in their parent */

static void
test_a_stack_is_one_node(void **state)
{
	struct node *a = nodes_child(NULL, 0x1000);
	struct node *b = nodes_child(a, 0x2000);

	(void)state;
	assert_non_null(b);
	assert_ptr_equal(nodes_child(NULL, 0x1000), a);
	assert_ptr_equal(nodes_child(a, 0x2000), b);
	assert_ptr_not_equal(nodes_child(NULL, 0x2000), b);
	assert_ptr_not_equal(nodes_child(b, 0x2000), b);
	assert_ptr_equal(node_parent(b), a);
	assert_null(node_parent(a));
	assert_ptr_equal(nodes_get(b->id), b);
	assert_true(a->id < b->id);
}

static void
test_a_site_is_a_node_and_a_domain(void **state)
{
	struct node *node = nodes_child(NULL, 0x3000);
	uint32_t id = sites_intern(node, WIRE_DOMAIN_MALLOC);
	uint32_t other = sites_intern(node, WIRE_DOMAIN_PYMEM_RAW);

	(void)state;
	assert_true(id && other);
	assert_int_not_equal(id, other);
	assert_int_equal(sites_intern(node, WIRE_DOMAIN_MALLOC), id);
	assert_int_equal(sites_intern(node, WIRE_DOMAIN_PYMEM_RAW), other);
	assert_int_equal(sites_get(id)->node, node->id);
	assert_int_equal(sites_get(other)->domain, WIRE_DOMAIN_PYMEM_RAW);
}

static struct node *
parent_of(struct node **made, uint64_t i)
{
	return i % 7 ? made[i / SIBLINGS] : NULL;
}

/* The table grows several times; nothing is lost or made twice. */
static void
test_many(void **state)
{
	uint32_t before = nodes_count();
	struct node **made = calloc(MANY, sizeof(*made));

	(void)state;
	for (uint64_t i = 0; i < MANY; i++) {
		/* Stacks of different depths, some words used again. */
		made[i] = nodes_child(parent_of(made, i), 0x100000 + i);
		assert_non_null(made[i]);
	}
	assert_int_equal(nodes_count(), before + MANY);
	for (uint64_t i = 0; i < MANY; i++)
		assert_ptr_equal(nodes_child(parent_of(made, i), 0x100000 + i),
				 made[i]);
	assert_int_equal(nodes_count(), before + MANY);
	free(made);
}

static struct node *found[THREADS][SHARED];
static uint32_t sites_found[THREADS][SHARED];

static void *
look(void *argument)
{
	uint64_t which = (uint64_t)argument;

	for (uint64_t i = 0; i < SHARED; i++) {
		/* Each thread from another end, so that they meet. */
		uint64_t at = which % 2 ? SHARED - 1 - i : i;
		struct node *parent =
		    nodes_child(NULL, 0x30000000 + at / SIBLINGS);

		found[which][at] = nodes_child(parent, 0x40000000 + at);
		if (found[which][at])
			sites_found[which][at] =
			    sites_intern(found[which][at], WIRE_DOMAIN_MALLOC);
	}
	return NULL;
}

static void
test_threads_agree(void **state)
{
	uint32_t before = nodes_count();
	uint32_t sites_before = sites_count();
	pthread_t threads[THREADS];

	(void)state;
	for (uint64_t i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, look, (void *)i);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(nodes_count(),
			 before + SHARED + (SHARED - 1) / SIBLINGS + 1);
	assert_int_equal(sites_count(), sites_before + SHARED);
	for (int i = 1; i < THREADS; i++) {
		assert_memory_equal(found[i], found[0], sizeof(found[0]));
		assert_memory_equal(sites_found[i], sites_found[0],
				    sizeof(sites_found[0]));
	}
}

static uint32_t code_now;

static uint32_t
code(uint64_t word)
{
	(void)word;
	return code_now;
}

static void
check_meaning(const struct node *parent, uint64_t word)
{
	struct node *old, *fresh;

	code_now = 1;
	old = nodes_child(parent, word);
	assert_int_equal(old->ref, 1);
	py_code_epoch++; /* some other code object was freed */
	assert_ptr_equal(nodes_child(parent, word), old);
	py_code_epoch++; /* this one */
	code_now = 2;
	fresh = nodes_child(parent, word);
	assert_ptr_not_equal(fresh, old);
	assert_int_equal(fresh->ref, 2);
	assert_int_equal(old->ref, 1);
	assert_ptr_equal(nodes_child(parent, word), fresh);
}

/* A code object was freed and another lies at its address: the same word is
 * another frame then, and the old one keeps its meaning. */
static void
test_a_word_that_means_another_code_object(void **state)
{
	uint64_t word = PY_WORD_TAG | 0x123456;
	struct node *native = nodes_child(NULL, 0x5000);

	(void)state;
	stubs.code = code;
	check_meaning(NULL, word);
	/* The old and the new one in their parent, then in the table. */
	for (uint64_t i = 0; i < SIBLINGS; i++)
		check_meaning(native, word + i);
	assert_ptr_equal(nodes_child(NULL, 0x5000), native);
	stubs.code = NULL;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_stack_is_one_node),
	    cmocka_unit_test(test_a_site_is_a_node_and_a_domain),
	    cmocka_unit_test(test_many),
	    cmocka_unit_test(test_threads_agree),
	    cmocka_unit_test(test_a_word_that_means_another_code_object),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
