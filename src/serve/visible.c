/* SPDX-License-Identifier: Apache-2.0 */
/* A list shows what one may read: metadata alone by the virtual verb list-metadata, some names alone by rules with
 * resourceNames, where the client asks for that or the server always does. */
#include "serve/visible.h"

#include "access/rbac.h"

#include <stdlib.h>

/* ---- Asking for it. */

static bool is_filtered(bytes requirement, bool *ret_value)
{
    static const char *const forms[] = {"coffer.dev/filtered=", "coffer.dev/filtered=="};

    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        bytes form = bytes_of(forms[i]), value;
        if (!bytes_start(requirement, form))
            continue;
        value = bytes_skip(requirement, form.n);
        *ret_value = bytes_equal(value, BYTES("true"));
        if (*ret_value || bytes_equal(value, BYTES("false")))
            return true;
    }
    return false;
}

bytes filtered_take(struct arena *arena, bytes text, bool *ret_asked)
{
    struct buffer rest;
    bool any = false;

    *ret_asked = false;
    buffer_init(&rest, arena);
    for (bytes left = text; left.n > 0;) { /* a comma in a value has a backslash before it, and no such value fits */
        bytes requirement = {left.p, bytes_find(left, ',')};
        left = bytes_skip(left, requirement.n < left.n ? requirement.n + 1 : requirement.n);
        if (is_filtered(requirement, ret_asked)) {
            any = true;
            continue;
        }
        if (rest.n > 0)
            buffer_byte(&rest, ',');
        buffer_put(&rest, requirement);
    }
    if (!any)
        return text;
    return rest.failed ? BYTES_NONE : rest.n > 0 ? buffer_bytes(&rest) : BYTES("");
}

/* ---- What is visible. */

bool visible_has(const struct visible *visible, bytes name)
{
    size_t low = 0, high = visible->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = bytes_compare(visible->names[middle], name);
        if (order == 0)
            return true;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

err_t visible_find(struct arena *arena, const struct attributes *asked, bool filtered, struct visible *ret,
    bool *ret_any, struct error *error)
{
    struct attributes metadata = *asked;

    *ret = (struct visible){0};
    *ret_any = false;
    metadata.verb = BYTES("list-metadata");
    if (authorized(&metadata)) {
        ret->metadata_only = *ret_any = true;
        return ERR_OK;
    }
    if (filtered) {
        ret->limited = true;
        TRY(rbac_names(arena, rbac_current(), asked, &ret->names, &ret->count, error));
        ret->metadata_only = ret->count == 0;
        if (ret->metadata_only)
            TRY(rbac_names(arena, rbac_current(), &metadata, &ret->names, &ret->count, error));
    }
    *ret_any = ret->count > 0;
    return ERR_OK;
}

bool visible_same(const struct visible *a, const struct visible *b)
{
    if (a->metadata_only != b->metadata_only || a->limited != b->limited || a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (!bytes_equal(a->names[i], b->names[i]))
            return false;
    return true;
}

/* ---- What outlives the request. */

struct visible_kept {
    unsigned references;
    struct arena memory;
    struct visible visible;
};

static bool copy_names(struct arena *arena, const struct visible *from, struct visible *to)
{
    bytes *names = arena_alloc(arena, from->count * sizeof *names);

    for (size_t i = 0; names && i < from->count; i++)
        names[i] = arena_copy(arena, from->names[i]);
    *to = *from;
    to->names = names;
    return arena->failed == ERR_OK;
}

struct visible_kept *visible_keep(const struct visible *visible)
{
    struct visible_kept *kept = calloc(1, sizeof *kept);

    if (!kept)
        return NULL;
    kept->references = 1;
    arena_init(&kept->memory, VISIBLE_MEMORY);
    if (copy_names(&kept->memory, visible, &kept->visible))
        return kept;
    visible_release(kept);
    return NULL;
}

const struct visible *visible_of(const struct visible_kept *kept)
{
    return kept ? &kept->visible : NULL;
}

struct visible_kept *visible_hold(struct visible_kept *kept)
{
    if (kept)
        kept->references++;
    return kept;
}

void visible_release(struct visible_kept *kept)
{
    if (!kept || --kept->references > 0)
        return;
    arena_reset(&kept->memory);
    free(kept);
}

/* ---- The form. */

/* Table and PartialObjectMetadata; of custom kinds the latter alone, for their columns and selectable fields may show
 * any value. */
static bool shows_no_values(const struct request *r)
{
    const struct presentation *p = &r->presentation;

    if (p->form == FORM_OBJECT || (p->form == FORM_TABLE && (p->include == INCLUDE_OBJECT || r->kind->custom)))
        return false;
    return !r->kind->custom || field_selector_only_names(&r->options.fields);
}

enum step_result visible_step(struct request *r)
{
    r->presentation.metadata_only = r->visible.metadata_only;
    if (!r->visible.metadata_only || shows_no_values(r))
        return STEP_NEXT;
    return access_forbid(r, &r->attributes,
        r->kind->custom ? BYTES("list-metadata allows PartialObjectMetadata alone, selected by names and labels")
                        : BYTES("list-metadata allows Table and PartialObjectMetadata alone (kubectl get, with -o wide "
                                "or without -o)"));
}
