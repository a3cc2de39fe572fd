/* SPDX-License-Identifier: Apache-2.0 */
/* Which patch a body is, and its reading. */
#include "api/patch_internal.h"
#include "text/utf8.h"
#include "text/yaml.h"

#include <stdio.h>

#define OPERATIONS_MOST 10000
#define FLAWS_MOST      100

static const struct {
    const char *content_type;
    const char *syntax, *mismatch; /* before what is wrong with the body */
} types[] = {
    [PATCH_JSON] = {"application/json-patch+json", "error decoding patch: ", "error decoding patch: "},
    [PATCH_MERGE] = {"application/merge-patch+json", "error decoding patch: ", "error decoding patch: "},
    [PATCH_STRATEGIC] = {"application/strategic-merge-patch+json", "", ""},
    [PATCH_APPLY] = {"application/apply-patch+yaml",
        "error decoding YAML: ", "error decoding YAML: error unmarshaling JSON: while decoding JSON: "},
};

err_t patch_type_of(bytes content_type, bool custom, enum patch_type *ret, struct error *error)
{
    bytes type = {content_type.p, bytes_find(content_type, ';')};
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (bytes_equal(type, bytes_of(types[i].content_type)) && !(custom && i == PATCH_STRATEGIC)) {
            *ret = (enum patch_type)i;
            return ERR_OK;
        }
    if (!custom) /* these routes know their types before the handler does */
        return error_set(error, ERR_UNSUPPORTED_MEDIA_TYPE, "415: Unsupported Media Type");
    return error_set(error, ERR_UNSUPPORTED_MEDIA_TYPE,
        "the body of the request was in an unknown format - accepted media types include: %s, %s, %s",
        types[PATCH_JSON].content_type, types[PATCH_MERGE].content_type, types[PATCH_APPLY].content_type);
}

/* ---- Flaws: what fieldValidation judges in the patch itself. Duplicate members are told and dropped: the last wins.
 */

struct reader {
    struct patch_context context;
    enum patch_type type;
    struct warnings *flaws; /* NULL: nobody asks */
    const struct json *path[PATCH_DEPTH_MOST + 1];
    uint32_t position[PATCH_DEPTH_MOST + 1]; /* of an item */
    unsigned depth;
};

static const char *json_type_name(const struct json *value)
{
    static const char *const names[] = {[JSON_NULL] = "null",
        [JSON_FALSE] = "bool",
        [JSON_TRUE] = "bool",
        [JSON_NUMBER] = "number",
        [JSON_STRING] = "string",
        [JSON_ARRAY] = "array",
        [JSON_OBJECT] = "object"};
    return names[value->type];
}

/* `duplicate field "a.b[0].c"` of a member below where the reader is. */
static err_t tell(struct reader *r, const char *what, bytes name)
{
    struct buffer path;
    if (!r->flaws || r->flaws->count >= FLAWS_MOST)
        return ERR_OK;
    buffer_init(&path, r->context.arena);
    for (unsigned i = 1; i <= r->depth; i++) {
        const struct json *step = r->path[i];
        if (step->key.p)
            buffer_format(&path, "%s%.*s", path.n ? "." : "", BYTES_FMT(step->key));
        else
            buffer_format(&path, "[%u]", r->position[i]);
    }
    buffer_format(&path, "%s%.*s", path.n ? "." : "", BYTES_FMT(name));
    bytes quoted = path.failed ? BYTES_NONE : utf8_quote(r->context.arena, buffer_bytes(&path));
    bytes sentence = quoted.p ? arena_format(r->context.arena, "%s%s field %.*s",
                                    r->type == PATCH_JSON ? "json patch " : "", what, BYTES_FMT(quoted))
                              : BYTES_NONE;
    if (!sentence.p)
        return arena_error(r->context.arena, r->context.error);
    warning_add(r->context.arena, r->flaws, sentence);
    return r->context.arena->failed == ERR_OK ? ERR_OK : arena_error(r->context.arena, r->context.error);
}

/* Keeps the last member of each name, in the place of the first. */
static err_t drop_duplicates(struct reader *r, struct json *object)
{
    struct patch_index names;
    struct json *member = object->first, *next;
    if (!patch_index_init(&names, r->context.arena, object->count))
        return arena_error(r->context.arena, r->context.error);
    object->first = object->last = NULL;
    object->count = 0;
    for (; member; member = next) {
        next = member->next;
        struct patch_slot *slot = patch_index_put(&names, patch_name(member->key), 0, member);
        if (slot->value == member) {
            json_append(object, member);
            continue;
        }
        TRY(tell(r, "duplicate", member->key));
        struct json *after = slot->value->next;
        *slot->value = *member;
        slot->value->next = after;
    }
    return ERR_OK;
}

static err_t tidy(struct reader *r, struct json *value)
{
    uint32_t position = 0;
    if (!patch_is_container(value))
        return ERR_OK;
    if (value->type == JSON_OBJECT)
        TRY(drop_duplicates(r, value));
    for (struct json *child = value->first; child; child = child->next) {
        r->path[++r->depth] = child;
        r->position[r->depth] = position++;
        TRY(tidy(r, child));
        r->depth--;
    }
    return ERR_OK;
}

