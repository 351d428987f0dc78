/* export.c - the table of formats. */
#include "config.h"

#include "export/export.h"

#include <string.h>

#include "base/text.h"
#include "export/formats.h"

const struct export_format export_formats[] = {
    {"json", ".json", "a snapshot that heaptop opens again", snapshot_write},
    {"pprof", ".pb", "profile.proto, for 'go tool pprof' and speedscope",
     pprof_write},
    {"folded", ".folded", "folded stacks of live bytes, for flame graphs",
     folded_write},
    {NULL, NULL, NULL, NULL},
};

bool
export_format_parse(const char *name, const struct export_format **format,
		    struct err *err)
{
	char clean[64], list[256] = "";
	size_t used = 0;

	for (const struct export_format *at = export_formats; at->name; at++) {
		if (!strcmp(at->name, name)) {
			*format = at;
			return true;
		}
		if (used < sizeof(list))
			used += (size_t)snprintf(list + used,
						 sizeof(list) - used, "%s%s",
						 used ? ", " : "", at->name);
	}
	text_clean(clean, sizeof(clean), name, strlen(name));
	return err_set(err, "unknown format '%s'; use one of %s", clean, list);
}
