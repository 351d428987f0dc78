/* help.c - the words of --help and --version, from the tables. */
#include "config.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "cmd/subcommand.h"
#include "export/export.h"

/* The topic that is no command. */
#define VIEWER "viewer"

enum { WIDTH = 78, INDENT = 2, OPTION_COLUMN = 26, COMMAND_COLUMN = 13 };

/* Prints text from cell `at` on, each further line at `indent`. */
static void
print_wrapped(const char *text, int at, int indent)
{
	while (*text) {
		int length = (int)strcspn(text, " ");

		if (at > indent && at + 1 + length > WIDTH) {
			printf("\n%*s", indent, "");
			at = indent;
		} else if (at > indent) {
			putchar(' ');
			at++;
		}
		fwrite(text, 1, length, stdout);
		at += length;
		text += length;
		text += strspn(text, " ");
	}
	putchar('\n');
}

/* Prints a term at the margin and its text in a column of its own. */
static void
print_entry(const char *term, const char *text, int column)
{
	int at = printf("%*s%s", INDENT, "", term);

	if (at > column - 2) {
		putchar('\n');
		at = 0;
	}
	printf("%*s", column - at, "");
	print_wrapped(text, column, column);
}

static void
print_option(const struct option_info *info)
{
	char term[64];
	char letter[8] = "    ";

	if (info->letter)
		snprintf(letter, sizeof(letter), "-%c, ", info->letter);
	snprintf(term, sizeof(term), "%s--%s%s%s", letter, info->word,
		 info->value ? " " : "", info->value ? info->value : "");
	print_entry(term, info->help, OPTION_COLUMN);
}

static void
print_options(uint64_t mask)
{
	int i;

	for (i = 0; i < OPTION_COUNT; i++)
		if (mask & (UINT64_C(1) << i))
			print_option(&option_infos[i]);
}

static void
print_words(const char *title, enum value kind)
{
	const char *const *words = value_words(kind);
	char list[512] = "";
	int at;

	for (; *words; words++) {
		strcat(list, *words);
		strcat(list, words[1] ? ", " : ".");
	}
	at = printf("%s: ", title);
	print_wrapped(list, at, at);
}

void
help_command(const struct subcommand *command)
{
	uint64_t options = command->options;

	printf("Usage: heaptop%s%s [OPTION]...%s%s\n",
	       *command->name ? " " : "", command->name,
	       *command->operands ? " " : "", command->operands);
	putchar(toupper((unsigned char)*command->summary));
	printf("%s.\n", command->summary + 1);
	if (*command->text)
		print_wrapped(command->text, 0, 0);
	putchar('\n');
	print_options(options);
	if (options & (OPTION_BIT(GROUP_BY) | OPTION_BIT(FORMAT)))
		putchar('\n');
	if (options & OPTION_BIT(GROUP_BY))
		print_words("KEY", VALUE_GROUP);
	if (options & (OPTION_BIT(SORT) | OPTION_BIT(COLUMNS)))
		print_words("COLUMN", VALUE_COLUMN);
	if (options & OPTION_BIT(FORMAT))
		print_words("FORMAT", VALUE_FORMAT);
}

/* Those that have a letter are used most. */
static uint64_t
options_with_letters(uint64_t mask)
{
	uint64_t with = 0;

	for (int i = 0; i < OPTION_COUNT; i++)
		if (option_infos[i].letter)
			with |= UINT64_C(1) << i;
	return mask & with;
}

void
help_all(void)
{
	size_t i;

	puts("Usage: heaptop [OPTION]... [PID|NAME|FILE]\n"
	     "       heaptop COMMAND [OPTION]... [OPERAND]...\n"
	     "Show which call sites of a running process hold its memory.\n"
	     "Start with:  heaptop run python3 app.py\n");
	for (i = 0; i < subcommand_count; i++)
		if (*subcommands[i].name)
			print_entry(subcommands[i].name, subcommands[i].summary,
				    COMMAND_COLUMN);
	putchar('\n');
	print_options(options_with_letters(subcommand_find("")->options));
	puts(
	    "\n'heaptop help COMMAND' says more, 'heaptop help viewer' has all "
	    "options of the\nviewer; heaptop(1) has all of it.");
}

void
help_version(void)
{
	puts(PACKAGE_STRING
	     "\n"
	     "License MIT. There is no warranty.\n"
	     "Reads segments of version 1, wire format of heaptop-wire(5).");
}

int
cmd_help(const struct options *options)
{
	const struct subcommand *command = NULL;
	struct err err;

	if (options->operand_count == 0) {
		help_all();
		return STATUS_DONE;
	}
	if (!strcmp(options->operands[0], VIEWER))
		command = subcommand_find("");
	else if (*options->operands[0])
		command = subcommand_find(options->operands[0]);
	if (!command) {
		err_set(&err, "'%s' is no command", options->operands[0]);
		return failed_usage(NULL, &err);
	}
	help_command(command);
	return STATUS_DONE;
}
