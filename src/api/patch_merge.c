/* SPDX-License-Identifier: Apache-2.0 */
/* JSON merge patch (RFC 7386), with one trait of kube-apiserver's: nulls inside lists of maps are dropped as well. (It
 * keeps them where the list takes the place of a map, and so a second merge changes more; here they always go.) */
#include "api/patch_internal.h"

err_t(patch_unprocessable)(struct error *error)
{
    return error_set(error, ERR_INVALID, "the server rejected our request due to an error in our request");
}

struct json *patch_share(struct arena *arena, const struct json *value)
{
    struct json *node = json_new(arena, value->type);
    if (node) {
        *node = *value;
        node->next = NULL;
    }
    return node;
}

/* Whether a cleaned container leaves this child out. */
static bool is_dropped(const struct json *parent, const struct json *child, bool nulls, bool directives)
{
    const struct json *directive = directives ? json_get(child, BYTES("$patch")) : NULL;
    if (nulls && child->type == JSON_NULL)
        return parent->type == JSON_OBJECT;
    return directive && !(nulls && directive->type == JSON_NULL);
}

struct json *patch_clean(struct arena *arena, const struct json *value, bool nulls, bool directives)
{
    struct json *clean = patch_share(arena, value);
    if (!clean || !patch_is_container(value))
        return clean;
    clean->first = clean->last = NULL;
    clean->count = 0;
    for (const struct json *child = value->first; child; child = child->next)
        if (!is_dropped(value, child, nulls, directives) &&
            !json_append(clean, patch_clean(arena, child, nulls, directives)))
            return NULL;
    return clean;
}

static struct json *merge_objects(struct arena *, const struct json *original, const struct json *patch);

/* A member that both have; the patch's is not null. */
static struct json *merge_member(struct arena *arena, const struct json *original, const struct json *patch)
{
    if (original->type == JSON_OBJECT && patch->type == JSON_OBJECT)
        return merge_objects(arena, original, patch);
    return patch_clean(arena, patch, true, false);
}

/* The original's members in their order, then the new ones. NULL when the arena is full. */
static struct json *merge_objects(struct arena *arena, const struct json *original, const struct json *patch)
{
    struct json *merged = json_new(arena, JSON_OBJECT);
    struct patch_index names;
    if (!merged || !patch_index_init(&names, arena, patch->count))
        return NULL;
    merged->key = original->key;
    for (struct json *member = patch->first; member; member = member->next)
        patch_index_put(&names, patch_name(member->key), 0, member);
    for (const struct json *member = original->first; member; member = member->next) {
        struct patch_slot *slot = patch_index_find(&names, patch_name(member->key));
        if (slot)
            slot->used = true;
        if (slot && slot->value->type == JSON_NULL)
            continue;
        struct json *value = slot ? merge_member(arena, member, slot->value) : patch_share(arena, member);
        if (!json_add(merged, member->key, value))
            return NULL;
    }
    for (const struct json *member = patch->first; member; member = member->next)
        if (member->type != JSON_NULL && !patch_index_find(&names, patch_name(member->key))->used &&
            !json_append(merged, patch_clean(arena, member, true, false)))
            return NULL;
    return merged;
}

err_t patch_merge(
    struct arena *arena, const struct json *object, const struct json *patch, struct json **ret, struct error *error)
{
    if (patch->type != JSON_OBJECT)
        return error_set(error, ERR_BAD_REQUEST, "Invalid JSON Patch");
    struct json *merged = merge_objects(arena, object, patch);
    if (!merged)
        return arena_error(arena, error);
    *ret = merged;
    return ERR_OK;
}
