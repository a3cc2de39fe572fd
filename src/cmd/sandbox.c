/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/sandbox.h"

#include "base/file.h"
#include "base/log.h"
#include "cmd/system_calls.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/landlock.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Later than the headers of the oldest system that builds this (Linux 6.1). */
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif
#ifndef LANDLOCK_ACCESS_FS_IOCTL_DEV
#define LANDLOCK_ACCESS_FS_IOCTL_DEV (1ULL << 15)
#endif

#define READ     (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define WRITE    (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_TRUNCATE)
#define REPLACE  (LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REMOVE_FILE)
#define OF_FILES (LANDLOCK_ACCESS_FS_READ_FILE | WRITE) /* rights that mean something for what is no directory */

/* The rights that each version of Landlock can take away: the first thirteen, then what came later. */
static const uint64_t rights_of_version[] = {
    0, (1ULL << 13) - 1, LANDLOCK_ACCESS_FS_REFER, LANDLOCK_ACCESS_FS_TRUNCATE, 0, LANDLOCK_ACCESS_FS_IOCTL_DEV};

/* What the C library, OpenSSL and libcurl read: programs' own directories hold no secrets; of /etc only what names
 * hosts and authorities. */
static const struct {
    const char *path;
    uint64_t rights;
} usual[] = {
    {"/usr", READ},
    {"/lib", READ},
    {"/lib64", READ},
    {"/etc/ld.so.cache", READ},
    {"/etc/localtime", READ},
    {"/etc/nsswitch.conf", READ},
    {"/etc/hosts", READ},
    {"/etc/host.conf", READ},
    {"/etc/gai.conf", READ},
    {"/etc/services", READ},
    {"/etc/resolv.conf", READ},
    {"/run/systemd/resolve", READ},
    {"/run/resolvconf", READ},
    {"/etc/ssl/openssl.cnf", READ},
    {"/etc/ssl/certs", READ},
    {"/etc/pki/tls/certs", READ},
    {"/etc/pki/ca-trust/extracted", READ},
    {"/etc/crypto-policies", READ},
    {"/dev/null", READ | WRITE},
#ifdef COFFER_SANITIZED /* for the names in their reports */
    {"/proc", READ},
    {"/sys", READ},
#endif
};

/* What is not there needs no rule. */
static err_t allow(int ruleset, uint64_t handled, const char *path, uint64_t rights, struct error *error)
{
    CLEANUP(file_close) int fd = open(path, O_PATH | O_CLOEXEC);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) != 0)
        return ERR_OK;
    struct landlock_path_beneath_attr rule = {.allowed_access = rights & handled, .parent_fd = fd};
    if (!S_ISDIR(st.st_mode))
        rule.allowed_access &= OF_FILES;
    if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0)
        return error_errno(error, errno, "cannot allow %s in the sandbox", path);
    return ERR_OK;
}

/* The directory that a path names, or "." */
static void directory_of(const char *path, char ret[PATH_MAX])
{
    const char *slash = strrchr(path, '/');
    size_t n = !slash ? 0 : slash == path ? 1 : (size_t)(slash - path);
    memcpy(ret, n ? path : ".", n ? n : 1);
    ret[n ? n : 1] = 0;
}

/* A file may be replaced by rename, and be a link into a directory where that happens. */
static err_t allow_directories(int ruleset, uint64_t handled, const char *file, struct error *error)
{
    char directory[PATH_MAX], target[PATH_MAX];

    if (strlen(file) >= sizeof(directory))
        return ERR_OK;
    directory_of(file, directory);
    TRY(allow(ruleset, handled, directory, READ, error));
    if (!realpath(file, target))
        return ERR_OK;
    directory_of(target, directory);
    return allow(ruleset, handled, directory, READ, error);
}

/* /metrics reads statm. The rule is on the directory as it is now, which /proc forgets when nobody holds it: the
 * descriptor stays open. */
static err_t allow_own_statistics(int ruleset, uint64_t handled, struct error *error)
{
    static int held = -1;
    if (held < 0)
        held = open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return allow(ruleset, handled, "/proc/self", READ, error);
}

static err_t restrict_files(const struct sandbox *sandbox, int ruleset, uint64_t handled, struct error *error)
{
    TRY(allow(ruleset, handled, sandbox->data_directory, READ | WRITE | REPLACE, error));
    TRY(allow_own_statistics(ruleset, handled, error));
    for (size_t i = 0; i < sandbox->file_count; i++)
        TRY(allow_directories(ruleset, handled, sandbox->files[i], error));
    for (size_t i = 0; i < ARRAY_LEN(usual); i++)
        TRY(allow(ruleset, handled, usual[i].path, usual[i].rights, error));
#ifdef COFFER_SANITIZED
    TRY(allow_directories(ruleset, handled, "/proc/self/exe", error));
#endif
    if (syscall(SYS_landlock_restrict_self, ruleset, 0) != 0)
        return error_errno(error, errno, "cannot restrict access to files");
    return ERR_OK;
}

static err_t enter_landlock(const struct sandbox *sandbox, struct error *error)
{
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    struct landlock_ruleset_attr attributes = {.handled_access_fs = 0};

    if (version < 1) {
        log_event(LOG_WARNING, "this kernel offers no Landlock: access to files is not restricted",
            log_number("errno", errno));
        return ERR_OK;
    }
    for (size_t i = 1; i < ARRAY_LEN(rights_of_version) && (long)i <= version; i++)
        attributes.handled_access_fs |= rights_of_version[i];
    CLEANUP(file_close) int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attributes, sizeof(attributes), 0);
    if (ruleset < 0)
        return error_errno(error, errno, "cannot make rules for access to files");
    return restrict_files(sandbox, ruleset, attributes.handled_access_fs, error);
}

err_t sandbox_enter(const struct sandbox *sandbox, struct error *error)
{
    TRY(enter_landlock(sandbox, error));
    return system_calls_restrict(error);
}
