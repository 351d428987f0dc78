/* serve.c - what the helper process does: questions in, answers out. */
#include "config.h"

#include <errno.h>
#include <libiberty/demangle.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "symbol/helper.h"
#include "symbol/module.h"
#include "symbol/path.h"
#include "symbol/symbol.h"

enum {
	QUESTION_SECONDS = 20, /* the first one of a file reads its tables */
	QUESTION_SECONDS_DEBUGINFOD = 180, /* may fetch a file first */
};

/* SIGALRM ends the process: nothing in here can be undone in its midst. */
static void
set_alarm(unsigned seconds)
{
	struct itimerval timer = {.it_value.tv_sec = seconds};

	setitimer(ITIMER_REAL, &timer, NULL);
}

static size_t
add_text(struct message_answer *answer, size_t *used, const char *text)
{
	size_t size = strnlen(text, MESSAGE_TEXT_MAX);

	memcpy(answer->text + *used, text, size);
	*used += size;
	return size;
}

static size_t
add_function(struct message_answer *answer, size_t *used, const char *name)
{
	char *readable;
	size_t size;

	if (!name || !name[0])
		return 0;
	readable = cplus_demangle(name, DMGL_AUTO);
	size = add_text(answer, used, readable ? readable : name);
	free(readable);
	return size;
}

static bool
is_below(const char *file, const char *directory, size_t size)
{
	return size > 0 && strncmp(file, directory, size) == 0 &&
	       file[size] == '/';
}

/* A relative name counts from the unit's directory. When that is relative too,
 * as distributions build, libdw may have put it in front once, or twice. */
static bool
file_name(char *out, size_t size, const struct dwarf_line *line)
{
	const char *directory = line->directory ? line->directory : "";
	const char *file = line->file;
	size_t length = strlen(directory);
	char whole[2 * MESSAGE_TEXT_MAX];
	int written;

	if (file[0] != '/' && is_below(file, directory, length)) {
		if (is_below(file + length + 1, directory, length))
			file += length + 1;
		length = 0;
	}
	if (file[0] == '/' || length == 0)
		return path_tidy(out, size, file);
	written = snprintf(whole, sizeof(whole), "%s/%s", directory, file);
	return written > 0 && (size_t)written < sizeof(whole) &&
	       path_tidy(out, size, whole);
}

static size_t
add_file(struct message_answer *answer, size_t *used,
	 const struct dwarf_line *line)
{
	char path[MESSAGE_TEXT_MAX];

	if (!line->file || strncmp(line->file, "??", 2) == 0 ||
	    !file_name(path, sizeof(path), line))
		return 0;
	return add_text(answer, used, path);
}

/* Returns the size of the answer. */
static size_t
answer_fill(struct message_answer *answer, const struct dwarf_line *lines,
	    size_t count)
{
	size_t used = 0;

	memset(answer, 0, offsetof(struct message_answer, text));
	answer->count = (uint32_t)count;
	for (size_t i = 0; i < count; i++) {
		struct message_line *line = &answer->lines[i];

		line->function_size =
		    (uint16_t)add_function(answer, &used, lines[i].function);
		line->file_size = (uint16_t)add_file(answer, &used, &lines[i]);
		line->line = line->file_size ? lines[i].line : 0;
		line->inlined = lines[i].inlined;
	}
	return offsetof(struct message_answer, text) + used;
}

static ssize_t
receive(int socket, void *packet, size_t size)
{
	ssize_t got;

	do
		got = recv(socket, packet, size, 0);
	while (got < 0 && errno == EINTR);
	return got;
}

static bool
question_fits(const struct message_question *question, ssize_t size)
{
	size_t head = offsetof(struct message_question, path);

	return size > (ssize_t)head && question->path_size > 0 &&
	       question->path_size <= MESSAGE_PATH_MAX &&
	       (size_t)size == head + question->path_size &&
	       question->path[question->path_size - 1] == '\0' &&
	       question->build_id_size <= MESSAGE_BUILD_ID_MAX;
}

void
helper_serve(int socket, const char *root)
{
	static struct message_question question;
	static struct message_answer answer;
	static struct dwarf_line lines[MESSAGE_LINES_MAX];
	struct modules *modules = modules_new(root);
	unsigned seconds = getenv("HEAPTOP_DEBUGINFOD")
			       ? QUESTION_SECONDS_DEBUGINFOD
			       : QUESTION_SECONDS;
	size_t count, size;

	if (!modules)
		_exit(1);
	while (question_fits(&question,
			     receive(socket, &question, sizeof(question)))) {
		set_alarm(seconds);
		count = modules_find(modules, question.path, question.build_id,
				     question.build_id_size, question.address,
				     lines, MESSAGE_LINES_MAX);
		size = answer_fill(&answer, lines, count);
		set_alarm(0);
		answer.sequence = question.sequence;
		if (send(socket, &answer, size, MSG_NOSIGNAL) < 0)
			break;
	}
	_exit(0);
}
