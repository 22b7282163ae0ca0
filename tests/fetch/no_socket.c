/* no_socket.c - runs a command that is killed (SIGSYS) at its first attempt to open a socket.
 *
 *     no_socket COMMAND [ARGUMENTS]   as the command, or 159 = 128 + SIGSYS
 *     no_socket --probe               0 where such a filter works here, 77 where it cannot
 *
 * The filter is in the kernel: it sees the calls of every library, of the dynamic loader, of
 * threads and children, and those that no library makes; of an emulator it sees those that it
 * makes for its guest. No kind of socket is let through, not even a local one.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

#ifndef SECCOMP_RET_KILL_PROCESS
#define SECCOMP_RET_KILL_PROCESS SECCOMP_RET_KILL
#endif

static int set_filter(void)
{
#ifdef ARCHITECTURE
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_socket, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_socketpair, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {sizeof code / sizeof code[0], code};

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) return -1;
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
#else
    errno = ENOSYS;
    return -1;
#endif
}

/* Whether a process under the filter dies of socket(), and of nothing before. */
static int probe(void)
{
    const struct rlimit none = {0, 0};
    int status = 0;

    fflush(NULL);
    const pid_t child = fork();
    if (child == 0) {
        setrlimit(RLIMIT_CORE, &none);
        if (set_filter()) _exit(77);
        (void)!write(STDERR_FILENO, "", 0);
        (void)socket(AF_UNIX, SOCK_STREAM, 0);
        _exit(1);
    }
    if (child < 0 || waitpid(child, &status, 0) != child) return 77;
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS ? 0 : 77;
}

int main(int argc, char **argv)
{
    const struct rlimit none = {0, 0};

    if (argc == 2 && strcmp(argv[1], "--probe") == 0) return probe();
    if (argc < 2) return 2;
    setrlimit(RLIMIT_CORE, &none);
    if (set_filter()) {
        perror("no_socket");
        return 77;
    }
    execvp(argv[1], argv + 1);
    perror(argv[1]);
    return 127;
}
