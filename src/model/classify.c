/*
 * classify.c - allocator glue and foreign code, by name.
 *
 * A pattern is a literal with at most one '*' at each end: "x" equals, "x*"
 * begins with, "*x" ends with, "*x*" holds.
 */
#include "config.h"

#include "model/classify.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/names.h"

/*
 * Functions that only pass memory on, by qualified name without return type
 * and parameters. A wrapper in the user's own code (xmalloc) is not glue: its
 * line is where that program asks for memory.
 */
static const char *const glue_functions[] = {
    "malloc",
    "calloc",
    "realloc",
    "reallocarray",
    "free",
    "memalign",
    "posix_memalign",
    "aligned_alloc",
    "valloc",
    "pvalloc",
    "mmap",
    "mmap64",
    "mremap",
    "__libc_malloc",
    "__libc_calloc",
    "__libc_realloc",
    "__libc_memalign",
    "_int_malloc",
    "_int_realloc",
    "sysmalloc",
    "strdup",
    "strndup",
    "wcsdup",
    "__strdup",
    "__strndup",
    "asprintf",
    "vasprintf",
    "__asprintf_chk",
    "__vasprintf_chk",
    "__vasprintf_internal",
    "getline",
    "getdelim",
    "__getdelim",
    "operator new*",
    "operator delete*",
    "std::*",
    "__gnu_cxx::*",
    "__cxa_*",
    /* Rust's allocator and collections */
    "alloc::*",
    "core::alloc::*",
    "core::iter::*",
    "core::ops::*",
    "core::slice::*",
    "core::str::*",
    "core::fmt::*",
    "<alloc::*",
    "<core::*",
    "<std::*",
    "hashbrown::*",
    "__rust_alloc*",
    "__rust_realloc*",
    "__rdl_*",
    "__rg_*",
    "__rustc*",
    /* CPython without Python frames */
    "PyMem_*",
    "_PyMem_*",
    "PyObject_Malloc",
    "PyObject_Calloc",
    "PyObject_Realloc",
    "_PyObject_Malloc*",
    "_PyObject_Calloc",
    "_PyObject_Realloc",
};

/* Source files of templates and inlined library code. */
static const char *const glue_files[] = {
    "*/include/c++/*", "*/bits/alloc_traits.h",		"/rustc/*",
    "*/rust/deps/*",   "*/.cargo/registry/*hashbrown*",
};

/* By the file name of the module. */
static const char *const glue_modules[] = {
    "libc.so*",	    "libc-2*",	       "ld-linux*",	   "ld-2*",
    "libpthread*",  "libdl.so*",       "libdl-2*",	   "libstdc++.so*",
    "libgcc_s.so*", "libc++.so*",      "libc++abi.so*",	   "libjemalloc.so*",
    "libtcmalloc*", "libmimalloc.so*", "heaptop-agent.so", "linux-vdso*",
    "[vdso]",
};

static const char *const foreign_modules[] = {
    "python",
    "python2*",
    "python3*",
    "libpython*",
};

/* What runs before and around main, also where it is linked in. */
static const char *const foreign_functions[] = {
    "_start", "__libc_start_*", "__libc_csu_*", "start_thread",
    "clone",  "clone3",		"_dl_*",	"call_init*",
};

/* Where the system keeps what it came with, and Python what was installed. */
static const char *const foreign_paths[] = {
    "/usr/lib/*",
    "/usr/lib32/*",
    "/usr/lib64/*",
    "/usr/libexec/*",
    "/lib/*",
    "/lib32/*",
    "/lib64/*",
    "/usr/bin/*",
    "/usr/sbin/*",
    "/bin/*",
    "/sbin/*",
    "/usr/include/*",
    "/usr/share/*",
    "/usr/games/*",
    "/snap/*",
    "/nix/store/*",
    "*/site-packages/*",
    "*/dist-packages/*",
    "[*",
    "<frozen *",
    "<__array_function__*",
    "<attrs generated*",
    "<decorator-gen*",
    "<template>",
};

/* A standard library in a folder of its own: any path with one of these. */
static const char *const python_folders[] = {
    "/lib/python2.", "/lib/python3.", "/lib64/python3.",
    "/lib/python3/", "/lib-python/",
};

static bool
matches(const char *pattern, const char *text, size_t size)
{
	size_t length = strlen(pattern);
	bool open_left = pattern[0] == '*';
	bool open_right = length > 1 && pattern[length - 1] == '*';

	pattern += open_left;
	length -= open_left + open_right;
	if (open_left && open_right)
		return memmem(text, size, pattern, length) != NULL;
	if (length > size)
		return false;
	if (open_left)
		return !memcmp(text + size - length, pattern, length);
	return (open_right || length == size) && !memcmp(text, pattern, length);
}

