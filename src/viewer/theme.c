/* theme.c - reading themes. The built-in ones come from share/themes. */
#include "config.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "viewer/settings.h"
#include "viewer/theme.h"
#include "viewer/theme_data.h"

#define THEME_FILE_MAX 65536

#define ROLE_WORD_(id_, word_, text_) word_,
static const char *const role_words[] = {ROLE_LIST(ROLE_WORD_)};
_Static_assert(sizeof(role_words) / sizeof(*role_words) == ROLE_COUNT, "roles");

static const char *const color_names[] = {"black", "red",     "green", "yellow",
					  "blue",  "magenta", "cyan",  "white"};

static const struct {
	const char *word;
	unsigned flag;
} flag_words[] = {{"bold", LOOK_BOLD},
		  {"dim", LOOK_DIM},
		  {"underline", LOOK_UNDERLINE},
		  {"reverse", LOOK_REVERSE}};

static const struct {
	const char *name;
	const char *text;
} built_in[] = {
    {"dark", theme_dark}, {"light", theme_light}, {"mono", theme_mono}};

#define LENGTH(array_) (sizeof(array_) / sizeof(*(array_)))

enum role
growth_role(double growth)
{
	return growth > 0 ? ROLE_GROW : growth < 0 ? ROLE_SHRINK : ROLE_DIM;
}

enum role
share_role(double share)
{
	return share < 0.0005 ? ROLE_DIM : ROLE_TEXT;
}

/* Returns -2 for a word that is no colour. */
static int
color_parse(const char *word)
{
	int bright = 0;
	char *end;
	long number;

	if (!strcmp(word, "default"))
		return -1;
	number = strtol(word, &end, 10);
	if (end != word && !*end && number >= 0 && number <= 255)
		return (int)number;
	if (!strncmp(word, "bright-", 7)) {
		bright = 8;
		word += 7;
	}
	for (size_t i = 0; i < LENGTH(color_names); i++)
		if (!strcmp(word, color_names[i]))
			return (int)i + bright;
	return -2;
}

static bool
look_word(struct look *look, const char *word, bool on)
{
	int color = color_parse(word);

	for (size_t i = 0; i < LENGTH(flag_words); i++)
		if (!strcmp(word, flag_words[i].word)) {
			look->flags |= flag_words[i].flag;
			return !on;
		}
	if (color == -2)
		return false;
	if (on)
		look->background = (int16_t)color;
	else
		look->foreground = (int16_t)color;
	return true;
}

static bool
look_parse(struct look *look, char *words, const char **bad)
{
	char *save = NULL;
	bool on = false;

	*look = (struct look){-1, -1, 0};
	for (char *word = strtok_r(words, " \t", &save); word;
	     word = strtok_r(NULL, " \t", &save)) {
		if (!strcmp(word, "on")) {
			on = true;
			continue;
		}
		if (!look_word(look, word, on)) {
			*bad = word;
			return false;
		}
		on = false;
	}
	return true;
}

static int
role_parse(const char *word)
{
	for (int i = 0; i < ROLE_COUNT; i++)
		if (!strcmp(word, role_words[i]))
			return i;
	return -1;
}

/* One line, without its end. *bad: the word that was not understood. */
static bool
line_parse(struct theme *theme, bool *set, char *line, const char **bad)
{
	char *equals;
	char *end = strchr(line, '#');
	int role;

	if (end)
		*end = '\0';
	line += strspn(line, " \t\r");
	for (end = line + strlen(line); end > line && strchr(" \t\r", end[-1]);)
		*--end = '\0';
	if (!*line)
		return true;
	*bad = line;
	equals = strchr(line, '=');
	if (!equals)
		return false;
	*equals = '\0';
	for (end = equals; end > line && strchr(" \t", end[-1]);)
		*--end = '\0';
	role = role_parse(line);
	if (role < 0)
		return false;
	set[role] = true;
	return look_parse(&theme->looks[role], equals + 1, bad);
}

