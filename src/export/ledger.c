/* ledger.c - where resident memory is, as text and as JSON. */
#include "config.h"

#include <inttypes.h>

#include "base/text.h"
#include "export/export.h"
#include "export/formats.h"

void
export_ledger(FILE *file, const struct ledger *ledger)
{
	struct verdict verdict = ledger_judge(ledger, NULL);
	char text[LEDGER_TEXT_MAX], size[TEXT_SIZE_MAX];

	fprintf(file, "ledger: RSS %s; %s\n", text_size(size, ledger->rss),
		ledger_text(text, &verdict));
	for (int i = 0; i < LEDGER_COUNT; i++) {
		const struct ledger_info *info = &ledger_infos[i];
		int64_t bytes = ledger->bytes[i];

		if (bytes < 0)
			text_size_diff(size, bytes);
		else
			text_size(size, (uint64_t)bytes);
		if (bytes)
			fprintf(file, "    %12s  %-18s %s\n", size, info->label,
				info->remark);
	}
	if (ledger->part)
		fputs("    not all of its mappings could be read in time\n",
		      file);
}

void
ledger_json(FILE *file, const struct ledger *ledger)
{
	struct verdict verdict = ledger_judge(ledger, NULL);
	char text[LEDGER_TEXT_MAX];

	fprintf(file,
		",\"ledger\":{\"time\":%.6f,\"rss\":%" PRIu64 ",\"part\":%s",
		(double)ledger->time_ns / 1e9, ledger->rss,
		ledger->part ? "true" : "false");
	for (int i = 0; i < LEDGER_COUNT; i++)
		fprintf(file, ",\"%s\":%" PRId64, ledger_infos[i].word,
			ledger->bytes[i]);
	fprintf(file, ",\"verdict\":\"%s\",\"verdict_text\":",
		ledger_words[verdict.group]);
	text_json_write(file, ledger_text(text, &verdict));
	putc('}', file);
}
