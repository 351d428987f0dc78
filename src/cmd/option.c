/* option.c - the table of options and the parser that it makes. */
#include "config.h"

#include "cmd/option.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cmd/subcommand.h"
#include "export/export.h"
#include "model/classify.h"

static bool
number_parse(const char *text, uint64_t *number, struct err *err)
{
	char *end;

	errno = 0;
	*number = strtoull(text, &end, 10);
	if (errno || end == text || *end || *text == '-')
		return err_set(err, "'%s' is not a number", text);
	return true;
}

bool
size_parse(const char *text, uint64_t *size, struct err *err)
{
	static const char units[] = "KMGT";
	const char *unit;
	char *end;
	double value;
	int shift = 0;

	value = strtod(text, &end);
	if (end == text || !(value >= 0) || value > 1e18)
		goto bad;
	if (*end == ' ')
		end++;
	unit = *end ? strchr(units, *end & ~0x20) : NULL;
	if (unit) {
		shift = 10 * (int)(unit - units + 1);
		end++;
		if (*end == 'i')
			end++;
	}
	if (*end == 'B' || *end == 'b')
		end++;
	value = ldexp(value, shift);
	if (*end || value >= 9e18)
		goto bad;
	*size = (uint64_t)value;
	return true;
bad:
	return err_set(err, "'%s' is not a size; write 4096, 512K or 1.5M",
		       text);
}

bool
budget_parse(const char *text, uint32_t *ppm, struct err *err)
{
	char *end;
	double percent = strtod(text, &end);

	if (*end == ' ')
		end++;
	if (*end == '%')
		end++;
	if (end == text || *end || !(percent >= 0.01 && percent <= 100))
		return err_set(err,
			       "'%s' is not a share of CPU time; write 2%% or "
			       "0.5%%",
			       text);
	*ppm = (uint32_t)lround(percent * 1e4);
	return true;
}

static bool
word_check(enum value kind, const char *word, struct err *err)
{
	const char *const *words = value_words(kind);
	char list[256] = "";
	size_t i;

	for (i = 0; words[i]; i++) {
		if (strcmp(words[i], word) == 0)
			return true;
		if (strlen(list) + strlen(words[i]) + 3 < sizeof(list)) {
			strcat(list, i ? ", " : "");
			strcat(list, words[i]);
		}
	}
	return err_set(err, "'%s' is none of %s", word, list);
}

/* Setters of options that only turn something on, or keep a text. */
#define FLAG(name_)                                                         \
	static bool set_##name_(struct options *options, const char *value, \
				struct err *err)                            \
	{                                                                   \
		(void)value;                                                \
		(void)err;                                                  \
		options->name_ = true;                                      \
		return true;                                                \
	}
#define TEXT(name_)                                                         \
	static bool set_##name_(struct options *options, const char *value, \
				struct err *err)                            \
	{                                                                   \
		if (!*value)                                                \
			return err_set(err, "its value is empty");          \
		options->name_ = value;                                     \
		return true;                                                \
	}
#define WORD(name_, kind_)                                                  \
	static bool set_##name_(struct options *options, const char *value, \
				struct err *err)                            \
	{                                                                   \
		options->name_ = value;                                     \
		return word_check(kind_, value, err);                       \
	}

FLAG(headless)
FLAG(dormant)
FLAG(freelists)
FLAG(keep)
FLAG(no_children)
FLAG(inclusive)
FLAG(mine)
FLAG(family)
FLAG(types)
FLAG(ledger)
FLAG(suspects)
FLAG(json)
FLAG(batch)
FLAG(force)
FLAG(replace)
FLAG(ascii)
FLAG(no_mouse)
FLAG(no_config)
FLAG(help)
FLAG(version)
TEXT(save)
TEXT(output)
TEXT(filter)
TEXT(to)
TEXT(format)
TEXT(theme)
TEXT(script)
WORD(unwinder, VALUE_UNWINDER)
WORD(native, VALUE_NATIVE)
WORD(color, VALUE_COLOR)

static bool
set_libraries(struct options *options, const char *value, struct err *err)
{
	options->libraries = value;
	return classify_choose(value, err);
}

static bool
set_exact(struct options *options, const char *value, struct err *err)
{
	(void)value;
	(void)err;
	options->has_sample = false;
	options->budget_ppm = 0;
	return true;
}

static bool
set_sample(struct options *options, const char *value, struct err *err)
{
	options->has_sample = true;
	if (!size_parse(value, &options->sample_bytes, err))
		return false;
	if (options->sample_bytes == 0)
		return err_set(err, "0 bytes between samples; use --exact to "
				    "count every allocation");
	return true;
}

static bool
set_budget(struct options *options, const char *value, struct err *err)
{
	return budget_parse(value, &options->budget_ppm, err);
}

