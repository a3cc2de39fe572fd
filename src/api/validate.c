/* SPDX-License-Identifier: Apache-2.0 */
/* Metadata validation, in kube-apiserver's order and words. */
#include "api/managed_fields.h"
#include "api/object.h"
#include "text/utf8.h"

#include <stdlib.h>

#define ANNOTATIONS_MOST 262144

/* Items, for as long as there is room for causes. */
static const struct json *next(const struct json *item, const struct error *error)
{
    return error->cause_count < CAUSES_MOST ? item->next : NULL;
}

static const struct json *first(const struct json *list, const struct error *error)
{
    return list && error->cause_count < CAUSES_MOST ? list->first : NULL;
}

/* Keys lie in a map that is sorted, so that causes come in one order. */
static void validate_labels(struct arena *arena, const struct json *labels, struct error *error)
{
    const char *sentences[4];
    for (const struct json *label = first(labels, error); label; label = next(label, error)) {
        size_t n = qualified_name_errors(label->key, sentences);
        for (size_t i = 0; i < n; i++)
            cause_invalid(arena, BYTES("metadata.labels"), label->key, sentences[i], error);
        n = label_value_errors(label->text, sentences);
        for (size_t i = 0; i < n; i++)
            cause_invalid(arena, BYTES("metadata.labels"), label->text, sentences[i], error);
    }
}

/* Upper case is fine in a prefix here. */
static size_t annotation_key_errors(struct arena *arena, bytes key, const char *sentences[4], struct error *error)
{
    uint8_t *lower = arena_alloc(arena, key.n);
    if (!lower) {
        (void)arena_error(arena, error);
        return 0;
    }
    for (size_t i = 0; i < key.n; i++)
        lower[i] = key.p[i] >= 'A' && key.p[i] <= 'Z' ? key.p[i] | 0x20 : key.p[i];
    return qualified_name_errors((bytes){lower, key.n}, sentences);
}

static void validate_annotations(struct arena *arena, const struct json *annotations, struct error *error)
{
    const char *sentences[4];
    size_t total = 0;
    for (const struct json *a = annotations ? annotations->first : NULL; a; a = a->next) {
        size_t n = annotation_key_errors(arena, a->key, sentences, error);
        for (size_t i = 0; i < n; i++)
            cause_invalid(arena, BYTES("metadata.annotations"), a->key, sentences[i], error);
        total += a->key.n + a->text.n;
    }
    if (total > ANNOTATIONS_MOST)
        error_cause(error, "FieldValueTooLong", BYTES("metadata.annotations"),
            "Too long: may not be more than %d bytes", ANNOTATIONS_MOST);
    if (json_get(annotations, BYTES(ANNOTATION_UNREADABLE)))
        error_cause(error, "FieldValueForbidden", BYTES("metadata.annotations[" ANNOTATION_UNREADABLE "]"),
            "Forbidden: marks an object that the server cannot read; it may not be written");
}

/* ---- Owners */

static void validate_owner(struct arena *arena, const struct json *owner, struct error *error)
{
    static const struct {
        const char *name, *field, *sentence;
    } members[] = {{"kind", "metadata.ownerReferences.kind", "must not be empty"},
        {"name", "metadata.ownerReferences.name", "must not be empty"},
        {"uid", "metadata.ownerReferences.uid", "must not be empty"}};
    bytes version = json_text(owner, BYTES("apiVersion"));
    if (version.n == 0 || version.p[version.n - 1] == '/')
        cause_invalid(arena, BYTES("metadata.ownerReferences.apiVersion"), version, "version must not be empty", error);
    for (size_t i = 0; i < ARRAY_LEN(members); i++)
        if (!json_text(owner, bytes_of(members[i].name)).n)
            cause_invalid(arena, bytes_of(members[i].field), BYTES(""), members[i].sentence, error);
    if (bytes_equal(version, BYTES("v1")) && bytes_equal(json_text(owner, BYTES("kind")), BYTES("Event")))
        error_cause(error, "FieldValueInvalid", BYTES("metadata.ownerReferences"),
            "Invalid value: \"Event\": /v1, Kind=Event is disallowed from being an owner");
}

static bool is_controller(const struct json *owner)
{
    const struct json *controller = json_get(owner, BYTES("controller"));
    return controller && controller->type == JSON_TRUE;
}

static void cause_json(struct arena *arena, bytes field, const struct json *value, bytes sentence, struct error *error)
{
    struct buffer text;
    buffer_init(&text, arena);
    json_write(&text, value);
    if (text.failed || !sentence.p)
        (void)arena_error(arena, error);
    else
        error_cause(error, "FieldValueInvalid", field, "Invalid value: %.*s: %.*s", BYTES_FMT(buffer_bytes(&text)),
            BYTES_FMT(sentence));
}

