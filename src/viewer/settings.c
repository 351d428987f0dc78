/* settings.c - the user's file of settings. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "model/classify.h"
#include "model/word.h"
#include "viewer/settings.h"

#define LINE_MAX_BYTES 4096

const char *const unit_names[] = {
    [TEXT_IEC] = "iec", [TEXT_SI] = "si", [TEXT_BYTES] = "bytes"};
_Static_assert(sizeof(unit_names) / sizeof(*unit_names) == TEXT_UNITS_COUNT,
	       "a name for each");

static const char *const color_names[] = {
    [VIEWER_COLOR_AUTO] = "auto",
    [VIEWER_COLOR_ALWAYS] = "always",
    [VIEWER_COLOR_NEVER] = "never",
};
#define COLORS (sizeof(color_names) / sizeof(*color_names))

static const char *
unit_word(size_t i)
{
	return unit_names[i];
}

static const char *
color_word(size_t i)
{
	return color_names[i];
}

/* As it stands in the file, so that it can be read again. */
static void
put_word(char out[SETTING_MAX], const char *word)
{
	snprintf(out, SETTING_MAX, "%s", word);
}

static bool
set_flag(bool *flag, const char *value, struct err *err)
{
	static const char *const words[] = {"no",    "yes",  "off", "on",
					    "false", "true", "0",   "1"};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (!strcmp(value, words[i])) {
			*flag = i & 1;
			return true;
		}
	return err_set(err, "'%.40s' is neither yes nor no", value);
}

static bool
set_columns(struct viewer_options *options, const char *value, struct err *err)
{
	if (!strcmp(value, "default")) {
		options->column_count = 0;
		return true;
	}
	return column_list_parse(value, options->columns,
				 &options->column_count, err);
}

static void
put_columns(const struct viewer_options *options, char out[SETTING_MAX])
{
	size_t used = 0;

	put_word(out, "default");
	for (size_t i = 0; i < options->column_count; i++)
		used += (size_t)snprintf(
		    out + used, SETTING_MAX - used, "%s%s", i ? ", " : "",
		    column_infos[options->columns[i]].word);
}

static bool
set_sort(struct viewer_options *options, const char *value, struct err *err)
{
	bool ascending = *value == '-';

	options->sort_set = strcmp(value, "default") != 0;
	options->ascending = ascending;
	return !options->sort_set ||
	       column_parse(value + ascending, &options->sort, err);
}

static void
put_sort(const struct viewer_options *options, char out[SETTING_MAX])
{
	snprintf(out, SETTING_MAX, "%s%s",
		 options->sort_set && options->ascending ? "-" : "",
		 options->sort_set ? column_infos[options->sort].word
				   : "default");
}

static bool
set_group(struct viewer_options *options, const char *value, struct err *err)
{
	return group_parse(value, &options->group_by, err);
}

static void
put_group(const struct viewer_options *options, char out[SETTING_MAX])
{
	put_word(out, group_names[options->group_by]);
}

static bool
set_libraries(struct viewer_options *options, const char *value,
	      struct err *err)
{
	static char kept[SETTING_MAX];

	if (strlen(value) >= sizeof(kept))
		return err_set(err, "the list of libraries is too long");
	if (!strcmp(value, "none"))
		value = "";
	if (!classify_choose(value, err))
		return false;
	strcpy(kept, value);
	options->libraries = kept;
	return true;
}

static void
put_libraries(const struct viewer_options *options, char out[SETTING_MAX])
{
	bool any = options->libraries && *options->libraries;

	put_word(out, any ? options->libraries : "none");
}

static bool
set_theme(struct viewer_options *options, const char *value, struct err *err)
{
	static char kept[SETTING_MAX];

	if (strlen(value) >= sizeof(kept))
		return err_set(err, "the theme's path is too long");
	strcpy(kept, value);
	options->theme = kept;
	return true;
}

static void
put_theme(const struct viewer_options *options, char out[SETTING_MAX])
{
	put_word(out, options->theme ? options->theme : "dark");
}

static bool
set_units(struct viewer_options *options, const char *value, struct err *err)
{
	size_t found;

	if (!word_find("unit", value, unit_word, TEXT_UNITS_COUNT, &found, err))
		return false;
	options->units = (enum text_units)found;
	return true;
}

static void
put_units(const struct viewer_options *options, char out[SETTING_MAX])
{
	put_word(out, unit_names[options->units]);
}