/* A number alone, or with an s, is seconds; with any other unit, bytes. */
static bool
set_mark_after(struct options *options, const char *value, struct err *err)
{
	char *end;
	double seconds = strtod(value, &end);

	if (end != value && *end && strcmp(end, "s") != 0)
		return size_parse(value, &options->plan.after_bytes, err);
	if (!(end != value && seconds > 0 && seconds < 1e9))
		return err_set(err,
			       "'%s' is neither seconds, as 30, nor a size, as "
			       "512M",
			       value);
	options->plan.after_ns = (uint64_t)(seconds * 1e9);
	return true;
}

static bool
set_mark_at(struct options *options, const char *value, struct err *err)
{
	if (!*value)
		return err_set(err, "its value is empty");
	options->plan.at = value;
	return true;
}

static bool
set_history(struct options *options, const char *value, struct err *err)
{
	return size_parse(value, &options->history, err);
}

#define UNITS(name_, units_)                                                \
	static bool set_##name_(struct options *options, const char *value, \
				struct err *err)                            \
	{                                                                   \
		(void)value, (void)err;                                     \
		options->has_units = true;                                  \
		options->units = units_;                                    \
		return true;                                                \
	}
UNITS(iec, TEXT_IEC)
UNITS(si, TEXT_SI)
UNITS(bytes, TEXT_BYTES)

static bool
set_group_by(struct options *options, const char *value, struct err *err)
{
	options->has_group_by = true;
	return group_parse(value, &options->group_by, err);
}

static bool
set_sort(struct options *options, const char *value, struct err *err)
{
	options->has_sort = true;
	options->ascending = *value == '-';
	return column_parse(value + options->ascending, &options->sort, err);
}

static bool
set_top(struct options *options, const char *value, struct err *err)
{
	uint64_t number;

	if (!number_parse(value, &number, err))
		return false;
	options->top = number;
	return true;
}

static bool
set_columns(struct options *options, const char *value, struct err *err)
{
	return column_list_parse(value, options->columns,
				 &options->column_count, err);
}

static bool
set_fail_above(struct options *options, const char *value, struct err *err)
{
	options->has_fail_above = true;
	return size_parse(value, &options->fail_above, err);
}

static bool
set_iterations(struct options *options, const char *value, struct err *err)
{
	if (!number_parse(value, &options->iterations, err))
		return false;
	if (options->iterations == 0)
		return err_set(err, "0 times is never; leave it out to go on "
				    "until interrupted");
	return true;
}

static bool
seconds_parse(const char *value, double *seconds, struct err *err)
{
	char *end;

	*seconds = strtod(value, &end);
	if (end == value || *end || !(*seconds >= 0.01) || *seconds > 1e6)
		return err_set(err,
			       "'%s' is not between 0.01 and 1000000 "
			       "seconds",
			       value);
	return true;
}

static bool
set_delay(struct options *options, const char *value, struct err *err)
{
	return seconds_parse(value, &options->delay_s, err);
}

static bool
set_timeout(struct options *options, const char *value, struct err *err)
{
	return seconds_parse(value, &options->timeout_s, err);
}

