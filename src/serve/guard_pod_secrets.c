/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/guard_pod_secrets.h"

#include "api/references.h"
#include "api/schemas.h"
#include "kinds/kinds.h"
#include "serve/admission.h"
#include "serve/pod_writer.h"

#define NAME_SHOWN    253
#define WARNINGS_MOST 16
#define SECRETS_SHOWN 10
#define SECRETS_MOST  64 /* beyond which they are not told apart */
#define PARTS_MOST    4

/* The object's controller, if it is of a kind with a template and lives; and who wrote that template. */
struct maker {
    const struct kind *kind; /* NULL: there is none */
    const struct json *object;
    bytes name, uid;
    struct user writer;
    bool recorded;
    bytes recorded_in; /* `ReplicaSet "web"` */
};

/* What is missing, for a sentence that says all of it. */
struct lacks {
    struct {
        bytes name, path;
    } secrets[SECRETS_MOST];
    size_t secret_count;
    bool more_secrets;
    bytes parts[PARTS_MOST]; /* of the sentence, about all else; the first ones */
    size_t part_count;
};

struct check {
    struct request *r;
    struct read_txn *txn;
    const struct user *user; /* who must be allowed */
    bytes who;               /* the same, as the sentence begins */
    const struct json *spec; /* of the Pod */
    bytes prefix;            /* of paths */
    bytes account;           /* the one that was checked last */
    unsigned warned;
    struct lacks lacks;
};

/* ---- What a sentence says. */

/* Names that are not checked yet may be long; cut between characters. */
static bytes shown(bytes name)
{
    if (name.n <= NAME_SHOWN)
        return name;
    for (name.n = NAME_SHOWN; name.n > 0 && (name.p[name.n] & 0xc0) == 0x80;)
        name.n--;
    return name;
}

static err_t warn(struct check *c, bytes part)
{
    struct request *r = c->r;
    bytes warning;

    if (c->warned++ >= WARNINGS_MOST)
        return ERR_OK;
    warning = arena_format(r->arena, "pod-secret-check: %.*s %.*s", BYTES_FMT(c->who), BYTES_FMT(part));
    if (!warning.p)
        return arena_error(r->arena, &r->error);
    warning_add(r->arena, &r->warnings, warning);
    return ERR_OK;
}

static bool enforces(const struct check *c)
{
    return c->r->server->options.pod_secret_check == POD_SECRET_ENFORCE;
}

static bytes secret_part(const struct check *c, bytes name, bytes path)
{
    return arena_format(c->r->arena,
        "names Secret \"%.*s\" (%.*s) and may not read it: needs verb get or mount on secrets \"%.*s\" in the "
        "namespace \"%.*s\"",
        BYTES_FMT(shown(name)), BYTES_FMT(path), BYTES_FMT(shown(name)), BYTES_FMT(c->r->namespace));
}

static err_t lacks_secret(struct check *c, bytes name, bytes path)
{
    struct lacks *l = &c->lacks;
    bytes part;

    if (enforces(c)) {
        for (size_t i = 0; i < l->secret_count; i++)
            if (bytes_equal(l->secrets[i].name, name))
                return ERR_OK;
        l->more_secrets = l->secret_count == SECRETS_MOST;
        if (!l->more_secrets)
            l->secrets[l->secret_count].name = name, l->secrets[l->secret_count++].path = path;
        return ERR_OK;
    }
    part = secret_part(c, name, path);
    return part.p ? warn(c, part) : arena_error(c->r->arena, &c->r->error);
}

static err_t lacks_part(struct check *c, bytes part)
{
    struct lacks *l = &c->lacks;

    if (!part.p)
        return arena_error(c->r->arena, &c->r->error);
    if (!enforces(c))
        return warn(c, part);
    for (size_t i = 0; i < l->part_count; i++)
        if (bytes_equal(l->parts[i], part))
            return ERR_OK;
    if (l->part_count < PARTS_MOST)
        l->parts[l->part_count++] = part;
    return ERR_OK;
}

