/* SPDX-License-Identifier: Apache-2.0 */
/* A create and an update as the server does them, but for admission and storage. */
#ifndef COFFER_TESTS_KINDS_WRITES_H
#define COFFER_TESTS_KINDS_WRITES_H

#include "../api/fixture.h"
#include "api/object.h"
#include "api/schema_value.h"
#include "api/status.h"
#include "kinds/kinds.h"

static struct warnings warnings;

static inline err_t create(
    const struct kind *kind, enum body_format format, bytes body, enum field_validation validation, struct json **ret)
{
    struct json *object;
    bytes namespace = kind->namespaced ? BYTES("golden") : BYTES("");
    error_init(&error, &arena);
    warnings = (struct warnings){0};
    TRY(decode_object(&arena, kind, format, body, validation, &warnings, &object, &error));
    TRY(object_prepare_create(&arena, kind, object, namespace, &error));
    TRY(schema_set_defaults(&arena, kind->schema, object, &error));
    if (kind->rules->set_defaults)
        TRY(kind->rules->set_defaults(&arena, kind, object, &error));
    if (kind->rules->prepare)
        TRY(kind->rules->prepare(&arena, kind, SUBRESOURCE_NONE, object, NULL, &error));
    TRY(object_validate(&arena, kind, SUBRESOURCE_NONE, object, NULL, &error));
    if (kind->rules->warn)
        kind->rules->warn(&arena, kind, object, &warnings);
    *ret = object;
    return ERR_OK;
}

static inline err_t update(const struct kind *kind, const char *body, const struct json *old, struct json **ret)
{
    struct json *object;
    bytes name = json_text(json_get(old, BYTES("metadata")), BYTES("name"));
    error_init(&error, &arena);
    warnings = (struct warnings){0};
    TRY(decode_object(&arena, kind, BODY_JSON, bytes_of(body), FIELD_VALIDATION_STRICT, &warnings, &object, &error));
    TRY(object_prepare_update(&arena, kind, object, old, kind->namespaced ? BYTES("golden") : BYTES(""), name, &error));
    TRY(schema_set_defaults(&arena, kind->schema, object, &error));
    if (kind->rules->set_defaults)
        TRY(kind->rules->set_defaults(&arena, kind, object, &error));
    if (kind->rules->prepare)
        TRY(kind->rules->prepare(&arena, kind, SUBRESOURCE_NONE, object, old, &error));
    TRY(object_validate(&arena, kind, SUBRESOURCE_NONE, object, old, &error));
    *ret = object;
    return ERR_OK;
}

/* The stored text without what differs from run to run, or the error's sentence. */
static inline const char *outcome(err_t result, struct json *object)
{
    if (result != ERR_OK)
        return text(error.message);
    struct json *metadata = json_get(object, BYTES("metadata"));
    json_remove(metadata, BYTES("uid"));
    json_remove(metadata, BYTES("creationTimestamp"));
    bytes stored = object_store_text(&arena, &secret_kind, object); /* of any built-in kind */
    stored.n--;
    return text(stored);
}

static inline const char *created(const struct kind *kind, const char *body)
{
    struct json *object = NULL;
    err_t result = create(kind, BODY_JSON, bytes_of(body), FIELD_VALIDATION_WARN, &object);
    return outcome(result, object);
}

static inline struct json *existing(const struct kind *kind, const char *body)
{
    struct json *object;
    if (create(kind, BODY_JSON, bytes_of(body), FIELD_VALIDATION_WARN, &object) != ERR_OK)
        fail_msg("%s", text(error.message));
    return object;
}

static inline const char *updated(const struct kind *kind, const char *body, const struct json *old)
{
    struct json *object = NULL;
    err_t result = update(kind, body, old, &object);
    return outcome(result, object);
}

#endif
