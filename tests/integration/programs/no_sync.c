/*
 * no_sync PROGRAM [ARGUMENT]...: runs a program on a host whose system calls promise to make writes stable, and do not.
 *
 * fsync, fdatasync and sync_file_range do nothing, well; pwritev2 loses its RWF_DSYNC and RWF_SYNC; and io_uring, whose
 * operations nobody sees, is refused, so that the program does without. What a test of power failures must notice.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define SYNC_FLAGS (0x2 | 0x4) /* RWF_DSYNC, RWF_SYNC */
#define STOP_AT(number)                                                                                                \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (number), 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE)

static int fail(const char *what)
{
	perror(what);
	return 125;
}

static int run(char **arguments)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		STOP_AT(SYS_fsync),
		STOP_AT(SYS_fdatasync),
		STOP_AT(SYS_sync_file_range),
		STOP_AT(SYS_pwritev2),
		STOP_AT(SYS_io_uring_setup),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof(filter) / sizeof(*filter), filter};

	if (ptrace(PTRACE_TRACEME, 0, 0, 0) || raise(SIGSTOP))
		return fail("ptrace");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		return fail("seccomp");
	execvp(arguments[0], arguments);
	return fail(arguments[0]);
}

/* A thread stands before one of the calls of the filter. */
static void change(pid_t thread)
{
	struct user_regs_struct registers;

	if (ptrace(PTRACE_GETREGS, thread, 0, &registers))
		return; /* it was killed meanwhile */
	switch (registers.orig_rax) {
	case SYS_pwritev2:
		registers.r9 &= ~SYNC_FLAGS;
		break;
	case SYS_io_uring_setup:
		registers.orig_rax = -1;
		registers.rax = -ENOSYS;
		break;
	default:
		registers.orig_rax = -1;
		registers.rax = 0;
	}
	ptrace(PTRACE_SETREGS, thread, 0, &registers);
}

int main(int count, char **arguments)
{
	const long options = PTRACE_O_TRACESECCOMP | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
			     PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;
	pid_t program, thread;
	int status;

	if (count < 2)
		return 125;
	program = fork();
	if (program == 0)
		return run(arguments + 1);
	if (program < 0 || waitpid(program, &status, 0) < 0 || ptrace(PTRACE_SETOPTIONS, program, 0, options))
		return fail("ptrace");
	ptrace(PTRACE_CONT, program, 0, 0);
	while ((thread = waitpid(-1, &status, __WALL)) > 0) {
		int event = status >> 16, signal = 0;

		if (thread == program && WIFEXITED(status))
			return WEXITSTATUS(status);
		if (thread == program && WIFSIGNALED(status))
			return 128 + WTERMSIG(status);
		if (!WIFSTOPPED(status))
			continue;
		if (event == PTRACE_EVENT_SECCOMP)
			change(thread);
		else if (event == 0 && WSTOPSIG(status) != SIGSTOP) /* a new thread begins with SIGSTOP */
			signal = WSTOPSIG(status);
		ptrace(PTRACE_CONT, thread, 0, signal);
	}
	return fail("wait");
}
