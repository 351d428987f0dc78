/*
 * gen_man.c - prints the manual: a template whose lines @OPTIONS@, @COMMANDS@
 * and so on are replaced by what the tables of the program hold.
 */
#include "config.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "cmd/subcommand.h"
#include "export/export.h"
#include "gen/template.h"
#include "heaptop/wire.h"
#include "viewer/command.h"
#include "viewer/settings.h"

#define LOST_(name_, text_) text_,
static const char *const losses[] = {WIRE_LOST_LIST(LOST_)};
#undef LOST_

/* Text as troff wants it: no escapes and requests by accident, and hyphens
 * that can be copied. */
static void
print_text(const char *text)
{
	if (*text == '.' || *text == '\'')
		fputs("\\&", stdout);
	for (; *text; text++) {
		if (*text == '\\')
			fputs("\\e", stdout);
		else if (*text == '-')
			fputs("\\-", stdout);
		else
			putchar(*text);
	}
}

static void
print_option(const struct option_info *info)
{
	puts(".TP");
	fputs(".B ", stdout);
	if (info->letter)
		printf("\\-%c\\fR, \\fB", info->letter);
	fputs("\\-\\-", stdout);
	print_text(info->word);
	if (info->value)
		printf(" \\fI%s", info->value);
	putchar('\n');
	print_text(info->help);
	putchar('\n');
}

static void
print_options(void)
{
	int i;

	for (i = 0; i < OPTION_COUNT; i++)
		print_option(&option_infos[i]);
}

/* The words of the options a command takes, for its paragraph. */
static void
print_option_words(uint64_t mask)
{
	const char *before = "Options: ";
	int i;

	for (i = 0; i < OPTION_COUNT; i++) {
		if (!(mask & (UINT64_C(1) << i)) || i == OPTION_HELP ||
		    i == OPTION_VERSION)
			continue;
		printf("%s\\fB\\-\\-", before);
		print_text(option_infos[i].word);
		fputs("\\fR", stdout);
		before = ", ";
	}
	if (*before == ',')
		puts(".");
}

static void
print_sentence(const char *text)
{
	char first[] = {(char)toupper((unsigned char)*text), '\0'};

	print_text(first);
	print_text(text + 1);
	puts(".");
}

static void
print_commands(void)
{
	size_t i;

	for (i = 0; i < subcommand_count; i++) {
		const struct subcommand *command = &subcommands[i];

		fputs(".TP\n\\fBheaptop", stdout);
		if (*command->name)
			printf(" %s", command->name);
		printf("\\fR \\fI");
		print_text(command->operands);
		puts("\\fR");
		print_sentence(command->summary);
		print_text(command->text);
		putchar('\n');
		print_option_words(command->options);
	}
}

/* "Up k" as "Up, k". */
static void
print_key_names(const char *keys)
{
	char name[] = "?";

	for (; *keys; keys++) {
		*name = *keys;
		if (*keys == ' ')
			fputs("\\fR, \\fB", stdout);
		else
			print_text(name);
	}
}

static void
print_section(enum section section)
{
	size_t i;

	printf(".SS %s\n", section_titles[section]);
	for (i = 0; i < COMMAND_ID_COUNT; i++) {
		if (commands[i].section != section)
			continue;
		fputs(".TP\n\\fB", stdout);
		print_key_names(commands[i].keys);
		puts("\\fR");
		print_text(commands[i].help);
		putchar('\n');
	}
}

static void
print_keys(void)
{
	int section;

	for (section = 0; section < SECTION_COUNT; section++)
		print_section(section);
}

static void
print_settings(void)
{
	for (size_t i = 0; i < setting_count; i++) {
		printf(".TP\n.B ");
		print_text(settings[i].key);
		puts("");
		print_text(settings[i].help);
		fputs(": ", stdout);
		print_text(settings[i].values);
		puts(".");
	}
}

static void
print_columns(void)
{
	size_t i;

	for (i = 0; i < COLUMN_MAX; i++) {
		printf(".TP\n.BR %s \" (", column_infos[i].word);
		print_text(column_infos[i].title);
		puts(")\"");
		print_text(column_infos[i].help);
		puts(column_infos[i].on ? "" : " (not shown at first)");
	}
}

static void
print_formats(void)
{
	const struct export_format *format;

	for (format = export_formats; format->name; format++) {
		puts(".TP");
		printf(".B %s\n", format->name);
		print_text(format->help);
		putchar('\n');
	}
}

static void
print_groups(void)
{
	size_t i;

	for (i = 0; i < GROUP_COUNT; i++)
		printf("%s\\fB%s\\fR", i ? ", " : "", group_names[i]);
	puts(".");
}

static void
print_losses(void)
{
	size_t i;

	for (i = 0; i < sizeof(losses) / sizeof(*losses); i++) {
		puts(".IP \\(bu 2");
		print_text(losses[i]);
		putchar('\n');
	}
}

static const struct part parts[] = {
    {"@COMMANDS@", print_commands},
    {"@OPTIONS@", print_options},
    {"@KEYS@", print_keys},
    {"@COLUMNS@", print_columns},
    {"@FORMATS@", print_formats},
    {"@GROUPS@", print_groups},
    {"@LOSSES@", print_losses},
    {"@SETTINGS@", print_settings},
    {NULL, NULL},
};

int
main(int argc, char **argv)
{
	if (argc == 2)
		return template_print(argv[1], parts);
	fputs("usage: gen_man TEMPLATE\n", stderr);
	return 1;
}
