/* SPDX-License-Identifier: Apache-2.0 */
/* coffer cert: client certificates for people and nodes, from a running server. */
#include "cmd/cert.h"

#include "access/user.h"
#include "api/object.h"
#include "base/clock.h"
#include "base/file.h"
#include "client/document.h"
#include "cmd/connect.h"

#include <errno.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

#define ARENA_LIMIT   ((size_t)64 << 20)
#define LEAST_MS      (600u * 1000)
#define MOST_MS       ((uint64_t)INT32_MAX * 1000)
#define CUT_SECONDS   60  /* a certificate that lasts so much shorter than asked was cut */
#define ROUND_SECONDS 600 /* how exactly that is told */

/* Of Kubernetes' signers, and Coffer's. */
#define SIGNED_BACKDATE 300
#define SIGNED_SHORT    (8 * 3600)

struct cert_options {
    const char *kubeconfig, *context, *user, *node, *namespace, *out, *pem;
    struct option_list groups;
    uint64_t lifetime_ms, timeout_ms;
    bool force;
};

static const struct cert_options cert_defaults = {.timeout_ms = 60 * 1000};

#define FIELD(name) offsetof(struct cert_options, name)
static const struct command_option cert_rows[] = {
    {"user", 'u', OPTION_TEXT, "NAME", "issue: who the certificate is for", FIELD(user)},
    {"group", 'g', OPTION_LIST, "GROUP", "issue: a group of the user", FIELD(groups)},
    {"node", 0, OPTION_TEXT, "NAME", "issue: the node that the certificate is for", FIELD(node)},
    {"namespace", 'n', OPTION_TEXT, "NAMESPACE", "issue: the namespace of the kubeconfig's context", FIELD(namespace)},
    {"out", 'o', OPTION_TEXT, "FILE", "the kubeconfig to write, or to renew", FIELD(out)},
    {"pem", 0, OPTION_TEXT, "FILE", "the same as certificate and key in PEM, in one file", FIELD(pem)},
    {"lifetime", 0, OPTION_DURATION, "TIME", "ask for a certificate that lasts so long", FIELD(lifetime_ms)},
    {"force", 'f', OPTION_FLAG, NULL, "renew: even when it is not due", FIELD(force)},
    {"timeout", 0, OPTION_DURATION, "TIME", "how long to wait for approval", FIELD(timeout_ms)},
    {"kubeconfig", 0, OPTION_TEXT, "FILE", "the kubeconfig to ask by, instead of the files of KUBECONFIG",
        FIELD(kubeconfig)},
    {"context", 0, OPTION_TEXT, "NAME", "the context to use instead of the current one", FIELD(context)},
};
#undef FIELD

struct cert {
    const struct cert_options *options;
    const struct command *command;
    struct arena *arena;
    struct error *error;
    struct kubeconfig config;
    struct api_client *client;
    int64_t seconds; /* that are asked for; 0: what the server gives */
};

static err_t misused(struct cert *c, const char *sentence)
{
    return error_set(c->error, ERR_BAD_REQUEST, "%s", sentence);
}

static err_t load(struct cert *c, const char *file)
{
    const struct kubeconfig_query query = {file, c->options->context, NULL};
    return kubeconfig_load(c->arena, &query, &c->config, c->error);
}

static err_t connect_as_configured(struct cert *c)
{
    return command_connect(c->command, &c->config, c->arena, &c->client, c->error);
}

static void tell_wait(bytes name)
{
    fprintf(
        stderr, "coffer cert: waiting for somebody to approve: kubectl certificate approve %.*s\n", BYTES_FMT(name));
}

static const char *file_of(const struct cert_options *o)
{
    return o->out ? o->out : o->pem;
}

/* Before anything is asked for: the key of a certificate that cannot be written is lost. */
static err_t check_directory(struct cert *c)
{
    bytes file = bytes_of(file_of(c->options)), directory = BYTES(".");
    size_t n = file.n;
    while (n > 0 && file.p[n - 1] != '/')
        n--;
    if (n > 0)
        directory = arena_copy(c->arena, (bytes){file.p, n});
    if (!directory.p)
        return arena_error(c->arena, c->error);
    return access((const char *)directory.p, W_OK | X_OK) == 0
               ? ERR_OK
               : error_set(
                     c->error, ERR_NOT_FOUND, "%.*s: cannot write there: %s", BYTES_FMT(directory), strerror(errno));
}

