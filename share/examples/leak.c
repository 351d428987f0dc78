/*
 * leak.c - a server that loses memory, as small as one can be.
 *
 *   cc -g -O1 -o leak leak.c && ./leak [MESSAGES]
 *
 * Takes messages (100,000 if not told), answers each, and forgets to free the
 * answer of every tenth. Then it waits for a line on its standard input.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct answer {
	size_t size;
	char *text;
};

static struct answer *
answer_new(unsigned long message)
{
	struct answer *answer = malloc(sizeof(*answer));

	if (answer == NULL)
		exit(1);
	answer->size = 200;
	answer->text = malloc(answer->size);
	if (answer->text == NULL)
		exit(1);
	snprintf(answer->text, answer->size, "message %lu: done", message);
	return answer;
}

static void
answer_free(struct answer *answer)
{
	free(answer->text);
	free(answer);
}

static void
serve(unsigned long message)
{
	struct answer *answer = answer_new(message);

	if (message % 10 == 0)
		return; /* "nobody waits for this one" */
	answer_free(answer);
}

int
main(int argc, char **argv)
{
	unsigned long messages = 100000;

	if (argc > 1)
		messages = strtoul(argv[1], NULL, 10);
	for (unsigned long i = 0; i < messages; i++)
		serve(i);
	printf("%lu messages served\n", messages);
	fflush(stdout);
	getchar();
	return 0;
}
