/* template.c - a text file whose lines are replaced by functions. */
#include "config.h"

#include "gen/template.h"

#include <stdbool.h>
#include <string.h>

#define VERSION_WORD "@VERSION@"

static bool
part_print(const struct part *parts, const char *line)
{
	const char *word = line + strspn(line, " \t");
	size_t size = strcspn(word, " \t\n");

	for (; parts->word; parts++) {
		if (strlen(parts->word) != size ||
		    memcmp(parts->word, word, size) != 0)
			continue;
		parts->print();
		return true;
	}
	return false;
}

static void
line_print(const char *line)
{
	const char *version = strstr(line, VERSION_WORD);

	if (version)
		printf("%.*s%s%s", (int)(version - line), line, PACKAGE_VERSION,
		       version + strlen(VERSION_WORD));
	else
		fputs(line, stdout);
}

static bool
is_unknown(const char *line)
{
	line += strspn(line, " \t");
	return *line == '@' && strncmp(line, VERSION_WORD, 9) != 0 &&
	       line[strcspn(line, " \t\n") - 1] == '@';
}

int
template_print(const char *path, const struct part *parts)
{
	FILE *file = fopen(path, "re");
	char line[4096];
	int status = 0;

	if (!file) {
		fprintf(stderr, "cannot read '%s'\n", path);
		return 1;
	}
	while (fgets(line, sizeof(line), file)) {
		if (part_print(parts, line))
			continue;
		if (is_unknown(line)) {
			fprintf(stderr, "%s: nothing prints %s", path, line);
			status = 1;
		}
		line_print(line);
	}
	fclose(file);
	return fflush(stdout) == 0 ? status : 1;
}
