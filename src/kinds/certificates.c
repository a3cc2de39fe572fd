/* SPDX-License-Identifier: Apache-2.0 */
/* CertificateSigningRequests: asked for by anybody who may create them, decided by whoever may approve for their
 * signer (serve/guard_certificates.c), signed by control/certificates.c or a controller from elsewhere. */
#include "api/conditions.h"
#include "base/base64.h"
#include "base/clock.h"
#include "crypt/x509_csr.h"
#include "kinds/cells.h"
#include "kinds/check_table.h"
#include "kinds/kinds.h"

/* The sentence is the parser's. */
static void check_pem(const struct field *field, bytes text, err_t (*check)(struct arena *, bytes, struct error *))
{
    struct arena *arena = field->check->arena;
    struct error inner;
    bytes plain;
    size_t offset;
    error_init(&inner, arena);
    if (base64_decode(arena, BASE64_STANDARD, text, &plain, &offset) != ERR_OK)
        plain = BYTES_NONE;
    if (check(arena, plain, &inner) != ERR_OK)
        field_invalid(field, "%.*s", BYTES_FMT(inner.message));
}

static err_t is_request(struct arena *arena, bytes pem, struct error *error)
{
    struct x509_csr csr;
    return x509_csr_read(arena, pem, &csr, error);
}

static err_t is_chain(struct arena *arena, bytes pem, struct error *error)
{
    (void)arena;
    return x509_check_chain(pem, error);
}

/* example.com/name */
static void check_signer(const struct field *signer)
{
    bytes text = field_text(signer);
    size_t slash = bytes_find(text, '/');
    if (!check_not_empty(signer))
        return;
    if (slash == text.n)
        field_invalid(signer, "must be a fully qualified domain and path of the form 'example.com/signer-name'");
    else if (field_is(signer, "kubernetes.io/legacy-unknown"))
        field_invalid(signer, "the legacy signerName is not allowed via this API version");
    else
        check_dns_subdomain_of(signer, (bytes){text.p, slash});
}

static size_t conditions_of(const struct json *object, const char *type)
{
    size_t n = 0;
    for (const struct json *c = tree_first(json_get(object, BYTES("status")), "conditions"); c; c = c->next)
        n += bytes_equal(tree_text(c, "type"), bytes_of(type));
    return n;
}

static void check_decisions(
    struct check *check, enum subresource subresource, const struct json *object, const struct json *old)
{
    static const char *const decisions[] = {"Approved", "Denied", "Failed"};
    struct field conditions = field_root(check, "status.conditions", tree_at(object, "status", "conditions", NULL));
    for (size_t i = 0; i < ARRAY_LEN(decisions); i++) {
        size_t before = conditions_of(old, decisions[i]), now = conditions_of(object, decisions[i]);
        if (now < before)
            field_forbidden(&conditions, "updates may not remove a condition of type \"%s\"", decisions[i]);
        else if (now > before && i < 2 && subresource != SUBRESOURCE_APPROVAL)
            field_forbidden(&conditions, "updates may not add a condition of type \"%s\"", decisions[i]);
    }
    if (conditions_of(object, "Approved") && conditions_of(object, "Denied"))
        field_invalid(&conditions, "Approved and Denied conditions are mutually exclusive");
}

/* Set once, by whoever signs. */
static void check_certificate(
    struct check *check, enum subresource subresource, const struct json *object, const struct json *old)
{
    bytes certificate = tree_text(json_get(object, BYTES("status")), "certificate");
    bytes before = tree_text(json_get(old, BYTES("status")), "certificate");
    struct field field = field_root(check, "status.certificate", tree_at(object, "status", "certificate", NULL));
    if (bytes_equal(certificate, before))
        return;
    if (subresource != SUBRESOURCE_STATUS)
        field_forbidden(&field, "updates may not set certificate content");
    else if (before.n)
        field_forbidden(&field, "updates may not modify existing certificate content");
    else
        check_pem(&field, certificate, is_chain);
}

