/* SPDX-License-Identifier: Apache-2.0 */
/* coffer exec: reads Secrets, puts their values into the environment, and becomes the program. */
#include "base/base64.h"
#include "client/document.h"
#include "cmd/connect.h"
#include "cmd/exec_environment.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#define ARENA_LIMIT        ((size_t)256 << 20)
#define STATUS_OWN_FAILURE 125 /* as env(1) and timeout(1) */
#define STATUS_CANNOT_RUN  126
#define STATUS_NOT_FOUND   127

struct exec_options {
    const char *kubeconfig, *context, *namespace;
    struct option_list env, env_from, optional;
    bool clean;
};

#define FIELD(name) offsetof(struct exec_options, name)
static const struct command_option exec_rows[] = {
    {"kubeconfig", 0, OPTION_TEXT, "FILE", "the kubeconfig to use instead of the files of KUBECONFIG",
        FIELD(kubeconfig)},
    {"context", 0, OPTION_TEXT, "NAME", "the context to use instead of the current one", FIELD(context)},
    {"namespace", 'n', OPTION_TEXT, "NAMESPACE", "where the Secrets are, instead of the context's namespace",
        FIELD(namespace)},
    {"env", 'e', OPTION_LIST, "NAME=SECRET/KEY", "set NAME to the value of a key", FIELD(env)},
    {"env-from", 0, OPTION_LIST, "SECRET[:PREFIX]", "set a variable for every key, named PREFIX and the key",
        FIELD(env_from)},
    {"optional", 0, OPTION_LIST, "SECRET[/KEY]", "go on when this Secret, or this key of it, is not there",
        FIELD(optional)},
    {"clean", 0, OPTION_FLAG, NULL, "start from an empty environment", FIELD(clean)},
};

/* One --env or --env-from. */
struct reference {
    bytes name; /* of the variable, or the prefix */
    bytes secret;
    bytes key; /* empty: every key */
};

struct fetched {
    bytes name;
    const struct json *data; /* NULL when the Secret is missing or empty */
    bool missing;
};

struct exec {
    const struct exec_options *options;
    const struct command *command;
    struct arena *arena;
    struct error *error;
    struct kubeconfig config;
    struct api_client *client;
    struct reference *references;
    size_t reference_count;
    struct fetched *secrets;
    size_t secret_count;
    struct environment environment;
};

/* Names as Kubernetes allows them, so that none can be a path of its own. */
static bool name_valid(bytes name, bool dots)
{
    for (size_t i = 0; i < name.n; i++) {
        uint8_t c = name.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        bool inside = i > 0 && i + 1 < name.n && (c == '-' || (dots && c == '.'));
        if (!letter && !inside)
            return false;
    }
    return name.n > 0 && name.n <= 253;
}

static bool key_valid(bytes key)
{
    for (size_t i = 0; i < key.n; i++)
        if (!strchr("-._", key.p[i]) && !(key.p[i] >= '0' && key.p[i] <= '9') &&
            !(key.p[i] >= 'a' && key.p[i] <= 'z') && !(key.p[i] >= 'A' && key.p[i] <= 'Z'))
            return false;
    return key.n > 0 && key.n <= 253;
}

/* Cuts *text at the first c: what is before it goes to *ret. False when there is none. */
static bool cut(bytes *text, uint8_t c, bytes *ret)
{
    size_t at = bytes_find(*text, c);
    if (at == text->n)
        return false;
    *ret = (bytes){text->p, at};
    *text = bytes_skip(*text, at + 1);
    return true;
}

static err_t parse_env(const struct exec *x, const char *text, struct reference *ret)
{
    struct reference r;
    bytes rest = bytes_of(text);
    if (!cut(&rest, '=', &r.name) || !cut(&rest, '/', &r.secret) || !environment_name_valid(r.name) ||
        !name_valid(r.secret, true) || !key_valid(rest))
        return error_set(x->error, ERR_BAD_REQUEST, "flag --env takes NAME=SECRET/KEY, not %s", text);
    r.key = rest;
    *ret = r;
    return ERR_OK;
}

static err_t parse_env_from(const struct exec *x, const char *text, struct reference *ret)
{
    struct reference r = {.secret = bytes_of(text)};
    bytes rest = r.secret;
    if (cut(&rest, ':', &r.secret))
        r.name = rest;
    if (!name_valid(r.secret, true) || (r.name.n && !environment_name_valid(r.name)))
        return error_set(x->error, ERR_BAD_REQUEST, "flag --env-from takes SECRET or SECRET:PREFIX, not %s", text);
    *ret = r;
    return ERR_OK;
}

/* Whether text, SECRET or SECRET/KEY, speaks of the reference. A Secret stands for all of its keys. */
static bool speaks_of(const char *text, const struct reference *r)
{
    bytes key = bytes_of(text), secret;
    if (!cut(&key, '/', &secret))
        return bytes_equal(key, r->secret);
    return bytes_equal(secret, r->secret) && bytes_equal(key, r->key);
}

