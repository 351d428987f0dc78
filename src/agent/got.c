/*
 * got.c - which functions the program calls: the hooks or the true ones.
 *
 * What an object says of itself, in its dynamic section, is believed as far as
 * it stays within what the loader has mapped of it.
 *
 * Context: ticker.
 */
#include "config.h"

#include "agent/got.h"

#include <elf.h>
#include <errno.h>
#include <limits.h>
#include <link.h>
#include <linux/futex.h>
#include <stdint.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "agent/alone.h"
#include "agent/arch/arch.h"
#include "agent/real.h"
#include "agent/record.h"
#include "agent/safe.h"
#include "agent/ticker.h"

#define PAGE	   UINT64_C(4096)
#define URGENT	   40 /* looks, after a dlopen began */
#define HOLD_TURNS 1000
#define LOADING	   200 /* looks: who is not loaded then never will be */

/* One that has been looked at. The loader may put another at its place. */
struct object {
	uint64_t base;
	uint64_t headers;     /* a hash of them */
	uint32_t loading;     /* looks at which it was not loaded yet */
	const uint64_t *slot; /* one that was changed, NULL: none */
	uint64_t value;	      /* what it must hold still */
	uint32_t turn;
};

static struct {
	bool active;
	bool to_hooks;
	bool blind; /* the loader's lock may be held for ever */
	bool was_single;
	bool missed;  /* a fork was in the way, or an object not loaded yet */
	bool refused; /* in the object under way */
	uint32_t busy;
	uint32_t held; /* by so many: no scan begins */
	uint32_t urgent;
	uint32_t turn;
	unsigned long long adds, subs;
	struct object *objects;
	uint32_t count, room;
} got;

/* An object as it is mapped. */
struct image {
	const struct dl_phdr_info *info;
	uint64_t base;
	uint64_t relro, relro_end; /* read-only since it was relocated */
	const ElfW(Sym) * symbols;
	const char *strings;
	uint64_t strings_size;
	const ElfW(Rela) * tables[2];
	uint64_t counts[2];
	bool foreign;	 /* one of the functions is somebody else's */
	bool open;	 /* relro can be written to ... */
	bool stays_open; /* ... and could before */
	const uint64_t *slot;
	uint64_t value;
};

/* The part of the object, with these rights, that [start, start + size) lies
 * in. */
static bool
is_inside(const struct image *image, uint64_t start, uint64_t size,
	  uint32_t rights)
{
	for (int i = 0; i < image->info->dlpi_phnum; i++) {
		const ElfW(Phdr) *part = &image->info->dlpi_phdr[i];
		uint64_t from = start - (image->base + part->p_vaddr);

		if (part->p_type == PT_LOAD &&
		    (part->p_flags & rights) == rights &&
		    from < part->p_memsz && size <= part->p_memsz - from)
			return true;
	}
	return false;
}

static uint64_t
real_of(const struct got_hook *hook)
{
	uint64_t function;

	memcpy(&function, (char *)&real + hook->real, sizeof(function));
	return function;
}

/* Most loaders leave addresses in the dynamic section, some offsets. */
static uint64_t
address_of(const struct image *image, uint64_t value)
{
	return value < image->base ? image->base + value : value;
}

static bool
read_dynamic(struct image *image, const ElfW(Dyn) * entry, uint64_t count)
{
	uint64_t values[DT_NUM] = {0};
	uint64_t sizes[2];

	for (; count && entry->d_tag != DT_NULL; entry++, count--)
		if (entry->d_tag >= 0 && entry->d_tag < DT_NUM)
			values[entry->d_tag] = entry->d_un.d_val;
	image->symbols = (void *)address_of(image, values[DT_SYMTAB]);
	image->strings = (void *)address_of(image, values[DT_STRTAB]);
	image->strings_size = values[DT_STRSZ];
	image->tables[0] = (void *)address_of(image, values[DT_RELA]);
	image->tables[1] = (void *)address_of(image, values[DT_JMPREL]);
	sizes[0] = values[DT_RELASZ];
	sizes[1] = values[DT_PLTREL] == DT_RELA ? values[DT_PLTRELSZ] : 0;
	if (!image->strings_size ||
	    !is_inside(image, (uint64_t)image->strings, image->strings_size,
		       PF_R) ||
	    image->strings[image->strings_size - 1])
		return false;
	for (int i = 0; i < 2; i++) {
		image->counts[i] = sizes[i] / sizeof(ElfW(Rela));
		if (!is_inside(image, (uint64_t)image->tables[i], sizes[i],
			       PF_R))
			image->counts[i] = 0;
	}
	return image->counts[0] + image->counts[1] != 0;
}

