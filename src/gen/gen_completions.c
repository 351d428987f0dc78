/*
 * gen_completions.c - prints the completions of bash, zsh or fish: a template
 * of share/completions with what the tables of the program hold.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "cmd/subcommand.h"
#include "gen/template.h"

static bool
takes(const struct subcommand *command, int option)
{
	return command->options & (UINT64_C(1) << option);
}

/* Words of a value separated by spaces. */
static void
print_words(enum value kind)
{
	const char *const *words = value_words(kind);
	size_t i;

	for (i = 0; words && words[i]; i++)
		printf("%s%s", i ? " " : "", words[i]);
}

static void
print_names(void)
{
	size_t i;

	for (i = 0; i < subcommand_count; i++)
		if (*subcommands[i].name)
			printf("%s ", subcommands[i].name);
}

/* Inside '...' of a shell. */
static void
print_quoted(const char *text)
{
	for (; *text; text++)
		if (*text == '\'')
			fputs("'\\''", stdout);
		else
			putchar(*text);
}

static bool
is_file(enum value kind)
{
	return kind == VALUE_FILE || kind == VALUE_OUTPUT ||
	       kind == VALUE_THEME;
}

static void
bash_names(void)
{
	printf("\techo '");
	print_names();
	puts("'");
}

/* bash: branches of a case for each command or option. */

static void
bash_options(void)
{
	size_t i;
	int option;

	for (i = 0; i < subcommand_count; i++) {
		printf("\t'%s') echo '", subcommands[i].name);
		for (option = 0; option < OPTION_COUNT; option++)
			if (takes(&subcommands[i], option))
				printf("--%s ", option_infos[option].word);
		puts("' ;;");
	}
}

static void
bash_values(void)
{
	int option;

	for (option = 0; option < OPTION_COUNT; option++) {
		const struct option_info *info = &option_infos[option];

		if (!info->value)
			continue;
		printf("\t--%s", info->word);
		if (info->letter)
			printf("|-%c", info->letter);
		printf(") echo '");
		print_words(info->kind);
		printf("'%s ;;\n", is_file(info->kind) ? "; return 1" : "");
	}
}

static void
bash_operands(void)
{
	size_t i;

	for (i = 0; i < subcommand_count; i++) {
		enum value kind = subcommands[i].operand;

		if (kind != VALUE_PROCESS && kind != VALUE_TOPIC)
			continue;
		printf("\t'%s')", subcommands[i].name);
		if (kind == VALUE_TOPIC || !*subcommands[i].name)
			printf(" _heaptop_names;");
		if (kind == VALUE_PROCESS)
			printf(" _heaptop_processes;");
		puts(";");
	}
}

/* zsh */

static void
zsh_text(const char *text)
{
	for (; *text; text++) {
		if (strchr("[]:", *text))
			putchar('\\');
		if (*text == '\'')
			fputs("'\\'", stdout);
		putchar(*text);
	}
}

static void
zsh_action(enum value kind)
{
	const char *const *words = value_words(kind);

	if (kind == VALUE_COLUMNS) {
		printf("_sequence compadd - ");
		print_words(kind);
	} else if (words && !is_file(kind)) {
		putchar('(');
		print_words(kind);
		putchar(')');
	} else if (is_file(kind)) {
		printf("_files");
	}
}

static void
zsh_option(const struct option_info *info)
{
	char names[64];

	snprintf(names, sizeof(names), "--%s", info->word);
	if (info->letter)
		printf("\t\t'(-%c %s)'{-%c,%s}'[", info->letter, names,
		       info->letter, names);
	else
		printf("\t\t'%s[", names);
	zsh_text(info->help);
	putchar(']');
	if (info->value) {
		printf(":%s:", info->value);
		zsh_action(info->kind);
	}
	puts("' \\");
}

static const char *
zsh_operand(enum value kind)
{
	switch (kind) {
	case VALUE_PROCESS:
		return "'*:process or file:_heaptop_processes'";
	case VALUE_COMMAND:
		return "'(-)1:program:_command_names -e' "
		       "'*::arguments:_normal'";
	case VALUE_TOPIC:
		return "'1:command:_heaptop_names'";
	default:
		return "";
	}
}

static void
zsh_names(void)
{
	size_t i;

	for (i = 0; i < subcommand_count; i++) {
		if (!*subcommands[i].name)
			continue;
		printf("\t\t'%s:", subcommands[i].name);
		zsh_text(subcommands[i].summary);
		puts("'");
	}
}

static void
zsh_command(const struct subcommand *command)
{
	int option;

	printf("\t'%s')\n\t\t_arguments -S -s \\\n", command->name);
	for (option = 0; option < OPTION_COUNT; option++)
		if (takes(command, option))
			zsh_option(&option_infos[option]);
	printf("\t\t%s\n\t\t;;\n", zsh_operand(command->operand));
}

static void
zsh_commands(void)
{
	size_t i;

	for (i = 0; i < subcommand_count; i++)
		zsh_command(&subcommands[i]);
}

/* fish */

static void
fish_option(const struct subcommand *command, const struct option_info *info)
{
	const char *const *words = value_words(info->kind);

	printf("complete -c heaptop -n '%s%s' -l %s",
	       *command->name ? "__fish_seen_subcommand_from "
			      : "__fish_use_subcommand",
	       command->name, info->word);
	if (info->letter)
		printf(" -s %c", info->letter);
	if (info->value)
		printf(is_file(info->kind) ? " -r -F" : " -x");
	if (words) {
		printf(" -a '");
		print_words(info->kind);
		putchar('\'');
	}
	printf(" -d '");
	print_quoted(info->help);
	puts("'");
}

static void
fish_operand(const struct subcommand *command)
{
	const char *seen = *command->name ? "__fish_seen_subcommand_from "
					  : "__fish_use_subcommand";

	if (command->operand == VALUE_COMMAND)
		printf("complete -c heaptop -n '%s%s' -x -a "
		       "'(__fish_complete_subcommand)'\n",
		       seen, command->name);
	else if (command->operand == VALUE_PROCESS)
		printf("complete -c heaptop -n '%s%s' -F -a "
		       "'(__heaptop_processes)'\n",
		       seen, command->name);
	else if (command->operand == VALUE_TOPIC)
		printf("complete -c heaptop -n '%s%s' -x -a '", seen,
		       command->name),
		    print_names(), puts("'");
}

static void
fish_commands(void)
{
	size_t i;
	int option;

	for (i = 0; i < subcommand_count; i++) {
		const struct subcommand *command = &subcommands[i];

		if (*command->name) {
			printf("complete -c heaptop -n __fish_use_subcommand "
			       "-a %s -d '",
			       command->name);
			print_quoted(command->summary);
			puts("'");
		}
		for (option = 0; option < OPTION_COUNT; option++)
			if (takes(command, option))
				fish_option(command, &option_infos[option]);
		fish_operand(command);
	}
}

static const struct part parts[] = {
    {"@BASH_NAMES@", bash_names},	{"@BASH_OPTIONS@", bash_options},
    {"@BASH_VALUES@", bash_values},	{"@BASH_OPERANDS@", bash_operands},
    {"@ZSH_NAMES@", zsh_names},		{"@ZSH_COMMANDS@", zsh_commands},
    {"@FISH_COMMANDS@", fish_commands}, {NULL, NULL},
};

int
main(int argc, char **argv)
{
	if (argc == 2)
		return template_print(argv[1], parts);
	fputs("usage: gen_completions TEMPLATE\n", stderr);
	return 1;
}