bool
theme_parse(struct theme *theme, const char *text, const char *name,
	    struct err *err)
{
	char *copy = mem_string(text);
	bool set[ROLE_COUNT] = {0};
	const char *bad = "";
	int number = 1;

	theme->looks[ROLE_TEXT] = (struct look){-1, -1, 0};
	for (char *line = copy; line; number++) {
		char *next = strchr(line, '\n');

		if (next)
			*next++ = '\0';
		if (!line_parse(theme, set, line, &bad)) {
			err_set(err,
				"%s:%d: '%.40s' is no role, colour or style; "
				"write: role = colour [on colour] [bold]",
				name, number, bad);
			free(copy);
			return false;
		}
		line = next;
	}
	free(copy);
	for (int i = 0; i < ROLE_COUNT; i++)
		if (!set[i])
			theme->looks[i] = theme->looks[ROLE_TEXT];
	return true;
}

static bool
theme_file(struct theme *theme, const char *path, struct err *err)
{
	FILE *file = settings_open(path);
	char *text;
	size_t size;
	bool done;

	if (!file)
		return err_errno(err, "cannot read theme '%s'", path);
	text = mem_alloc(THEME_FILE_MAX + 1);
	size = fread(text, 1, THEME_FILE_MAX, file);
	fclose(file);
	text[size] = '\0';
	done = theme_parse(theme, text, path, err);
	free(text);
	return done;
}

bool
theme_load(struct theme *theme, const char *name, struct err *err)
{
	char *folder = settings_path("themes");
	char *path = mem_format("%s/%s.theme", folder ? folder : "", name);
	bool found;
	bool done;

	free(folder);
	for (size_t i = 0; i < LENGTH(built_in); i++)
		if (!strcmp(name, built_in[i].name)) {
			free(path);
			return theme_parse(theme, built_in[i].text, name, err);
		}
	found = !strchr(name, '/') && !access(path, F_OK);
	if (found || strchr(name, '/'))
		done = theme_file(theme, found ? path : name, err);
	else
		done = err_set(err,
			       "no theme '%s'; there are dark, light and mono, "
			       "or give the path of a file, or write %s",
			       name, path);
	free(path);
	return done;
}

static int
name_compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

void
theme_names(struct theme_names *out)
{
	char *folder = settings_path("themes");
	DIR *files = folder ? opendir(folder) : NULL;
	const struct dirent *file;

	free(folder);
	out->count = 0;
	for (size_t i = 0; i < LENGTH(built_in); i++)
		strcpy(out->names[out->count++], built_in[i].name);
	while (files && out->count < THEMES_MAX && (file = readdir(files))) {
		const char *end = strrchr(file->d_name, '.');
		size_t size = end ? (size_t)(end - file->d_name) : 0;

		if (!size || size >= sizeof(*out->names) ||
		    strcmp(end, ".theme"))
			continue;
		memcpy(out->names[out->count], file->d_name, size);
		out->names[out->count++][size] = '\0';
	}
	if (files)
		closedir(files);
	qsort(out->names + LENGTH(built_in), out->count - LENGTH(built_in),
	      sizeof(*out->names), name_compare);
}

static int
sgr_color(char *out, size_t size, int base, int color)
{
	if (color < 0)
		return 0;
	if (color < 8)
		return snprintf(out, size, ";%d", base + color);
	if (color < 16)
		return snprintf(out, size, ";%d", base + 60 + color - 8);
	return snprintf(out, size, ";%d;5;%d", base + 8, color);
}

int
look_sgr(const struct look *look, char *out, size_t size)
{
	static const char codes[] = {'1', '2', '4', '7'};
	int used = snprintf(out, size, "\033[0");

	for (unsigned i = 0; i < sizeof(codes); i++)
		if (look->flags & 1u << i)
			used += snprintf(out + used, size - (size_t)used, ";%c",
					 codes[i]);
	used +=
	    sgr_color(out + used, size - (size_t)used, 30, look->foreground);
	used +=
	    sgr_color(out + used, size - (size_t)used, 40, look->background);
	return used + snprintf(out + used, size - (size_t)used, "m");
}