static err_t check_file(struct cert *c, const char *action)
{
    const struct cert_options *o = c->options;
    if (!o->out == !o->pem)
        return error_set(c->error, ERR_BAD_REQUEST, "%s needs --out FILE or --pem FILE", action);
    if (o->lifetime_ms && (o->lifetime_ms < LEAST_MS || o->lifetime_ms > MOST_MS))
        return misused(c, "--lifetime: at least 10m, and 24855d at most");
    c->seconds = (int64_t)(o->lifetime_ms / 1000);
    return check_directory(c);
}

static err_t request(struct cert *c, bytes user, const bytes *groups, size_t group_count, struct x509_pair *ret)
{
    const struct cert_wish wish = {user, groups, group_count, c->seconds, c->options->timeout_ms};
    return cert_request(c->client, c->arena, &wish, tell_wait, ret, c->error);
}

/* Certificates begin some minutes before now, and the long ones end as much earlier: what counts is their span. */
static void tell_cut(struct cert *c, int64_t from, int64_t until)
{
    char asked_text[16], got_text[16];
    int64_t left = until - clock_wall_seconds();
    if (!c->seconds || until - from + CUT_SECONDS >= c->seconds)
        return;
    human_duration(c->seconds, asked_text);
    human_duration((left + ROUND_SECONDS - 1) / ROUND_SECONDS * ROUND_SECONDS, got_text);
    command_warn(
        c->command, "asked for %s, got %s: the server gives no certificate that lasts longer", asked_text, got_text);
}

static err_t told(struct cert *c, const char *what, const char *file, bytes certificate)
{
    char text[CLOCK_RFC3339_SIZE];
    int64_t from, until;
    TRY(x509_inspect(certificate, &from, &until, c->error));
    clock_format(until, text);
    printf("%s %s, which lasts until %s\n", what, file, text);
    return ERR_OK;
}

/* Puts the file there, and tells what the server gave. */
static err_t put(struct cert *c, const char *what, bytes text, bytes certificate)
{
    int64_t from, until;
    if (!text.p)
        return arena_error(c->arena, c->error);
    TRY(x509_inspect(certificate, &from, &until, c->error));
    TRY(file_replace(file_of(c->options), 0600, text, c->error));
    tell_cut(c, from, until);
    return told(c, what, file_of(c->options), certificate);
}

static bytes pem_of(struct cert *c, const struct x509_pair *pair)
{
    return arena_join(c->arena, pair->certificate_pem, pair->key_pem, ARENA_END);
}

/* ---- issue */

static err_t check_name(struct cert *c, const char *option, const char *name,
    void (*validate)(struct arena *, bytes, bool, bytes, struct error *))
{
    struct error inner;
    error_init(&inner, c->arena);
    validate(c->arena, bytes_of(name), false, bytes_of(option), &inner);
    if (inner.code == ERR_OK)
        return ERR_OK;
    return inner.causes ? error_set(c->error, ERR_BAD_REQUEST, "--%s: %.*s", option, BYTES_FMT(inner.causes->message))
                        : error_set(c->error, inner.code, "%.*s", BYTES_FMT(inner.message));
}

static err_t check_issue(struct cert *c)
{
    const struct cert_options *o = c->options;
    if (!o->user == !o->node)
        return misused(
            c, o->user ? "issue takes --user NAME or --node NAME, not both" : "issue needs --user NAME or --node NAME");
    if (o->node && o->groups.count)
        return misused(c, "a node's group is system:nodes, and no other");
    if (o->node)
        TRY(check_name(c, "node", o->node, validate_dns1123_subdomain));
    TRY(check_file(c, "issue"));
    if (o->namespace && o->pem)
        return misused(c, "--namespace is for a kubeconfig: a PEM file says nothing of namespaces");
    if (o->namespace)
        TRY(check_name(c, "namespace", o->namespace, validate_dns1123_label));
    /* Before anything is asked for: a kubeconfig that is there may hold what nobody has a copy of. */
    if (access(file_of(o), F_OK) == 0)
        return error_set(
            c->error, ERR_ALREADY_EXISTS, "%s is there already: name another file, or renew it", file_of(o));
    return ERR_OK;
}

/* What is to be done with the file. */
static void tell_next(const struct cert_options *o)
{
    if (o->out)
        fprintf(stderr, "coffer cert: next: kubectl --kubeconfig %s auth can-i --list\n", o->out);
    else
        fprintf(stderr,
            "coffer cert: next: it holds certificate and key; in a kubeconfig: "
            "kubectl config set-credentials NAME --client-certificate=%s --client-key=%s\n",
            o->pem, o->pem);
    if (o->user)
        fputs("coffer cert: the user may do what RBAC grants to the name and the groups: "
              "kubectl create rolebinding --help\n",
            stderr);
}

