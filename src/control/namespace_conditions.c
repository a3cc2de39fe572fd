/* SPDX-License-Identifier: Apache-2.0 */
#include "control/namespace_conditions.h"

#include "api/conditions.h"

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

err_t namespace_conditions_set(struct arena *arena, struct json *namespace, const struct namespace_progress *progress,
    int64_t now, bool *ret_changed, struct error *error)
{
    /* This server knows all its kinds, and their versions are well formed: the first two never fail. */
    struct condition conditions[] = {
        {"NamespaceDeletionDiscoveryFailure", "False", "ResourcesDiscovered",
            BYTES("All resources successfully discovered")},
        {"NamespaceDeletionGroupVersionParsingFailure", "False", "ParsedGroupVersions",
            BYTES("All legacy kube types successfully parsed")},
        {"NamespaceDeletionContentFailure", "False", "ContentDeleted",
            BYTES("All content successfully deleted, may be waiting on finalization")},
        {"NamespaceContentRemaining", "False", "ContentRemoved", BYTES("All content successfully removed")},
        {"NamespaceFinalizersRemaining", "False", "ContentHasNoFinalizers",
            BYTES("All content-preserving finalizers finished")},
    };
    struct json *status = json_get(namespace, BYTES("status"));
    bool changed = false;

    if (progress->failure_count)
        conditions[2] = (struct condition){conditions[2].type, "True", "ContentDeletionFailed",
            arena_format(arena, "Failed to delete all resource types, %zu remaining: %.*s", progress->failure_count,
                BYTES_FMT(progress->failures))};
    if (progress->resources)
        conditions[3] = (struct condition){conditions[3].type, "True", "SomeResourcesRemain",
            sentence_of(arena, "Some resources are remaining: ", progress->resources, "has")};
    if (progress->finalizers)
        conditions[4] = (struct condition){conditions[4].type, "True", "SomeFinalizersRemain",
            sentence_of(arena, "Some content in the namespace has finalizers remaining: ", progress->finalizers, "in")};
    if (!status || status->type != JSON_OBJECT)
        status = json_set(namespace, BYTES("status"), json_new(arena, JSON_OBJECT));
    if (!status || arena->failed != ERR_OK)
        return arena_error(arena, error);
    for (size_t i = 0; i < ARRAY_LEN(conditions); i++)
        if (!condition_set(arena, status, &conditions[i], now, &changed))
            return arena_error(arena, error);
    *ret_changed = changed;
    return ERR_OK;
}
