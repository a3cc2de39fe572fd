/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base64.h"
#include "serve/webhook.h"

#include <stdlib.h>

#define CONFIGURATION_MEMORY (256u << 20) /* of a body of 3 MiB that is all small webhooks */
#define TIMEOUT_SECONDS      10
#define PORT                 443

/* Counted by the snapshots that hold it. */
struct webhook_configuration {
    atomic_uint references;
    bytes name;
    struct webhook *webhooks;
    size_t count;
    struct arena memory; /* a plain one: a configuration is no secret */
};

struct webhook_set {
    struct published_value published;
    struct webhook_configuration **configurations[WEBHOOK_PHASES]; /* by name */
    size_t counts[WEBHOOK_PHASES];
};

static struct webhook_set none;
static struct published published = PUBLISHED(3, &none.published);

const struct webhook_set *webhooks_current(void)
{
    return (const struct webhook_set *)published_see(&published);
}

const struct published_value *webhook_set_value(const struct webhook_set *set)
{
    return &set->published;
}

/* ---- Lifetimes. */

static void configuration_release(struct webhook_configuration *c)
{
    struct arena memory;

    if (!c || atomic_fetch_sub(&c->references, 1) > 1)
        return;
    for (size_t i = 0; i < c->count; i++) {
        for (size_t k = 0; k < c->webhooks[i].idle_count; k++)
            http_client_free(c->webhooks[i].idle[k]);
        pthread_mutex_destroy(&c->webhooks[i].mutex);
    }
    memory = c->memory;
    arena_reset(&memory);
    free(c);
}

static void set_free(struct published_value *value)
{
    struct webhook_set *set = (struct webhook_set *)value;

    for (size_t phase = 0; phase < WEBHOOK_PHASES; phase++) {
        for (size_t i = 0; i < set->counts[phase]; i++)
            configuration_release(set->configurations[phase][i]);
        free(set->configurations[phase]);
    }
    free(set);
}

/* ---- Compiling. */

static bool is_text(const struct json *object, const char *name, const char *text)
{
    return bytes_equal(json_text(object, bytes_of(name)), bytes_of(text));
}

static unsigned operations_of(const struct json *list)
{
    static const struct {
        const char *name;
        unsigned operations;
    } rows[] = {{"CREATE", OPERATION_CREATE}, {"UPDATE", OPERATION_UPDATE}, {"DELETE", OPERATION_DELETE},
        {"CONNECT", OPERATION_CONNECT},
        {"*", OPERATION_CREATE | OPERATION_UPDATE | OPERATION_DELETE | OPERATION_CONNECT}};
    unsigned found = 0;

    for (const struct json *item = list ? list->first : NULL; item; item = item->next)
        for (size_t i = 0; i < ARRAY_LEN(rows); i++)
            if (bytes_equal(item->text, bytes_of(rows[i].name)))
                found |= rows[i].operations;
    return found;
}

static bool compile_rules(struct arena *arena, const struct json *from, struct webhook *w)
{
    const struct json *rules = json_get(from, BYTES("rules"));

    w->rules = arena_alloc(arena, (rules ? rules->count : 0) * sizeof *w->rules);
    if (!w->rules)
        return false;
    for (const struct json *rule = rules ? rules->first : NULL; rule; rule = rule->next)
        w->rules[w->rule_count++] =
            (struct webhook_rule){.operations = operations_of(json_get(rule, BYTES("operations"))),
                .groups = json_get(rule, BYTES("apiGroups")),
                .versions = json_get(rule, BYTES("apiVersions")),
                .resources = json_get(rule, BYTES("resources")),
                .scope = is_text(rule, "scope", "Cluster")      ? SCOPE_CLUSTER
                         : is_text(rule, "scope", "Namespaced") ? SCOPE_NAMESPACED
                                                                : SCOPE_ALL};
    return true;
}

