/* SPDX-License-Identifier: Apache-2.0 */
#include "control/definition_names.h"

#include "api/kind.h"
#include "text/utf8.h"

#include <stdlib.h>

/* Resources (plural, singular, short names) and kinds are two sets: a name may be in both. */
struct claim {
    struct claim *next;
    bytes name, group, kind, list_kind;
    size_t resource_count;
    bytes resources[]; /* and behind them the bytes of all */
};

static bytes group_of(const struct json *definition)
{
    return json_text(json_get(definition, BYTES("spec")), BYTES("group"));
}

static bytes name_of(const struct json *definition)
{
    return json_text(json_get(definition, BYTES("metadata")), BYTES("name"));
}

/* ---- What is claimed. */

static bytes put(uint8_t **at, bytes text)
{
    bytes copy = {*at, text.n};
    if (text.n)
        memcpy(*at, text.p, text.n);
    *at += text.n;
    return copy;
}

static struct claim *claim_new(const struct json *definition)
{
    const struct json *names = json_at(definition, BYTES("status"), BYTES("acceptedNames"), BYTES_NONE);
    const struct json *shorts = json_get(names, BYTES("shortNames"));
    bytes name = name_of(definition), group = group_of(definition), plural = json_text(names, BYTES("plural")),
          singular = json_text(names, BYTES("singular")), kind = json_text(names, BYTES("kind")),
          list_kind = json_text(names, BYTES("listKind"));
    size_t count = 2 + (shorts ? shorts->count : 0),
           n = name.n + group.n + plural.n + singular.n + kind.n + list_kind.n;
    for (const struct json *s = shorts ? shorts->first : NULL; s; s = s->next)
        n += s->text.n;
    struct claim *claim = calloc(1, sizeof(*claim) + count * sizeof(bytes) + n);
    if (!claim)
        return NULL;
    uint8_t *at = (uint8_t *)&claim->resources[count];
    claim->name = put(&at, name);
    claim->group = put(&at, group);
    claim->kind = put(&at, kind);
    claim->list_kind = put(&at, list_kind);
    claim->resources[claim->resource_count++] = put(&at, plural);
    claim->resources[claim->resource_count++] = put(&at, singular);
    for (const struct json *s = shorts ? shorts->first : NULL; s; s = s->next)
        claim->resources[claim->resource_count++] = put(&at, s->text);
    return claim;
}

static bool has_resource(const struct claim *claim, bytes name)
{
    for (size_t i = 0; i < claim->resource_count; i++)
        if (name.n && bytes_equal(claim->resources[i], name))
            return true;
    return false;
}

static bool has_kind(const struct claim *claim, bytes name)
{
    return name.n && (bytes_equal(claim->kind, name) || bytes_equal(claim->list_kind, name));
}

static bool covers(const struct claim *now, const struct claim *before)
{
    for (size_t i = 0; i < before->resource_count; i++)
        if (before->resources[i].n && !has_resource(now, before->resources[i]))
            return false;
    return (!before->kind.n || has_kind(now, before->kind)) &&
           (!before->list_kind.n || has_kind(now, before->list_kind));
}

bool definition_names_learn(struct definition_names *names, const struct json *definition, bool gone, bool *ret_freed)
{
    struct claim **link = &names->claims, *before, *now = gone ? NULL : claim_new(definition);
    while (*link && !bytes_equal((*link)->name, name_of(definition)))
        link = &(*link)->next;
    before = *link;
    *ret_freed = before && !(now && covers(now, before));
    if (before) {
        *link = before->next;
        free(before);
    }
    if (now) {
        now->next = names->claims;
        names->claims = now;
    }
    return gone || now;
}

void definition_names_others(
    const struct definition_names *names, const struct json *definition, void (*take)(void *, bytes), void *context)
{
    for (const struct claim *c = names->claims; c; c = c->next)
        if (bytes_equal(c->group, group_of(definition)) && !bytes_equal(c->name, name_of(definition)))
            take(context, c->name);
}

void definition_names_free(struct definition_names *names)
{
    while (names->claims) {
        struct claim *next = names->claims->next;
        free(names->claims);
        names->claims = next;
    }
}

/* ---- What may be. */

struct judgement {
    const struct definition_names *names;
    struct arena *arena;
    const struct json *definition, *wanted, *accepted;
    struct name_verdict verdict;
};

