/* SPDX-License-Identifier: Apache-2.0 */
#include "client/kubeconfig_user.h"

#define MAX_HEADER_VALUE 65536

static err_t check_header_text(const struct document *d, const struct kubeconfig *k, const char *text)
{
    bool safe = strlen(text) <= MAX_HEADER_VALUE;
    for (const char *p = text; *p; p++)
        safe &= (unsigned char)*p >= ' ' && *p != 0x7f;
    if (!safe)
        return error_set(
            d->error, ERR_INVALID, "%s: what user \"%s\" impersonates cannot be sent in a header", d->file, k->user);
    return ERR_OK;
}

static err_t add_header(
    const struct document *d, struct kubeconfig *k, const char **headers, bytes name, const char *value)
{
    TRY(check_header_text(d, k, value));
    bytes line = arena_format(d->arena, "Impersonate-%.*s: %s", BYTES_FMT(name), value);
    if (!line.p)
        return arena_error(d->arena, d->error);
    headers[k->header_count++] = (const char *)line.p;
    return ERR_OK;
}

/* "Extra-" and the key, percent-encoded where it is no header token. */
static bytes extra_name(struct arena *arena, bytes key)
{
    struct buffer b;
    buffer_init(&b, arena);
    buffer_text(&b, "Extra-");
    for (size_t i = 0; i < key.n; i++) {
        uint8_t c = key.p[i];
        bool token = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                     (c && strchr("!#$&'*+-.^_`|~", c));
        if (token)
            buffer_byte(&b, c);
        else
            buffer_format(&b, "%%%02X", c);
    }
    return b.failed ? BYTES_NONE : buffer_bytes(&b);
}

static err_t add_extras(const struct document *d, struct kubeconfig *k, const struct json *extra, const char **headers)
{
    for (const struct json *member = extra ? extra->first : NULL; member; member = member->next) {
        bytes name = extra_name(d->arena, member->key);
        if (!name.p)
            return arena_error(d->arena, d->error);
        if (member->type != JSON_ARRAY)
            return error_set(d->error, ERR_INVALID, "%s: a member of as-user-extra must be a list", d->file);
        for (const struct json *item = member->first; item; item = item->next) {
            if (item->type != JSON_STRING || bytes_find(item->text, 0) != item->text.n)
                return error_set(d->error, ERR_INVALID, "%s: as-user-extra must hold lists of strings", d->file);
            bytes value = arena_copy(d->arena, item->text);
            if (!value.p)
                return arena_error(d->arena, d->error);
            TRY(add_header(d, k, headers, name, (const char *)value.p));
        }
    }
    return ERR_OK;
}

static err_t resolve_impersonation(const struct document *d, struct kubeconfig *k)
{
    const char *user, *uid, *const *groups;
    const struct json *extra;
    size_t group_count, room = 3;
    TRY(document_text(d, d->root, "as", &user));
    TRY(document_text(d, d->root, "as-uid", &uid));
    TRY(document_texts(d, d->root, "as-groups", &groups, &group_count));
    TRY(document_get(d, d->root, "as-user-extra", JSON_OBJECT, &extra));
    if (!user && (uid || group_count || (extra && extra->count)))
        return error_set(d->error, ERR_INVALID,
            "%s: user \"%s\" impersonates a uid, groups or extra fields without a user; add as: NAME", d->file,
            k->user);
    for (const struct json *member = extra ? extra->first : NULL; member; member = member->next)
        room += member->type == JSON_ARRAY ? member->count : 0;
    const char **headers = arena_zero(d->arena, (room + group_count) * sizeof *headers);
    if (!headers)
        return arena_error(d->arena, d->error);
    if (user)
        TRY(add_header(d, k, headers, BYTES("User"), user));
    if (uid)
        TRY(add_header(d, k, headers, BYTES("Uid"), uid));
    for (size_t i = 0; i < group_count; i++)
        TRY(add_header(d, k, headers, BYTES("Group"), groups[i]));
    TRY(add_extras(d, k, extra, headers));
    k->headers = headers;
    return ERR_OK;
}

static err_t resolve_plugin_environment(
    const struct document *d, const struct json *exec, struct credential_plugin *plugin)
{
    const struct json *list;
    size_t n = 0;
    TRY(document_get(d, exec, "env", JSON_ARRAY, &list));
    const char **environment = arena_zero(d->arena, ((list ? list->count : 0) + (size_t)1) * sizeof *environment);
    if (!environment)
        return arena_error(d->arena, d->error);
    for (const struct json *item = list ? list->first : NULL; item; item = item->next) {
        const char *name, *value;
        TRY(document_text(d, item, "name", &name));
        TRY(document_text(d, item, "value", &value));
        if (!name || strchr(name, '='))
            return error_set(
                d->error, ERR_INVALID, "%s: an item of exec.env has no name, or one with an equals sign", d->file);
        bytes line = arena_format(d->arena, "%s=%s", name, value ? value : "");
        if (!line.p)
            return arena_error(d->arena, d->error);
        environment[n++] = (const char *)line.p;
    }
    plugin->environment = environment;
    return ERR_OK;
}

