/*
 * symbol.h - from an address in a file to functions, files and lines, and the
 * text of a source line.
 *
 * Everything read here (ELF, DWARF, source files) belongs to the target and is
 * hostile: bounded, and a file that cannot be read costs names only.
 */
#ifndef HEAPTOP_SYMBOL_SYMBOL_H
#define HEAPTOP_SYMBOL_SYMBOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct symbols;

struct symbol_line {
	char *function; /* demangled; NULL unknown */
	char *file;	/* absolute where it can be; NULL unknown */
	uint32_t line;	/* 0 unknown */
	bool inlined;	/* into the next line of the answer */
};

enum symbol_result { SYMBOL_DONE, SYMBOL_LATER };

/*
 * root: a directory put before module paths when they are opened, such as
 * "/proc/42/root" for a process in another mount namespace; NULL or "" none.
 * background: a thread of its own does the reading, and symbols_find answers
 * SYMBOL_LATER until it is through; else symbols_find waits.
 */
struct symbols *symbols_new(const char *root, bool background);
void symbols_free(struct symbols *);
/* Of the library that reads them, such as "0.188". */
const char *symbols_version(void);

/*
 * The lines of a file address (of the module's own numbering: runtime address
 * minus bias), innermost inlined function first. At most max; *count may be 0
 * when nothing is known. Lines are owned by symbols until symbols_free. A
 * build id (size 0: unknown) that is not the file's own gives count 0: the file
 * was replaced since.
 */
enum symbol_result symbols_find(struct symbols *, const char *path,
				const uint8_t *build_id, size_t build_id_size,
				uint64_t address,
				const struct symbol_line **lines,
				size_t *count);

/* Descriptor that becomes readable when background answers came, or -1.
 * symbols_drain empties it. */
int symbols_fd(const struct symbols *);
void symbols_drain(struct symbols *);

/* A demangled copy (C++, Rust legacy and v0), or a plain copy; free it. */
char *symbol_demangle(const char *name);

/*
 * Line `line` (from 1) of a source file without its line end and outer white
 * space, or NULL. Owned by a small cache, valid until the next call. Only
 * regular files up to 16 MiB are read.
 */
const char *source_text_line(const char *root, const char *path, uint32_t line);
/* The same with white space kept, for lines of context. */
const char *source_text_raw(const char *root, const char *path, uint32_t line);

/*
 * Looks at a source file: how many lines it has, and when it was last changed
 * (CLOCK_REALTIME). False when there is none that is read here.
 */
bool source_text_file(const char *root, const char *path, size_t *lines,
		      uint64_t *changed_ns);
/* As source_text_raw, but without looking whether the file has changed since
 * one of the others did: for many lines. */
const char *source_text_kept(const char *root, const char *path, uint32_t line);

#endif
