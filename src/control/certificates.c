/* SPDX-License-Identifier: Apache-2.0 */
/* CertificateSigningRequests from their creation to their end, as kube-controller-manager's csrapproving, csrsigning
 * and csrcleaner keep them:
 *
 *   pending ──a node asks for itself──> Approved ──own signer──> status.certificate, or Failed ──time──> deleted
 *           └─ else somebody decides: kubectl certificate approve | deny
 *
 * The CA's key stays with the server: settings.sign is the only way to it, and no request leads there. */
#include "access/authorize.h"
#include "api/conditions.h"
#include "base/base64.h"
#include "base/clock.h"
#include "base/log.h"
#include "control/controllers.h"
#include "control/signer.h"
#include "kinds/kinds.h"

#define HOUR 3600

/* Of a bootstrap token's Secret: the one node that the token is for. */
#define TOKEN_NODE BYTES("coffer.dev/node-name")
/* A label of requests that are kept while their certificate lasts, as `coffer cert issue` sets it. */
#define KEEP_LABEL BYTES("coffer.dev/keep")

/* What is asked, and how far it is. */
struct standing {
    struct json *object, *status;
    const struct json *spec;
    bytes name, certificate;
    bool approved, denied, failed;
};

static struct standing standing_of(struct json *object)
{
    struct standing s = {.object = object, .spec = json_get(object, BYTES("spec"))};
    s.status = json_get(object, BYTES("status"));
    s.name = json_text(json_get(object, BYTES("metadata")), BYTES("name"));
    s.certificate = json_text(s.status, BYTES("certificate"));
    s.approved = condition_is_true(s.status, "Approved");
    s.denied = condition_is_true(s.status, "Denied");
    s.failed = condition_is_true(s.status, "Failed");
    return s;
}

static err_t decode(struct arena *arena, bytes text, bytes *ret, struct error *error)
{
    size_t offset;
    return base64_decode(arena, BASE64_STANDARD, text, ret, &offset) == ERR_OK
               ? ERR_OK
               : error_set(error, arena->failed ? arena->failed : ERR_INVALID, "the request is not base64");
}

static err_t read_request(
    struct arena *arena, const struct standing *s, bytes *ret_pem, struct x509_csr *ret, struct error *error)
{
    TRY(decode(arena, json_text(s->spec, BYTES("request")), ret_pem, error));
    return x509_csr_read(arena, *ret_pem, ret, error);
}

/* Adds a condition and sends the object to the subresource. A conflict is looked at again. */
static err_t conclude(struct worker *worker, struct arena *arena, const struct standing *s,
    const struct condition *condition, const char *subresource, struct error *error)
{
    bytes path = api_kind_path(arena, &certificate_signing_request_kind, BYTES_NONE, s->name);
    struct json *answer;
    bool changed = false;
    if (condition && !condition_set(arena, s->status, condition, clock_wall_seconds(), &changed))
        return arena_error(arena, error);
    path = arena_join(arena, path, BYTES("/"), bytes_of(subresource), ARENA_END);
    return worker_send(worker, arena, "PUT", path, s->object, &answer, error);
}

/* ---- Approving what nodes ask for themselves. */

static err_t texts_of(
    struct arena *arena, const struct json *list, const bytes **ret, size_t *ret_count, struct error *error)
{
    size_t n = 0, count = list && list->type == JSON_ARRAY ? list->count : 0;
    bytes *texts = arena_alloc(arena, (count + 1) * sizeof *texts);
    if (!texts)
        return arena_error(arena, error);
    for (const struct json *item = count ? list->first : NULL; item; item = item->next)
        texts[n++] = item->text;
    *ret = texts;
    *ret_count = n;
    return ERR_OK;
}

/* Who created the request, as the server wrote it down. */
static err_t requestor(struct arena *arena, const struct json *spec, struct user *ret, struct error *error)
{
    const struct json *extra = json_get(spec, BYTES("extra"));
    size_t count = extra && extra->type == JSON_OBJECT ? extra->count : 0, n = 0;
    struct user_extra *extras = arena_alloc(arena, (count + 1) * sizeof *extras);
    *ret = (struct user){.name = json_text(spec, BYTES("username")), .uid = json_text(spec, BYTES("uid"))};
    if (!extras)
        return arena_error(arena, error);
    for (const struct json *member = count ? extra->first : NULL; member; member = member->next, n++) {
        extras[n].key = member->key;
        TRY(texts_of(arena, member, &extras[n].values, &extras[n].value_count, error));
    }
    ret->extra = extras;
    ret->extra_count = n;
    return texts_of(arena, json_get(spec, BYTES("groups")), &ret->groups, &ret->group_count, error);
}

static bool may_create(const struct user *user, const char *subresource)
{
    return authorized(&(struct attributes){.user = user,
        .verb = BYTES("create"),
        .resource_request = true,
        .group = BYTES("certificates.k8s.io"),
        .version = BYTES("v1"),
        .resource = BYTES("certificatesigningrequests"),
        .subresource = bytes_of(subresource)});
}