static err_t lacks_account(struct check *c, bytes name, bytes path)
{
    return lacks_part(
        c, arena_format(c->r->arena,
               "names ServiceAccount \"%.*s\" (%.*s) and may not act as it: needs verb use or impersonate on "
               "serviceaccounts \"%.*s\", or create on serviceaccounts/token \"%.*s\", in the namespace \"%.*s\"",
               BYTES_FMT(shown(name)), BYTES_FMT(path), BYTES_FMT(shown(name)), BYTES_FMT(shown(name)),
               BYTES_FMT(c->r->namespace)));
}

/* Without the name: who asks did not write it, and may not be allowed to know it. */
static err_t lacks_listed(struct check *c, bytes account)
{
    return lacks_part(
        c, arena_format(c->r->arena,
               "runs as ServiceAccount \"%.*s\", which lists Secrets that may not be read by it: needs verb get or "
               "mount on all secrets and imagePullSecrets of serviceaccounts \"%.*s\" in the namespace \"%.*s\"",
               BYTES_FMT(shown(account)), BYTES_FMT(shown(account)), BYTES_FMT(c->r->namespace)));
}

static err_t lacks_plain_names(struct check *c, bytes name)
{
    return lacks_part(
        c, arena_format(c->r->arena, "names a field \"%.*s\" in data, which some decoders take for another's name",
               BYTES_FMT(shown(name))));
}

static bytes secrets_part(const struct check *c)
{
    const struct lacks *l = &c->lacks;
    struct buffer b;

    if (l->secret_count == 1)
        return secret_part(c, l->secrets[0].name, l->secrets[0].path);
    buffer_init(&b, c->r->arena);
    buffer_text(&b, "names Secrets ");
    for (size_t i = 0; i < l->secret_count && i < SECRETS_SHOWN; i++)
        buffer_format(&b, "%s\"%.*s\" (%.*s)", i > 0 ? ", " : "", BYTES_FMT(shown(l->secrets[i].name)),
            BYTES_FMT(l->secrets[i].path));
    if (l->secret_count > SECRETS_SHOWN)
        buffer_format(&b, " and %s%zu more", l->more_secrets ? "over " : "", l->secret_count - SECRETS_SHOWN);
    buffer_format(&b,
        " and may not read them: needs verb get or mount on each of these secrets in the namespace \"%.*s\"",
        BYTES_FMT(c->r->namespace));
    return b.failed ? BYTES_NONE : buffer_bytes(&b);
}

/* One refusal that says all that is missing, so that who reads it grants once. */
static err_t refuse(const struct check *c)
{
    const struct lacks *l = &c->lacks;
    struct request *r = c->r;
    struct buffer b;
    bytes secrets = BYTES("");

    if (l->secret_count == 0 && l->part_count == 0)
        return ERR_OK;
    if (l->secret_count > 0)
        secrets = secrets_part(c);
    buffer_init(&b, r->arena);
    buffer_format(&b, "%.*s %.*s", BYTES_FMT(c->who), BYTES_FMT(secrets));
    for (size_t i = 0; i < l->part_count; i++)
        buffer_format(&b, "%s%.*s", i > 0 || secrets.n > 0 ? "; " : "", BYTES_FMT(l->parts[i]));
    if (b.failed || r->arena->failed)
        return arena_error(r->arena, &r->error);
    return guard_forbid(r, "%.*s", BYTES_FMT(buffer_bytes(&b)));
}

/* ---- The rules. */

#define TARGETS (TARGET_BIT(TARGET_SECRET) | TARGET_BIT(TARGET_SERVICE_ACCOUNT))

static bool may(const struct check *c, const char *verb, const char *resource, const char *subresource, bytes name)
{
    const struct attributes attributes = {.user = c->user,
        .verb = bytes_of(verb),
        .resource_request = true,
        .group = BYTES(""),
        .version = BYTES("v1"),
        .resource = bytes_of(resource),
        .subresource = bytes_of(subresource),
        .namespace = c->r->namespace,
        .name = name};

    return authorized(&attributes);
}

