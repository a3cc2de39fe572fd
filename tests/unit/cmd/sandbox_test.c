/* SPDX-License-Identifier: Apache-2.0 */
/* What code in the sandbox can do and cannot: each attempt in a process of its own. Built without sanitizers, whose
 * filter is wider. */
#include "base/bytes.h"
#include "cmd/privileges.h"
#include "cmd/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define KILLED (-1) /* by SIGSYS */

static pid_t parent;
static char base[64], data[80], certificates[80], outside[96], certificate[96], renewed[96], inside[96], moved[96];

/* 0, or errno. */
static int outcome(long result)
{
    return result < 0 ? errno : 0;
}

static int open_file(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC, 0600);
    return fd < 0 ? errno : close(fd);
}

static int become_another_program(void)
{
    char *const arguments[] = {(char *)(uintptr_t) "true", NULL};
    return outcome(execv("/bin/true", arguments));
}
static int fork_here(void)
{
    return outcome(syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, 0));
}
static int fork_oldest(void)
{
    return outcome(vfork());
}
static int trace(void)
{
    return outcome(ptrace(PTRACE_TRACEME, 0, NULL, NULL));
}
static int trace_parent(void)
{
    return outcome(ptrace(PTRACE_SEIZE, parent, NULL, NULL));
}
static int mount_here(void)
{
    return outcome(mount("none", base, "tmpfs", 0, NULL));
}
static int load_bpf(void)
{
    return outcome(syscall(SYS_bpf, 0, NULL, 0));
}
static int use_keyring(void)
{
    return outcome(syscall(SYS_keyctl, 0, 0, 0, 0, 0));
}
static int use_io_uring(void)
{
    return outcome(syscall(SYS_io_uring_setup, 1, NULL));
}
static int load_module(void)
{
    return outcome(syscall(SYS_finit_module, -1, "", 0));
}
static int make_namespace(void)
{
    return outcome(unshare(CLONE_NEWUSER));
}
static int thread_in_namespace(void)
{
    return outcome(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, 0));
}
static int become_root(void)
{
    return outcome(syscall(SYS_setuid, 0));
}
static int read_others_memory(void)
{
    return outcome(syscall(SYS_process_vm_readv, parent, NULL, 0, NULL, 0, 0));
}
static int signal_parent(void)
{
    return outcome(kill(parent, 0));
}
static int become_dumpable(void)
{
    return outcome(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
}
static int raise_limit(void)
{
    struct rlimit limit = {1024, 1024};
    return outcome(setrlimit(RLIMIT_CORE, &limit));
}
static int ask_limit(void)
{
    struct rlimit limit;
    return outcome(getrlimit(RLIMIT_NOFILE, &limit));
}
static int make_socket(int family, int type, int protocol)
{
    int fd = socket(family, type | SOCK_CLOEXEC, protocol);
    return fd < 0 ? errno : close(fd);
}
static int tcp(void)
{
    return make_socket(AF_INET6, SOCK_STREAM, 0);
}
static int route_socket(void)
{
    return make_socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
}
static int audit_socket(void)
{
    return make_socket(AF_NETLINK, SOCK_RAW, NETLINK_AUDIT);
}
static int packet_socket(void)
{
    return make_socket(AF_PACKET, SOCK_RAW, 0);
}
static int vsock(void)
{
    return make_socket(AF_VSOCK, SOCK_STREAM, 0);
}
static int serve_another_port(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return outcome(listen(fd, 1));
}
static int map(int protection)
{
    return mmap(NULL, 4096, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? errno : 0;
}
static int map_data(void)
{
    return map(PROT_READ | PROT_WRITE);
}
static int map_code(void)
{
    return map(PROT_READ | PROT_EXEC);
}
static int map_both(void)
{
    return map(PROT_WRITE | PROT_EXEC);
}
static int make_code(void)
{
    void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return outcome(mprotect(p, 4096, PROT_READ | PROT_EXEC));
}
static int read_shadow(void)
{
    return open_file("/etc/shadow", O_RDONLY);
}
static int read_outside(void)
{
    return open_file(outside, O_RDONLY);
}
static int write_outside(void)
{
    return open_file(outside, O_WRONLY);
}
static int make_outside(void)
{
    return open_file("/tmp/coffer-sandbox-test", O_WRONLY | O_CREAT);
}
static int list_base(void)
{
    return open_file(base, O_RDONLY | O_DIRECTORY);
}
static int read_parents_memory(void)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/maps", parent);
    return open_file(path, O_RDONLY);
}
static int read_certificate(void)
{
    return open_file(certificate, O_RDONLY);
}
static int write_certificate(void)
{
    return open_file(certificate, O_WRONLY);
}
static int read_renewed(void)
{
    return open_file(renewed, O_RDONLY);
}
static int write_inside(void)
{
    int made = open_file(inside, O_RDWR | O_CREAT | O_TRUNC);
    return made ? made : rename(inside, moved) != 0 || unlink(moved) != 0 ? errno : 0;
}
static int directory_inside(void)
{
    return outcome(mkdir(moved, 0700));
}
static int link_inside(void)
{
    return outcome(symlink("/etc/shadow", moved));
}
static int take_out(void)
{
    return outcome(rename(outside, moved));
}
static int read_library_list(void)
{
    return open_file("/etc/ld.so.cache", O_RDONLY);
}
static int read_own_statistics(void)
{
    return open_file("/proc/self/statm", O_RDONLY);
}
static int use_null(void)
{
    return open_file("/dev/null", O_RDWR);
}

static void *nothing(void *argument)
{
    return argument;
}
static int start_thread(void)
{
    pthread_t thread;
    int failed = pthread_create(&thread, NULL, nothing, NULL);
    return failed ? failed : pthread_join(thread, NULL);
}
static int end_by_abort(void)
{
    abort();
}

static const struct attempt {
    const char *name;
    int (*run)(void);
    int wanted;
} attempts[] = {
#define ATTEMPT(function, wanted)                                                                                      \
    {                                                                                                                  \
#function, function, wanted                                                                                    \
    }
    ATTEMPT(become_another_program, KILLED),
    ATTEMPT(fork_oldest, KILLED),
    ATTEMPT(fork_here, EPERM),
    ATTEMPT(trace, KILLED),
    ATTEMPT(trace_parent, KILLED),
    ATTEMPT(mount_here, KILLED),
    ATTEMPT(load_bpf, KILLED),
    ATTEMPT(use_keyring, KILLED),
    ATTEMPT(use_io_uring, KILLED),
    ATTEMPT(load_module, KILLED),
    ATTEMPT(make_namespace, KILLED),
    ATTEMPT(thread_in_namespace, EPERM),
    ATTEMPT(become_root, KILLED),
    ATTEMPT(read_others_memory, KILLED),
    ATTEMPT(signal_parent, EPERM),
    ATTEMPT(become_dumpable, EPERM),
    ATTEMPT(raise_limit, EPERM),
    ATTEMPT(ask_limit, 0),
    ATTEMPT(tcp, 0),
    ATTEMPT(route_socket, 0),
    ATTEMPT(audit_socket, EPERM),
    ATTEMPT(packet_socket, EPERM),
    ATTEMPT(vsock, EPERM),
    ATTEMPT(serve_another_port, EPERM),
    ATTEMPT(map_data, 0),
    ATTEMPT(map_code, EPERM),
    ATTEMPT(map_both, EPERM),
    ATTEMPT(make_code, EPERM),
    ATTEMPT(start_thread, 0),
    ATTEMPT(use_null, 0),
    ATTEMPT(read_library_list, 0),
    ATTEMPT(read_own_statistics, 0),
};

/* Of Landlock: only where the kernel has it. */
static const struct attempt file_attempts[] = {
    ATTEMPT(read_shadow, EACCES),
    ATTEMPT(read_outside, EACCES),
    ATTEMPT(write_outside, EACCES),
    ATTEMPT(make_outside, EACCES),
    ATTEMPT(list_base, EACCES),
    ATTEMPT(read_parents_memory, EACCES),
    ATTEMPT(read_certificate, 0),
    ATTEMPT(write_certificate, EACCES),
    ATTEMPT(read_renewed, 0),
    ATTEMPT(write_inside, 0),
    ATTEMPT(take_out, EACCES),
};

static const struct attempt call_attempts[] = {ATTEMPT(directory_inside, EPERM), ATTEMPT(link_inside, EPERM)};

static void enter_and_try(const struct attempt *attempt)
{
    struct error error;
    struct account nobody_else;
    const char *const files[] = {certificate, "/nonexistent/file"};
    const struct sandbox sandbox = {data, files, ARRAY_LEN(files)};

    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    error_init(&error, NULL);
    if (account_find(NULL, &nobody_else, &error) != ERR_OK || privileges_drop(&nobody_else, &error) != ERR_OK ||
        sandbox_enter(&sandbox, &error) != ERR_OK)
        _exit(255);
    _exit(attempt->run());
}

static int run_apart(const struct attempt *attempt)
{
    int status;
    pid_t child = fork();
    if (child == 0)
        enter_and_try(attempt);
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFSIGNALED(status))
        return WTERMSIG(status) == SIGSYS ? KILLED : -1 - WTERMSIG(status);
    return WEXITSTATUS(status);
}

