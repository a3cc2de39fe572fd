/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/privileges.h"

#include "base/bytes.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PASSWD_MOST 16384
#define SET_WORDS   _LINUX_CAPABILITY_U32S_3

struct capabilities {
    struct __user_cap_header_struct header;
    struct __user_cap_data_struct sets[SET_WORDS];
};

err_t account_find(const char *name, struct account *ret, struct error *error)
{
    struct passwd entry, *found = NULL;
    char text[PASSWD_MOST];

    *ret = (struct account){0};
    if (!name)
        return ERR_OK;
    int reason = getpwnam_r(name, &entry, text, sizeof(text), &found);
    if (!found)
        return reason ? error_errno(error, reason, "--user %s: cannot look the user up", name)
                      : error_set(error, ERR_NOT_FOUND, "--user %s: there is no such user", name);
    if (geteuid() != 0 && geteuid() != entry.pw_uid)
        return error_set(error, ERR_FORBIDDEN, "--user %s: only root can become another user", name);
    if (geteuid() == 0)
        *ret = (struct account){name, entry.pw_uid, entry.pw_gid};
    return ERR_OK;
}

void account_make_directory(const struct account *account, const char *path)
{
    if (account->name && mkdir(path, 0700) == 0 && lchown(path, account->uid, account->gid) != 0)
        rmdir(path);
}

static bool read_capabilities(struct capabilities *c)
{
    *c = (struct capabilities){.header.version = _LINUX_CAPABILITY_VERSION_3};
    return syscall(SYS_capget, &c->header, c->sets) == 0;
}

static bool has_any(const struct capabilities *c)
{
    uint32_t all = 0;
    for (size_t i = 0; i < SET_WORDS; i++)
        all |= c->sets[i].effective | c->sets[i].permitted | c->sets[i].inheritable;
    return all != 0;
}

static bool may(const struct capabilities *c, unsigned capability)
{
    return c->sets[CAP_TO_INDEX(capability)].effective & CAP_TO_MASK(capability);
}

/* The kernel says where the list ends: EINVAL. */
static bool empty_bounding_set(void)
{
    for (unsigned long i = 0; prctl(PR_CAPBSET_READ, i, 0, 0, 0) >= 0; i++)
        if (prctl(PR_CAPBSET_DROP, i, 0, 0, 0) != 0)
            return false;
    return true;
}

static err_t become(const struct account *account, struct error *error)
{
    if (account->name &&
        (initgroups(account->name, account->gid) != 0 || setresgid(account->gid, account->gid, account->gid) != 0 ||
            setresuid(account->uid, account->uid, account->uid) != 0))
        return error_errno(error, errno, "--user %s: cannot become that user", account->name);
    return ERR_OK;
}

err_t privileges_drop(const struct account *account, struct error *error)
{
    struct capabilities now;

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return error_errno(error, errno, "cannot give up gaining privileges");
    if (!read_capabilities(&now))
        return error_errno(error, errno, "cannot read the process's capabilities");
    if (may(&now, CAP_SYS_RESOURCE))
        setrlimit(RLIMIT_MEMLOCK, &(struct rlimit){RLIM_INFINITY, RLIM_INFINITY});
    if (may(&now, CAP_SETPCAP) &&
        (!empty_bounding_set() || prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0))
        return error_errno(error, errno, "cannot empty the set of capabilities that may be gained");
    TRY(become(account, error));
    struct capabilities none = {.header.version = _LINUX_CAPABILITY_VERSION_3};
    /* A service manager that left none may refuse the call. */
    if (read_capabilities(&now) && has_any(&now) && syscall(SYS_capset, &none.header, none.sets) != 0)
        return error_errno(error, errno, "cannot give up the process's capabilities");
    if (!read_capabilities(&now) || has_any(&now))
        return error_set(error, ERR_INTERNAL, "the process still has capabilities");
    return ERR_OK;
}