static void validate_owners(struct arena *arena, const struct json *owners, struct error *error)
{
    const struct json *other = NULL;
    for (const struct json *owner = first(owners, error); owner; owner = next(owner, error)) {
        validate_owner(arena, owner, error);
        if (!is_controller(owner))
            continue;
        if (!other) {
            other = owner;
            continue;
        }
        bytes sentence = arena_format(arena,
            "Only one reference can have Controller set to true. Found \"true\" in references for %.*s/%.*s and "
            "%.*s/%.*s",
            BYTES_FMT(json_text(other, BYTES("kind"))), BYTES_FMT(json_text(other, BYTES("name"))),
            BYTES_FMT(json_text(owner, BYTES("kind"))), BYTES_FMT(json_text(owner, BYTES("name"))));
        cause_json(arena, BYTES("metadata.ownerReferences"), owners, sentence, error);
    }
}

/* ---- Finalizers */

static bool lists(const struct json *finalizers, bytes name)
{
    for (const struct json *f = finalizers ? finalizers->first : NULL; f; f = f->next)
        if (bytes_equal(f->text, name))
            return true;
    return false;
}

static void validate_finalizers(struct arena *arena, const struct json *finalizers, bool qualified, struct error *error)
{
    const char *sentences[4];
    unsigned index = 0;
    for (const struct json *f = first(finalizers, error); f; f = next(f, error), index++) {
        bytes field = arena_format(arena, "metadata.finalizers[%u]", index);
        bool standard = bytes_equal(f->text, BYTES("kubernetes")) ||
                        bytes_equal(f->text, BYTES("foregroundDeletion")) || bytes_equal(f->text, BYTES("orphan"));
        size_t n = qualified_name_errors(f->text, sentences);
        for (size_t i = 0; i < n; i++)
            cause_invalid(arena, field, f->text, sentences[i], error);
        if (qualified && !standard && bytes_find(f->text, '/') == f->text.n)
            cause_invalid(
                arena, field, f->text, "name is neither a standard finalizer name nor is it fully qualified", error);
    }
    if (lists(finalizers, BYTES("orphan")) && lists(finalizers, BYTES("foregroundDeletion")))
        cause_json(arena, BYTES("metadata.finalizers"), finalizers,
            BYTES("finalizer orphan and foregroundDeletion cannot be both set"), error);
}

static int compare_texts(const void *a, const void *b)
{
    return bytes_compare(*(const bytes *)a, *(const bytes *)b);
}

/* The texts of a list in order; NULL when the arena is full. */
static bytes *sorted_texts(struct arena *arena, const struct json *list)
{
    bytes *texts = arena_alloc(arena, (list ? list->count : 0) * sizeof(bytes));
    size_t n = 0;
    for (const struct json *item = list ? list->first : NULL; texts && item; item = item->next)
        texts[n++] = item->text;
    if (n)
        qsort(texts, n, sizeof(*texts), compare_texts);
    return texts;
}

static void validate_no_new_finalizers(
    struct arena *arena, const struct json *finalizers, const struct json *old, struct error *error)
{
    const bytes *known = sorted_texts(arena, old);
    struct buffer added;
    unsigned count = 0;
    buffer_init(&added, arena);
    for (const struct json *f = known && finalizers ? finalizers->first : NULL; f; f = f->next) {
        if (old && bsearch(&f->text, known, old->count, sizeof(*known), compare_texts))
            continue;
        bytes quoted = utf8_quote(arena, f->text);
        buffer_text(&added, count++ ? ", " : "");
        buffer_put(&added, quoted.p ? quoted : BYTES_NONE);
    }
    if (!known || added.failed)
        (void)arena_error(arena, error);
    else if (count)
        error_cause(error, "FieldValueForbidden", BYTES("metadata.finalizers"),
            "Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers "
            "[]string{%.*s}",
            BYTES_FMT(buffer_bytes(&added)));
}

/* ---- The whole */

static void validate_names(
    struct arena *arena, const struct kind *kind, const struct json *metadata, struct error *error)
{
    bytes name = json_text(metadata, BYTES("name")), base = json_text(metadata, BYTES("generateName"));
    void (*validate)(struct arena *, bytes, bool, bytes, struct error *) =
        kind->rules->validate_name ? kind->rules->validate_name : validate_dns1123_subdomain;
    if (base.n)
        validate(arena, base, true, BYTES("metadata.generateName"), error);
    if (name.n)
        validate(arena, name, false, BYTES("metadata.name"), error);
    else
        error_cause(
            error, "FieldValueRequired", BYTES("metadata.name"), "Required value: name or generateName is required");
}