static bool
read_image(struct image *image, const struct dl_phdr_info *info)
{
	const ElfW(Phdr) *dynamic = NULL;

	*image = (struct image){.info = info, .base = info->dlpi_addr};
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *part = &info->dlpi_phdr[i];
		uint64_t start = image->base + part->p_vaddr;

		if (part->p_type == PT_DYNAMIC)
			dynamic = part;
		if (part->p_type == PT_GNU_RELRO) {
			image->relro = start & -PAGE;
			image->relro_end = (start + part->p_memsz) & -PAGE;
		}
	}
	return dynamic &&
	       is_inside(image, image->base + dynamic->p_vaddr,
			 dynamic->p_memsz, PF_R) &&
	       read_dynamic(image, (void *)(image->base + dynamic->p_vaddr),
			    dynamic->p_memsz / sizeof(ElfW(Dyn)));
}

/* The hook for the function that a relocation names; NULL: another. */
static const struct got_hook *
hook_of(const struct image *image, const ElfW(Rela) * relocation)
{
	const ElfW(Sym) *symbol =
	    &image->symbols[ELF64_R_SYM(relocation->r_info)];
	const char *name;

	if (!is_inside(image, (uint64_t)symbol, sizeof(*symbol), PF_R) ||
	    symbol->st_name >= image->strings_size)
		return NULL;
	name = image->strings + symbol->st_name;
	for (const struct got_hook *hook = got_hooks; hook->name; hook++)
		if (hook->name[0] == name[0] && strcmp(hook->name, name) == 0)
			return hook;
	return NULL;
}

/* A word that may hold a function of another object. */
struct slot {
	uint64_t *word;
	const struct got_hook *hook;
	bool lazy;    /* nothing yet: it leads back into the object itself */
	bool is_data; /* the program may have put anything there */
};

static bool
slot_of(const struct image *image, const ElfW(Rela) * relocation,
	struct slot *slot)
{
	uint32_t type = ELF64_R_TYPE(relocation->r_info);
	uint64_t address = image->base + relocation->r_offset;
	uint64_t value;

	if (!ELF64_R_SYM(relocation->r_info) ||
	    (type != ARCH_RELOC_SLOT && type != ARCH_RELOC_DATA &&
	     type != ARCH_RELOC_ADDRESS) ||
	    (type == ARCH_RELOC_ADDRESS && relocation->r_addend) ||
	    address % sizeof(uint64_t) ||
	    !is_inside(image, address, sizeof(uint64_t), PF_W))
		return false;
	slot->hook = hook_of(image, relocation);
	if (!slot->hook || !real_of(slot->hook))
		return false;
	slot->word = (uint64_t *)address;
	slot->is_data = type == ARCH_RELOC_ADDRESS;
	value = __atomic_load_n(slot->word, __ATOMIC_RELAXED);
	slot->lazy = type == ARCH_RELOC_SLOT && value != real_of(slot->hook) &&
		     is_inside(image, value, 1, PF_X);
	return true;
}

static bool
is_known(const struct slot *slot)
{
	uint64_t value = __atomic_load_n(slot->word, __ATOMIC_RELAXED);

	return value == real_of(slot->hook) ||
	       value == (uint64_t)slot->hook->hook;
}

static bool
protect(const struct image *image, int rights)
{
	return !safe_failed(safe_syscall(
	    SYS_mprotect, (long)image->relro,
	    (long)(image->relro_end - image->relro), rights, 0, 0, 0));
}