static bool is_optional(const struct exec *x, const struct reference *r)
{
    for (size_t i = 0; i < x->options->optional.count; i++)
        if (speaks_of(x->options->optional.items[i], r))
            return true;
    return false;
}

/* --env-from first: --env wins over it, as in a pod. */
static err_t parse_references(struct exec *x)
{
    const struct exec_options *o = x->options;
    size_t count = o->env.count + o->env_from.count;
    x->references = arena_zero(x->arena, count * sizeof *x->references);
    x->secrets = arena_zero(x->arena, count * sizeof *x->secrets);
    if (!x->references || !x->secrets)
        return arena_error(x->arena, x->error);
    for (size_t i = 0; i < o->env_from.count; i++)
        TRY(parse_env_from(x, o->env_from.items[i], &x->references[x->reference_count++]));
    for (size_t i = 0; i < o->env.count; i++)
        TRY(parse_env(x, o->env.items[i], &x->references[x->reference_count++]));
    for (size_t i = 0; i < o->optional.count; i++) {
        size_t k = 0;
        while (k < count && !speaks_of(o->optional.items[i], &x->references[k]))
            k++;
        if (k == count)
            return error_set(x->error, ERR_BAD_REQUEST, "--optional %s names nothing that --env or --env-from takes",
                o->optional.items[i]);
    }
    if (o->namespace && !name_valid(bytes_of(o->namespace), false))
        return error_set(x->error, ERR_BAD_REQUEST, "%s is no name of a namespace", o->namespace);
    return ERR_OK;
}

static err_t connect_server(struct exec *x)
{
    struct kubeconfig_query query = {x->options->kubeconfig, x->options->context, x->options->namespace};
    struct kubeconfig *k = &x->config;
    TRY(kubeconfig_load(x->arena, &query, k, x->error));
    if (!name_valid(bytes_of(k->namespace), false))
        return error_set(x->error, ERR_INVALID, "%s: context \"%s\" has a namespace that is none", k->file, k->context);
    return command_connect(x->command, k, x->arena, &x->client, x->error);
}

/* The Secret's data, asked for once. *ret stays valid until the next call. */
static err_t fetch(struct exec *x, const struct reference *r, const struct fetched **ret)
{
    struct json *object;
    struct error answer;
    for (size_t i = 0; i < x->secret_count; i++)
        if (bytes_equal(x->secrets[i].name, r->secret)) {
            *ret = &x->secrets[i];
            return ERR_OK;
        }
    bytes path = api_path(x->arena, x->config.namespace, "secrets", r->secret);
    if (!path.p)
        return arena_error(x->arena, x->error);
    struct fetched *f = &x->secrets[x->secret_count];
    f->name = r->secret;
    error_init(&answer, x->arena);
    err_t code = api_get(x->client, x->arena, path, &object, &answer);
    f->missing = code == ERR_NOT_FOUND;
    if (code != ERR_OK && !f->missing)
        return error_set(x->error, code, "cannot read Secret %s/%.*s: %.*s", x->config.namespace, BYTES_FMT(r->secret),
            BYTES_FMT(answer.message));
    if (code == ERR_OK)
        f->data = json_get(object, BYTES("data"));
    x->secret_count++;
    *ret = f;
    return ERR_OK;
}

static err_t put_value(struct exec *x, const struct reference *r, bytes name, const struct json *member)
{
    bytes value;
    size_t offset;
    bytes what = arena_format(
        x->arena, "key %.*s of Secret %s/%.*s", BYTES_FMT(member->key), x->config.namespace, BYTES_FMT(r->secret));
    if (!what.p)
        return arena_error(x->arena, x->error);
    err_t code = member->type == JSON_STRING ? base64_decode(x->arena, BASE64_STANDARD, member->text, &value, &offset)
                                             : ERR_BAD_REQUEST;
    if (code == ERR_BAD_REQUEST)
        return error_set(x->error, ERR_INVALID, "%.*s is no base64", BYTES_FMT(what));
    if (code != ERR_OK)
        return arena_error(x->arena, x->error);
    struct secret secret = secret_copy(x->arena, value);
    if (!secret.p)
        return arena_error(x->arena, x->error);
    return environment_put(&x->environment, name, secret, (const char *)what.p, x->error);
}

static err_t put_all(struct exec *x, const struct reference *r, const struct json *data)
{
    for (const struct json *member = data ? data->first : NULL; member; member = member->next) {
        bytes name = arena_join(x->arena, r->name, member->key, ARENA_END);
        if (!name.p)
            return arena_error(x->arena, x->error);
        const char *wrong = !environment_name_valid(name)       ? "it is no name of a variable"
                            : environment_name_loads_code(name) ? "it chooses what code runs; --env may set it"
                                                                : NULL;
        if (!wrong)
            TRY(put_value(x, r, name, member));
        else
            command_warn(x->command, "a key of Secret %s/%.*s was skipped: %s", x->config.namespace,
                BYTES_FMT(r->secret), wrong);
    }
    return ERR_OK;
}