static err_t issue(struct cert *c)
{
    const struct cert_options *o = c->options;
    bytes user = bytes_of(o->user ? o->user : ""),
          *groups = arena_alloc(c->arena, (o->groups.count + 1) * sizeof *groups);
    size_t count = o->groups.count;
    struct x509_pair pair;
    TRY(check_issue(c));
    if (o->node)
        user = arena_join(c->arena, BYTES(USER_NODE_PREFIX), bytes_of(o->node), ARENA_END);
    if (!groups || !user.p)
        return arena_error(c->arena, c->error);
    for (size_t i = 0; i < count; i++)
        groups[i] = bytes_of(o->groups.items[i]);
    if (o->node)
        groups[count++] = BYTES(USER_NODES);
    TRY(load(c, o->kubeconfig));
    TRY(connect_as_configured(c));
    TRY(request(c, user, groups, count, &pair));
    bytes text = o->out ? cert_kubeconfig(c->arena, &c->config, o->namespace, user, &pair) : pem_of(c, &pair);
    TRY(put(c, "wrote", text, pair.certificate_pem));
    tell_next(o);
    return ERR_OK;
}

/* ---- renew */

static bool is_due(bytes certificate, int64_t now)
{
    int64_t from, until;
    return x509_inspect(certificate, &from, &until, NULL) != ERR_OK || now >= until - (until - from) / 3;
}

static bool has_user(const struct kubeconfig *k)
{
    return k->client_certificate_pem.n || k->token.n || k->username || k->plugin;
}

/* Who asks: the certificate that is renewed, or the user of --kubeconfig when it has one. In a kubeconfig the
 * certificate stands beside its server; a PEM file's server is that of the kubeconfig at hand. */
static err_t connect_as_old(struct cert *c, bytes text, const struct x509_identity *who)
{
    const struct cert_options *o = c->options;
    struct kubeconfig *k = &c->config;
    TRY(load(c, o->kubeconfig ? o->kubeconfig : o->out));
    if (o->kubeconfig && (o->out || has_user(k)))
        return connect_as_configured(c);
    if (clock_wall_seconds() > who->not_after)
        return error_set(c->error, ERR_UNAUTHORIZED,
            "the certificate in %s has ended: renew it by --kubeconfig FILE of who may ask for it", file_of(o));
    if (o->out)
        return connect_as_configured(c);
    const struct kubeconfig server = {.file = k->file,
        .context = k->context,
        .cluster = k->cluster,
        .user = file_of(o),
        .namespace = k->namespace,
        .server = k->server,
        .tls_server_name = k->tls_server_name,
        .proxy_url = k->proxy_url,
        .ca_pem = k->ca_pem,
        .insecure_skip_tls_verify = k->insecure_skip_tls_verify,
        .client_certificate_pem = text,
        .client_key_pem = secret_copy(c->arena, text)};
    *k = server;
    return k->client_key_pem.p ? connect_as_configured(c) : arena_error(c->arena, c->error);
}

static void tell_who_asked(const struct cert_options *o, bytes user, err_t code)
{
    if (o->kubeconfig || (code != ERR_FORBIDDEN && code != ERR_UNAUTHORIZED))
        return;
    fprintf(stderr,
        "coffer cert: asked as \"%.*s\", whom the certificate names%s; --kubeconfig FILE asks as somebody else\n",
        BYTES_FMT(user), code == ERR_UNAUTHORIZED ? ", and the server takes it no more" : "");
}

/* As long as the old one was meant to last. Kubernetes' signers let a certificate begin five minutes early, and one of
 * eight hours and more end as much earlier. */
static int64_t lifetime_of(bytes certificate)
{
    int64_t from, until;
    if (x509_inspect(certificate, &from, &until, NULL) != ERR_OK)
        return 0;
    int64_t span = until - from;
    if (span < SIGNED_SHORT + SIGNED_BACKDATE)
        span -= SIGNED_BACKDATE;
    return span > LEAST_MS / 1000 ? span : LEAST_MS / 1000;
}

static err_t renew(struct cert *c)
{
    const struct cert_options *o = c->options;
    struct x509_identity who;
    struct x509_pair pair;
    bytes text, old, fresh;
    TRY(check_file(c, "renew"));
    if (o->namespace)
        return misused(c, "renew takes no --namespace: the kubeconfig stays as it is");
    TRY(file_read_private(c->arena, file_of(o), KUBECONFIG_MAX_FILE, &text, c->error));
    TRY(cert_find(c->arena, text, o->out, &old, c->error));
    TRY(x509_identify_pem(c->arena, old, &who, c->error));
    if (!o->force && !is_due(old, clock_wall_seconds()))
        return told(c, "not due yet:", file_of(o), old);
    TRY(connect_as_old(c, text, &who));
    if (!c->seconds)
        c->seconds = lifetime_of(old);
    err_t code = request(c, who.common_name, who.organizations, who.organization_count, &pair);
    if (code != ERR_OK)
        tell_who_asked(o, who.common_name, code);
    TRY(code);
    fresh = pem_of(c, &pair);
    if (o->out)
        TRY(cert_kubeconfig_replace(c->arena, text, &pair, &fresh, c->error));
    return put(c, "renewed", fresh, pair.certificate_pem);
}

