/*
 * symbols.c - answers, each found once and kept, and the queue of questions
 * to the helper.
 *
 *	queue:  [ answered | asked, in the helper's hands | waiting ]
 *	        0          answered                  asked          count
 *
 * The helper answers in order. When it dies, the question at `answered` is
 * what it died of: a file that did so twice, or took its whole time once, is
 * not read again.
 */
#include "config.h"

#include "symbol/symbol.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "symbol/helper.h"

enum {
	ASKED_MAX = 16,	 /* questions in the helper's hands at once */
	STRIKES_MAX = 2, /* deaths before a file is given up */
	STARTS_MAX = 3,	 /* helpers that could not be started in a row */
	PUMP_MS = 20,	 /* between looks for answers that nobody drains */
};

struct file {
	char *path;
	uint8_t build_id[MESSAGE_BUILD_ID_MAX];
	size_t build_id_size;
	unsigned strikes;
};

struct entry {
	struct file *file;
	uint64_t address;
	bool done;
	size_t count;
	struct symbol_line *lines; /* one piece of memory with its texts */
};

struct symbols {
	char *root;
	bool background;
	int epoll; /* readable when the helper's socket is; -1 without one */
	struct helper helper;
	unsigned starts_failed;
	uint64_t pumped_ms;

	struct file **files;
	size_t file_count;
	size_t file_capacity;

	struct entry **table; /* open addressing, a power of two */
	size_t table_size;
	size_t entry_count;

	struct entry **queue;
	size_t answered;
	size_t asked;
	size_t queue_count;
	size_t queue_capacity;
};

struct symbols *
symbols_new(const char *root, bool background)
{
	struct symbols *symbols = mem_alloc(sizeof(*symbols));

	symbols->root = mem_string(root ? root : "");
	symbols->background = background;
	symbols->helper.socket = -1;
	symbols->epoll = background ? epoll_create1(EPOLL_CLOEXEC) : -1;
	symbols->table_size = 1024;
	symbols->table =
	    mem_array(symbols->table_size, sizeof(*symbols->table));
	return symbols;
}

void
symbols_free(struct symbols *symbols)
{
	if (!symbols)
		return;
	helper_stop(&symbols->helper);
	if (symbols->epoll >= 0)
		close(symbols->epoll);
	for (size_t i = 0; i < symbols->table_size; i++) {
		if (symbols->table[i])
			free(symbols->table[i]->lines);
		free(symbols->table[i]);
	}
	for (size_t i = 0; i < symbols->file_count; i++) {
		free(symbols->files[i]->path);
		free(symbols->files[i]);
	}
	free(symbols->files);
	free(symbols->table);
	free(symbols->queue);
	free(symbols->root);
	free(symbols);
}

/* The cache. */

static size_t
hash(const struct file *file, uint64_t address)
{
	uint64_t mixed = (address ^ (uint64_t)(uintptr_t)file << 8) *
			 UINT64_C(0x9e3779b97f4a7c15);

	return (size_t)(mixed ^ mixed >> 32);
}

/* The entry's place, or the free one where it would be. */
static struct entry **
table_place(struct symbols *symbols, const struct file *file, uint64_t address)
{
	size_t mask = symbols->table_size - 1;
	size_t at = hash(file, address) & mask;
	struct entry *entry;

	while ((entry = symbols->table[at]) &&
	       (entry->file != file || entry->address != address))
		at = (at + 1) & mask;
	return &symbols->table[at];
}

static void
table_grow(struct symbols *symbols)
{
	struct entry **old = symbols->table;
	size_t old_size = symbols->table_size;

	symbols->table_size *= 2;
	symbols->table =
	    mem_array(symbols->table_size, sizeof(*symbols->table));
	for (size_t i = 0; i < old_size; i++)
		if (old[i])
			*table_place(symbols, old[i]->file, old[i]->address) =
			    old[i];
	free(old);
}

