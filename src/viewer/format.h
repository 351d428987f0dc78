/*
 * format.h - numbers as the screen shows them: three significant digits, so
 * that a column keeps its width; exact values are for details and exports.
 *
 * Sizes count in powers of 1024: "38.5 MiB", compact "38.5M", or as
 * text_units_set of base/text.h has it: "40.4 MB", "40370176". Counts use SI
 * suffixes: "16.7M". All fit FORMAT_MAX and return out.
 */
#ifndef HEAPTOP_VIEWER_FORMAT_H
#define HEAPTOP_VIEWER_FORMAT_H

#include <stdbool.h>
#include <stdint.h>

#define FORMAT_MAX 24

const char *format_size(char out[FORMAT_MAX], uint64_t bytes, bool compact);
/* Always with its sign; 0 is "0". */
const char *format_size_diff(char out[FORMAT_MAX], int64_t bytes, bool compact);
const char *format_count(char out[FORMAT_MAX], uint64_t count);
const char *format_count_diff(char out[FORMAT_MAX], int64_t count);
/* Bytes a second, with sign. */
const char *format_rate(char out[FORMAT_MAX], double rate, bool compact);
/* "0.0" to "100". */
const char *format_percent(char out[FORMAT_MAX], double share);
/* "0:42", "12:03", "1:02:03", "3d 04:05" */
const char *format_duration(char out[FORMAT_MAX], uint64_t ns);

#endif
