/*
 * peek.c - reads memory of this process that may not be there.
 *
 * process_vm_readv reads many pieces in one call. Where a filter of system
 * calls forbids it, /proc/thread-self/mem does the same, a piece at a time.
 *
 * Context: ticker.
 */
#include "config.h"

#include "agent/peek.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "agent/safe.h"

#define PAGE 4096

static bool forbidden;

/* Bytes, or -errno. The process's first thread may have ended, and then it has
 * no memory: so by the id of this one. */
static long
read_by_call(const struct iovec *pieces, size_t count, void *out, size_t size)
{
	struct iovec to = {out, size};

	return safe_syscall(SYS_process_vm_readv,
			    safe_syscall(SYS_gettid, 0, 0, 0, 0, 0, 0),
			    (long)&to, 1, (long)pieces, (long)count, 0);
}

static size_t
read_by_file(const struct iovec *pieces, size_t count, char *out)
{
	long fd =
	    safe_syscall(SYS_openat, AT_FDCWD, (long)"/proc/thread-self/mem",
			 O_RDONLY | O_CLOEXEC, 0, 0, 0);
	size_t done = 0;

	if (safe_failed(fd))
		return 0;
	for (; done < count; done++) {
		size_t length = pieces[done].iov_len;

		if (safe_syscall(SYS_pread64, fd, (long)out, (long)length,
				 (long)pieces[done].iov_base, 0,
				 0) != (long)length)
			break;
		out += length;
	}
	safe_syscall(SYS_close, fd, 0, 0, 0, 0, 0);
	return done;
}

size_t
peek_many(const struct iovec *pieces, size_t count, void *out)
{
	size_t size = 0;
	size_t done = 0;
	long result = -ENOSYS;

	for (size_t i = 0; i < count; i++)
		size += pieces[i].iov_len;
	if (!forbidden)
		result = read_by_call(pieces, count, out, size);
	if (result == -ENOSYS || result == -EPERM) {
		forbidden = true;
		return read_by_file(pieces, count, out);
	}
	if (safe_failed(result))
		return 0;
	for (size = (size_t)result; done < count; done++) {
		if (size < pieces[done].iov_len)
			break;
		size -= pieces[done].iov_len;
	}
	return done;
}

bool
peek(uint64_t address, void *out, size_t size)
{
	struct iovec piece = {(void *)address, size};

	return peek_many(&piece, 1, out) == 1;
}

size_t
peek_some(uint64_t address, void *out, size_t size)
{
	size_t to_end = PAGE - (address & (PAGE - 1));

	if (peek(address, out, size))
		return size;
	if (to_end < size && peek(address, out, to_end))
		return to_end;
	return 0;
}