static bool is_built_in(const struct judgement *j, bytes name, bool of_kind)
{
    size_t count;
    const struct kind *const *kinds = registry_kinds(registry_current(), &count);
    for (size_t i = 0; i < count; i++) {
        const struct kind *k = kinds[i];
        if (k->set || !bytes_equal(bytes_of(k->group), group_of(j->definition)))
            continue;
        if (of_kind ? bytes_equal(name, bytes_of(k->kind))
                    : bytes_equal(name, bytes_of(k->plural)) || bytes_equal(name, bytes_of(k->singular)))
            return true;
        for (size_t s = 0; !of_kind && s < k->short_name_count; s++)
            if (bytes_equal(name, bytes_of(k->short_names[s])))
                return true;
    }
    return false;
}

static bool is_taken(const struct judgement *j, bytes name, bool of_kind)
{
    for (const struct claim *c = j->names->claims; c; c = c->next)
        if (bytes_equal(c->group, group_of(j->definition)) && !bytes_equal(c->name, name_of(j->definition)) &&
            (of_kind ? has_kind(c, name) : has_resource(c, name)))
            return true;
    return is_built_in(j, name, of_kind);
}

static bytes in_use(const struct judgement *j, bytes name)
{
    bytes quoted = utf8_quote(j->arena, name);
    return quoted.p ? arena_join(j->arena, quoted, BYTES(" is already in use"), ARENA_END) : BYTES_NONE;
}

/* One name: what is wanted when it is free, else what was accepted before. */
static void judge_name(struct judgement *j, const char *member, bool of_kind, const char *reason)
{
    bytes wanted = json_text(j->wanted, bytes_of(member)), before = json_text(j->accepted, bytes_of(member));
    bool conflict = !bytes_equal(wanted, before) && is_taken(j, wanted, of_kind);
    bytes name = conflict ? before : wanted;
    if (conflict) {
        j->verdict.reason = reason;
        j->verdict.message = in_use(j, wanted);
    }
    if (name.n || strcmp(member, "plural") == 0 || strcmp(member, "kind") == 0)
        json_add(j->verdict.accepted, bytes_of(member), json_string(j->arena, name));
}

static bool lists(const struct json *list, bytes name)
{
    for (const struct json *item = list ? list->first : NULL; item; item = item->next)
        if (bytes_equal(item->text, name))
            return true;
    return false;
}

/* Short names are taken all or not at all. */
static void judge_short_names(struct judgement *j)
{
    const struct json *wanted = json_get(j->wanted, BYTES("shortNames")),
                      *before = json_get(j->accepted, BYTES("shortNames"));
    struct buffer conflicts;
    unsigned count = 0;
    buffer_init(&conflicts, j->arena);
    for (const struct json *s = wanted ? wanted->first : NULL; s; s = s->next) {
        if (lists(before, s->text) || !is_taken(j, s->text, false))
            continue;
        buffer_text(&conflicts, count++ ? ", " : "");
        buffer_put(&conflicts, in_use(j, s->text));
    }
    if (count) {
        j->verdict.reason = "ShortNamesConflict";
        j->verdict.message = buffer_bytes(&conflicts);
        if (count > 1)
            j->verdict.message = arena_join(j->arena, BYTES("["), j->verdict.message, BYTES("]"), ARENA_END);
        wanted = before;
    }
    if (wanted && wanted->count)
        json_add(j->verdict.accepted, BYTES("shortNames"), json_copy(j->arena, wanted));
}

err_t definition_names_judge(const struct definition_names *names, struct arena *arena, const struct json *definition,
    struct name_verdict *ret, struct error *error)
{
    struct judgement j = {.names = names,
        .arena = arena,
        .definition = definition,
        .wanted = json_at(definition, BYTES("spec"), BYTES("names"), BYTES_NONE),
        .accepted = json_at(definition, BYTES("status"), BYTES("acceptedNames"), BYTES_NONE),
        .verdict = {.accepted = json_new(arena, JSON_OBJECT)}};
    const struct json *categories = json_get(j.wanted, BYTES("categories"));
    judge_name(&j, "plural", false, "PluralConflict");
    judge_name(&j, "singular", false, "SingularConflict");
    judge_short_names(&j);
    judge_name(&j, "kind", true, "KindConflict");
    judge_name(&j, "listKind", true, "ListKindConflict");
    if (categories && categories->count)
        json_add(j.verdict.accepted, BYTES("categories"), json_copy(arena, categories));
    if (arena->failed)
        return arena_error(arena, error);
    *ret = j.verdict;
    return ERR_OK;
}