static void validate_generation(const struct json *metadata, struct error *error)
{
    const struct json *generation = json_get(metadata, BYTES("generation"));
    int64_t value;
    if (generation && json_to_int64(generation, &value) && value < 0)
        error_cause(error, "FieldValueInvalid", BYTES("metadata.generation"),
            "Invalid value: %lld: must be greater than or equal to 0", (long long)value);
}

err_t object_compose_invalid(struct arena *arena, const struct kind *kind, bytes name, struct error *error)
{
    struct buffer all;
    unsigned said = 0;
    const char *group = kind_stored(kind)->group; /* of upstream's strategy, which both groups of an Event share */
    buffer_init(&all, arena);
    for (const struct cause *c = error->causes; c; c = c->next) {
        const struct cause *same = error->causes;
        while (same != c && !(bytes_equal(same->field, c->field) && bytes_equal(same->message, c->message)))
            same = same->next;
        if (same != c)
            continue;
        buffer_text(&all, said++ ? ", " : "");
        buffer_put(&all, c->field);
        buffer_text(&all, ": ");
        buffer_put(&all, c->message);
    }
    bool stored = kind_is_stored(kind);
    bytes quoted = utf8_quote(arena, stored ? name : BYTES(""));
    bytes message =
        quoted.p && !all.failed
            ? arena_format(arena, "%s%s%s %.*s is invalid: %s%.*s%s", stored ? kind->kind : "", group[0] ? "." : "",
                  group, BYTES_FMT(quoted), said > 1 ? "[" : "", BYTES_FMT(buffer_bytes(&all)), said > 1 ? "]" : "")
            : BYTES_NONE;
    if (!message.p)
        return arena_error(arena, error);
    error->message = message; /* error_set would drop the causes */
    return error->code = ERR_INVALID;
}

void metadata_validate(struct arena *arena, const struct json *metadata, bool qualified, struct error *error)
{
    validate_generation(metadata, error);
    validate_labels(arena, json_get(metadata, BYTES("labels")), error);
    validate_annotations(arena, json_get(metadata, BYTES("annotations")), error);
    validate_owners(arena, json_get(metadata, BYTES("ownerReferences")), error);
    validate_finalizers(arena, json_get(metadata, BYTES("finalizers")), qualified, error);
    managed_fields_validate(arena, metadata, error);
}

/* What only the server sets. */
static void validate_unchanged(
    struct arena *arena, const struct json *metadata, const struct json *old, struct error *error)
{
    static const char *const names[] = {"uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const struct json *now = json_get(metadata, bytes_of(names[i])), *before = json_get(old, bytes_of(names[i]));
        if (!now || (before && json_equal(now, before)))
            continue;
        bytes field = arena_join(arena, BYTES("metadata."), bytes_of(names[i]), ARENA_END);
        struct buffer shown;
        buffer_init(&shown, arena);
        json_write(&shown, now);
        if (field.p && !shown.failed)
            error_cause(error, "FieldValueInvalid", field, "Invalid value: %.*s: field is immutable",
                BYTES_FMT(buffer_bytes(&shown)));
    }
}

static void validate_metadata(struct arena *arena, const struct kind *kind, const struct json *metadata,
    const struct json *old, struct error *error)
{
    /* upstream asks it of the kinds of its core alone */
    bool qualified = !kind->custom && strcmp(kind->group, "apiextensions.k8s.io") != 0;
    validate_names(arena, kind, metadata, error);
    if (old)
        validate_unchanged(arena, metadata, old, error);
    if (json_get(old, BYTES("deletionTimestamp")))
        validate_no_new_finalizers(
            arena, json_get(metadata, BYTES("finalizers")), json_get(old, BYTES("finalizers")), error);
    metadata_validate(arena, metadata, qualified, error);
}

err_t object_validate(struct arena *arena, const struct kind *kind, enum subresource subresource,
    const struct json *object, const struct json *old, struct error *error)
{
    const struct json *metadata = json_get(object, BYTES("metadata")), *old_metadata = json_get(old, BYTES("metadata"));
    unsigned before = error->cause_count;
    if (kind_is_stored(kind))
        validate_metadata(arena, kind, metadata, old_metadata, error);
    if (kind->rules->validate)
        kind->rules->validate(arena, kind, subresource, object, old, error);
    if (arena->failed)
        return arena_error(arena, error);
    return error->cause_count > before ? object_compose_invalid(arena, kind, json_text(metadata, BYTES("name")), error)
                                       : ERR_OK;
}