static struct entry *
entry_get(struct symbols *symbols, struct file *file, uint64_t address,
	  bool *is_new)
{
	struct entry **place = table_place(symbols, file, address);
	struct entry *entry = *place;

	*is_new = !entry;
	if (entry)
		return entry;
	entry = mem_alloc(sizeof(*entry));
	entry->file = file;
	entry->address = address;
	*place = entry;
	symbols->entry_count++;
	if (symbols->entry_count * 2 > symbols->table_size)
		table_grow(symbols);
	return entry;
}

/* The last one asked for comes first: callers ask for one file in a row. */
static struct file *
file_get(struct symbols *symbols, const char *path, const uint8_t *build_id,
	 size_t build_id_size)
{
	struct file *file;

	for (size_t i = symbols->file_count; i-- > 0;) {
		file = symbols->files[i];
		if (file->build_id_size == build_id_size &&
		    (build_id_size == 0 ||
		     memcmp(file->build_id, build_id, build_id_size) == 0) &&
		    strcmp(file->path, path) == 0)
			return file;
	}
	file = mem_alloc(sizeof(*file));
	file->path = mem_string(path);
	if (build_id_size)
		memcpy(file->build_id, build_id, build_id_size);
	file->build_id_size = build_id_size;
	symbols->files = mem_room(symbols->files, &symbols->file_capacity,
				  symbols->file_count, sizeof(*symbols->files));
	symbols->files[symbols->file_count++] = file;
	return file;
}

/* Answers. */

static char *
copy_text(char **room, const char **text, size_t size)
{
	char *copy = *room;

	if (size == 0)
		return NULL;
	memcpy(copy, *text, size);
	copy[size] = '\0';
	*room += size + 1;
	*text += size;
	return copy;
}

static bool
answer_fits(const struct message_answer *answer, size_t size)
{
	size_t head = offsetof(struct message_answer, text);
	size_t text = 0;

	if (size < head || answer->count > MESSAGE_LINES_MAX)
		return false;
	for (uint32_t i = 0; i < answer->count; i++)
		text += (size_t)answer->lines[i].function_size +
			answer->lines[i].file_size;
	return text == size - head;
}

static void
entry_fill(struct entry *entry, const struct message_answer *answer,
	   size_t size)
{
	size_t text_size = size - offsetof(struct message_answer, text);
	const char *text = answer->text;
	char *room;

	entry->done = true;
	if (answer->count == 0)
		return;
	entry->count = answer->count;
	entry->lines =
	    mem_alloc(entry->count * (sizeof(*entry->lines) + 2) + text_size);
	room = (char *)(entry->lines + entry->count);
	for (size_t i = 0; i < entry->count; i++) {
		const struct message_line *from = &answer->lines[i];
		struct symbol_line *line = &entry->lines[i];

		line->function = copy_text(&room, &text, from->function_size);
		line->file = copy_text(&room, &text, from->file_size);
		line->line = from->line;
		line->inlined = from->inlined && i + 1 < entry->count;
	}
}

/* The queue. */

static void
queue_add(struct symbols *symbols, struct entry *entry)
{
	if (symbols->answered == symbols->queue_count)
		symbols->answered = symbols->asked = symbols->queue_count = 0;
	symbols->queue =
	    mem_room(symbols->queue, &symbols->queue_capacity,
		     symbols->queue_count, sizeof(*symbols->queue));
	symbols->queue[symbols->queue_count++] = entry;
}

static void
helper_died(struct symbols *symbols)
{
	enum helper_death death = helper_stop(&symbols->helper);

	if (symbols->answered < symbols->asked) {
		struct file *file = symbols->queue[symbols->answered]->file;

		file->strikes += death == HELPER_TIMED_OUT ? STRIKES_MAX : 1;
	}
	symbols->asked = symbols->answered;
}

static bool
helper_ready(struct symbols *symbols)
{
	struct epoll_event event = {.events = EPOLLIN};

	if (symbols->helper.pid)
		return true;
	if (symbols->starts_failed >= STARTS_MAX)
		return false;
	if (!helper_start(&symbols->helper, symbols->root)) {
		symbols->starts_failed++;
		return false;
	}
	symbols->starts_failed = 0;
	if (symbols->epoll >= 0)
		epoll_ctl(symbols->epoll, EPOLL_CTL_ADD, symbols->helper.socket,
			  &event);
	return true;
}

