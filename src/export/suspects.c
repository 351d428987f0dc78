/* suspects.c - evidence of a leak, as text and as JSON. */
#include "config.h"

#include <inttypes.h>
#include <math.h>

#include "base/text.h"
#include "export/export.h"
#include "export/formats.h"

static bool
is_early(const struct suspects *suspects)
{
	return suspects->moments < EVIDENCE_MOMENTS;
}

void
export_watched(FILE *file, const struct suspects *suspects)
{
	double watched_s = (double)suspects->watched_ns / 1e9;

	if (is_early(suspects))
		fprintf(file,
			"suspects: too early to tell, watched for %.0f s, %zu "
			"of %d moments\n",
			watched_s, suspects->moments, EVIDENCE_MOMENTS);
	else
		fprintf(file, "suspects: watched for %.0f s, %zu moments\n",
			watched_s, suspects->moments);
}

/* "    evidence: +1.2 MiB/s, lately +1.1 MiB/s; more at 98% of moments; of
 * 1,234 blocks born since at least 97% are kept" */
void
export_evidence(FILE *file, const struct suspects *suspects, size_t index)
{
	const struct evidence *evidence = &suspects->list[index].evidence;
	char slope[TEXT_SIZE_MAX], lately[TEXT_SIZE_MAX];
	char born[TEXT_COUNT_MAX];

	if (is_early(suspects))
		return;
	fprintf(file, "    %s: %s/s, lately %s/s; more at %.0f%% of moments",
		evidence->rank > 0 ? "evidence" : "no evidence",
		text_size_diff(slope, llround(evidence->slope)),
		text_size_diff(lately, llround(evidence->lately)),
		100 * evidence->grew);
	if (evidence->born)
		fprintf(file, "; of %s %s born since at least %.0f%% kept",
			text_count(born, evidence->born),
			evidence->born == 1 ? "block" : "blocks",
			100 * evidence->kept);
	putc('\n', file);
}

void
suspects_json(FILE *file, const struct suspects *suspects)
{
	fprintf(file,
		",\"suspects\":{\"watched_seconds\":%.3f,\"moments\":%zu"
		",\"moments_needed\":%d}",
		(double)suspects->watched_ns / 1e9, suspects->moments,
		EVIDENCE_MOMENTS);
}

void
evidence_json(FILE *file, const struct evidence *evidence)
{
	fprintf(file,
		",\"evidence\":{\"rank\":%.3f,\"slope\":%.3f,\"lately\":%.3f"
		",\"grew\":%.4f,\"kept\":%.4f,\"born\":%" PRIu64
		",\"freed\":%" PRIu64 "}",
		evidence->rank, evidence->slope, evidence->lately,
		evidence->grew, evidence->kept, evidence->born,
		evidence->freed);
}