/* ---- The forms of the bodies */

static err_t refuse_type(struct reader *r, const struct json *value, const char *into)
{
    return error_set(r->context.error, ERR_BAD_REQUEST, "%sjson: cannot unmarshal %s into Go %s",
        types[r->type].mismatch, json_type_name(value), into);
}

/* The members that an operation has; all but the last are strings. */
static const char *const operation_members[] = {"op", "path", "from", "value"};

static err_t check_operation(struct reader *r, const struct json *operation)
{
    for (const struct json *member = operation->first; member; member = member->next) {
        size_t i = 0;
        while (i < ARRAY_LEN(operation_members) && !bytes_equal(member->key, bytes_of(operation_members[i])))
            i++;
        if (i == ARRAY_LEN(operation_members)) {
            TRY(tell(r, "unknown", member->key));
        } else if (i < ARRAY_LEN(operation_members) - 1 && member->type != JSON_STRING && member->type != JSON_NULL) {
            char into[64];
            (void)snprintf(into, sizeof(into), "struct field jsonPatchOp.%s of type string", operation_members[i]);
            return refuse_type(r, member, into);
        }
    }
    return ERR_OK;
}

static err_t check_operations(struct reader *r, const struct json *patch)
{
    if (patch->type != JSON_ARRAY && patch->type != JSON_NULL)
        return refuse_type(r, patch, "value of type []handlers.jsonPatchOp");
    if (patch->type == JSON_NULL)
        return ERR_OK;
    r->depth = 1;
    for (const struct json *operation = patch->first; operation; operation = operation->next) {
        if (operation->type != JSON_OBJECT && operation->type != JSON_NULL)
            return refuse_type(r, operation, "value of type handlers.jsonPatchOp");
        r->path[1] = operation;
        if (operation->type == JSON_OBJECT)
            TRY(check_operation(r, operation));
        r->position[1]++;
    }
    if (patch->count > OPERATIONS_MOST)
        return error_set(r->context.error, ERR_TOO_LARGE,
            "Request entity too large: The allowed maximum operations in a JSON patch is %d, got %u", OPERATIONS_MOST,
            patch->count);
    return ERR_OK;
}

static err_t check_map(struct reader *r, const struct json *patch)
{
    if (patch->type == JSON_NULL && r->type == PATCH_MERGE)
        return error_set(r->context.error, ERR_BAD_REQUEST, "Invalid JSON Patch");
    if (patch->type == JSON_OBJECT || patch->type == JSON_NULL)
        return ERR_OK;
    return refuse_type(r, patch, "value of type map[string]interface {}");
}

/* Puts what stands before the sentence of a parser. */
static err_t with_prefix(struct reader *r, err_t result)
{
    struct error *error = r->context.error;
    if (result != ERR_BAD_REQUEST || !error || !types[r->type].syntax[0])
        return result;
    bytes sentence = arena_copy(r->context.arena, error->message);
    if (!sentence.p)
        return arena_error(r->context.arena, error);
    return error_set(error, ERR_BAD_REQUEST, "%s%.*s", types[r->type].syntax, BYTES_FMT(sentence));
}

/* A body of server-side apply is YAML, but mostly JSON, which is read ten times faster. Duplicates are decode_tree's.
 */
static err_t parse_apply(struct reader *r, bytes body, struct json **ret)
{
    const struct json_options options = {.max_depth = PATCH_DEPTH_MOST, .keep_duplicates = true};
    if (body.n > 0 && body.p[0] == '{' && json_parse(r->context.arena, body, &options, ret, NULL, NULL) == ERR_OK)
        return ERR_OK;
    return with_prefix(r, yaml_parse(r->context.arena, body, 0, ret, r->context.error));
}

static err_t parse_json(struct reader *r, bytes body, struct json **ret)
{
    const struct json_options options = {.max_depth = PATCH_DEPTH_MOST, .keep_duplicates = true};
    struct json *patch;
    bool duplicates = false;
    TRY(with_prefix(r, json_parse(r->context.arena, body, &options, &patch, &duplicates, r->context.error)));
    if (duplicates)
        TRY(tidy(r, patch));
    *ret = patch;
    return ERR_OK;
}

err_t patch_parse_strict(struct arena *arena, enum patch_type type, bytes body, struct warnings *flaws,
    struct json **ret, struct error *error)
{
    struct reader r = {.context = {arena, error}, .type = type, .flaws = flaws};
    struct json *patch = NULL;
    TRY(type == PATCH_APPLY ? parse_apply(&r, body, &patch) : parse_json(&r, body, &patch));
    TRY(type == PATCH_JSON ? check_operations(&r, patch) : check_map(&r, patch));
    if (patch->type == JSON_NULL) { /* as Go reads it: nothing */
        patch->type = type == PATCH_JSON ? JSON_ARRAY : JSON_OBJECT;
        patch->first = patch->last = NULL;
    }
    *ret = patch;
    return ERR_OK;
}

err_t patch_parse(struct arena *arena, enum patch_type type, bytes body, struct json **ret, struct error *error)
{
    return patch_parse_strict(arena, type, body, NULL, ret, error);
}