static bool may_read(const struct check *c, bytes secret)
{
    return may(c, "get", "secrets", "", secret) || may(c, "mount", "secrets", "", secret);
}

/* Its token is worth its rights. */
static bool may_act_as(const struct check *c, bytes account)
{
    return may(c, "use", "serviceaccounts", "", account) || may(c, "impersonate", "serviceaccounts", "", account) ||
           may(c, "create", "serviceaccounts", "token", account);
}

static bool may_read_all(const struct check *c, const struct json *references)
{
    for (const struct json *r = references ? references->first : NULL; r; r = r->next)
        if (json_text(r, BYTES("name")).n > 0 && !may_read(c, json_text(r, BYTES("name"))))
            return false;
    return true;
}

/* What the account lists counts as named. Of the default account only what Pods get of it without asking: a Pod has got
 * it already, one of a template will. */
static err_t check_listed(struct check *c, bytes name, bool is_default)
{
    const struct json *own = json_get(c->spec, BYTES("imagePullSecrets"));
    struct json *account;
    bytes key = object_key(c->r->arena, c->r->namespace, name);

    if (is_default && (c->r->kind == &pod_kind || (own && own->count > 0)))
        return ERR_OK;
    if (!key.p)
        return arena_error(c->r->arena, &c->r->error);
    if (key.n > STORE_KEY_MAX)
        return ERR_OK;
    TRY(admission_get(c->r, c->txn, &service_account_kind, key, &account, NULL));
    if (may_read_all(c, json_get(account, BYTES("imagePullSecrets"))) &&
        (is_default || may_read_all(c, json_get(account, BYTES("secrets")))))
        return ERR_OK;
    return lacks_listed(c, name);
}

static err_t check_account(struct check *c, bytes name, bytes path)
{
    bool is_default = bytes_equal(name, BYTES("default"));

    if (bytes_equal(name, c->account)) /* the field has a deprecated alias */
        return ERR_OK;
    c->account = name;
    if (!is_default && !may_act_as(c, name))
        return lacks_account(c, name, path);
    return check_listed(c, name, is_default);
}

static err_t visit(void *context, const struct reference *reference)
{
    struct check *c = context;
    struct request *r = c->r;
    bytes path;

    if (reference->target == TARGET_SECRET && (c->lacks.more_secrets || may_read(c, reference->name)))
        return ERR_OK;
    path = reference_path(r->arena, reference->step);
    path = path.p ? arena_join(r->arena, c->prefix, path, ARENA_END) : path;
    if (!path.p)
        return arena_error(r->arena, &r->error);
    if (reference->target == TARGET_SERVICE_ACCOUNT)
        return check_account(c, reference->name, path);
    if (r->pull_secrets_given && bytes_start(path, BYTES("spec.imagePullSecrets")))
        return lacks_listed(c, json_text(c->spec, BYTES("serviceAccountName")));
    return lacks_secret(c, reference->name, path);
}

/* A revision's data is what differs in a StatefulSet or DaemonSet, which have their templates in the same place. No
 * schema has pruned it. */
static err_t check_names(struct check *c, const struct schema *schema, const struct json *object)
{
    const struct json *disguised =
        c->r->kind == &controller_revision_kind ? references_disguised(schema, object, TARGETS) : NULL;

    return disguised ? lacks_plain_names(c, disguised->key) : ERR_OK;
}

static err_t check_user(struct request *r, struct read_txn *txn, const struct user *user, bytes who)
{
    const struct json *part = pod_part(r->kind, r->object);
    bool revision = r->kind == &controller_revision_kind;
    const struct schema *schema = revision ? stateful_set_kind.schema : r->kind->schema;
    const struct json *object = revision ? json_get(r->object, BYTES("data")) : r->object;
    struct check check = {.r = r,
        .txn = txn,
        .user = user,
        .who = who,
        .spec = r->kind == &pod_kind ? part : json_get(part, BYTES("spec")),
        .prefix = revision ? BYTES("data.") : BYTES(""),
        .account = BYTES("")};

    if (!who.p)
        return arena_error(r->arena, &r->error);
    if (!object)
        return ERR_OK;
    TRY(check_names(&check, schema, object));
    if (!part)
        return refuse(&check);
    TRY(references_walk(schema, object, TARGETS, visit, &check));
    if (check.account.n == 0)
        TRY(check_account(&check, BYTES("default"), BYTES("")));
    return refuse(&check);
}