static void
change(struct image *image, const struct slot *slot)
{
	uint64_t at = (uint64_t)slot->word;
	uint64_t value =
	    got.to_hooks ? (uint64_t)slot->hook->hook : real_of(slot->hook);

	if (!is_known(slot) && (!slot->lazy || image->foreign))
		return;
	if (at >= image->relro && at < image->relro_end && !image->open) {
		image->open = protect(image, PROT_READ | PROT_WRITE);
		if (!image->open) {
			got.refused = true;
			return;
		}
	}
	__atomic_store_n(slot->word, value, __ATOMIC_RELEASE);
	image->slot = slot->word;
	image->value = value;
}

static void
look(struct image *image, const struct slot *slot)
{
	image->foreign |= !slot->lazy && !slot->is_data && !is_known(slot);
}

static void
each_slot(struct image *image,
	  void (*visit)(struct image *, const struct slot *))
{
	struct slot slot;

	for (int t = 0; t < 2; t++)
		for (uint64_t i = 0; i < image->counts[t]; i++)
			if (slot_of(image, &image->tables[t][i], &slot))
				visit(image, &slot);
}

static void
point(struct image *image)
{
	each_slot(image, look);
	each_slot(image, change);
	if (image->open && !image->stays_open)
		protect(image, PROT_READ);
	if (got.refused)
		record_lost(WIRE_LOST_NOT_HOOKED, 1);
	got.refused = false;
}

/* The agent, and the loader, which finds its functions in ways of its own. */
static bool
is_exempt(const struct image *image)
{
	return image->base == getauxval(AT_BASE) ||
	       is_inside(image, (uint64_t)got_hooks, 1, PF_R);
}

/* Objects at the same place have their headers there too. */
static uint64_t
headers_of(const struct dl_phdr_info *info)
{
	const uint64_t *words = (const uint64_t *)info->dlpi_phdr;
	size_t count = info->dlpi_phnum * sizeof(*info->dlpi_phdr) / 8;
	uint64_t hash = count;

	for (size_t i = 0; i < count; i++)
		hash = (hash ^ words[i]) * UINT64_C(0x100000001b3);
	return hash;
}

static struct object *
object_of(const struct dl_phdr_info *info, uint64_t headers)
{
	for (uint32_t i = 0; i < got.count; i++)
		if (got.objects[i].base == info->dlpi_addr &&
		    got.objects[i].headers == headers)
			return &got.objects[i];
	return NULL;
}

static struct object *
object_add(const struct dl_phdr_info *info, uint64_t headers)
{
	uint32_t room = got.room ? got.room * 2 : 256;
	struct object *fresh, *old = got.objects;

	if (got.count == got.room) {
		fresh = safe_map(room * sizeof(*fresh));
		if (!fresh)
			return NULL;
		if (old)
			memcpy(fresh, old, got.count * sizeof(*fresh));
		__atomic_store_n(&got.objects, fresh, __ATOMIC_RELEASE);
		if (old)
			safe_unmap(old, got.room * sizeof(*fresh));
		got.room = room;
	}
	fresh = &got.objects[got.count++];
	*fresh = (struct object){.base = info->dlpi_addr, .headers = headers};
	return fresh;
}

/* By what changes nothing, whoever else writes there: an atomic or with 0. */
static bool
is_writable(uint64_t address)
{
	uint32_t none = 0;

	return safe_syscall(
		   SYS_futex, (long)&none, FUTEX_WAKE_OP | FUTEX_PRIVATE_FLAG,
		   0, 0, (long)address,
		   FUTEX_OP(FUTEX_OP_OR, 0, FUTEX_OP_CMP_EQ, 0)) != -EFAULT;
}

/* The loader lists an object before it relocates it, for which it must be able
 * to write to it, and makes part of it read-only at the end of that. */
static bool
is_loading(struct image *image, struct object *object)
{
	if (image->relro >= image->relro_end || !is_writable(image->relro))
		return false;
	if (object && object->loading++ < LOADING)
		return true;
	/* Somebody wants it so. */
	image->open = image->stays_open = true;
	return false;
}

