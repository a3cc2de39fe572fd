/* SPDX-License-Identifier: Apache-2.0 */
/* coffer cert: client certificates for people and nodes, from a running server. */
#include "cmd/cert.h"

#include "access/user.h"
#include "base/base64.h"
#include "base/clock.h"
#include "base/file.h"
#include "cmd/connect.h"

#include <errno.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

#define ARENA_LIMIT   ((size_t)64 << 20)
#define LEAST_MS      (600u * 1000)
#define MOST_MS       ((uint64_t)INT32_MAX * 1000)
#define REQUESTS_PATH "/apis/certificates.k8s.io/v1/certificatesigningrequests"

struct cert_options {
    const char *kubeconfig, *context, *user, *node, *out, *pem;
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
};

static err_t misused(struct cert *c, const char *sentence)
{
    return error_set(c->error, ERR_BAD_REQUEST, "%s", sentence);
}

static err_t connect_by(struct cert *c, const char *file)
{
    const struct kubeconfig_query query = {file, c->options->context, NULL};
    TRY(kubeconfig_load(c->arena, &query, &c->config, c->error));
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

static err_t check_file(struct cert *c, const char *action)
{
    const struct cert_options *o = c->options;
    if (!o->out == !o->pem)
        return error_set(c->error, ERR_BAD_REQUEST, "%s needs --out FILE or --pem FILE", action);
    if (o->lifetime_ms && (o->lifetime_ms < LEAST_MS || o->lifetime_ms > MOST_MS))
        return misused(c, "--lifetime: at least 10m, and 24855d at most");
    return ERR_OK;
}

static err_t request(struct cert *c, bytes user, const bytes *groups, size_t group_count, struct x509_pair *ret)
{
    const struct cert_wish wish = {
        user, groups, group_count, (int64_t)(c->options->lifetime_ms / 1000), c->options->timeout_ms};
    return cert_request(c->client, c->arena, &wish, tell_wait, ret, c->error);
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

static err_t write_pair(struct cert *c, bytes user, const struct x509_pair *pair)
{
    const struct cert_options *o = c->options;
    bytes text = o->out ? cert_kubeconfig(c->arena, &c->config, user, pair)
                        : arena_join(c->arena, pair->certificate_pem, pair->key_pem, ARENA_END);
    if (!text.p)
        return arena_error(c->arena, c->error);
    TRY(file_replace(file_of(o), 0600, text, c->error));
    return told(c, "wrote", file_of(o), pair->certificate_pem);
}

/* ---- issue */

static err_t check_issue(struct cert *c)
{
    const struct cert_options *o = c->options;
    if (!o->user == !o->node)
        return misused(c, "issue needs --user NAME or --node NAME");
    if (o->node && o->groups.count)
        return misused(c, "a node's group is system:nodes, and no other");
    TRY(check_file(c, "issue"));
    /* Before anything is asked for: a kubeconfig that is there may hold what nobody has a copy of. */
    if (access(file_of(o), F_OK) == 0)
        return error_set(
            c->error, ERR_ALREADY_EXISTS, "%s is there already: name another file, or renew it", file_of(o));
    return ERR_OK;
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
    TRY(connect_by(c, o->kubeconfig));
    TRY(request(c, user, groups, count, &pair));
    return write_pair(c, user, &pair);
}

/* ---- renew */

static bool is_due(bytes certificate, int64_t now)
{
    int64_t from, until;
    return x509_inspect(certificate, &from, &until, NULL) != ERR_OK || now >= until - (until - from) / 3;
}

/* Asks as who the old certificate says, unless a kubeconfig is named: the file itself, or the usual one beside PEM. */
static err_t renew(struct cert *c)
{
    const struct cert_options *o = c->options;
    struct x509_identity who;
    struct x509_pair pair;
    bytes text, old, fresh;
    TRY(check_file(c, "renew"));
    TRY(file_read_private(c->arena, file_of(o), KUBECONFIG_MAX_FILE, &text, c->error));
    TRY(cert_find(c->arena, text, o->out, &old, c->error));
    TRY(x509_identify_pem(c->arena, old, &who, c->error));
    if (!o->force && !is_due(old, clock_wall_seconds()))
        return told(c, "not due yet:", file_of(o), old);
    TRY(connect_by(c, o->kubeconfig ? o->kubeconfig : o->out));
    TRY(request(c, who.common_name, who.organizations, who.organization_count, &pair));
    if (!o->out)
        return write_pair(c, who.common_name, &pair);
    TRY(cert_kubeconfig_replace(c->arena, text, &pair, &fresh, c->error));
    TRY(file_replace(o->out, 0600, fresh, c->error));
    return told(c, "renewed", o->out, pair.certificate_pem);
}

/* ---- list */

static bytes state_of(const struct json *status, const char **ret)
{
    bytes certificate = json_text(status, BYTES("certificate"));
    static const char *const types[] = {"Failed", "Denied", "Approved"};
    *ret = certificate.n ? "Issued" : "Pending";
    for (size_t i = 0; !certificate.n && i < ARRAY_LEN(types); i++)
        for (const struct json *one =
                 json_get(status, BYTES("conditions")) ? json_get(status, BYTES("conditions"))->first : NULL;
             one; one = one->next)
            if (bytes_equal(json_text(one, BYTES("type")), bytes_of(types[i]))) {
                *ret = types[i];
                return certificate;
            }
    return certificate;
}

/* Names come from others: what could move a terminal's cursor is not printed. */
static void print_cell(bytes text, int width)
{
    int n = 0;
    for (size_t i = 0; i < text.n; i++, n++)
        putchar(text.p[i] < 0x20 || text.p[i] >= 0x7f ? '?' : text.p[i]);
    printf("%*s", n < width ? width - n + 2 : 2, "");
}

static err_t print_request(struct cert *c, const struct json *object)
{
    const struct json *spec = json_get(object, BYTES("spec")), *status = json_get(object, BYTES("status"));
    struct x509_csr csr = {.common_name = BYTES("-")};
    struct x509_identity identity;
    struct buffer groups;
    char until[CLOCK_RFC3339_SIZE] = "-";
    const char *state;
    bytes pem;
    size_t offset;
    buffer_init(&groups, c->arena);
    if (base64_decode(c->arena, BASE64_STANDARD, json_text(spec, BYTES("request")), &pem, &offset) == ERR_OK &&
        x509_csr_read(c->arena, pem, &csr, NULL) != ERR_OK)
        csr = (struct x509_csr){.common_name = BYTES("-")};
    for (size_t i = 0; i < csr.organization_count; i++)
        buffer_format(&groups, "%s%.*s", i ? "," : "", BYTES_FMT(csr.organizations[i]));
    bytes certificate = state_of(status, &state);
    if (certificate.n && base64_decode(c->arena, BASE64_STANDARD, certificate, &pem, &offset) == ERR_OK &&
        x509_identify_pem(c->arena, pem, &identity, NULL) == ERR_OK)
        clock_format(identity.not_after, until);
    if (groups.failed || c->arena->failed)
        return arena_error(c->arena, c->error);
    print_cell(json_text(json_get(object, BYTES("metadata")), BYTES("name")), 24);
    print_cell(csr.common_name, 24);
    print_cell(groups.n ? buffer_bytes(&groups) : BYTES("-"), 20);
    print_cell(bytes_of(state), 8);
    printf("%s\n", until);
    return ERR_OK;
}

static err_t list(struct cert *c)
{
    const struct cert_options *o = c->options;
    const struct {
        const char *name;
        bool given;
    } others[] = {{"--user", o->user}, {"--node", o->node}, {"--group", o->groups.count}, {"--out", o->out},
        {"--pem", o->pem}, {"--lifetime", o->lifetime_ms}, {"--force", o->force}};
    struct api_list pages = {.path = BYTES(REQUESTS_PATH), .limit = 250};
    struct json *items;
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        if (others[i].given)
            return error_set(c->error, ERR_BAD_REQUEST, "list takes no %s", others[i].name);
    TRY(connect_by(c, o->kubeconfig));
    for (;;) {
        bool first = !pages.started;
        TRY(api_list_next(c->client, c->arena, &pages, &items, c->error));
        if (!items)
            break;
        if (first)
            printf("%-26s%-26s%-22s%-10s%s\n", "REQUEST", "USER", "GROUPS", "STATE", "EXPIRES");
        for (const struct json *item = items->first; item; item = item->next)
            TRY(print_request(c, item));
    }
    return fflush(stdout) == 0 ? ERR_OK : error_errno(c->error, errno, "cannot write to standard output");
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
        "A file that exists is not replaced.\n\n"
        "renew does nothing until two thirds of a certificate's life are over, and is meant to be run every day. It "
        "asks as the certificate that it renews, or by --kubeconfig, for a new key and the same names, and puts both "
        "in the old one's place; the rest of a kubeconfig stays as it is. Nodes may renew their own.\n\n"
        "list shows the requests that the server keeps. Those of issue and renew are kept until their certificate "
        "ends.\n",
    .options = cert_rows,
    .option_count = ARRAY_LEN(cert_rows),
    .defaults = &cert_defaults,
    .size = sizeof(struct cert_options),
    .min_operands = 1,
    .max_operands = 1,
    .actions = actions,
    .run = cert_run,
};
