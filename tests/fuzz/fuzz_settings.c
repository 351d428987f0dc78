/*
 * fuzz_settings.c - any bytes as the user's file of settings, and as a theme:
 * what was understood is the same after it was written and read again.
 */
#include "config.h"

#include <fcntl.h>
#include <unistd.h>

#include "fuzz.h"
#include "viewer/settings.h"
#include "viewer/theme.h"

static void
read_from(const char *path, struct viewer_options *options)
{
	char notice[200];

	memset(options, 0, sizeof(*options));
	settings_read(options, path, notice, sizeof(notice));
	FUZZ_REQUIRE(strlen(notice) < sizeof(notice));
}

static void
compare(const struct viewer_options *a, const struct viewer_options *b)
{
	for (size_t i = 0; i < setting_count; i++) {
		char left[SETTING_MAX];
		char right[SETTING_MAX];

		settings[i].put(a, left);
		settings[i].put(b, right);
		if (strcmp(left, right))
			fprintf(stderr, "%s: '%s', then '%s'\n",
				settings[i].key, left, right);
		FUZZ_REQUIRE(!strcmp(left, right));
	}
}

static void
write_again(const uint8_t *data, size_t size,
	    const struct viewer_options *options)
{
	struct viewer_options again;
	static char theme[SETTING_MAX];
	char path[64];
	struct viewer_options first = *options;
	struct err err;
	int fd;

	/* Reading again changes the text. */
	if (first.theme)
		first.theme = strcpy(theme, first.theme);
	snprintf(path, sizeof(path), "/dev/shm/heaptop-fuzz-%d", getpid());
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	FUZZ_REQUIRE(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	close(fd);
	FUZZ_REQUIRE(settings_write(&first, path, &err));
	read_from(path, &again);
	unlink(path);
	compare(&first, &again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct viewer_options options;
	struct theme colors;
	struct err err = {""};
	char path[FUZZ_PATH_MAX];
	int fd = fuzz_file(path, data, size);

	read_from(path, &options);
	if (!theme_load(&colors, path, &err))
		FUZZ_REQUIRE(err.text[0] && !strchr(err.text, '\n'));
	close(fd);
	write_again(data, size, &options);
	return 0;
}