/* Without a place to remember it in, an object is looked at each time. */
static void
visit(const struct dl_phdr_info *info)
{
	uint64_t headers = headers_of(info);
	struct object *object = object_of(info, headers);
	struct image image;

	if (object && (!object->slot || *object->slot == object->value) &&
	    object->turn && !object->loading) {
		object->turn = got.turn;
		return;
	}
	if (!object)
		object = object_add(info, headers);
	if (object)
		object->turn = got.turn;
	if (read_image(&image, info) && !is_exempt(&image)) {
		if (is_loading(&image, object)) {
			got.missed = true;
			return;
		}
		point(&image);
	}
	if (!object)
		return;
	object->loading = 0;
	object->slot = image.slot;
	object->value = image.value;
}

/* The loader holds its lock: an object stays while it is looked at. */
static int
each_object(struct dl_phdr_info *info, size_t size, void *all)
{
	(void)size;
	if (!*(bool *)all && info->dlpi_adds == got.adds &&
	    info->dlpi_subs == got.subs)
		return 1;
	*(bool *)all = true;
	got.adds = info->dlpi_adds;
	got.subs = info->dlpi_subs;
	visit(info);
	return 0;
}

/* Those that were not met any more. */
static void
drop_closed(void)
{
	uint32_t left = 0;

	for (uint32_t i = 0; i < got.count; i++)
		if (got.objects[i].turn == got.turn)
			got.objects[left++] = got.objects[i];
	got.count = left;
}

static void
scan(bool all)
{
	got.turn = got.turn + 1 ? got.turn + 1 : 1;
	__atomic_store_n(&got.busy, 1, __ATOMIC_SEQ_CST);
	if (!__atomic_load_n(&got.held, __ATOMIC_SEQ_CST)) {
		got.missed = false;
		dl_iterate_phdr(each_object, &all);
		if (all)
			drop_closed();
	}
	__atomic_store_n(&got.busy, 0, __ATOMIC_RELEASE);
}

void
got_point(bool to_hooks)
{
	got.active = true;
	got.to_hooks = to_hooks;
	for (uint32_t i = 0; i < got.count; i++)
		got.objects[i].turn = 0;
	got.missed = true;
	for (int i = 0; i < HOLD_TURNS && got.missed && !got.blind; i++) {
		scan(true);
		if (got.missed)
			safe_syscall(SYS_sched_yield, 0, 0, 0, 0, 0, 0);
	}
}

void
got_follow(void)
{
	uint32_t urgent = __atomic_load_n(&got.urgent, __ATOMIC_ACQUIRE);

	/* Hidden is who was preloaded: what is loaded later has his hooks. */
	if (!got.active || got.blind || alone_is_hidden())
		return;
	if (urgent)
		__atomic_compare_exchange_n(&got.urgent, &urgent, urgent - 1,
					    false, __ATOMIC_ACQ_REL,
					    __ATOMIC_RELAXED);
	scan(got.missed);
}

void
got_hurry(void)
{
	__atomic_store_n(&got.urgent, URGENT, __ATOMIC_RELEASE);
	ticker_ask();
}

bool
got_is_urgent(void)
{
	return __atomic_load_n(&got.urgent, __ATOMIC_ACQUIRE) != 0;
}

void
got_hold(void)
{
	__atomic_fetch_add(&got.held, 1, __ATOMIC_SEQ_CST);
	got.was_single = alone_is_single();
	/* The ticker takes that lock for moments; but wait for nobody for
	 * ever. */
	for (int i = 0;
	     i < HOLD_TURNS && __atomic_load_n(&got.busy, __ATOMIC_ACQUIRE);
	     i++)
		safe_syscall(SYS_sched_yield, 0, 0, 0, 0, 0, 0);
}

void
got_release(void)
{
	__atomic_fetch_sub(&got.held, 1, __ATOMIC_RELEASE);
}

void
got_forked(void)
{
	got.held = 0;
	got.blind |= !got.was_single || got.busy;
	got.busy = 0;
	got.urgent = 0;
}