#define OPTION_INFO_(id_, setter_, letter_, word_, value_, kind_, help_) \
	[OPTION_##id_] = {letter_,	 word_, value_,                  \
			  VALUE_##kind_, help_, set_##setter_},
const struct option_info option_infos[OPTION_COUNT] = {
    OPTION_LIST(OPTION_INFO_)};
#undef OPTION_INFO_

_Static_assert(OPTION_COUNT <= 64, "masks of options have 64 bits");

static const char *const *
column_words(void)
{
	static const char *words[COLUMN_MAX + 1];
	size_t i;

	for (i = 0; i < COLUMN_MAX; i++)
		words[i] = column_infos[i].word;
	return words;
}

static const char *const *
group_words(void)
{
	static const char *words[GROUP_COUNT + 1];

	memcpy(words, group_names, GROUP_COUNT * sizeof(*words));
	return words;
}

static const char *const *
format_words(void)
{
	static const char *words[16];
	size_t i;

	for (i = 0; export_formats[i].name && i < 15; i++)
		words[i] = export_formats[i].name;
	return words;
}

const char *const *
value_words(enum value kind)
{
	static const char *const unwinders[] = {"rules", "libunwind", "check",
						NULL};
	static const char *const natives[] = {"none", "leaf", "full", NULL};
	static const char *const outputs[] = {"pane", "inherit", "null", NULL};
	static const char *const colors[] = {"auto", "always", "never", NULL};
	static const char *const themes[] = {"dark", "light", "mono", NULL};

	switch (kind) {
	case VALUE_GROUP:
		return group_words();
	case VALUE_COLUMN:
	case VALUE_COLUMNS:
		return column_words();
	case VALUE_FORMAT:
		return format_words();
	case VALUE_UNWINDER:
		return unwinders;
	case VALUE_NATIVE:
		return natives;
	case VALUE_OUTPUT:
		return outputs;
	case VALUE_COLOR:
		return colors;
	case VALUE_THEME:
		return themes;
	default:
		return NULL;
	}
}

/* What getopt_long needs for the options of one command. */
struct grammar {
	char letters[2 + 2 * OPTION_COUNT + 1];
	struct option words[OPTION_COUNT + 1];
};

enum { WORD_BASE = 256 }; /* above every letter */

static void
grammar_make(struct grammar *grammar, const struct subcommand *command)
{
	char *letter = grammar->letters;
	struct option *word = grammar->words;
	int i;

	memset(grammar, 0, sizeof(*grammar));
	if (command->program)
		*letter++ = '+';
	*letter++ = ':';
	for (i = 0; i < OPTION_COUNT; i++) {
		const struct option_info *info = &option_infos[i];

		if (!(command->options & (UINT64_C(1) << i)))
			continue;
		*word++ = (struct option){
		    .name = info->word,
		    .has_arg = !info->value	    ? no_argument
			       : i == OPTION_SAMPLE ? optional_argument
						    : required_argument,
		    .val = WORD_BASE + i,
		};
		if (info->letter) {
			*letter++ = info->letter;
			if (info->value)
				*letter++ = ':';
		}
	}
}

static int
option_of_letter(int letter)
{
	int i;

	for (i = 0; i < OPTION_COUNT; i++)
		if (option_infos[i].letter == letter)
			return i;
	return OPTION_COUNT;
}

#define SAMPLE_ALONE "512K"

/* `--sample` alone, `--sample=64K` and `--sample 64K` are all right. */
static const char *
sample_value(int argc, char **argv)
{
	struct err ignored;
	uint64_t size;

	if (optarg)
		return optarg;
	if (optind < argc && size_parse(argv[optind], &size, &ignored))
		return argv[optind++];
	return SAMPLE_ALONE;
}

/* In `attach --sample PID` what was taken for a size is the operand. */
static void
sample_give_back(struct options *options, int argc, char **argv)
{
	const struct option_info *info = &option_infos[OPTION_SAMPLE];
	struct err ignored;

	if (options->command->program || !options->command->operands_min ||
	    optind < argc || argc < 3 || argv[argc - 1][0] == '-' ||
	    strcmp(argv[argc - 2], "--sample") != 0)
		return;
	optind--;
	info->set(options, SAMPLE_ALONE, &ignored);
}

static bool
option_take(struct options *options, int id, int argc, char **argv,
	    struct err *err)
{
	const struct option_info *info = &option_infos[id];
	const char *value = optarg;
	struct err why;

	if (id == OPTION_SAMPLE)
		value = sample_value(argc, argv);
	if (info->set(options, value, &why))
		return true;
	return err_set(err, "--%s: %s", info->word, why.text);
}

/* "operands" of the usage line names them in order. */
static bool
operand_missing(const struct options *options, struct err *err)
{
	const char *word = options->command->operands;
	int i;

	if (strncmp(word, "[--] ", 5) == 0)
		word += 5;
	for (i = 0; i < options->operand_count; i++)
		word += strcspn(word, " ") + 1;
	return err_set(err, "%.*s is missing", (int)strcspn(word, " "), word);
}

static bool
operands_check(const struct options *options, struct err *err)
{
	const struct subcommand *command = options->command;

	if (options->operand_count < command->operands_min)
		return operand_missing(options, err);
	if (command->operands_max >= 0 &&
	    options->operand_count > command->operands_max)
		return err_set(err, "'%s' is one operand too many",
			       options->operands[command->operands_max]);
	return true;
}

bool
options_parse(struct options *options, const struct subcommand *command,
	      int argc, char **argv, struct err *err)
{
	struct grammar grammar;
	int c;

	memset(options, 0, sizeof(*options));
	options->command = command;
	options->top = 10;
	grammar_make(&grammar, command);
	optind = 0; /* start over, forget what was scanned before */
	opterr = 0;
	while ((c = getopt_long(argc, argv, grammar.letters, grammar.words,
				NULL)) != -1) {
		if (c == '?' && optopt && optopt < WORD_BASE)
			return err_set(err, "unknown option '-%c'", optopt);
		if (c == '?')
			return err_set(err,
				       optopt ? "option '%s': it takes no value"
					      : "unknown option '%s'",
				       argv[optind - 1]);
		if (c == ':')
			return err_set(err, "option '%s' needs a value",
				       argv[optind - 1]);
		c = c >= WORD_BASE ? c - WORD_BASE : option_of_letter(c);
		if (!option_take(options, c, argc, argv, err))
			return false;
	}
	sample_give_back(options, argc, argv);
	options->operands = argv + optind;
	options->operand_count = argc - optind;
	if (options->help || options->version)
		return true;
	return operands_check(options, err);
}