/* By a list of one name, for which the right to metadata is enough. */
static err_t metadata_of(struct worker *worker, struct arena *arena, const struct kind *kind, bytes namespace,
    bytes name, const struct json **ret, struct error *error)
{
    struct json *list;
    bytes path = api_kind_path(arena, kind, namespace, BYTES_NONE),
          selector = arena_join(arena, BYTES("metadata.name="), name, ARENA_END);
    if (path.p && selector.p)
        path = api_path_query(arena, path, "fieldSelector", selector);
    if (!path.p || !selector.p)
        return arena_error(arena, error);
    TRY(api_do(worker->client, arena, &(struct api_request){.method = "GET", .path = path, .accept = metadata_list},
        &list, error));
    const struct json *items = json_get(list, BYTES("items"));
    if (!items || items->type != JSON_ARRAY || !items->count)
        return error_set(error, ERR_NOT_FOUND, "%s \"%.*s\" not found", kind->plural, BYTES_FMT(name));
    *ret = json_get(items->first, BYTES("metadata"));
    return ERR_OK;
}

/* The node that a bootstrap token was made for; empty: any that is not there yet. ERR_NOT_FOUND: the token is gone. */
static err_t token_node(struct worker *worker, struct arena *arena, bytes username, bytes *ret, struct error *error)
{
    const bytes prefix = BYTES("system:bootstrap:");
    const struct json *metadata;
    *ret = BYTES_NONE;
    if (!bytes_start(username, prefix))
        return ERR_OK;
    bytes secret = arena_join(arena, BYTES("bootstrap-token-"), bytes_skip(username, prefix.n), ARENA_END);
    TRY(metadata_of(worker, arena, &secret_kind, BYTES("kube-system"), secret, &metadata, error));
    *ret = json_text(json_get(metadata, BYTES("annotations")), TOKEN_NODE);
    return ERR_OK;
}

static bool is_node_name(struct arena *arena, bytes name)
{
    struct error probe;
    error_init(&probe, arena);
    validate_dns1123_subdomain(arena, name, false, BYTES("name"), &probe);
    return probe.code == ERR_OK;
}

/* Whoever may ask for nodes' certificates could take over one that is there: only its own token brings it back
 * without a person who looks. */
static err_t may_become(
    struct worker *worker, struct arena *arena, bytes username, bytes node, bool *ret, struct error *error)
{
    const struct json *metadata;
    bytes made_for;
    err_t code = token_node(worker, arena, username, &made_for, error);
    *ret = false;
    if (code == ERR_NOT_FOUND)
        return ERR_OK;
    TRY(code);
    if (made_for.n || !is_node_name(arena, node)) {
        *ret = made_for.n && bytes_equal(made_for, node);
        return ERR_OK;
    }
    code = metadata_of(worker, arena, &node_kind, BYTES_NONE, node, &metadata, error);
    *ret = code == ERR_NOT_FOUND;
    return code == ERR_NOT_FOUND ? ERR_OK : code;
}

static err_t approve(
    struct worker *worker, struct arena *arena, const struct standing *s, const char *message, struct error *error)
{
    const struct condition condition = {"Approved", "True", "AutoApproved", bytes_of(message)};
    return conclude(worker, arena, s, &condition, "approval", error);
}

static err_t judge(struct worker *worker, struct arena *arena, const struct standing *s, struct error *error)
{
    const struct json *usages = json_get(s->spec, BYTES("usages"));
    struct x509_csr csr;
    struct user user;
    unsigned bits;
    bytes pem;
    bool free = false;
    if (!bytes_equal(json_text(s->spec, BYTES("signerName")), BYTES(SIGNER_KUBELET_CLIENT)))
        return ERR_OK;
    err_t code = read_request(arena, s, &pem, &csr, error);
    if (code == ERR_OK)
        code = signer_check(BYTES(SIGNER_KUBELET_CLIENT), &csr, usages, &bits, error);
    if (code != ERR_OK) /* a person may look at it */
        return code == ERR_INVALID ? ERR_OK : code;
    TRY(requestor(arena, s->spec, &user, error));
    if (bytes_equal(user.name, csr.common_name) && may_create(&user, "selfnodeclient"))
        return approve(
            worker, arena, s, "Auto approving self kubelet client certificate after SubjectAccessReview.", error);
    if (!may_create(&user, "nodeclient"))
        return ERR_OK;
    TRY(may_become(worker, arena, user.name, bytes_skip(csr.common_name, strlen(USER_NODE_PREFIX)), &free, error));
    if (free)
        return approve(worker, arena, s, "Auto approving kubelet client certificate after SubjectAccessReview.", error);
    log_event(LOG_WARNING,
        "a certificate for a node that is there, or for another than its token's, is not approved by "
        "itself: kubectl certificate approve",
        log_text("request", (const char *)arena_format(arena, "%.*s", BYTES_FMT(s->name)).p));
    return ERR_OK;
}

/* ---- Signing. */

static err_t fail(struct worker *worker, struct arena *arena, const struct standing *s, bytes why, struct error *error)
{
    const struct condition condition = {"Failed", "True", "SignerValidationFailure", why};
    return conclude(worker, arena, s, &condition, "status", error);
}

