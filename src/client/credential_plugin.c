/* SPDX-License-Identifier: Apache-2.0 */
#include "client/credential_plugin.h"

#include "base/base64.h"
#include "base/file.h"
#include "client/document.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_OUTPUT ((size_t)1 << 20)
#define INFO       "KUBERNETES_EXEC_INFO"

static struct json *text_node(struct arena *arena, const char *text)
{
    return json_string(arena, bytes_of(text));
}

/* Adds a member unless it is empty; false when the arena is full. */
static bool add_text(struct arena *arena, struct json *object, const char *name, const char *text)
{
    return !text || json_add(object, bytes_of(name), text_node(arena, text));
}

static bool add_bool(struct arena *arena, struct json *object, const char *name, bool value)
{
    return !value || json_add(object, bytes_of(name), json_bool(arena, true));
}

static bool add_cluster(const struct kubeconfig *k, struct arena *arena, struct json *spec)
{
    struct json *cluster = json_add(spec, BYTES("cluster"), json_new(arena, JSON_OBJECT));
    if (!cluster || !add_text(arena, cluster, "server", k->server) ||
        !add_text(arena, cluster, "tls-server-name", k->tls_server_name) ||
        !add_bool(arena, cluster, "insecure-skip-tls-verify", k->insecure_skip_tls_verify))
        return false;
    if (k->ca_pem.n) {
        bytes text = base64_encode(arena, BASE64_STANDARD, k->ca_pem);
        if (!text.p || !json_add(cluster, BYTES("certificate-authority-data"), json_string(arena, text)))
            return false;
    }
    if (!add_text(arena, cluster, "proxy-url", k->proxy_url))
        return false;
    return !k->plugin_config || json_add(cluster, BYTES("config"), json_copy(arena, k->plugin_config));
}

bytes credential_plugin_info(const struct kubeconfig *k, struct arena *arena, bool interactive)
{
    struct buffer b;
    struct json *root = json_new(arena, JSON_OBJECT);
    if (!root || !add_text(arena, root, "kind", "ExecCredential") ||
        !add_text(arena, root, "apiVersion", k->plugin->api_version))
        return BYTES_NONE;
    struct json *spec = json_add(root, BYTES("spec"), json_new(arena, JSON_OBJECT));
    if (!spec || !json_add(spec, BYTES("interactive"), json_bool(arena, interactive)) ||
        (k->plugin->provide_cluster && !add_cluster(k, arena, spec)))
        return BYTES_NONE;
    buffer_init(&b, arena);
    buffer_text(&b, INFO "=");
    json_write(&b, root);
    buffer_byte(&b, 0);
    return b.failed ? BYTES_NONE : buffer_bytes(&b);
}

static err_t take_credential(struct kubeconfig *k, const struct document *d, const struct json *status)
{
    const char *token, *certificate, *key;
    TRY(document_text(d, status, "token", &token));
    TRY(document_text(d, status, "clientCertificateData", &certificate));
    TRY(document_text(d, status, "clientKeyData", &key));
    if (!token && !certificate && !key)
        return error_set(d->error, ERR_UNAUTHORIZED, "%s printed neither a token nor a certificate", d->file);
    if (!certificate != !key)
        return error_set(
            d->error, ERR_UNAUTHORIZED, "%s printed a certificate without its key, or a key alone", d->file);
    if (token) {
        k->token = secret_copy(d->arena, bytes_of(token));
        if (!k->token.p)
            return arena_error(d->arena, d->error);
    }
    if (key) {
        k->client_certificate_pem = bytes_of(certificate);
        k->client_key_pem = secret_copy(d->arena, bytes_of(key));
        if (!k->client_key_pem.p)
            return arena_error(d->arena, d->error);
    }
    return ERR_OK;
}

err_t credential_plugin_read(struct kubeconfig *k, struct arena *arena, bytes output, struct error *error)
{
    struct json *root;
    const char *kind, *version;
    bytes what = arena_format(arena, "the credential plugin %s of user \"%s\"", k->plugin->command, k->user);
    if (!what.p)
        return arena_error(arena, error);
    struct document d = {.file = (const char *)what.p, .arena = arena, .error = error};
    err_t code = json_parse(arena, output, NULL, &root, NULL, NULL);
    if (code != ERR_OK && code != ERR_BAD_REQUEST)
        return arena_error(arena, error);
    if (code != ERR_OK || root->type != JSON_OBJECT)
        return error_set(error, ERR_UNAUTHORIZED, "%s printed no JSON object", d.file);
    TRY(document_text(&d, root, "kind", &kind));
    TRY(document_text(&d, root, "apiVersion", &version));
    if (!kind || strcmp(kind, "ExecCredential") != 0 || !version || strcmp(version, k->plugin->api_version) != 0)
        return error_set(
            error, ERR_UNAUTHORIZED, "%s must print an ExecCredential of %s", d.file, k->plugin->api_version);
    const struct json *status;
    TRY(document_get(&d, root, "status", JSON_OBJECT, &status));
    return take_credential(k, &d, status);
}