static void try_all(const struct attempt *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int got = run_apart(&list[i]);
        if (got != list[i].wanted)
            fail_msg("%s: %d, not %d", list[i].name, got, list[i].wanted);
    }
}

static void test_system_calls(void **state)
{
    (void)state;
    try_all(attempts, ARRAY_LEN(attempts));
    try_all(call_attempts, ARRAY_LEN(call_attempts));
}

static void test_files(void **state)
{
    (void)state;
    if (syscall(SYS_landlock_create_ruleset, NULL, 0, 1) < 1)
        skip();
    try_all(file_attempts, ARRAY_LEN(file_attempts));
}

static void test_abort(void **state)
{
    const struct attempt attempt = ATTEMPT(end_by_abort, 0);
    (void)state;
    assert_int_equal(run_apart(&attempt), -1 - SIGABRT);
}

static void test_accounts(void **state)
{
    struct account account;
    (void)state;
    assert_int_equal(account_find("no-such-user-here", &account, NULL), ERR_NOT_FOUND);
    if (geteuid() != 0) {
        assert_int_equal(account_find("root", &account, NULL), ERR_FORBIDDEN);
        return;
    }
    assert_int_equal(account_find("nobody", &account, NULL), ERR_OK);
    assert_true(account.uid > 0);
}