static err_t sign(struct worker *worker, struct arena *arena, const struct standing *s, struct error *error)
{
    bytes signer = json_text(s->spec, BYTES("signerName")), pem, certificate;
    const struct json *seconds = json_get(s->spec, BYTES("expirationSeconds"));
    int64_t wanted = 0;
    struct x509_csr csr;
    struct error reason;
    unsigned usages = 0;
    error_init(&reason, arena);
    if (!signer_is_own(signer))
        return ERR_OK;
    if (seconds && !json_to_int64(seconds, &wanted))
        wanted = 0;
    err_t code = read_request(arena, s, &pem, &csr, &reason);
    if (code == ERR_OK)
        code = signer_check(signer, &csr, json_get(s->spec, BYTES("usages")), &usages, &reason);
    if (code == ERR_OK)
        code = worker->settings->sign(arena, pem, usages, wanted, &certificate, &reason);
    if (code == ERR_INVALID)
        return fail(worker, arena, s, reason.message, error);
    if (code != ERR_OK)
        return error_set(error, code, "%.*s", BYTES_FMT(reason.message));
    bytes text = base64_encode(arena, BASE64_STANDARD, certificate);
    if (!text.p || !json_set(s->status, BYTES("certificate"), json_string(arena, text)))
        return arena_error(arena, error);
    return conclude(worker, arena, s, NULL, "status", error);
}

/* ---- Cleaning up. */

static void sooner(int64_t *end, bytes since, int64_t after)
{
    int64_t when;
    if (clock_parse(since, &when) && when + after < *end)
        *end = when + after;
}

/* When it may go, in wall seconds; INT64_MAX: not by time. */
static int64_t end_of(struct arena *arena, const struct standing *s)
{
    static const struct {
        const char *type;
        bool issued;
    } rows[] = {{"Approved", true}, {"Denied", false}, {"Failed", false}};
    const struct json *metadata = json_get(s->object, BYTES("metadata"));
    const struct json *conditions = json_get(s->status, BYTES("conditions"));
    bool keep = json_get(json_get(metadata, BYTES("labels")), KEEP_LABEL);
    int64_t end = INT64_MAX, from, until;
    bytes pem;
    if (!conditions || conditions->count == 0)
        sooner(&end, json_text(metadata, BYTES("creationTimestamp")), 24 * HOUR);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (!rows[i].issued || (s->certificate.n && !keep))
            sooner(&end, json_text(condition_find(s->status, rows[i].type), BYTES("lastUpdateTime")), HOUR);
    if (s->approved && s->certificate.n && decode(arena, s->certificate, &pem, NULL) == ERR_OK &&
        x509_inspect(pem, &from, &until, NULL) == ERR_OK && until < end)
        end = until;
    return end;
}

static err_t remove_request(struct worker *worker, struct arena *arena, const struct standing *s, struct error *error)
{
    const struct json *metadata = json_get(s->object, BYTES("metadata"));
    struct json *options = json_new(arena, JSON_OBJECT), *answer;
    struct json *conditions = json_add(options, BYTES("preconditions"), json_new(arena, JSON_OBJECT));
    bytes path = api_kind_path(arena, &certificate_signing_request_kind, BYTES_NONE, s->name);
    if (!path.p || !json_add(conditions, BYTES("uid"), json_string(arena, json_text(metadata, BYTES("uid")))) ||
        !json_add(
            conditions, BYTES("resourceVersion"), json_string(arena, json_text(metadata, BYTES("resourceVersion")))))
        return arena_error(arena, error);
    err_t code = worker_send(worker, arena, "DELETE", path, options, &answer, error);
    return code == ERR_NOT_FOUND ? ERR_OK : code;
}

static err_t reconcile(struct worker *worker, struct arena *arena, bytes key, struct error *error)
{
    bytes path = api_kind_path(arena, &certificate_signing_request_kind, BYTES_NONE, key);
    struct json *object;
    if (!path.p)
        return arena_error(arena, error);
    err_t code = api_get(worker->client, arena, path, &object, error);
    if (code != ERR_OK)
        return code == ERR_NOT_FOUND ? ERR_OK : code;
    struct standing s = standing_of(object);
    int64_t left = end_of(arena, &s);
    if (left != INT64_MAX) {
        left -= clock_wall_seconds();
        if (left < 0)
            return remove_request(worker, arena, &s, error);
        worker_enqueue(worker, key, (uint64_t)(left + 1) * 1000);
    }
    if (!s.status || s.certificate.n || s.failed)
        return ERR_OK;
    if (s.approved)
        return sign(worker, arena, &s, error);
    return s.denied ? ERR_OK : judge(worker, arena, &s, error);
}

static const struct collection collections[] = {
    {"certificates.k8s.io", "v1", "certificatesigningrequests", NULL, false},
};

const struct controller certificate_controller = {
    .name = "certificate-controller",
    .collections = collections,
    .collection_count = ARRAY_LEN(collections),
    .reconcile = reconcile,
};
