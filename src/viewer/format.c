/* format.c - numbers for the screen. */
#include "config.h"

#include <math.h>
#include <stdio.h>

#include "base/text.h"
#include "viewer/format.h"

/* Three significant digits of 0 <= value < 1024. */
static int
digits(char *out, size_t size, double value)
{
	if (value < 9.995)
		return snprintf(out, size, "%.2f", value);
	if (value < 99.95)
		return snprintf(out, size, "%.1f", value);
	return snprintf(out, size, "%.0f", value);
}

static const char *
size_signed(char out[FORMAT_MAX], const char *sign, double bytes, bool compact)
{
	const bool si = text_units() == TEXT_SI;
	const char *const units = si ? "BkMGTPE" : "BKMGTPE";
	const double step = si ? 1000 : 1024;
	const char *unit = units;
	int used = snprintf(out, FORMAT_MAX, "%s", sign);

	if (text_units() == TEXT_BYTES) {
		snprintf(out + used, FORMAT_MAX - (size_t)used, "%.0f", bytes);
		return out;
	}
	while (bytes >= step - 0.5 && unit[1]) {
		bytes /= step;
		unit++;
	}
	if (unit == units)
		used += snprintf(out + used, FORMAT_MAX - (size_t)used, "%.0f",
				 bytes);
	else
		used += digits(out + used, FORMAT_MAX - (size_t)used, bytes);
	if (compact)
		snprintf(out + used, FORMAT_MAX - (size_t)used, "%c", *unit);
	else if (unit == units)
		snprintf(out + used, FORMAT_MAX - (size_t)used, " B");
	else
		snprintf(out + used, FORMAT_MAX - (size_t)used, " %c%sB", *unit,
			 si ? "" : "i");
	return out;
}

const char *
format_size(char out[FORMAT_MAX], uint64_t bytes, bool compact)
{
	return size_signed(out, "", (double)bytes, compact);
}

const char *
format_size_diff(char out[FORMAT_MAX], int64_t bytes, bool compact)
{
	if (!bytes)
		return snprintf(out, FORMAT_MAX, "0"), out;
	return size_signed(out, bytes < 0 ? "-" : "+", fabs((double)bytes),
			   compact);
}

static const char *
count_signed(char out[FORMAT_MAX], const char *sign, double count)
{
	static const char units[] = " kMGTPE";
	const char *unit = units;
	int used = snprintf(out, FORMAT_MAX, "%s", sign);

	if (count < 10000) {
		snprintf(out + used, FORMAT_MAX - (size_t)used, "%.0f", count);
		return out;
	}
	while (count >= 999.5 && unit[1]) {
		count /= 1000;
		unit++;
	}
	used += digits(out + used, FORMAT_MAX - (size_t)used, count);
	snprintf(out + used, FORMAT_MAX - (size_t)used, "%c", *unit);
	return out;
}

const char *
format_count(char out[FORMAT_MAX], uint64_t count)
{
	return count_signed(out, "", (double)count);
}

const char *
format_count_diff(char out[FORMAT_MAX], int64_t count)
{
	if (!count)
		return snprintf(out, FORMAT_MAX, "0"), out;
	return count_signed(out, count < 0 ? "-" : "+", fabs((double)count));
}

const char *
format_rate(char out[FORMAT_MAX], double rate, bool compact)
{
	char size[FORMAT_MAX];

	if (fabs(rate) < 0.5)
		return snprintf(out, FORMAT_MAX, "0"), out;
	size_signed(size, rate < 0 ? "-" : "+", fabs(rate), compact);
	snprintf(out, FORMAT_MAX, "%.20s/s", size);
	return out;
}

const char *
format_percent(char out[FORMAT_MAX], double share)
{
	double percent = share * 100;

	snprintf(out, FORMAT_MAX, percent < 99.95 ? "%.1f" : "%.0f", percent);
	return out;
}

const char *
format_duration(char out[FORMAT_MAX], uint64_t ns)
{
	uint64_t seconds = ns / 1000000000u;
	unsigned minutes = (unsigned)(seconds / 60 % 60);
	unsigned hours = (unsigned)(seconds / 3600 % 24);
	unsigned rest = (unsigned)(seconds % 60);

	if (seconds >= 86400)
		snprintf(out, FORMAT_MAX, "%llud %02u:%02u",
			 (unsigned long long)(seconds / 86400), hours, minutes);
	else if (seconds >= 3600)
		snprintf(out, FORMAT_MAX, "%u:%02u:%02u", hours, minutes, rest);
	else
		snprintf(out, FORMAT_MAX, "%u:%02u", minutes, rest);
	return out;
}