/* ---- Who must be allowed. */

/* What kube-controller-manager runs as, all in one or each controller by itself, where it makes Pods or what makes
 * them. Whatever they write, they write for whoever wrote what they found: their own rights do not count. */
static bool is_controller(const struct user *user)
{
    static const char *const accounts[] = {"cronjob-controller", "daemon-set-controller", "deployment-controller",
        "job-controller", "replicaset-controller", "replication-controller", "statefulset-controller"};
    bytes namespace, account;

    if (bytes_equal(user->name, BYTES("system:kube-controller-manager")))
        return true;
    if (!user_is_account(user->name, &namespace, &account) || !bytes_equal(namespace, BYTES("kube-system")))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(accounts); i++)
        if (bytes_equal(account, bytes_of(accounts[i])))
            return true;
    return false;
}

static const struct kind *kind_of_reference(const struct json *reference)
{
    bytes version = json_text(reference, BYTES("apiVersion")), group = BYTES("");
    size_t slash = bytes_find(version, '/');

    if (slash < version.n) {
        group = (bytes){version.p, slash};
        version = bytes_skip(version, slash + 1);
    }
    return kind_by_name(registry_current(), group, version, json_text(reference, BYTES("kind")));
}

static const struct json *controlling_owner(const struct json *object)
{
    const struct json *owners = json_at(object, BYTES("metadata"), BYTES("ownerReferences"), BYTES_NONE);

    for (const struct json *o = owners ? owners->first : NULL; o; o = o->next)
        if (json_get(o, BYTES("controller")) && json_get(o, BYTES("controller"))->type == JSON_TRUE)
            return o;
    return NULL;
}

static err_t get(struct request *r, struct read_txn *txn, const struct kind *kind, bytes name, struct json **ret)
{
    bytes key = object_key(r->arena, r->namespace, name);

    *ret = NULL;
    if (!key.p)
        return arena_error(r->arena, &r->error);
    return name.n == 0 || key.n > STORE_KEY_MAX ? ERR_OK : admission_get(r, txn, kind, key, ret, NULL);
}

static err_t read_writer(
    struct request *r, const struct kind *kind, const struct json *object, bytes name, struct maker *maker)
{
    struct user writer;
    bool found;

    TRY(pod_writer_read(r->arena, kind, object, &writer, &found, &r->error));
    if (!found)
        return ERR_OK;
    maker->recorded = true;
    maker->writer = writer;
    maker->recorded_in = arena_format(r->arena, "%s \"%.*s\"", kind->kind, BYTES_FMT(shown(name)));
    return maker->recorded_in.p ? ERR_OK : arena_error(r->arena, &r->error);
}

/* An owner is found by name and counts by uid: one that was made anew under the name is another. */
static err_t find_maker(struct request *r, struct read_txn *txn, struct maker *ret)
{
    const struct json *owner = controlling_owner(r->object);
    const struct kind *kind = owner ? kind_of_reference(owner) : NULL;
    bytes name = json_text(owner, BYTES("name")), uid = json_text(owner, BYTES("uid"));
    struct json *object;

    *ret = (struct maker){0};
    if (!kind || !kind->namespaced || !pod_part_kind(kind))
        return ERR_OK;
    TRY(get(r, txn, kind, name, &object));
    if (!object || !bytes_equal(json_text(json_get(object, BYTES("metadata")), BYTES("uid")), uid))
        return ERR_OK;
    *ret = (struct maker){.kind = kind, .object = object, .name = name, .uid = uid};
    return read_writer(r, kind, object, name, ret);
}

