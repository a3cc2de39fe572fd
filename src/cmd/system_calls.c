/* SPDX-License-Identifier: Apache-2.0 */
/* What is needed after start by: the event loops, TLS and HTTP; LMDB and its syncs; malloc, threads, time and signals;
 * libcurl with its resolver threads, and dlopen of it; the end of the process. tests/unit/cmd/sandbox_test.c holds the
 * filter to what must be refused; the end-to-end tests run the whole server under it. */
#include "cmd/system_calls.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

/* In the order of use: libseccomp gives earlier ones no weight, the kernel remembers what is always allowed. A number
 * below zero is a call that this architecture does not have. */
static const int allowed[] = {
    SCMP_SYS(read),
    SCMP_SYS(write),
    SCMP_SYS(readv),
    SCMP_SYS(writev),
    SCMP_SYS(pread64),
    SCMP_SYS(pwrite64),
    SCMP_SYS(preadv),
    SCMP_SYS(pwritev),
    SCMP_SYS(lseek),
    SCMP_SYS(open),
    SCMP_SYS(openat),
    SCMP_SYS(close),
    SCMP_SYS(stat),
    SCMP_SYS(fstat),
    SCMP_SYS(lstat),
    SCMP_SYS(newfstatat),
    SCMP_SYS(statx),
    SCMP_SYS(statfs), /* how much room the disk has */
    SCMP_SYS(fstatfs),
    SCMP_SYS(access),
    SCMP_SYS(faccessat),
    SCMP_SYS(faccessat2),
    SCMP_SYS(readlink),
    SCMP_SYS(readlinkat),
    SCMP_SYS(getdents64),
    SCMP_SYS(getcwd),
    SCMP_SYS(fcntl),
    SCMP_SYS(flock),
    SCMP_SYS(fsync),
    SCMP_SYS(fdatasync),
    SCMP_SYS(ftruncate),
    SCMP_SYS(unlink),
    SCMP_SYS(unlinkat),
    SCMP_SYS(rename),
    SCMP_SYS(renameat),
    SCMP_SYS(renameat2),

    SCMP_SYS(epoll_create1),
    SCMP_SYS(epoll_ctl),
    SCMP_SYS(epoll_wait),
    SCMP_SYS(epoll_pwait),
    SCMP_SYS(epoll_pwait2),
    SCMP_SYS(eventfd2),
    SCMP_SYS(pipe2),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(select),
    SCMP_SYS(pselect6),

    SCMP_SYS(accept4),
    SCMP_SYS(connect),
    SCMP_SYS(bind), /* of a netlink socket */
    SCMP_SYS(shutdown),
    SCMP_SYS(getsockname),
    SCMP_SYS(getpeername),
    SCMP_SYS(getsockopt),
    SCMP_SYS(setsockopt),
    SCMP_SYS(sendto),
    SCMP_SYS(sendmsg),
    SCMP_SYS(sendmmsg),
    SCMP_SYS(recvfrom),
    SCMP_SYS(recvmsg),
    SCMP_SYS(recvmmsg),

    SCMP_SYS(brk),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(msync),
    SCMP_SYS(mlock),
    SCMP_SYS(mlock2),
    SCMP_SYS(munlock),

    SCMP_SYS(futex),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(rseq),
    SCMP_SYS(membarrier),
    SCMP_SYS(sched_yield),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(gettid),
    SCMP_SYS(getpid),
    SCMP_SYS(getuid),
    SCMP_SYS(geteuid),
    SCMP_SYS(getgid),
    SCMP_SYS(getegid),
    SCMP_SYS(clone3), /* below */
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),

    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(sigaltstack),

    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_getres),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(nanosleep),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(time),
    SCMP_SYS(getrandom),
    SCMP_SYS(uname),
    SCMP_SYS(sysinfo),
    SCMP_SYS(getrusage),
    SCMP_SYS(getcpu),