bool
delay_parse(const char *text, double *delay_s, struct err *err)
{
	char *end;
	double delay = strtod(text, &end);

	if (*end || end == text || !(delay >= 0.1 && delay <= 60))
		return err_set(err, "a delay is 0.1 to 60 seconds");
	*delay_s = delay;
	return true;
}

static bool
set_delay(struct viewer_options *options, const char *value, struct err *err)
{
	return delay_parse(value, &options->delay_s, err);
}

static void
put_delay(const struct viewer_options *options, char out[SETTING_MAX])
{
	snprintf(out, SETTING_MAX, "%g",
		 options->delay_s > 0 ? options->delay_s : VIEWER_DELAY_S);
}

static bool
set_color(struct viewer_options *options, const char *value, struct err *err)
{
	size_t found;

	if (!word_find("color", value, color_word, COLORS, &found, err))
		return false;
	options->color = (enum viewer_color)found;
	return true;
}

static void
put_color(const struct viewer_options *options, char out[SETTING_MAX])
{
	put_word(out, color_names[options->color]);
}

/* name_: of the field; yes_: what "yes" stores there. */
#define FLAG(name_, yes_)                                               \
	static bool set_##name_(struct viewer_options *options,         \
				const char *value, struct err *err)     \
	{                                                               \
		bool flag = false;                                      \
		bool good = set_flag(&flag, value, err);                \
                                                                        \
		if (good)                                               \
			options->name_ = flag == (yes_);                \
		return good;                                            \
	}                                                               \
	static void put_##name_(const struct viewer_options *options,   \
				char out[SETTING_MAX])                  \
	{                                                               \
		put_word(out, options->name_ == (yes_) ? "yes" : "no"); \
	}
FLAG(inclusive, true)
FLAG(mine, true)
FLAG(ascii, true)
FLAG(no_mouse, false)

const struct setting settings[] = {
    {"columns", "words of COLUMNS, separated by commas, or default",
     "the columns of the list, from left to right", set_columns, put_columns},
    {"sort",
     "a word of COLUMNS, \"-\" before it for the smallest first, or "
     "default",
     "what the list is sorted by at the start", set_sort, put_sort},
    {"group-by", "as --group-by takes", "what a row is at the start", set_group,
     put_group},
    {"inclusive", "yes or no", "whether a row counts what it calls, too",
     set_inclusive, put_inclusive},
    {"mine", "yes or no", "whether libraries are charged to their caller",
     set_mine, put_mine},
    {"libraries", "as --libraries takes, or none",
     "what is no code of yours beyond what heaptop knows", set_libraries,
     put_libraries},
    {"theme", "dark, light, mono, a name or a path", "the colours", set_theme,
     put_theme},
    {"color", "auto, always or never", "whether there are colours", set_color,
     put_color},
    {"units", "iec, si or bytes", "how sizes are written", set_units,
     put_units},
    {"delay", "0.1 to 60", "seconds between two updates", set_delay, put_delay},
    {"ascii", "yes or no", "draw with ASCII only", set_ascii, put_ascii},
    {"mouse", "yes or no", "whether the mouse is heaptop's", set_no_mouse,
     put_no_mouse},
};
const size_t setting_count = sizeof(settings) / sizeof(*settings);

char *
settings_path(const char *name)
{
	const char *config = getenv("XDG_CONFIG_HOME");
	const char *home = getenv("HOME");

	if (config && *config == '/')
		return mem_format("%s/heaptop/%s", config, name);
	if (home && *home == '/')
		return mem_format("%s/.config/heaptop/%s", home, name);
	return NULL;
}

FILE *
settings_open(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat found;

	if (fd < 0)
		return NULL;
	if (!fstat(fd, &found) && S_ISREG(found.st_mode))
		return fdopen(fd, "r");
	close(fd);
	errno = S_ISDIR(found.st_mode) ? EISDIR : EINVAL;
	return NULL;
}