/* A Pod of a StatefulSet or DaemonSet may be made of an older template, which its label names: then who wrote that one
 * answers for it, not who wrote the newest. The label is the ControllerRevision's name, or its end. */
static err_t find_revision(struct request *r, struct read_txn *txn, struct maker *maker)
{
    bytes label = json_text(
              json_at(r->object, BYTES("metadata"), BYTES("labels"), BYTES_NONE), BYTES("controller-revision-hash")),
          names[] = {label, arena_join(r->arena, maker->name, BYTES("-"), label, ARENA_END)};
    struct json *revision;

    if (!names[1].p)
        return arena_error(r->arena, &r->error);
    for (size_t i = 0; label.n > 0 && i < ARRAY_LEN(names); i++) {
        TRY(get(r, txn, &controller_revision_kind, names[i], &revision));
        const struct json *owner = revision ? controlling_owner(revision) : NULL;
        if (owner && bytes_equal(json_text(owner, BYTES("uid")), maker->uid))
            return read_writer(r, &controller_revision_kind, revision, names[i], maker);
    }
    return ERR_OK;
}

static err_t check_all(struct request *r, struct read_txn *txn, const struct maker *maker)
{
    static const struct user nobody = {.name = {(const uint8_t *)"", 0}};
    bool controller = is_controller(&r->user);
    bytes name = shown(r->user.name);

    if (!controller)
        TRY(check_user(r, txn, &r->user, arena_format(r->arena, "User \"%.*s\"", BYTES_FMT(name))));
    if (maker->recorded)
        return check_user(r, txn, &maker->writer,
            arena_format(r->arena, "User \"%.*s\", who wrote the template of %.*s,",
                BYTES_FMT(shown(maker->writer.name)), BYTES_FMT(maker->recorded_in)));
    if (!controller)
        return ERR_OK;
    return check_user(r, txn, &nobody,
        arena_format(r->arena, "User \"%.*s\", who acts for nobody as no writer of a controlling template is recorded,",
            BYTES_FMT(name)));
}

/* Children of a template carry its writer on. One that had another keeps him until it says the same as the template,
 * again: a Deployment that was rolled back, and runs by who did it. */
static err_t record(struct request *r, const struct maker *maker, bool changed)
{
    const struct user *heir = maker->recorded ? &maker->writer : NULL;

    if (r->kind == &pod_kind)
        return ERR_OK;
    if (changed)
        return pod_writer_set(r, is_controller(&r->user) ? heir : &r->user);
    if (heir && is_controller(&r->user) &&
        pod_template_same(pod_part(r->kind, r->object), pod_part(maker->kind, maker->object)))
        return pod_writer_set(r, heir);
    return ERR_OK;
}

/* All of a revision's data: whoever wrote it answers for what comes of it, whether or not a template is seen there. */
static const struct json *decisive_part(const struct kind *kind, const struct json *object)
{
    return kind == &controller_revision_kind ? json_get(object, BYTES("data")) : pod_part(kind, object);
}

static bool part_changed(const struct request *r)
{
    const struct json *now = decisive_part(r->kind, r->object),
                      *before = r->creates ? NULL : decisive_part(r->kind, r->old);

    return now && before ? !json_equal(now, before) : now != before;
}

err_t guard_pod_secrets(struct request *r, struct read_txn *txn)
{
    bool changed;
    struct maker maker;

    /* A binding says where the Pod runs, and nothing of what it is. */
    if (!r->object || r->subresource == SUBRESOURCE_BINDING || !pod_part_kind(r->kind))
        return ERR_OK;
    TRY(pod_writer_restore(r)); /* a webhook says as little about it as the client */
    changed = part_changed(r);
    if (!changed && (r->kind == &pod_kind || !is_controller(&r->user)))
        return ERR_OK;
    TRY(find_maker(r, txn, &maker));
    if (r->kind == &pod_kind && maker.kind)
        TRY(find_revision(r, txn, &maker));
    if (changed && r->server->options.pod_secret_check != POD_SECRET_OFF)
        TRY(check_all(r, txn, &maker));
    return record(r, &maker, changed);
}