static err_t resolve_plugin_mode(
    const struct document *d, const struct kubeconfig *k, const struct json *exec, struct credential_plugin *plugin)
{
    static const char *const modes[] = {
        [PLUGIN_NEVER] = "Never", [PLUGIN_IF_AVAILABLE] = "IfAvailable", [PLUGIN_ALWAYS] = "Always"};
    bool v1 = strcmp(plugin->api_version, "client.authentication.k8s.io/v1") == 0;
    const char *mode;
    TRY(document_text(d, exec, "interactiveMode", &mode));
    if (!v1 && strcmp(plugin->api_version, "client.authentication.k8s.io/v1beta1") != 0)
        return error_set(d->error, ERR_INVALID,
            "%s: the exec plugin of user \"%s\" must have apiVersion client.authentication.k8s.io/v1 or v1beta1",
            d->file, k->user);
    if (!mode && v1)
        return error_set(d->error, ERR_INVALID,
            "%s: the exec plugin of user \"%s\" must say interactiveMode: Never, IfAvailable or Always", d->file,
            k->user);
    for (size_t i = 0; i < ARRAY_LEN(modes); i++)
        if (strcmp(mode ? mode : "IfAvailable", modes[i]) == 0) {
            plugin->interactive = i;
            return ERR_OK;
        }
    return error_set(d->error, ERR_INVALID, "%s: interactiveMode of user \"%s\" must be Never, IfAvailable or Always",
        d->file, k->user);
}

static err_t resolve_plugin(const struct document *d, struct kubeconfig *k, const struct json *exec)
{
    struct credential_plugin *plugin = arena_zero(d->arena, sizeof *plugin);
    if (!plugin)
        return arena_error(d->arena, d->error);
    TRY(document_text(d, exec, "apiVersion", &plugin->api_version));
    TRY(document_text(d, exec, "command", &plugin->command));
    TRY(document_text(d, exec, "installHint", &plugin->install_hint));
    TRY(document_bool(d, exec, "provideClusterInfo", &plugin->provide_cluster));
    TRY(document_texts(d, exec, "args", &plugin->arguments, NULL));
    TRY(resolve_plugin_environment(d, exec, plugin));
    if (!plugin->command || !plugin->api_version)
        return error_set(d->error, ERR_INVALID, "%s: the exec plugin of user \"%s\" needs a command and an apiVersion",
            d->file, k->user);
    TRY(resolve_plugin_mode(d, k, exec, plugin));
    if (strchr(plugin->command, '/')) {
        bytes path = document_beside(d->arena, d->file, plugin->command);
        if (!path.p)
            return arena_error(d->arena, d->error);
        plugin->command = (const char *)path.p;
    }
    k->plugin = plugin;
    return ERR_OK;
}

static err_t check_methods(const struct document *d, const struct kubeconfig *k, const struct json *provider)
{
    bool certificate = k->client_certificate_path || k->client_certificate_pem.n;
    bool key = k->client_key_path || k->client_key_pem.n;
    const char *wrong = NULL;
    if (provider)
        wrong = "has an auth-provider, which Kubernetes removed in 1.26; use an exec plugin or a token";
    else if ((k->token.n || k->token_path) && (k->username || k->password.n))
        wrong = "has both a token and a password; keep one";
    else if (k->client_certificate_path && k->client_certificate_pem.n)
        wrong = "has both client-certificate and client-certificate-data; keep one";
    else if (k->client_key_path && k->client_key_pem.n)
        wrong = "has both client-key and client-key-data; keep one";
    else if (certificate && !key)
        wrong = "has a client certificate without its key; add client-key or client-key-data";
    else if (key && !certificate)
        wrong = "has a client key without its certificate; add client-certificate or client-certificate-data";
    else if (k->username && strchr(k->username, ':'))
        wrong = "has a username with a colon, which basic authentication cannot carry";
    if (wrong)
        return error_set(d->error, ERR_INVALID, "%s: user \"%s\" %s", d->file, k->user, wrong);
    return ERR_OK;
}

err_t kubeconfig_resolve_user(const struct document *d, struct kubeconfig *k)
{
    const struct json *exec, *provider;
    const char *token, *password;
    bytes key;
    TRY(document_path(d, d->root, "client-certificate", &k->client_certificate_path));
    TRY(document_base64(d, d->root, "client-certificate-data", &k->client_certificate_pem));
    TRY(document_path(d, d->root, "client-key", &k->client_key_path));
    TRY(document_base64(d, d->root, "client-key-data", &key));
    TRY(document_text(d, d->root, "token", &token));
    TRY(document_path(d, d->root, "tokenFile", &k->token_path));
    TRY(document_text(d, d->root, "username", &k->username));
    TRY(document_text(d, d->root, "password", &password));
    TRY(document_get(d, d->root, "exec", JSON_OBJECT, &exec));
    TRY(document_get(d, d->root, "auth-provider", JSON_OBJECT, &provider));
    k->client_key_pem = secret_copy(d->arena, key);
    k->token = secret_copy(d->arena, bytes_of(token));
    k->password = secret_copy(d->arena, bytes_of(password));
    if (!k->client_key_pem.p || !k->token.p || !k->password.p)
        return arena_error(d->arena, d->error);
    TRY(check_methods(d, k, provider));
    TRY(resolve_impersonation(d, k));
    return exec ? resolve_plugin(d, k, exec) : ERR_OK;
}