static bool
any(const char *const *patterns, size_t count, const char *text, size_t size)
{
	for (size_t i = 0; i < count; i++)
		if (matches(patterns[i], text, size))
			return true;
	return false;
}
#define ANY(list_, text_, size_) \
	any(list_, sizeof(list_) / sizeof((list_)[0]), text_, size_)

/* The user's list: the words of `text`, each ended by a NUL in `words`. */
static struct classify {
	char *text;
	char *words;
	size_t size; /* of words */
} classify;

/* A word without its "!", and whether it had one. */
static bool
word_fits(const char *word, const char *path, bool *mine)
{
	size_t size = strlen(path);

	*mine = *word == '!';
	word += *mine;
	if (!strchr(word, '*'))
		return strstr(path, word) != NULL;
	return matches(word, path, size);
}

uint32_t
classify_own(const char *file, uint32_t flags)
{
	const char *word = classify.words;
	bool mine;

	if (!*file)
		return flags;
	for (; word && word < classify.words + classify.size;
	     word += strlen(word) + 1)
		if (*word && word_fits(word, file, &mine))
			return mine ? flags & ~(uint32_t)LOCATION_FOREIGN
				    : flags | LOCATION_FOREIGN;
	return flags;
}

static bool
word_check(const char *word, struct err *err)
{
	const char *at = word + (*word == '!');
	const char *last = at + strlen(at);

	if (!*at || !strcmp(at, "*"))
		return err_set(err,
			       "'%.40s' in the list of libraries is no "
			       "part of a path",
			       word);
	for (const char *star = at; (star = strchr(star, '*')); star++)
		if (star != at && star + 1 != last)
			return err_set(err,
				       "'%.40s': a * stands at the ends "
				       "only",
				       word);
	return true;
}

bool
classify_choose(const char *list, struct err *err)
{
	char *words = mem_string(list ? list : "");
	size_t size = strlen(words) + 1, used = 0;
	bool good = true;
	char *save = NULL;

	for (char *word = strtok_r(words, ", ", &save); word && good;
	     word = strtok_r(NULL, ", ", &save)) {
		size_t length = strlen(word) + 1;

		good = word_check(word, err);
		memmove(words + used, word, length);
		used += length;
	}
	if (!good) {
		free(words);
		return false;
	}
	free(classify.text);
	free(classify.words);
	classify = (struct classify){
	    .text = mem_string(list ? list : ""),
	    .words = words,
	    .size = used < size ? used : size,
	};
	return true;
}

const char *
classify_chosen(void)
{
	return classify.text ? classify.text : "";
}

static const char *
base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static bool
is_python_library(const char *path)
{
	for (size_t i = 0;
	     i < sizeof(python_folders) / sizeof(python_folders[0]); i++)
		if (strstr(path, python_folders[i]))
			return true;
	return false;
}

static uint32_t
module_flags(const char *path)
{
	const char *name = base_name(path);

	if (!path[0])
		return LOCATION_FOREIGN;
	if (ANY(glue_modules, name, strlen(name)))
		return LOCATION_GLUE | LOCATION_FOREIGN;
	if (ANY(foreign_modules, name, strlen(name)) ||
	    ANY(foreign_paths, path, strlen(path)) || is_python_library(path))
		return LOCATION_FOREIGN;
	return 0;
}

uint32_t
classify_module(const char *path)
{
	return classify_own(path, module_flags(path));
}

/*
 * The qualified name in a demangled text: what stands before its parameters,
 * without the return type that templates have. "std::vector<int> f<int>(int)"
 * is f<int>.
 */
static const char *
qualified(const char *text, size_t *size)
{
	const char *start = text, *at = text;
	size_t depth = 0;

	for (; *at; at++) {
		if (!strncmp(at, "operator", 8) && !depth)
			break;
		if (!strncmp(at, "(anonymous namespace)", 21))
			at += 20;
		else if (*at == '<')
			depth++;
		else if (*at == '>' && depth && at > text && at[-1] != '-')
			depth--;
		else if (*at == ' ' && !depth && at > text)
			start = at + 1;
		else if ((*at == '(' && !depth) || *at == '@')
			break;
	}
	if (!strncmp(at, "operator", 8))
		at += strcspn(at + 8, "(") + 8;
	*size = (size_t)(at - start);
	return start;
}

uint32_t
classify_native(const char *function, const char *file)
{
	size_t size;
	const char *name = qualified(function, &size);
	uint32_t flags = 0;

	if (ANY(glue_functions, name, size) ||
	    ANY(glue_files, file, strlen(file)))
		flags |= LOCATION_GLUE | LOCATION_FOREIGN;
	if ((file[0] && ANY(foreign_paths, file, strlen(file))) ||
	    ANY(foreign_functions, name, size))
		flags |= LOCATION_FOREIGN;
	return flags;
}

uint32_t
classify_python(const char *file)
{
	bool foreign =
	    ANY(foreign_paths, file, strlen(file)) || is_python_library(file);

	return classify_own(file, foreign ? LOCATION_FOREIGN : 0);
}