/* One that was stored and cannot be read matches everything: the strict side. */
static err_t compile_selector(struct arena *arena, const struct json *from, struct selector *ret, struct error *error)
{
    struct buffer text;
    err_t code;

    buffer_init(&text, arena);
    label_selector_write(&text, from);
    if (text.failed)
        return arena_error(arena, error);
    code = label_selector_parse(arena, buffer_bytes(&text), ret, NULL);
    if (code == ERR_BAD_REQUEST)
        *ret = (struct selector){0};
    return arena->failed ? arena_error(arena, error) : ERR_OK;
}

static unsigned number_of(const struct json *object, const char *name, unsigned otherwise)
{
    const struct json *value = json_get(object, bytes_of(name));
    int64_t number;

    return value && json_to_int64(value, &number) && number > 0 && number < 65536 ? (unsigned)number : otherwise;
}

static bytes host_of(bytes url)
{
    bytes scheme = BYTES("https://"), rest = bytes_start(url, scheme) ? bytes_skip(url, scheme.n) : url;

    rest.n = bytes_find(rest, '/');
    return rest;
}

static err_t compile_client(struct arena *arena, const struct json *client, struct webhook *w, struct error *error)
{
    const struct json *service = json_get(client, BYTES("service"));
    bytes ca = json_text(client, BYTES("caBundle")), path = json_text(service, BYTES("path"));
    size_t offset;

    w->url = json_text(client, BYTES("url"));
    if (service) {
        w->service = json_text(service, BYTES("name"));
        w->service_namespace = json_text(service, BYTES("namespace"));
        w->port = number_of(service, "port", PORT);
        w->url = arena_format(arena, "https://%.*s.%.*s.svc:%u%s%.*s", BYTES_FMT(w->service),
            BYTES_FMT(w->service_namespace), w->port, bytes_start(path, BYTES("/")) ? "" : "/", BYTES_FMT(path));
        if (!w->url.p)
            return arena_error(arena, error);
    }
    w->destination = host_of(w->url);
    if (w->destination.n == 0) /* stored by another server: calls fail, on the pool that they belong to */
        w->destination = BYTES("nowhere");
    if (ca.n > 0 && base64_decode(arena, BASE64_STANDARD, ca, &w->ca_pem, &offset) != ERR_OK)
        return error_set(error, ERR_CORRUPT, "the caBundle of the webhook %.*s cannot be read", BYTES_FMT(w->name));
    return ERR_OK;
}

/* v1, unless the list names v1beta1 before it. */
static bool prefers_beta(const struct json *versions)
{
    for (const struct json *v = versions ? versions->first : NULL; v; v = v->next) {
        if (bytes_equal(v->text, BYTES("v1")))
            return false;
        if (bytes_equal(v->text, BYTES("v1beta1")))
            return true;
    }
    return false;
}

static err_t compile_webhook(struct arena *arena, const struct json *from, struct webhook *w, struct error *error)
{
    w->name = json_text(from, BYTES("name"));
    w->equivalent = !is_text(from, "matchPolicy", "Exact");
    w->ignores_failure = is_text(from, "failurePolicy", "Ignore");
    w->dry_run = is_text(from, "sideEffects", "None") || is_text(from, "sideEffects", "NoneOnDryRun");
    w->reinvoked = is_text(from, "reinvocationPolicy", "IfNeeded");
    w->beta = prefers_beta(json_get(from, BYTES("admissionReviewVersions")));
    w->timeout_ms = number_of(from, "timeoutSeconds", TIMEOUT_SECONDS) * 1000;
    if (!compile_rules(arena, from, w))
        return arena_error(arena, error);
    TRY(compile_selector(arena, json_get(from, BYTES("namespaceSelector")), &w->namespaces, error));
    TRY(compile_selector(arena, json_get(from, BYTES("objectSelector")), &w->objects, error));
    return compile_client(arena, json_get(from, BYTES("clientConfig")), w, error);
}

