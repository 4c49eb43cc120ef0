/*
 * Preloaded into linux.uml, whose processes it saves from CPUs with a larger
 * state than it knows.
 *
 * User-Mode Linux sets a process's extended registers by
 * ptrace(PTRACE_SETREGSET, NT_X86_XSTATE) with a buffer of a fixed size. Linux
 * takes the whole XSAVE area of the machine's CPU or fails with EFAULT; with
 * AMX it is 11008 bytes. This wrapper then completes the caller's part with
 * what the process has at present. Every other call goes through unchanged.
 *
 * The kernel calls ptrace from one thread, on small stacks: the buffer is
 * static, and nothing here allocates.
 */
#define _GNU_SOURCE
#include <cpuid.h>
#include <elf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define XSTATE_LEAF 13         /* of cpuid: size and offset of each component */
#define LEGACY 0x3ull          /* components 0 and 1, x87 and SSE, lie before the header */
#define HEADER 512             /* offset of the XSAVE header; it begins with XSTATE_BV */
#define SMALLEST (HEADER + 64) /* legacy area and header */

static char state[64 << 10] __attribute__((aligned(64)));

/*
 * within: the components that lie in the first size bytes of the area. The
 * caller's size is always the same, and cpuid is slow in a virtual machine,
 * which it leaves each time: hosts would be thirty times slower.
 */
static uint64_t within(size_t size)
{
	static size_t known_size;
	static uint64_t known;
	if (size == known_size)
		return known;
	uint64_t components = LEGACY;
	for (int i = 2; i < 63; i++) {
		unsigned length, offset, c, d;
		__cpuid_count(XSTATE_LEAF, i, length, offset, c, d);
		if (length != 0 && offset + length <= size)
			components |= 1ull << i;
	}
	known = components;
	known_size = size;
	return components;
}

static long set_part(pid_t pid, const struct iovec *part)
{
	struct iovec whole = { state, sizeof state };
	uint64_t present, given, inside;

	if (syscall(SYS_ptrace, PTRACE_GETREGSET, pid, NT_X86_XSTATE, &whole) < 0)
		return -1;
	if (part->iov_len < SMALLEST || part->iov_len >= whole.iov_len) {
		errno = EFAULT;
		return -1;
	}
	memcpy(&present, state + HEADER, sizeof present);
	memcpy(state, part->iov_base, part->iov_len);
	memcpy(&given, state + HEADER, sizeof given);
	inside = within(part->iov_len);
	given = (given & inside) | (present & ~inside);
	memcpy(state + HEADER, &given, sizeof given);
	return syscall(SYS_ptrace, PTRACE_SETREGSET, pid, NT_X86_XSTATE, &whole);
}

long ptrace(enum __ptrace_request request, ...)
{
	va_list rest;
	va_start(rest, request);
	pid_t pid = va_arg(rest, pid_t);
	void *addr = va_arg(rest, void *);
	void *data = va_arg(rest, void *);
	va_end(rest);

	/* The system call writes the word that it peeks, the function returns it. */
	long word = 0;
	int peeks = request == PTRACE_PEEKTEXT || request == PTRACE_PEEKDATA || request == PTRACE_PEEKUSER;
	long result = syscall(SYS_ptrace, request, pid, addr, peeks ? &word : data);
	if (peeks && result >= 0) {
		errno = 0;
		return word;
	}
	if (result < 0 && errno == EFAULT && request == PTRACE_SETREGSET && addr == (void *)NT_X86_XSTATE)
		return set_part(pid, data);
	return result;
}
