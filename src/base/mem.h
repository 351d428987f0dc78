/*
 * mem.h - memory for the viewer side. Out of memory ends the program with one
 * line on stderr, so no caller checks.
 */
#ifndef HEAPTOP_BASE_MEM_H
#define HEAPTOP_BASE_MEM_H

#include <stddef.h>

/* For a program that stays: what is large goes back when it is freed. */
void mem_setup(void);

void *mem_alloc(size_t size);		    /* zeroed; size 0 gives 1 byte */
void *mem_array(size_t count, size_t size); /* zeroed, overflow checked */
void *mem_grow(void *old, size_t count, size_t size); /* new part not zeroed */
char *mem_string(const char *text);
char *mem_format(const char *format, ...)
	__attribute__((format(printf, 1, 2)));

/* Makes room for one more element; doubles. All three are updated. */
void *mem_room(void *old, size_t *capacity, size_t count, size_t size);

#endif