/* ---- list */

static err_t list(struct cert *c)
{
    const struct cert_options *o = c->options;
    const struct {
        const char *name;
        bool given;
    } others[] = {{"--user", o->user}, {"--node", o->node}, {"--group", o->groups.count}, {"--out", o->out},
        {"--pem", o->pem}, {"--lifetime", o->lifetime_ms}, {"--force", o->force}, {"--namespace", o->namespace}};
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        if (others[i].given)
            return error_set(c->error, ERR_BAD_REQUEST, "list takes no %s", others[i].name);
    TRY(load(c, o->kubeconfig));
    TRY(connect_as_configured(c));
    return cert_list(c->client, c->arena, c->error);
}

/* ---- The command. */

static const char *const actions[] = {"issue", "renew", "list", NULL};

static const char *action_name(const void *unused, size_t i)
{
    (void)unused;
    return actions[i];
}

static err_t act(struct cert *c, const char *action)
{
    static err_t (*const functions[])(struct cert *) = {issue, renew, list};
    for (size_t i = 0; actions[i]; i++)
        if (strcmp(actions[i], action) == 0)
            return functions[i](c);
    const char *near = nearest_name(action, action_name, NULL);
    return error_set(c->error, ERR_BAD_REQUEST, "there is no action %s%s%s%s", action, near ? "; did you mean " : "",
        near ? near : "", near ? "?" : "");
}

static int cert_run(const struct invocation *v)
{
    struct arena arena;
    struct error error;
    arena_init(&arena, ARENA_LIMIT);
    error_init(&error, &arena);
    struct cert c = {.options = v->options, .command = v->command, .arena = &arena, .error = &error};
    (void)prctl(PR_SET_DUMPABLE, 0); /* a private key is made here */
    err_t code = act(&c, v->operands[0]);
    /* What the server finds bad is no wrong usage. */
    int status = code == ERR_OK                         ? 0
                 : code == ERR_BAD_REQUEST && !c.client ? command_misused(v->command, &error)
                                                        : command_failed(v, &error);
    api_client_free(c.client);
    arena_reset(&arena);
    if (code != ERR_OK && cert_signal)
        (void)raise(cert_signal); /* as who was not held up: its handler is the default one again */
    return status;
}

const struct command command_cert = {
    .name = "cert",
    .summary = "issue, renew and list client certificates",
    .operands = "issue|renew|list",
    .description =
        "Gets client certificates for people and nodes from a running server, through its "
        "CertificateSigningRequests. The private key is made here and stays here, in a file of mode 0600.\n\n"
        "  coffer cert issue --user jane --group devs --out jane.kubeconfig\n"
        "  coffer cert issue --node worker-1 --pem /etc/kubernetes/worker-1.pem\n"
        "  coffer cert renew --out jane.kubeconfig\n"
        "  coffer cert list\n\n"
        "issue asks as the identity of the kubeconfig that kubectl would use. When that may approve, the certificate "
        "is there at once; else it waits for somebody who runs 'kubectl certificate approve'. "
        "A request of which no certificate comes is deleted again, where that is allowed. "
        "A file that exists is not replaced.\n\n"
        "renew does nothing until two thirds of a certificate's life are over, and is meant to be run every day. It "
        "asks for a new key and the same names, as the certificate that it renews, and puts both in the old one's "
        "place; the rest of a kubeconfig stays as it is. The new certificate is asked to last as long as the "
        "old one, unless --lifetime says. The server of a PEM file is that of the kubeconfig at "
        "hand. A --kubeconfig that has a user asks as that user instead. Nodes may renew their own.\n\n"
        "list shows the requests that the server keeps, who they are for, and who asked. Those of issue and renew are "
        "kept until their certificate ends.\n\n"
        "To revoke one, add it to the file that the server's --client-crl-file names (REQUEST is list's), and send the "
        "server SIGHUP:\n\n"
        "  kubectl get csr REQUEST -o jsonpath='{.status.certificate}' | base64 -d\n",
    .options = cert_rows,
    .option_count = ARRAY_LEN(cert_rows),
    .defaults = &cert_defaults,
    .size = sizeof(struct cert_options),
    .min_operands = 1,
    .max_operands = 1,
    .actions = actions,
    .run = cert_run,
};