static err_t resolve(struct exec *x, const struct reference *r)
{
    const struct fetched *f = NULL;
    TRY(fetch(x, r, &f));
    const struct json *member = json_get(f->data, r->key);
    if (f->missing && !is_optional(x, r))
        return error_set(x->error, ERR_NOT_FOUND,
            "there is no Secret %s/%.*s at %s; to go on without it, add --optional %.*s", x->config.namespace,
            BYTES_FMT(r->secret), x->config.server, BYTES_FMT(r->secret));
    if (f->data && f->data->type != JSON_OBJECT)
        return error_set(x->error, ERR_UNKNOWN, "the server sent Secret %s/%.*s without a mapping of data",
            x->config.namespace, BYTES_FMT(r->secret));
    if (!r->key.n)
        return put_all(x, r, f->data);
    if (member)
        return put_value(x, r, r->name, member);
    if (is_optional(x, r))
        return ERR_OK;
    return error_set(x->error, ERR_NOT_FOUND,
        "there is no key %.*s in Secret %s/%.*s; to go on without it, add --optional %.*s/%.*s", BYTES_FMT(r->key),
        x->config.namespace, BYTES_FMT(r->secret), BYTES_FMT(r->secret), BYTES_FMT(r->key));
}

static err_t gather(struct exec *x, char *const *inherited, char ***ret)
{
    environment_init(&x->environment, x->arena);
    if (!x->options->clean)
        TRY(environment_inherit(&x->environment, inherited, x->error));
    if (x->reference_count)
        TRY(connect_server(x));
    for (size_t i = 0; i < x->reference_count; i++)
        TRY(resolve(x, &x->references[i]));
    return environment_list(&x->environment, ret, x->error);
}

/* Becomes the program; returns only when that fails. PATH is the new environment's. */
static int become(const struct invocation *v, char **environment, struct error *error)
{
    const char *program = v->operands[0];
    environ = environment;
    execvp(program, v->operands);
    int status = errno == ENOENT || errno == ENOTDIR ? STATUS_NOT_FOUND : STATUS_CANNOT_RUN;
    if (errno == E2BIG)
        (void)error_set(error, ERR_TOO_LARGE,
            "cannot run %s: its arguments and environment together are more than the kernel takes; a larger 'ulimit "
            "-s' "
            "allows up to 6 MiB",
            program);
    else
        (void)error_errno(error, errno, "cannot run %s", program);
    command_failed(v, error);
    return status;
}

static int exec_run(const struct invocation *v)
{
    struct arena arena;
    struct error error;
    char **environment;
    arena_init(&arena, ARENA_LIMIT);
    error_init(&error, &arena);
    struct exec x = {.options = v->options, .command = v->command, .arena = &arena, .error = &error};
    /* No core dump while values are here; the program's own begin anew with exec, and its limits are not ours to
     * change. */
    (void)prctl(PR_SET_DUMPABLE, 0);
    int status;
    err_t code = parse_references(&x);
    if (code == ERR_BAD_REQUEST) {
        status = command_misused(v->command, &error);
    } else {
        if (code == ERR_OK)
            code = gather(&x, environ, &environment);
        api_client_free(x.client); /* its descriptors must not reach the program */
        status = code == ERR_OK ? become(v, environment, &error) : command_failed(v, &error);
    }
    arena_reset(&arena);
    return status;
}

const struct command command_exec = {
    .name = "exec",
    .summary = "start a program with values from Secrets in its environment",
    .operands = "-- PROGRAM [ARGUMENT...]",
    .description = "Reads Secrets from a Kubernetes API server, puts their values into the environment and becomes "
                   "PROGRAM: nothing of coffer "
                   "stays behind. Values pass through neither arguments nor files.\n\n"
                   "The server and the identity come from a kubeconfig as kubectl reads it (--kubeconfig, KUBECONFIG, "
                   "~/.kube/config), or in a "
                   "pod from its service account. --env wins over --env-from, which wins over the inherited "
                   "environment; of several, the last "
                   "wins. Variables that choose what code runs, such as PATH and LD_PRELOAD, come by --env alone.\n\n"
                   "  coffer exec --env PGPASSWORD=db/password -- psql\n"
                   "  coffer exec -n shop --env-from db:DB_ --optional db -- ./server\n\n"
                   "Exit status: that of PROGRAM; 125 when coffer itself fails, 126 when PROGRAM cannot be run, 127 "
                   "when it is not found.\n",
    .options = exec_rows,
    .option_count = ARRAY_LEN(exec_rows),
    .size = sizeof(struct exec_options),
    .min_operands = 1,
    .max_operands = UINT32_MAX,
    .operands_end_options = true,
    .failure = STATUS_OWN_FAILURE,
    .run = exec_run,
};
