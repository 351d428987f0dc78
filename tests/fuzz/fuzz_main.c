/* fuzz_main.c - runs a fuzz target on the files and folders it is given. */
#include "config.h"

#include <dirent.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int
run_file(const char *path)
{
	static uint8_t data[4 << 20];
	FILE *file = fopen(path, "r");
	size_t size;

	if (!file)
		return 0;
	size = fread(data, 1, sizeof(data), file);
	fclose(file);
	LLVMFuzzerTestOneInput(data, size);
	return 1;
}

int
main(int argc, char **argv)
{
	int count = 0;

	for (int i = 1; i < argc; i++) {
		DIR *folder = opendir(argv[i]);
		struct dirent *entry;

		if (!folder) {
			count += run_file(argv[i]);
			continue;
		}
		while ((entry = readdir(folder))) {
			char path[4096];

			if (entry->d_name[0] == '.')
				continue;
			snprintf(path, sizeof(path), "%s/%s", argv[i],
				 entry->d_name);
			count += run_file(path);
		}
		closedir(folder);
	}
	printf("%d inputs\n", count);
	return 0;
}