static void request_validate(struct arena *arena, const struct kind *kind, enum subresource subresource,
    const struct json *object, const struct json *old, struct error *error)
{
    static const struct check_row rows[] = {{"spec.usages", CHECK_NEEDED, NULL}, {"spec.usages", CHECK_UNIQUE, ""},
        {"status.conditions[].type", CHECK_NEEDED, NULL}, {"status.conditions[].status", CHECK_NEEDED, NULL},
        {"status.conditions[].status", CHECK_ONE_OF, "False True Unknown"}};
    struct check check = {.arena = arena, .error = error};
    struct field spec = field_root(&check, "spec", json_get(object, BYTES("spec")));
    static const char *const usages[] = {"any", "cert sign", "client auth", "code signing", "content commitment",
        "crl sign", "data encipherment", "decipher only", "digital signature", "email protection", "encipher only",
        "ipsec end system", "ipsec tunnel", "ipsec user", "key agreement", "key encipherment", "microsoft sgc",
        "netscape sgc", "ocsp signing", "s/mime", "server auth", "signing", "timestamping"};
    struct field request = field_member(&spec, "request"), seconds = field_member(&spec, "expirationSeconds");
    (void)kind;
    if (!old)
        check_pem(&request, field_text(&request), is_request);
    FIELD_EACH(usage, FIELD(&spec, "usages"))
    CHECK_ONE_OF(&usage, usages);
    check_signer(FIELD(&spec, "signerName"));
    if (field_integer(&seconds, 600) < 600)
        field_invalid(&seconds, "may not specify a duration less than 600 seconds (10 minutes)");
    CHECK_TABLE(arena, rows, object, old, error);
    if (!old)
        return;
    check_decisions(&check, subresource, object, old);
    check_certificate(&check, subresource, object, old);
}

/* A decision stays as it was made, whatever a signer sends along. */
static bool keep_decisions(struct arena *arena, const struct json *status, const struct json *before)
{
    static const char *const decisions[] = {"Approved", "Denied"};
    for (size_t i = 0; i < ARRAY_LEN(decisions); i++) {
        const struct json *old = condition_find(before, decisions[i]);
        struct json *now = condition_find(status, decisions[i]);
        struct json *copy = old && now ? json_copy(arena, old) : NULL;
        if (!old || !now)
            continue;
        if (!copy)
            return false;
        struct json *next = now->next;
        *now = *copy;
        now->next = next;
    }
    return true;
}

/* When a condition was written, and since when it holds: what its writer left out. */
static bool date_conditions(struct arena *arena, const struct json *status, const struct json *before)
{
    char text[CLOCK_RFC3339_SIZE];
    clock_format(clock_wall_seconds(), text);
    bytes now = arena_copy(arena, bytes_of(text));
    for (struct json *c = tree_first(status, "conditions"); c; c = c->next) {
        const struct json *old = tree_first(before, "conditions");
        while (old && !(bytes_equal(tree_text(old, "type"), tree_text(c, "type")) &&
                          bytes_equal(tree_text(old, "status"), tree_text(c, "status"))))
            old = old->next;
        bytes since = tree_text(old, "lastTransitionTime").n ? tree_text(old, "lastTransitionTime") : now;
        if ((!tree_text(c, "lastUpdateTime").n && !tree_set_text(arena, c, "lastUpdateTime", now)) ||
            (!tree_text(c, "lastTransitionTime").n && !tree_set_text(arena, c, "lastTransitionTime", since)))
            return false;
    }
    return now.p;
}

/* What was asked for stays as it was; only who decides or signs changes the status. */
static err_t request_prepare(struct arena *arena, const struct kind *kind, enum subresource subresource,
    struct json *object, const struct json *old, struct error *error)
{
    const struct json *status = json_get(object, BYTES("status")), *before = json_get(old, BYTES("status"));
    if (old && !tree_set_copy(arena, object, "spec", json_get(old, BYTES("spec"))))
        return arena_error(arena, error);
    if (subresource == SUBRESOURCE_STATUS && !keep_decisions(arena, status, before))
        return arena_error(arena, error);
    if ((subresource == SUBRESOURCE_STATUS || subresource == SUBRESOURCE_APPROVAL) &&
        !date_conditions(arena, status, before))
        return arena_error(arena, error);
    schema_arrange(kind->schema, object);
    return ERR_OK;
}

static void request_cells(
    struct arena *arena, struct buffer *b, const struct kind *kind, const struct json *object, int64_t now)
{
    const struct json *spec = json_get(object, BYTES("spec")), *seconds = json_get(spec, BYTES("expirationSeconds"));
    char duration[16] = "<none>";
    (void)kind;
    if (seconds)
        human_duration(tree_integer(spec, "expirationSeconds", 0), duration);
    put_age_cell(b, object, now);
    put_text_cell(b, tree_text(spec, "signerName"), "<none>");
    put_cell(b, tree_text(spec, "username"));
    put_cell(b, bytes_of(duration));
    put_cell(b,
        arena_join(arena,
            conditions_of(object, "Denied")     ? BYTES("Denied")
            : conditions_of(object, "Approved") ? BYTES("Approved")
                                                : BYTES("Pending"),
            conditions_of(object, "Failed") ? BYTES(",Failed") : BYTES(""),
            tree_text(json_get(object, BYTES("status")), "certificate").n ? BYTES(",Issued") : BYTES(""), ARENA_END));
}

const struct kind_rules certificate_signing_request_rules = {.prepare = request_prepare,
    .validate = request_validate,
    .validate_name = validate_dns1123_subdomain,
    .cells = request_cells};