/* Returns false when the helper takes no more for now, or is gone. */
static bool
ask(struct symbols *symbols, const struct entry *entry)
{
	struct message_question question = {
	    .sequence = (uint32_t)symbols->asked,
	    .build_id_size = (uint16_t)entry->file->build_id_size,
	    .path_size = (uint16_t)(strlen(entry->file->path) + 1),
	    .address = entry->address,
	};
	size_t size =
	    offsetof(struct message_question, path) + question.path_size;

	memcpy(question.build_id, entry->file->build_id,
	       entry->file->build_id_size);
	memcpy(question.path, entry->file->path, question.path_size);
	if (send(symbols->helper.socket, &question, size,
		 MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)size)
		return true;
	if (errno != EAGAIN && errno != EINTR)
		helper_died(symbols);
	return false;
}

/* Hands out what waits. Files that were given up, and everything when there
 * can be no helper, are answered with nothing. */
static void
ask_more(struct symbols *symbols)
{
	while (symbols->asked < symbols->queue_count &&
	       symbols->asked - symbols->answered < ASKED_MAX) {
		struct entry *entry = symbols->queue[symbols->asked];
		bool first = symbols->asked == symbols->answered;

		if (entry->file->strikes >= STRIKES_MAX ||
		    !helper_ready(symbols)) {
			if (!first)
				return;
			entry->done = true;
			symbols->answered = ++symbols->asked;
		} else if (ask(symbols, entry)) {
			symbols->asked++;
		} else if (symbols->helper.pid) {
			return;
		} else if (first) {
			entry->file->strikes++;
		}
	}
}

/* Takes one answer. Returns false when there is none yet. */
static bool
take_answer(struct symbols *symbols, bool wait)
{
	static struct message_answer answer;
	ssize_t size;

	if (symbols->answered == symbols->asked && symbols->helper.pid == 0)
		return false;
	do
		size = recv(symbols->helper.socket, &answer, sizeof(answer),
			    wait ? 0 : MSG_DONTWAIT);
	while (size < 0 && errno == EINTR);
	if (size < 0 && errno == EAGAIN)
		return false;
	if (size <= 0 || symbols->answered == symbols->asked ||
	    answer.sequence != (uint32_t)symbols->answered ||
	    !answer_fits(&answer, (size_t)size)) {
		helper_died(symbols);
		return true;
	}
	entry_fill(symbols->queue[symbols->answered++], &answer, (size_t)size);
	return true;
}

static uint64_t
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void
symbols_drain(struct symbols *symbols)
{
	symbols->pumped_ms = now_ms();
	while (take_answer(symbols, false))
		ask_more(symbols);
	ask_more(symbols);
}

int
symbols_fd(const struct symbols *symbols)
{
	return symbols->epoll;
}

static void
wait_for(struct symbols *symbols, const struct entry *entry)
{
	while (!entry->done) {
		ask_more(symbols);
		if (!entry->done)
			take_answer(symbols, true);
	}
}

enum symbol_result
symbols_find(struct symbols *symbols, const char *path, const uint8_t *build_id,
	     size_t build_id_size, uint64_t address,
	     const struct symbol_line **lines, size_t *count)
{
	struct entry *entry;
	bool is_new;

	*lines = NULL;
	*count = 0;
	if (!path || path[0] != '/' || strlen(path) >= MESSAGE_PATH_MAX ||
	    build_id_size > MESSAGE_BUILD_ID_MAX)
		return SYMBOL_DONE;
	entry =
	    entry_get(symbols, file_get(symbols, path, build_id, build_id_size),
		      address, &is_new);
	if (is_new) {
		queue_add(symbols, entry);
		ask_more(symbols);
	}
	if (!entry->done && !symbols->background)
		wait_for(symbols, entry);
	else if (!entry->done && now_ms() - symbols->pumped_ms >= PUMP_MS)
		symbols_drain(symbols);
	if (!entry->done)
		return SYMBOL_LATER;
	*lines = entry->lines;
	*count = entry->count;
	return SYMBOL_DONE;
}
