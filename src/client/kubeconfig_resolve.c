/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"
#include "client/kubeconfig_user.h"
#include "client/server_url.h"

/* The sentence for a name that no file has: with the names that there are. */
static err_t not_there(struct arena *arena, const struct kubeconfig_entry *list, const char *singular, const char *name,
    const char *where, struct error *error)
{
    struct buffer names;
    buffer_init(&names, arena);
    for (unsigned i = 0; list && i < 20; i++, list = list->next)
        buffer_format(&names, "%s\"%s\"", i ? ", " : "; there is ", list->name);
    if (list)
        buffer_text(&names, " and more");
    if (names.failed)
        return arena_error(arena, error);
    return error_set(
        error, ERR_NOT_FOUND, "%s: there is no %s \"%s\"%.*s", where, singular, name, BYTES_FMT(buffer_bytes(&names)));
}

static const struct kubeconfig_entry *find(const struct kubeconfig_entry *list, const char *name)
{
    while (list && strcmp(list->name, name) != 0)
        list = list->next;
    return list;
}

/* The cluster's own words to a credential plugin: extensions[name=client.authentication.k8s.io/exec].extension. */
static err_t resolve_plugin_config(const struct document *d, struct kubeconfig *k)
{
    const struct json *list;
    TRY(document_get(d, d->root, "extensions", JSON_ARRAY, &list));
    for (const struct json *item = list ? list->first : NULL; item; item = item->next)
        if (bytes_equal(json_text(item, BYTES("name")), BYTES("client.authentication.k8s.io/exec")))
            k->plugin_config = json_get(item, BYTES("extension"));
    return ERR_OK;
}

static err_t resolve_cluster(const struct document *d, struct kubeconfig *k)
{
    const char *server;
    TRY(document_text(d, d->root, "server", &server));
    TRY(document_text(d, d->root, "tls-server-name", &k->tls_server_name));
    TRY(document_text(d, d->root, "proxy-url", &k->proxy_url));
    TRY(document_bool(d, d->root, "insecure-skip-tls-verify", &k->insecure_skip_tls_verify));
    TRY(document_path(d, d->root, "certificate-authority", &k->ca_path));
    TRY(document_base64(d, d->root, "certificate-authority-data", &k->ca_pem));
    TRY(resolve_plugin_config(d, k));
    if (!server)
        return error_set(d->error, ERR_INVALID, "%s: cluster \"%s\" has no server", d->file, k->cluster);
    bytes what = arena_format(d->arena, "%s: the server of cluster \"%s\"", d->file, k->cluster);
    if (!what.p)
        return arena_error(d->arena, d->error);
    TRY(server_url_check(d->arena, (const char *)what.p, server, &k->server, d->error));
    if (k->ca_path && k->ca_pem.n)
        return error_set(d->error, ERR_INVALID,
            "%s: cluster \"%s\" has both certificate-authority and certificate-authority-data; keep one", d->file,
            k->cluster);
    if (k->insecure_skip_tls_verify && (k->ca_path || k->ca_pem.n))
        return error_set(d->error, ERR_INVALID,
            "%s: cluster \"%s\" has a certificate authority and insecure-skip-tls-verify; remove the latter", d->file,
            k->cluster);
    return ERR_OK;
}

static err_t resolve_context(const struct document *d, const struct kubeconfig_set *set, struct kubeconfig *k)
{
    TRY(document_text(d, d->root, "cluster", &k->cluster));
    TRY(document_text(d, d->root, "user", &k->user));
    if (!k->namespace)
        TRY(document_text(d, d->root, "namespace", &k->namespace));
    if (!k->namespace)
        k->namespace = "default";
    if (!k->cluster)
        return error_set(d->error, ERR_INVALID, "%s: context \"%s\" names no cluster", d->file, k->context);
    const struct kubeconfig_entry *cluster = find(set->clusters, k->cluster);
    if (!cluster)
        return not_there(d->arena, set->clusters, "cluster", k->cluster, set->files, d->error);
    struct document cluster_document = {cluster->file, cluster->value, d->arena, d->error};
    TRY(resolve_cluster(&cluster_document, k));
    if (!k->user) {
        k->user = "";
        return ERR_OK;
    }
    const struct kubeconfig_entry *user = find(set->users, k->user);
    if (!user)
        return not_there(d->arena, set->users, "user", k->user, set->files, d->error);
    struct document user_document = {user->file, user->value, d->arena, d->error};
    return kubeconfig_resolve_user(&user_document, k);
}

err_t kubeconfig_resolve(const struct kubeconfig_set *set, struct arena *arena, const struct kubeconfig_query *query,
    struct kubeconfig *ret, struct error *error)
{
    const char *name = query->context ? query->context : set->current_context;
    struct kubeconfig k = {.context = name, .namespace = query->namespace};
    if (!name)
        return error_set(error, ERR_NOT_FOUND,
            "%s: no current-context; give --context NAME, or set one by 'kubectl config use-context NAME'", set->files);
    const struct kubeconfig_entry *context = find(set->contexts, name);
    if (!context)
        return not_there(arena, set->contexts, "context", name, set->files, error);
    struct document d = {context->file, context->value, arena, error};
    k.file = context->file;
    TRY(resolve_context(&d, set, &k));
    *ret = k;
    return ERR_OK;
}

/* Reads one file that the kubeconfig names; the sentence says for what. */
static err_t read_reference(struct arena *arena, const struct kubeconfig *k, const char *path, const char *what,
    bytes *ret, struct error *error)
{
    struct error cause;
    error_init(&cause, arena);
    err_t code = file_read(arena, path, KUBECONFIG_MAX_FILE, ret, &cause);
    if (code != ERR_OK)
        return error_set(error, code, "%s: the %s of %s: %.*s", k->file, what,
            strcmp(what, "certificate authority") == 0 ? k->cluster : k->user, BYTES_FMT(cause.message));
    return ERR_OK;
}

err_t kubeconfig_read(struct kubeconfig *k, struct arena *arena, struct error *error)
{
    bytes text;
    if (k->ca_path)
        TRY(read_reference(arena, k, k->ca_path, "certificate authority", &k->ca_pem, error));
    if (k->client_certificate_path)
        TRY(read_reference(
            arena, k, k->client_certificate_path, "client certificate", &k->client_certificate_pem, error));
    if (k->client_key_path) {
        TRY(read_reference(arena, k, k->client_key_path, "client key", &text, error));
        k->client_key_pem = secret_copy(arena, text);
        if (!k->client_key_pem.p)
            return arena_error(arena, error);
    }
    if (k->token_path) {
        TRY(read_reference(arena, k, k->token_path, "token", &text, error));
        k->token = secret_copy(arena, document_trim(text));
        if (!k->token.p)
            return arena_error(arena, error);
        if (!k->token.n)
            return error_set(
                error, ERR_INVALID, "%s: the token file %s of %s is empty", k->file, k->token_path, k->user);
    }
    return ERR_OK;
}