#ifdef COFFER_SANITIZED /* the search for leaks at the end is another process, which stops this one */
    SCMP_SYS(clone),
    SCMP_SYS(ptrace),
    SCMP_SYS(wait4),
    SCMP_SYS(prctl),
    SCMP_SYS(kill),
    SCMP_SYS(tgkill),
    SCMP_SYS(getppid),
    SCMP_SYS(personality),
    SCMP_SYS(prlimit64),
    SCMP_SYS(pipe),
    SCMP_SYS(mmap),
    SCMP_SYS(mprotect),
    SCMP_SYS(process_vm_readv),
    SCMP_SYS(getdents),
#endif
};

/* No part of this program or its libraries calls these: who does has taken it over. */
static const int hostile[] = {
    SCMP_SYS(execve),
    SCMP_SYS(execveat),
    SCMP_SYS(fork),
    SCMP_SYS(vfork),
#ifndef COFFER_SANITIZED
    SCMP_SYS(ptrace),
    SCMP_SYS(process_vm_readv),
#endif
    SCMP_SYS(process_vm_writev),
    SCMP_SYS(pidfd_getfd),
    SCMP_SYS(kcmp),
    SCMP_SYS(mount),
    SCMP_SYS(umount2),
    SCMP_SYS(move_mount),
    SCMP_SYS(open_tree),
    SCMP_SYS(fsopen),
    SCMP_SYS(fsmount),
    SCMP_SYS(fsconfig),
    SCMP_SYS(fspick),
    SCMP_SYS(mount_setattr),
    SCMP_SYS(pivot_root),
    SCMP_SYS(chroot),
    SCMP_SYS(unshare),
    SCMP_SYS(setns),
    SCMP_SYS(open_by_handle_at),
    SCMP_SYS(mknod),
    SCMP_SYS(mknodat),
    SCMP_SYS(setuid),
    SCMP_SYS(setgid),
    SCMP_SYS(setreuid),
    SCMP_SYS(setregid),
    SCMP_SYS(setresuid),
    SCMP_SYS(setresgid),
    SCMP_SYS(setgroups),
    SCMP_SYS(setfsuid),
    SCMP_SYS(setfsgid),
    SCMP_SYS(capset),
    SCMP_SYS(bpf),
    SCMP_SYS(perf_event_open),
    SCMP_SYS(userfaultfd),
    SCMP_SYS(io_uring_setup),
    SCMP_SYS(io_uring_enter),
    SCMP_SYS(io_uring_register),
    SCMP_SYS(add_key),
    SCMP_SYS(request_key),
    SCMP_SYS(keyctl),
    SCMP_SYS(init_module),
    SCMP_SYS(finit_module),
    SCMP_SYS(delete_module),
    SCMP_SYS(kexec_load),
    SCMP_SYS(kexec_file_load),
    SCMP_SYS(reboot),
    SCMP_SYS(swapon),
    SCMP_SYS(swapoff),
    SCMP_SYS(acct),
    SCMP_SYS(quotactl),
    SCMP_SYS(syslog),
    SCMP_SYS(iopl),
    SCMP_SYS(ioperm),
    SCMP_SYS(modify_ldt),
    SCMP_SYS(settimeofday),
    SCMP_SYS(clock_settime),
    SCMP_SYS(adjtimex),
    SCMP_SYS(clock_adjtime),
    SCMP_SYS(sethostname),
    SCMP_SYS(setdomainname),
};

#define NAMESPACES                                                                                                     \
    (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)
#define IS(argument, value)                                                                                            \
    {                                                                                                                  \
        argument, SCMP_CMP_EQ, value, 0                                                                                \
    }
#define HAS(argument, among, value)                                                                                    \
    {                                                                                                                  \
        argument, SCMP_CMP_MASKED_EQ, among, value                                                                     \
    }

