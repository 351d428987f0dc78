/*
 * modules.c - the files that addresses in stacks belong to.
 *
 * Context: hook.
 */
#include "config.h"

#include "agent/modules.h"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <string.h>
#include <sys/syscall.h>

#include "agent/py/py.h"
#include "agent/safe.h"
#include "agent/unwind.h"

#define MODULES_MAX 16384
#define PATH_MAX_   4096

static struct {
	struct module *all[MODULES_MAX + 1];
	uint32_t count;
	uint64_t epoch; /* from 1 */
	struct safe_lock lock;
	const char *executable;
} modules = {.epoch = 1};

static const char *
copy(const char *text)
{
	size_t size = strnlen(text, PATH_MAX_ - 1);
	char *to = safe_alloc(size + 1);

	if (!to)
		return "";
	memcpy(to, text, size);
	return to;
}

void
modules_init(void)
{
	char path[PATH_MAX_];
	long size =
	    safe_syscall(SYS_readlinkat, AT_FDCWD, (long)"/proc/self/exe",
			 (long)path, sizeof(path) - 1, 0, 0);

	if (safe_failed(size))
		size = 0;
	path[size] = '\0';
	modules.executable = copy(path);
}

static uint32_t
notes_build_id(const char *note, const char *end, uint8_t *out)
{
	while (end - note >= (long)sizeof(ElfW(Nhdr))) {
		const ElfW(Nhdr) *head = (const void *)note;
		uint64_t name = (head->n_namesz + UINT64_C(3)) & ~UINT64_C(3);
		uint64_t text = (head->n_descsz + UINT64_C(3)) & ~UINT64_C(3);
		const char *at = note + sizeof(*head);

		if (name + text > (uint64_t)(end - at))
			return 0;
		if (head->n_type == NT_GNU_BUILD_ID && name == 4 &&
		    memcmp(at, "GNU", 4) == 0 && head->n_descsz <= 24) {
			memcpy(out, at + name, head->n_descsz);
			return head->n_descsz;
		}
		note = at + name + text;
	}
	return 0;
}

/* From the headers in memory, which are mapped while the module is. */
static uint32_t
read_build_id(const struct unwind_module *found, uint8_t *out)
{
	const ElfW(Ehdr) *elf = (const void *)found->start;
	uint64_t size = found->end - found->start;
	const ElfW(Phdr) * phdr;
	uint32_t got = 0;

	if (size < 4096 || memcmp(elf->e_ident, ELFMAG, SELFMAG) != 0 ||
	    elf->e_phentsize != sizeof(*phdr) ||
	    elf->e_phoff + elf->e_phnum * sizeof(*phdr) > 4096)
		return 0;
	phdr = (const void *)(found->start + elf->e_phoff);
	for (int i = 0; i < elf->e_phnum && !got; i++) {
		uint64_t at = found->bias + phdr[i].p_vaddr;

		if (phdr[i].p_type != PT_NOTE || at < found->start ||
		    at > found->end || phdr[i].p_memsz > found->end - at)
			continue;
		got = notes_build_id((const char *)at,
				     (const char *)at + phdr[i].p_memsz, out);
	}
	return got;
}

static bool
module_is(struct module *module, const struct unwind_module *found,
	  uint64_t epoch)
{
	uint8_t id[24];
	uint32_t size;

	if (module->start != found->start || module->end != found->end ||
	    module->bias != found->bias)
		return false;
	if (__atomic_load_n(&module->epoch, __ATOMIC_RELAXED) == epoch)
		return true;
	size = read_build_id(found, id);
	if (size != module->build_id_size ||
	    memcmp(id, module->build_id, size) != 0)
		return false;
	if (found->name[0] && strcmp(found->name, module->path) != 0)
		return false;
	__atomic_store_n(&module->epoch, epoch, __ATOMIC_RELAXED);
	return true;
}

/* The newest first: of two at the same place it is the one that is there. */
static uint32_t
look_up(const struct unwind_module *found, uint64_t epoch)
{
	uint32_t count = __atomic_load_n(&modules.count, __ATOMIC_ACQUIRE);

	for (uint32_t id = count; id > 0; id--)
		if (module_is(modules.all[id], found, epoch))
			return id;
	return 0;
}

static struct module *
module_make(const struct unwind_module *found, uint64_t epoch)
{
	struct module *module = safe_alloc(sizeof(*module));

	if (!module)
		return NULL;
	module->start = found->start;
	module->end = found->end;
	module->bias = found->bias;
	module->epoch = epoch;
	module->path = found->name[0] ? copy(found->name) : modules.executable;
	module->build_id_size = read_build_id(found, module->build_id);
	return module;
}

/* Embedded interpreters come in a library of their own. */
static bool
is_python(const char *path)
{
	const char *name = path ? strrchr(path, '/') : NULL;

	return name && strncmp(name, "/libpython3", 11) == 0;
}

uint32_t
modules_intern(uint64_t pc)
{
	uint64_t epoch = __atomic_load_n(&modules.epoch, __ATOMIC_ACQUIRE);
	struct unwind_module found;
	struct module *fresh;
	uint32_t id;

	/* pc is a return address: the call may be the module's last bytes. */
	if (!unwind_find_module(pc - 1, &found))
		return 0;
	id = look_up(&found, epoch);
	if (id)
		return id;
	fresh = module_make(&found, epoch);
	if (!fresh)
		return 0;
	safe_lock(&modules.lock);
	id = look_up(&found, epoch);
	if (!id && modules.count < MODULES_MAX) {
		id = modules.count + 1;
		modules.all[id] = fresh;
		__atomic_store_n(&modules.count, id, __ATOMIC_RELEASE);
	}
	safe_unlock(&modules.lock);
	if (is_python(fresh->path))
		py_arrived(&found);
	return id;
}

const struct module *
modules_get(uint32_t id)
{
	return modules.all[id];
}

void
modules_changed(void)
{
	__atomic_fetch_add(&modules.epoch, 1, __ATOMIC_ACQ_REL);
}

void
modules_forked(void)
{
	memset(&modules.lock, 0, sizeof(modules.lock));
}