static err_t compile_all(
    struct webhook_configuration *c, enum webhook_phase phase, bytes name, const struct json *from, struct error *error)
{
    struct json *object = json_copy(&c->memory, from), *list;
    bool reads_secrets;

    c->name = arena_copy(&c->memory, name);
    if (!object || !c->name.p)
        return arena_error(&c->memory, error);
    reads_secrets = bytes_equal(json_text(json_at(object, BYTES("metadata"), BYTES("annotations"), BYTES_NONE),
                                    BYTES(ANNOTATION_READS_SECRETS)),
        BYTES("true"));
    list = json_get(object, BYTES("webhooks"));
    c->webhooks = arena_zero(&c->memory, (list ? list->count : 0) * sizeof *c->webhooks);
    if (!c->webhooks)
        return arena_error(&c->memory, error);
    for (const struct json *item = list ? list->first : NULL; item; item = item->next) {
        struct webhook *w = &c->webhooks[c->count++];
        pthread_mutex_init(&w->mutex, NULL);
        w->phase = phase;
        w->reads_secrets = reads_secrets;
        TRY(compile_webhook(&c->memory, item, w, error));
    }
    return ERR_OK;
}

static err_t compile(enum webhook_phase phase, bytes name, const struct json *object,
    struct webhook_configuration **ret, struct error *error)
{
    struct webhook_configuration *c = calloc(1, sizeof *c);
    err_t code;

    if (!c)
        return error_set(error, ERR_NO_MEMORY, "no memory for a webhook configuration");
    atomic_init(&c->references, 1);
    arena_init_plain(&c->memory, CONFIGURATION_MEMORY);
    code = compile_all(c, phase, name, object, error);
    if (code == ERR_OK)
        *ret = c;
    else
        configuration_release(c);
    if (code == ERR_TOO_MANY_REQUESTS) /* its own bound: trying again would not help */
        return error_set(error, ERR_TOO_LARGE, "the webhook configuration %.*s is too large", BYTES_FMT(name));
    return code;
}

/* ---- Snapshots. */

/* The configurations of a phase without the one of this name, and with `put` in its place by name. */
static bool copy_phase(struct webhook_set *to, const struct webhook_set *from, enum webhook_phase phase, bytes name,
    struct webhook_configuration *put)
{
    size_t n = 0;
    struct webhook_configuration **list = calloc(from->counts[phase] + 1, sizeof(struct webhook_configuration *));

    if (!list)
        return false;
    for (size_t i = 0; i < from->counts[phase]; i++) {
        struct webhook_configuration *c = from->configurations[phase][i];
        int order = name.p ? bytes_compare(c->name, name) : -1;
        if (put && order > 0) {
            list[n++] = put;
            put = NULL;
        }
        if (order != 0) {
            atomic_fetch_add(&c->references, 1);
            list[n++] = c;
        }
    }
    if (put)
        list[n++] = put;
    to->configurations[phase] = list;
    to->counts[phase] = n;
    return true;
}

err_t webhooks_follow(enum webhook_phase phase, bytes name, const struct json *object, struct error *error)
{
    const struct webhook_set *old = (const struct webhook_set *)published_newest(&published);
    enum webhook_phase other = phase == WEBHOOK_MUTATING ? WEBHOOK_VALIDATING : WEBHOOK_MUTATING;
    struct webhook_configuration *put = NULL;
    struct webhook_set *set;

    if (object)
        TRY(compile(phase, name, object, &put, error));
    set = calloc(1, sizeof *set);
    if (set) {
        atomic_init(&set->published.references, 1);
        set->published.free = set_free;
    }
    if (!set || !copy_phase(set, old, other, BYTES_NONE, NULL) || !copy_phase(set, old, phase, name, put)) {
        configuration_release(put);
        if (set)
            set_free(&set->published);
        return error_set(error, ERR_NO_MEMORY, "no memory for webhook configurations");
    }
    published_swap(&published, &set->published);
    return ERR_OK;
}