/* Calls that are allowed in some forms. Rows of one call are alternatives; a row's conditions hold together. */
static const struct {
    int call;
    unsigned conditions;
    struct scmp_arg_cmp when[2];
} formed[] = {
    {SCMP_SYS(socket), 1, {IS(0, AF_INET)}}, {SCMP_SYS(socket), 1, {IS(0, AF_INET6)}},
    {SCMP_SYS(socket), 1, {IS(0, AF_UNIX)}},
    {SCMP_SYS(socket), 2, {IS(0, AF_NETLINK), IS(2, NETLINK_ROUTE)}}, /* the machine's addresses */
    {SCMP_SYS(socketpair), 1, {IS(0, AF_UNIX)}}, {SCMP_SYS(ioctl), 1, {IS(1, TCGETS)}},
    {SCMP_SYS(ioctl), 1, {IS(1, FIONBIO)}}, {SCMP_SYS(ioctl), 1, {IS(1, FIONREAD)}},
#ifndef COFFER_SANITIZED
    /* Memory is never made to run: libraries map their files, and no page is both written and run. */
    {SCMP_SYS(mmap), 1, {HAS(2, PROT_EXEC, 0)}},
    {SCMP_SYS(mmap), 2, {HAS(2, PROT_WRITE | PROT_EXEC, PROT_EXEC), HAS(3, MAP_ANONYMOUS, 0)}},
    {SCMP_SYS(mprotect), 1, {HAS(2, PROT_EXEC, 0)}},
    {SCMP_SYS(clone), 1, {HAS(0, CLONE_THREAD | NAMESPACES, CLONE_THREAD)}},
    {SCMP_SYS(prctl), 1, {IS(0, PR_SET_NAME)}},     /* never again dumpable */
    {SCMP_SYS(prlimit64), 2, {IS(0, 0), IS(2, 0)}}, /* asked, not set */
#endif
};

static int add_all(scmp_filter_ctx filter, uint32_t action, const int *calls, size_t count)
{
    int failed = 0;
    for (size_t i = 0; i < count && failed == 0; i++)
        if (calls[i] >= 0)
            failed = seccomp_rule_add_array(filter, action, calls[i], 0, NULL);
    return failed;
}

static int add_rules(scmp_filter_ctx filter)
{
    int failed = add_all(filter, SCMP_ACT_ALLOW, allowed, ARRAY_LEN(allowed));
    for (size_t i = 0; i < ARRAY_LEN(formed) && failed == 0; i++)
        failed = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, formed[i].call, formed[i].conditions, formed[i].when);
#ifndef COFFER_SANITIZED
    /* abort() */
    if (failed == 0)
        failed =
            seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1, SCMP_A0(SCMP_CMP_EQ, (uint64_t)getpid()));
#endif
    return failed ? failed : add_all(filter, SCMP_ACT_KILL_PROCESS, hostile, ARRAY_LEN(hostile));
}

/* clone3 has its flags in memory, where no filter sees them; without it the C library uses clone. A filter of its own
 * below the other: that one logs what it refuses, and this is refused with every thread that starts. */
static int add_rule_of_clone(scmp_filter_ctx filter)
{
    return seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
}

static int load(uint32_t otherwise, int (*add)(scmp_filter_ctx))
{
    scmp_filter_ctx filter = seccomp_init(otherwise);
    if (!filter)
        return -ENOMEM;
    int failed = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    /* Helpful, and not in every kernel: refusals are logged; no slower mode of the processor; a tree, not a chain. */
    (void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_LOG, otherwise != SCMP_ACT_ALLOW);
    (void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_SSB, 1);
    (void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    if (failed == 0)
        failed = add(filter);
    if (failed == 0)
        failed = seccomp_load(filter);
    seccomp_release(filter);
    return failed;
}

err_t system_calls_restrict(struct error *error)
{
    int failed = load(SCMP_ACT_ALLOW, add_rule_of_clone);
    if (failed == 0)
        failed = load(SCMP_ACT_ERRNO(EPERM), add_rules);
    return failed ? error_errno(error, -failed, "cannot restrict system calls (--no-sandbox does without)") : ERR_OK;
}