static int become_nobody(void)
{
    struct account account;
    if (account_find("nobody", &account, NULL) != ERR_OK || privileges_drop(&account, NULL) != ERR_OK)
        return 255;
    return getuid() != account.uid || getegid() != account.gid || setuid(0) == 0 ||
           prctl(PR_CAPBSET_READ, 0, 0, 0, 0) != 0;
}

static void test_another_user(void **state)
{
    int status;
    (void)state;
    if (geteuid() != 0)
        skip();
    pid_t child = fork();
    if (child == 0)
        _exit(become_nobody());
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void make(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    close(fd);
}

/* A certificate that is a link into another directory, as certbot's are. */
static int set_up(void **state)
{
    char link[96], archive[80];
    (void)state;
    parent = getpid();
    snprintf(base, sizeof base, "/tmp/coffer-sandbox.XXXXXX");
    assert_non_null(mkdtemp(base));
    snprintf(data, sizeof data, "%s/data", base);
    snprintf(archive, sizeof archive, "%s/archive", base);
    snprintf(certificates, sizeof certificates, "%s/live", base);
    snprintf(outside, sizeof outside, "%s/outside", base);
    snprintf(inside, sizeof inside, "%s/a", data);
    snprintf(moved, sizeof moved, "%s/b", data);
    snprintf(certificate, sizeof certificate, "%s/tls.crt", certificates);
    snprintf(renewed, sizeof renewed, "%s/tls2.crt", archive);
    snprintf(link, sizeof link, "%s/tls1.crt", archive);
    assert_true(mkdir(data, 0700) == 0 && mkdir(archive, 0700) == 0 && mkdir(certificates, 0700) == 0);
    make(outside);
    make(link);
    make(renewed);
    return symlink(link, certificate);
}

static int tear_down(void **state)
{
    char path[96];
    static const char *const names[] = {
        "live/tls.crt", "archive/tls1.crt", "archive/tls2.crt", "outside", "live", "archive", "data", ""};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        snprintf(path, sizeof path, "%s/%s", base, names[i]);
        if (remove(path) != 0)
            return -1;
    }
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_system_calls), cmocka_unit_test(test_files),
        cmocka_unit_test(test_abort), cmocka_unit_test(test_accounts), cmocka_unit_test(test_another_user)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