/* ---- Matching. */

static bool names(const struct json *list, bytes name)
{
    for (const struct json *item = list ? list->first : NULL; item; item = item->next)
        if (bytes_equal(item->text, BYTES("*")) || bytes_equal(item->text, name))
            return true;
    return false;
}

/* "pods", "pods/log", "*", "*\/scale", "pods/\*": a star stands for any resource, or any part of one, or none. */
static bool names_resource(const struct json *list, bytes resource, bytes subresource)
{
    for (const struct json *item = list ? list->first : NULL; item; item = item->next) {
        size_t slash = bytes_find(item->text, '/');
        bytes of = {item->text.p, slash}, part = slash < item->text.n ? bytes_skip(item->text, slash + 1) : BYTES_NONE;
        if ((bytes_equal(of, BYTES("*")) || bytes_equal(of, resource)) &&
            (bytes_equal(part, BYTES("*")) || bytes_equal(part, subresource)))
            return true;
    }
    return false;
}

static bool in_scope(const struct webhook_rule *rule, const struct webhook_subject *s)
{
    return rule->scope == SCOPE_ALL || (rule->scope == SCOPE_NAMESPACED) == (s->namespace.n > 0);
}

/* All but group and version. */
static bool may_match(const struct webhook_rule *rule, const struct webhook_subject *s)
{
    return (rule->operations & (unsigned)s->operation) && in_scope(rule, s) &&
           names_resource(rule->resources, bytes_of(s->kind->plural), s->subresource);
}

static bool has_version(const struct webhook_rule *rule, const struct kind *kind)
{
    return names(rule->groups, bytes_of(kind->group)) && names(rule->versions, bytes_of(kind->version));
}

/* Another version or group of the same objects that the rule names; by that it is sent. */
static const struct kind *equivalent(const struct webhook_rule *rule, const struct kind *kind)
{
    size_t count;
    const struct kind *const *kinds = registry_kinds(registry_current(), &count);

    for (size_t i = 0; i < count; i++)
        if (kind->number > 0 && kinds[i]->number == kind->number && kinds[i] != kind && has_version(rule, kinds[i]))
            return kinds[i];
    return NULL;
}

/* A custom kind's other versions are found in its own set, which the request holds. */
static const struct kind *equivalent_custom(const struct webhook_rule *rule, const struct kind *kind)
{
    for (size_t i = 0; i < kind->set->count; i++)
        if (kind->set->kinds[i] != kind && has_version(rule, kind->set->kinds[i]))
            return kind->set->kinds[i];
    return NULL;
}

static const struct kind *wanted_version(const struct webhook *w, const struct webhook_subject *s)
{
    const struct kind *found = NULL;

    for (size_t i = 0; i < w->rule_count; i++)
        if (may_match(&w->rules[i], s) && has_version(&w->rules[i], s->kind))
            return s->kind;
    for (size_t i = 0; w->equivalent && !found && i < w->rule_count; i++)
        if (may_match(&w->rules[i], s))
            found = s->kind->set ? equivalent_custom(&w->rules[i], s->kind) : equivalent(&w->rules[i], s->kind);
    return found;
}

size_t webhooks_match(const struct webhook_set *set, enum webhook_phase phase, const struct webhook_subject *s,
    struct webhook **ret, const struct kind **ret_as, size_t room)
{
    size_t n = 0;

    if (strcmp(s->kind->group, "admissionregistration.k8s.io") == 0) /* who is locked out could not undo it */
        return 0;
    for (size_t i = 0; i < set->counts[phase]; i++)
        for (size_t k = 0; k < set->configurations[phase][i]->count; k++) {
            struct webhook *w = &set->configurations[phase][i]->webhooks[k];
            const struct kind *as = wanted_version(w, s);
            if (as && n < room) {
                ret[n] = w;
                ret_as[n] = as;
            }
            n += as != NULL;
        }
    return n;
}