/* Our environment, the plugin's own and what it is told. */
static char **make_environment(const struct kubeconfig *k, struct arena *arena, bytes info)
{
    size_t n = 0, room = 2;
    for (char **e = environ; *e; e++)
        room++;
    for (const char *const *e = k->plugin->environment; *e; e++)
        room++;
    const char **list = arena_zero(arena, room * sizeof *list);
    if (!list)
        return NULL;
    list[n++] = (const char *)info.p;
    for (const char *const *e = k->plugin->environment; *e; e++)
        list[n++] = *e;
    for (char **e = environ; *e; e++) {
        size_t length = strcspn(*e, "="), i = 0;
        while (i < n && (strncmp(list[i], *e, length) != 0 || list[i][length] != '='))
            i++;
        if (i == n)
            list[n++] = *e;
    }
    return (char **)(uintptr_t)list; /* posix_spawn changes none of them */
}

static char **make_arguments(const struct credential_plugin *plugin, struct arena *arena)
{
    size_t n = 0;
    while (plugin->arguments[n])
        n++;
    const char **list = arena_zero(arena, (n + 2) * sizeof *list);
    if (!list)
        return NULL;
    list[0] = plugin->command;
    memcpy(list + 1, plugin->arguments, n * sizeof *list);
    return (char **)(uintptr_t)list;
}

static err_t spawn(
    const struct kubeconfig *k, struct arena *arena, bool interactive, int output, pid_t *ret, struct error *error)
{
    posix_spawn_file_actions_t actions;
    bytes info = credential_plugin_info(k, arena, interactive);
    char **arguments = make_arguments(k->plugin, arena);
    char **environment = info.p ? make_environment(k, arena, info) : NULL;
    if (!arguments || !environment)
        return arena_error(arena, error);
    int failed = posix_spawn_file_actions_init(&actions);
    if (failed)
        return error_errno(error, failed, "cannot start the credential plugin %s", k->plugin->command);
    failed = posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    if (!failed && !interactive)
        failed = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (!failed)
        failed = posix_spawnp(ret, k->plugin->command, &actions, NULL, arguments, environment);
    posix_spawn_file_actions_destroy(&actions);
    if (failed == ENOENT)
        return error_set(error, ERR_NOT_FOUND, "the credential plugin %s of user \"%s\" in %s is not installed%s%s",
            k->plugin->command, k->user, k->file, k->plugin->install_hint ? ": " : "",
            k->plugin->install_hint ? k->plugin->install_hint : "");
    if (failed)
        return error_errno(error, failed, "cannot start the credential plugin %s", k->plugin->command);
    return ERR_OK;
}

/* Everything until the end of the pipe. */
static err_t read_output(int fd, struct arena *arena, const char *command, bytes *ret, struct error *error)
{
    struct buffer b;
    buffer_init(&b, arena);
    for (;;) {
        uint8_t *room = buffer_reserve(&b, 4096);
        if (!room)
            return arena_error(arena, error);
        ssize_t n = read(fd, room, 4096);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_errno(error, errno, "cannot read what the credential plugin %s prints", command);
        if (n == 0)
            break;
        b.n += (size_t)n;
        if (b.n > MAX_OUTPUT)
            return error_set(error, ERR_TOO_LARGE, "the credential plugin %s printed more than 1 MiB", command);
    }
    *ret = buffer_bytes(&b);
    return ERR_OK;
}

static err_t wait_for(pid_t pid, const char *command, struct error *error)
{
    int status;
    pid_t ended;
    do
        ended = waitpid(pid, &status, 0);
    while (ended < 0 && errno == EINTR);
    if (ended < 0)
        return error_errno(error, errno, "cannot wait for the credential plugin %s", command);
    if (WIFSIGNALED(status))
        return error_set(
            error, ERR_UNAUTHORIZED, "the credential plugin %s was ended by signal %d", command, WTERMSIG(status));
    if (WEXITSTATUS(status))
        return error_set(
            error, ERR_UNAUTHORIZED, "the credential plugin %s failed with status %d", command, WEXITSTATUS(status));
    return ERR_OK;
}

err_t credential_plugin_run(struct kubeconfig *k, struct arena *arena, struct error *error)
{
    bool terminal = isatty(STDIN_FILENO);
    bool interactive = k->plugin->interactive != PLUGIN_NEVER && terminal;
    int ends[2];
    pid_t pid = -1;
    bytes output = BYTES_NONE;
    if (k->plugin->interactive == PLUGIN_ALWAYS && !terminal)
        return error_set(error, ERR_UNAUTHORIZED,
            "the credential plugin %s of user \"%s\" wants a terminal, and standard input is none", k->plugin->command,
            k->user);
    if (pipe2(ends, O_CLOEXEC) != 0)
        return error_errno(error, errno, "cannot make a pipe");
    err_t code = spawn(k, arena, interactive, ends[1], &pid, error);
    file_close(&ends[1]);
    if (code == ERR_OK) {
        code = read_output(ends[0], arena, k->plugin->command, &output, error);
        file_close(&ends[0]); /* before the wait: a plugin that still writes must not block */
        err_t ended = wait_for(pid, k->plugin->command, code == ERR_OK ? error : NULL);
        code = code == ERR_OK ? ended : code;
    }
    file_close(&ends[0]);
    return code == ERR_OK ? credential_plugin_read(k, arena, output, error) : code;
}
