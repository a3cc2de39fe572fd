/* SPDX-License-Identifier: Apache-2.0 */
#include "client/kubeconfig.h"

#include "base/file.h"
#include "client/document.h"
#include "client/server_url.h"
#include "text/yaml.h"

#include <stdlib.h>

#define SERVICE_ACCOUNT "/var/run/secrets/kubernetes.io/serviceaccount/"
#define MAX_NODES       200000
#define MAX_ENTRIES     10000 /* names are looked for one after another */

static const char *environment(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

static struct kubeconfig_entry *find(struct kubeconfig_entry *list, const char *name)
{
    for (; list; list = list->next)
        if (strcmp(list->name, name) == 0)
            return list;
    return NULL;
}

/* Takes the named things of one file into the merged list: `clusters: [{name: x, cluster: {...}}]`. */
static err_t add_list(
    const struct document *d, struct kubeconfig_entry **list, const char *plural, const char *singular)
{
    const struct json *items, *value;
    TRY(document_get(d, d->root, plural, JSON_ARRAY, &items));
    struct kubeconfig_entry *before = *list;
    if (items && items->count > MAX_ENTRIES)
        return error_set(d->error, ERR_TOO_LARGE, "%s: more than %d %s", d->file, MAX_ENTRIES, plural);
    for (const struct json *item = items ? items->first : NULL; item; item = item->next) {
        const char *name;
        if (item->type != JSON_OBJECT)
            return error_set(d->error, ERR_INVALID, "%s: an item of %s is no mapping", d->file, plural);
        TRY(document_text(d, item, "name", &name));
        TRY(document_get(d, item, singular, JSON_OBJECT, &value));
        if (!name)
            return error_set(d->error, ERR_INVALID, "%s: an item of %s has no name", d->file, plural);
        struct kubeconfig_entry *same = find(*list, name);
        if (same && same->file == d->file)
            return error_set(d->error, ERR_INVALID, "%s: %s \"%s\" is there twice", d->file, singular, name);
        if (find(before, name))
            continue;
        struct kubeconfig_entry *entry = arena_zero(d->arena, sizeof *entry);
        if (!entry)
            return arena_error(d->arena, d->error);
        *entry = (struct kubeconfig_entry){.name = name, .file = d->file, .value = value, .next = *list};
        *list = entry;
    }
    return ERR_OK;
}

err_t kubeconfig_add(struct kubeconfig_set *set, struct arena *arena, const char *file, bytes text, struct error *error)
{
    struct json *root;
    const char *current;
    struct error yaml_error;
    error_init(&yaml_error, arena);
    if (yaml_parse(arena, text, MAX_NODES, &root, &yaml_error) != ERR_OK)
        return error_set(
            error, yaml_error.code, "cannot read kubeconfig %s: %.*s", file, BYTES_FMT(yaml_error.message));
    struct document d = {.file = file, .root = root, .arena = arena, .error = error};
    bytes files = set->files ? arena_format(arena, "%s, %s", set->files, file) : arena_copy(arena, bytes_of(file));
    if (!files.p)
        return arena_error(arena, error);
    set->files = (const char *)files.p;
    if (root->type == JSON_NULL)
        return ERR_OK;
    if (root->type != JSON_OBJECT)
        return error_set(error, ERR_INVALID, "kubeconfig %s is no mapping", file);
    TRY(add_list(&d, &set->clusters, "clusters", "cluster"));
    TRY(add_list(&d, &set->users, "users", "user"));
    TRY(add_list(&d, &set->contexts, "contexts", "context"));
    TRY(document_text(&d, root, "current-context", &current));
    if (current && !set->current_context)
        set->current_context = current, set->current_file = file;
    return ERR_OK;
}

static err_t add_file(
    struct kubeconfig_set *set, struct arena *arena, const char *path, bool may_miss, struct error *error)
{
    bytes text;
    err_t code = file_read(arena, path, KUBECONFIG_MAX_FILE, &text, error);
    if (code == ERR_NOT_FOUND && may_miss)
        return ERR_OK;
    if (code != ERR_OK)
        return code;
    return kubeconfig_add(set, arena, path, text, error);
}

/* KUBECONFIG: paths divided by colons; empty ones are skipped, and one that is there twice counts once. */
static err_t add_path_list(struct kubeconfig_set *set, struct arena *arena, const char *list, struct error *error)
{
    bytes rest = bytes_of(list);
    while (rest.n) {
        bytes part = {rest.p, bytes_find(rest, ':')};
        bytes before = {(const uint8_t *)list, (size_t)(rest.p - (const uint8_t *)list)};
        bool seen = false;
        while (before.n) {
            bytes other = {before.p, bytes_find(before, ':')};
            seen |= bytes_equal(other, part);
            before = bytes_skip(before, other.n + 1);
        }
        rest = bytes_skip(rest, part.n < rest.n ? part.n + 1 : part.n);
        if (part.n == 0 || seen)
            continue;
        bytes path = arena_copy(arena, part);
        if (!path.p)
            return arena_error(arena, error);
        TRY(add_file(set, arena, (const char *)path.p, true, error));
    }
    return ERR_OK;
}

static err_t add_home(struct kubeconfig_set *set, struct arena *arena, struct error *error)
{
    const char *home = environment("HOME");
    if (!home)
        return ERR_OK;
    bytes path = arena_format(arena, "%s/.kube/config", home);
    if (!path.p)
        return arena_error(arena, error);
    return add_file(set, arena, (const char *)path.p, true, error);
}

/* The pod's own service account, where the kubelet puts it. ERR_NOT_FOUND outside of a pod. */
static err_t load_in_cluster(
    struct arena *arena, const struct kubeconfig_query *query, struct kubeconfig *ret, struct error *error)
{
    const char *host = environment("KUBERNETES_SERVICE_HOST"), *port = environment("KUBERNETES_SERVICE_PORT");
    struct kubeconfig k = {.file = SERVICE_ACCOUNT,
        .user = "the pod's service account",
        .cluster = "in-cluster",
        .context = "in-cluster",
        .ca_path = SERVICE_ACCOUNT "ca.crt",
        .token_path = SERVICE_ACCOUNT "token",
        .namespace = query->namespace};
    bytes text;
    if (!host || !port)
        return ERR_NOT_FOUND;
    bool ipv6 = strchr(host, ':') != NULL;
    bytes url = arena_format(arena, "https://%s%s%s:%s", ipv6 ? "[" : "", host, ipv6 ? "]" : "", port);
    if (!url.p)
        return arena_error(arena, error);
    TRY(server_url_check(
        arena, "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT", (const char *)url.p, &k.server, error));
    TRY(kubeconfig_read(&k, arena, error));
    if (!k.namespace)
        k.namespace = environment("POD_NAMESPACE");
    if (!k.namespace) {
        err_t code = file_read(arena, SERVICE_ACCOUNT "namespace", 4096, &text, error);
        if (code != ERR_OK && code != ERR_NOT_FOUND)
            return code;
        text = arena_copy(arena, code == ERR_OK ? document_trim(text) : BYTES_NONE);
        if (!text.p)
            return arena_error(arena, error);
        k.namespace = text.n ? (const char *)text.p : "default";
    }
    *ret = k;
    return ERR_OK;
}

err_t kubeconfig_load(
    struct arena *arena, const struct kubeconfig_query *query, struct kubeconfig *ret, struct error *error)
{
    struct kubeconfig_set set = {0};
    struct kubeconfig k;
    const char *list = environment("KUBECONFIG");
    if (query->file)
        TRY(add_file(&set, arena, query->file, false, error));
    else if (list)
        TRY(add_path_list(&set, arena, list, error));
    else
        TRY(add_home(&set, arena, error));
    if (!query->file && !query->context && !set.clusters && !set.users && !set.contexts) {
        err_t code = load_in_cluster(arena, query, ret, error);
        if (code != ERR_NOT_FOUND)
            return code;
    }
    if (!set.files)
        return error_set(error, ERR_NOT_FOUND,
            list ? "none of the files in KUBECONFIG is there: %s"
                 : "no kubeconfig: neither KUBECONFIG nor ~/.kube/config names a server%s; give --kubeconfig FILE",
            list ? list : "");
    TRY(kubeconfig_resolve(&set, arena, query, &k, error));
    TRY(kubeconfig_read(&k, arena, error));
    *ret = k;
    return ERR_OK;
}
