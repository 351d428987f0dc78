/* script.c - what a Python that is asked for it runs. */
#include "config.h"

#include "inject/script.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"

enum { ANSWER_MAX = 300 };

/* Its strings are in hexadecimal: none of them can end early. */
static const char text_format[] =
    "def heaptop():\n"
    "    word = 'module'\n"
    "    try:\n"
    "        import _ctypes\n"
    "        word = 'load'\n"
    "        entry = %" PRIu64 " or _ctypes.dlsym(_ctypes.dlopen(\n"
    "            bytes.fromhex('%s'), 2), '%s')\n"
    "        word, what = 'answer', _ctypes.call_function(\n"
    "            entry, (bytes.fromhex('%s'),))\n"
    "    except BaseException as error:\n"
    "        what = error\n"
    "    say(word, what)\n"
    "def say(word, what):\n"
    "    import posix\n"
    "    try:\n"
    "        file = posix.open(bytes.fromhex('%s'), posix.O_WRONLY |\n"
    "            posix.O_APPEND | posix.O_NOFOLLOW | posix.O_CLOEXEC)\n"
    "        posix.write(file, f'{word} {what}'.encode(\n"
    "            'utf-8', 'backslashreplace')[:250] + b'\\n')\n"
    "        posix.close(file)\n"
    "    except OSError:\n"
    "        pass\n"
    "import _thread\n"
    "try:\n"
    "    _thread.start_new_thread(heaptop, ())\n"
    "except RuntimeError as error:\n"
    "    say('thread', error)\n";

/* What a word at the beginning of the answer means. */
static const struct {
	const char *word;
	const char *by;
	const char *then;
} problems[] = {
    {"module ", " without Python's module _ctypes",
     "install that, or start it with heaptop run"},
    {"load ", "", "start it with heaptop run"},
    {"thread ", " in a thread of its own", "start it with heaptop run"},
};

static char *
hex(const void *bytes, size_t size)
{
	static const char digits[] = "0123456789abcdef";
	char *text = mem_alloc(2 * size + 1);

	for (size_t i = 0; i < size; i++) {
		text[2 * i] = digits[((const uint8_t *)bytes)[i] >> 4];
		text[2 * i + 1] = digits[((const uint8_t *)bytes)[i] & 15];
	}
	return text;
}

static char *
text_make(const struct call *call, const char *script)
{
	char *path = hex(call->path, strlen(call->path));
	char *settings = hex(call->settings, call->settings_size);
	char *own = hex(script, strlen(script));
	char *text = mem_format(text_format, call->entry, path, call->symbol,
				settings, own);

	free(own);
	free(settings);
	free(path);
	return text;
}

bool
script_make(struct script *script, const struct call *call, pid_t pid,
	    uid_t uid, struct err *err)
{
	char *text;
	bool good;

	script->fd = place_file(&script->place, pid, uid, err);
	if (script->fd < 0)
		return false;
	text = text_make(call, script->place.path);
	script->size = (off_t)strlen(text);
	good = write(script->fd, text, strlen(text)) == script->size;
	free(text);
	if (!good) {
		err_errno(err, "cannot write '%s'", script->place.path);
		script_remove(script);
	}
	return good;
}

void
script_remove(struct script *script)
{
	if (script->fd >= 0)
		close(script->fd);
	script->fd = -1;
	place_remove(&script->place);
}

/* The line that was added, made fit to be shown. Its first one: who can read
 * the file may have added more. */
static bool
line_read(const struct script *script, char *line, size_t room)
{
	char text[ANSWER_MAX];
	ssize_t size = pread(script->fd, text, sizeof(text), script->size);
	const char *end = size > 0 ? memchr(text, '\n', (size_t)size) : NULL;

	if (!end)
		return false;
	text_clean(line, room, text, (size_t)(end - text));
	return true;
}

enum call_end
script_answer(const struct script *script, pid_t pid, int *answer,
	      struct err *err)
{
	char line[4 * ANSWER_MAX];

	if (!line_read(script, line, sizeof(line)))
		return CALL_AGAIN;
	if (sscanf(line, "answer %d", answer) == 1)
		return CALL_DONE;
	for (size_t i = 0; i < sizeof(problems) / sizeof(*problems); i++) {
		size_t size = strlen(problems[i].word);

		if (strncmp(line, problems[i].word, size) != 0)
			continue;
		err_set(err, "process %d cannot load the agent%s: %s; %s",
			(int)pid, problems[i].by, line + size,
			problems[i].then);
		return CALL_FAILED;
	}
	err_set(err,
		"process %d says what no script of ours does: '%.100s'; start "
		"it with heaptop run",
		(int)pid, line);
	return CALL_FAILED;
}
