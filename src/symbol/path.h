/*
 * path.h - files of the target: opened without harm, named in one way.
 */
#ifndef HEAPTOP_SYMBOL_PATH_H
#define HEAPTOP_SYMBOL_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

/*
 * A descriptor of the regular file at path as seen from root (NULL or "":
 * ours), or -1. Looks before it opens, so that a device or a FIFO under that
 * name is not touched, and stays inside root where the kernel can (Linux 5.6).
 * With contents false it is good for fstat only (O_PATH). info may be NULL.
 */
int path_open(const char *root, const char *path, bool contents,
	      struct stat *info);

/*
 * Copies path and takes "." and ".." out by the text alone, so that one file
 * has one name whichever way the compiler spelt it. False when it does not
 * fit.
 */
bool path_tidy(char *out, size_t size, const char *path);

#endif
