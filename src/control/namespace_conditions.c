/* SPDX-License-Identifier: Apache-2.0 */
#include "control/namespace_conditions.h"

#include "base/clock.h"

bool remaining_add(struct arena *arena, struct remaining **list, bytes name, uint64_t count)
{
    int order = -1;
    while (*list && (order = bytes_compare((*list)->name, name)) < 0)
        list = &(*list)->next;
    if (*list && order == 0) {
        (*list)->count += count;
        return true;
    }
    struct remaining *fresh = arena_alloc(arena, sizeof *fresh);
    name = arena_copy(arena, name);
    if (!fresh || !name.p)
        return false;
    *fresh = (struct remaining){name, count, *list};
    *list = fresh;
    return true;
}

void progress_fail(struct arena *arena, struct namespace_progress *progress, bytes sentence)
{
    progress->failures =
        progress->failure_count++ ? arena_join(arena, progress->failures, BYTES(", "), sentence, ARENA_END) : sentence;
}

/* What a condition says; reason and message are those of all being well while status is false. */
struct condition {
    const char *type, *reason;
    bytes message;
    bool status;
};

static bytes sentence_of(struct arena *arena, const char *start, const struct remaining *list, const char *each)
{
    struct buffer b;
    buffer_init(&b, arena);
    buffer_text(&b, start);
    for (const struct remaining *one = list; one; one = one->next)
        buffer_format(&b, "%s%.*s %s %llu resource instances", one == list ? "" : ", ", BYTES_FMT(one->name), each,
            (unsigned long long)one->count);
    return b.failed ? BYTES_NONE : buffer_bytes(&b);
}

static bool condition_set(
    struct arena *arena, struct json *conditions, const struct condition *c, const char *now, bool *changed)
{
    const bytes status = c->status ? BYTES("True") : BYTES("False");
    struct json *found = conditions->first;
    while (found && !bytes_equal(json_text(found, BYTES("type")), bytes_of(c->type)))
        found = found->next;
    if (found && bytes_equal(json_text(found, BYTES("status")), status) &&
        bytes_equal(json_text(found, BYTES("reason")), bytes_of(c->reason)) &&
        bytes_equal(json_text(found, BYTES("message")), c->message))
        return true;
    bool turned = !found || !bytes_equal(json_text(found, BYTES("status")), status);
    *changed = true;
    if (!found)
        found = json_append(conditions, json_new(arena, JSON_OBJECT));
    return json_set(found, BYTES("type"), json_string(arena, bytes_of(c->type))) &&
           json_set(found, BYTES("status"), json_string(arena, status)) &&
           (!turned || json_set(found, BYTES("lastTransitionTime"), json_string(arena, bytes_of(now)))) &&
           json_set(found, BYTES("reason"), json_string(arena, bytes_of(c->reason))) &&
           json_set(found, BYTES("message"), json_string(arena, c->message));
}

static struct json *member(struct arena *arena, struct json *object, bytes name, enum json_type type)
{
    struct json *found = json_get(object, name);
    return found && found->type == type ? found : json_set(object, name, json_new(arena, type));
}

err_t namespace_conditions_set(struct arena *arena, struct json *namespace, const struct namespace_progress *progress,
    int64_t now, bool *ret_changed, struct error *error)
{
    /* This server knows all its kinds, and their versions are well formed: the first two never fail. */
    struct condition conditions[] = {
        {"NamespaceDeletionDiscoveryFailure", "ResourcesDiscovered", BYTES("All resources successfully discovered")},
        {"NamespaceDeletionGroupVersionParsingFailure", "ParsedGroupVersions",
            BYTES("All legacy kube types successfully parsed")},
        {"NamespaceDeletionContentFailure", "ContentDeleted",
            BYTES("All content successfully deleted, may be waiting on finalization")},
        {"NamespaceContentRemaining", "ContentRemoved", BYTES("All content successfully removed")},
        {"NamespaceFinalizersRemaining", "ContentHasNoFinalizers", BYTES("All content-preserving finalizers finished")},
    };
    char *when = arena_alloc(arena, CLOCK_RFC3339_SIZE);
    struct json *list =
        member(arena, member(arena, namespace, BYTES("status"), JSON_OBJECT), BYTES("conditions"), JSON_ARRAY);
    bool changed = false;

    if (progress->failure_count)
        conditions[2] = (struct condition){conditions[2].type, "ContentDeletionFailed",
            arena_format(arena, "Failed to delete all resource types, %zu remaining: %.*s", progress->failure_count,
                BYTES_FMT(progress->failures)),
            true};
    if (progress->resources)
        conditions[3] = (struct condition){conditions[3].type, "SomeResourcesRemain",
            sentence_of(arena, "Some resources are remaining: ", progress->resources, "has"), true};
    if (progress->finalizers)
        conditions[4] = (struct condition){conditions[4].type, "SomeFinalizersRemain",
            sentence_of(arena, "Some content in the namespace has finalizers remaining: ", progress->finalizers, "in"),
            true};
    if (!when || !list || arena->failed != ERR_OK)
        return arena_error(arena, error);
    clock_format(now, when);
    for (size_t i = 0; i < ARRAY_LEN(conditions); i++)
        if (!condition_set(arena, list, &conditions[i], when, &changed))
            return arena_error(arena, error);
    *ret_changed = changed;
    return ERR_OK;
}
