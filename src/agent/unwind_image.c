/*
 * unwind_image.c - reads the bytes of a mapped module, within its segments.
 *
 * Context: hook.
 */
#include "config.h"

#include <string.h>

#include "agent/unwind_cfi.h"

#define PAGE 4096u

void
cfi_image_headers(struct cfi_image *image)
{
	const Elf64_Ehdr *header = (const Elf64_Ehdr *)image->start;

	image->phdr = NULL;
	image->phnum = 0;
	if (image->end - image->start < PAGE)
		return;
	/* The first page of the lowest segment; it is mapped readable. */
	if (memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 ||
	    header->e_phentsize != sizeof(Elf64_Phdr) ||
	    header->e_phoff > PAGE || header->e_phoff % 8 ||
	    header->e_phnum > (PAGE - header->e_phoff) / sizeof(Elf64_Phdr))
		return;
	image->phdr = (const Elf64_Phdr *)(image->start + header->e_phoff);
	image->phnum = header->e_phnum;
}

bool
cfi_image_segment(const struct cfi_image *image, uint64_t address,
		  uint32_t flags, uint64_t *low, uint64_t *high)
{
	if (address < image->start || address >= image->end)
		return false;
	if (!image->phdr) {
		*low = image->start;
		*high = image->end;
		return true;
	}
	for (unsigned i = 0; i < image->phnum; i++) {
		const Elf64_Phdr *phdr = &image->phdr[i];
		uint64_t start = image->bias + phdr->p_vaddr;

		if (phdr->p_type != PT_LOAD || (phdr->p_flags & flags) != flags)
			continue;
		if (address - start >= phdr->p_memsz)
			continue;
		*low = start;
		*high = start + phdr->p_memsz;
		return *high <= image->end;
	}
	return false;
}

struct cfi_cursor
cfi_cursor_at(const struct cfi_image *image, uint64_t address)
{
	uint64_t low = 0;
	uint64_t high = 0;

	if (!cfi_image_segment(image, address, PF_R, &low, &high))
		return (struct cfi_cursor){.bad = true};
	return (struct cfi_cursor){
	    .at = (const uint8_t *)address,
	    .end = (const uint8_t *)high,
	};
}

uint64_t
cfi_read_long_uleb(struct cfi_cursor *cursor)
{
	uint64_t value = 0;
	unsigned shift = 0;

	while (cursor->at < cursor->end) {
		uint8_t byte = *cursor->at++;

		if (shift < 64)
			value |= (uint64_t)(byte & 0x7f) << shift;
		shift += 7;
		if (!(byte & 0x80))
			return value;
	}
	cursor->bad = true;
	return 0;
}

int64_t
cfi_read_sleb(struct cfi_cursor *cursor)
{
	uint64_t value = 0;
	unsigned shift = 0;

	while (cursor->at < cursor->end) {
		uint8_t byte = *cursor->at++;

		if (shift < 64)
			value |= (uint64_t)(byte & 0x7f) << shift;
		shift += 7;
		if (!(byte & 0x80)) {
			if (shift < 64 && (byte & 0x40))
				value |= ~0ull << shift;
			return (int64_t)value;
		}
	}
	cursor->bad = true;
	return 0;
}
