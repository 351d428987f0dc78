/* ledger.c - where resident memory is, as text and as JSON. */
#include "config.h"

#include <inttypes.h>

#include "base/text.h"
#include "export/export.h"
#include "export/formats.h"

/* "      12.5 MiB  (+1.2 MiB)  live in call sites blocks that ..." */
static void
put_entry(FILE *file, const struct ledger_info *info, int64_t bytes,
	  const int64_t *base)
{
	char size[TEXT_SIZE_MAX], diff[TEXT_SIZE_MAX],
	    change[TEXT_SIZE_MAX + 2];

	if (bytes < 0)
		text_size_diff(size, bytes);
	else
		text_size(size, (uint64_t)bytes);
	fprintf(file, "    %12s", size);
	if (base) {
		snprintf(change, sizeof(change), "(%s)",
			 text_size_diff(diff, bytes - *base));
		fprintf(file, " %14s", change);
	}
	fprintf(file, "  %-18s %s\n", info->label, info->remark);
}

void
export_ledger(FILE *file, const struct ledger *ledger,
	      const struct ledger *base)
{
	struct verdict verdict = ledger_judge(ledger, base);
	char text[LEDGER_TEXT_MAX], size[TEXT_SIZE_MAX];

	fprintf(file, "ledger: RSS %s", text_size(size, ledger->rss));
	if (base)
		fprintf(
		    file, " (%s)",
		    text_size_diff(size, (int64_t)(ledger->rss - base->rss)));
	fprintf(file, "; %s\n", ledger_text(text, &verdict));
	for (int i = 0; i < LEDGER_COUNT; i++)
		if (ledger->bytes[i] || (base && base->bytes[i]))
			put_entry(file, &ledger_infos[i], ledger->bytes[i],
				  base ? &base->bytes[i] : NULL);
	if (ledger->part)
		fputs("    not all of its mappings could be read in time\n",
		      file);
}

static void
put_since(FILE *file, const struct ledger *ledger, const struct ledger *base)
{
	fprintf(file, ",\"since\":{\"time\":%.6f,\"rss\":%" PRId64,
		(double)base->time_ns / 1e9,
		(int64_t)(ledger->rss - base->rss));
	for (int i = 0; i < LEDGER_COUNT; i++)
		fprintf(file, ",\"%s\":%" PRId64, ledger_infos[i].word,
			ledger->bytes[i] - base->bytes[i]);
	putc('}', file);
}

void
ledger_json(FILE *file, const struct ledger *ledger, const struct ledger *base)
{
	struct verdict verdict = ledger_judge(ledger, base);
	char text[LEDGER_TEXT_MAX];

	fprintf(file,
		",\"ledger\":{\"time\":%.6f,\"rss\":%" PRIu64 ",\"part\":%s",
		(double)ledger->time_ns / 1e9, ledger->rss,
		ledger->part ? "true" : "false");
	for (int i = 0; i < LEDGER_COUNT; i++)
		fprintf(file, ",\"%s\":%" PRId64, ledger_infos[i].word,
			ledger->bytes[i]);
	if (base)
		put_since(file, ledger, base);
	fprintf(file, ",\"verdict\":\"%s\",\"verdict_text\":",
		ledger_words[verdict.group]);
	text_json_write(file, ledger_text(text, &verdict));
	putc('}', file);
}