/* Takes a line apart, in place. False when it has no setting. */
static bool
line_split(char *line, char **key, char **value)
{
	char *end;

	for (char *c = line; *c; c++)
		if (*c == '#' && (c == line || strchr(" \t=", c[-1])))
			*c = '\0';
	line += strspn(line, " \t");
	*key = line;
	*value = strchr(line, '=');
	end = *value ? *value : line + strlen(line);
	if (*value) {
		char *last;

		*(*value)++ = '\0';
		*value += strspn(*value, " \t");
		for (last = *value + strlen(*value);
		     last > *value && strchr(" \t\r\n", last[-1]);)
			*--last = '\0';
	}
	while (end > line && strchr(" \t\r\n", end[-1]))
		*--end = '\0';
	return *line != '\0';
}

/* -1: there is none of that name. */
static int
setting_find(const char *key)
{
	for (size_t i = 0; i < setting_count; i++)
		if (!strcmp(settings[i].key, key))
			return (int)i;
	return -1;
}

static bool
line_read(struct viewer_options *options, char *line, struct err *err)
{
	struct err why;
	char *value;
	char *key;
	int found;

	if (!line_split(line, &key, &value))
		return true;
	found = setting_find(key);
	if (found < 0)
		return err_set(err, "'%.40s' is no setting, left as it is",
			       key);
	if (!value)
		return err_set(err, "'%.40s' has no value; write %s = ...", key,
			       key);
	return settings[found].set(options, value, &why) ||
	       err_set(err, "%s: %.120s", key, why.text);
}

void
settings_read(struct viewer_options *options, const char *path, char *notice,
	      size_t notice_size)
{
	FILE *file = settings_open(path);
	char line[LINE_MAX_BYTES];
	struct err err;

	*notice = '\0';
	if (!file) {
		if (errno != ENOENT && errno != ENOTDIR)
			snprintf(notice, notice_size, "cannot read %s: %s",
				 path, strerror(errno));
		return;
	}
	for (int number = 1; fgets(line, sizeof(line), file); number++)
		if (!line_read(options, line, &err) && !*notice)
			snprintf(notice, notice_size, "config:%d: %s", number,
				 err.text);
	fclose(file);
}

static void
setting_print(FILE *file, const struct viewer_options *options, size_t i)
{
	char value[SETTING_MAX];

	settings[i].put(options, value);
	fprintf(file, "%s = %s\n", settings[i].key, value);
}

/* The old file with the settings as they are now; each once. */
static void
rewrite(FILE *old, FILE *file, const struct viewer_options *options)
{
	char line[LINE_MAX_BYTES];
	bool done[sizeof(settings) / sizeof(*settings)] = {0};

	if (!old)
		fputs("# Settings of heaptop, see CONFIGURATION in heaptop(1)."
		      "\n",
		      file);
	while (old && fgets(line, sizeof(line), old)) {
		char copy[LINE_MAX_BYTES];
		char *value;
		char *key;
		int found = -1;

		strcpy(copy, line);
		if (line_split(copy, &key, &value))
			found = setting_find(key);
		if (found < 0)
			fprintf(file, "%s%s", line,
				strchr(line, '\n') ? "" : "\n");
		else if (!done[found])
			setting_print(file, options, (size_t)found);
		if (found >= 0)
			done[found] = true;
	}
	for (size_t i = 0; i < setting_count; i++)
		if (!done[i])
			setting_print(file, options, i);
}

/* Makes the folders above a file. */
static bool
folders_make(const char *path, struct err *err)
{
	char *copy = mem_string(path);
	bool good = true;

	for (char *slash = copy + 1; good && (slash = strchr(slash, '/'));) {
		*slash = '\0';
		good = !mkdir(copy, 0700) || errno == EEXIST;
		if (!good)
			err_errno(err, "cannot make the folder '%s'", copy);
		*slash++ = '/';
	}
	free(copy);
	return good;
}

bool
settings_write(const struct viewer_options *options, const char *path,
	       struct err *err)
{
	char *real = realpath(path, NULL); /* it may be a link to be kept */
	char *target = real ? real : mem_string(path);
	char *fresh = mem_format("%s.new", target);
	FILE *old = settings_open(target);
	FILE *file = NULL;
	bool good = folders_make(target, err);

	if (good && !(file = fopen(fresh, "we")))
		good = err_errno(err, "cannot write '%s'", fresh);
	if (file) {
		rewrite(old, file, options);
		good = !ferror(file);
		good = !fclose(file) && good && !rename(fresh, target);
		if (!good) {
			err_errno(err, "cannot write '%s'", target);
			unlink(fresh);
		}
	}
	if (old)
		fclose(old);
	free(fresh);
	free(target);
	return good;
}
