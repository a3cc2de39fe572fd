/* SPDX-License-Identifier: Apache-2.0 */
#include "access/rbac_cover.h"

#include "access/rbac_snapshot.h"
#include "text/utf8.h"

#include <stdlib.h>

#define COMPARISONS_MOST 5000000 /* some milliseconds: a rule of a megabyte may stand for billions of rights */

/* One right: one of each list; name or url may be absent. */
struct right {
    bytes verb, group, resource, name, url;
    bool named, by_url;
};

/* ---- Covering. */

static bool has_resource(struct rbac_texts held, bytes wanted)
{
    size_t slash = bytes_find(wanted, '/');

    if (rbac_has(held, BYTES("*")) || rbac_has(held, wanted))
        return true;
    for (size_t i = 0; slash < wanted.n && i < held.count; i++)
        if (bytes_start(held.items[i], BYTES("*/")) &&
            bytes_equal(bytes_skip(held.items[i], 1), bytes_skip(wanted, slash)))
            return true;
    return false;
}

static bool covers(const struct rbac_rule *held, const struct right *right)
{
    if (!rbac_has(held->verbs, BYTES("*")) && !rbac_has(held->verbs, right->verb))
        return false;
    if (right->by_url)
        return rbac_has_url(held->urls, right->url);
    return (rbac_has(held->groups, BYTES("*")) || rbac_has(held->groups, right->group)) &&
           has_resource(held->resources, right->resource) &&
           (held->names.count == 0 || (right->named && rbac_has(held->names, right->name)));
}

static bool has_all(struct rbac_texts held, struct rbac_texts wanted)
{
    for (size_t i = 0; i < wanted.count; i++)
        if (!rbac_has(held, wanted.items[i]))
            return false;
    return true;
}

/* One held rule may hold all of a wanted one: most do, and no rights need to be counted. */
static bool covers_whole(const struct rbac_rule *held, const struct rbac_rule *wanted)
{
    if (!rbac_has(held->verbs, BYTES("*")) && !has_all(held->verbs, wanted->verbs))
        return false;
    for (size_t i = 0; i < wanted->urls.count; i++)
        if (!rbac_has_url(held->urls, wanted->urls.items[i]))
            return false;
    for (size_t i = 0; i < wanted->resources.count; i++)
        if (!has_resource(held->resources, wanted->resources.items[i]))
            return false;
    return (rbac_has(held->groups, BYTES("*")) || has_all(held->groups, wanted->groups)) &&
           (held->names.count == 0 || (wanted->names.count > 0 && has_all(held->names, wanted->names)));
}

/* ---- Breaking down. */

struct breakdown {
    const struct rbac_rule *rule;
    bool by_url;
    size_t group, resource, verb, name, url;
    bool done;
};

static void breakdown_begin(struct breakdown *b, const struct rbac_rule *rule, bool by_url)
{
    *b = (struct breakdown){.rule = rule, .by_url = by_url};
    b->done = rule->verbs.count == 0 ||
              (by_url ? rule->urls.count == 0 : rule->groups.count == 0 || rule->resources.count == 0);
}

/* The next place of a digit that counts to n; true when it began anew. */
static bool turn(size_t *digit, size_t n)
{
    *digit = *digit + 1 < n ? *digit + 1 : 0;
    return *digit == 0;
}

static bool breakdown_next(struct breakdown *b, struct right *ret)
{
    const struct rbac_rule *rule = b->rule;

    if (b->done)
        return false;
    if (b->by_url) {
        *ret = (struct right){.verb = rule->verbs.items[b->verb], .url = rule->urls.items[b->url], .by_url = true};
        b->done = turn(&b->verb, rule->verbs.count) && turn(&b->url, rule->urls.count);
        return true;
    }
    *ret = (struct right){.verb = rule->verbs.items[b->verb],
        .group = rule->groups.items[b->group],
        .resource = rule->resources.items[b->resource],
        .named = rule->names.count > 0};
    if (ret->named)
        ret->name = rule->names.items[b->name];
    b->done = turn(&b->name, rule->names.count) && turn(&b->verb, rule->verbs.count) &&
              turn(&b->resource, rule->resources.count) && turn(&b->group, rule->groups.count);
    return true;
}

/* ---- Saying what is missing: rights to one resource (and name) share a line, as their verbs. */

struct line {
    struct right first;
    struct buffer verbs;
};

static bool same_line(const struct right *a, const struct right *b)
{
    return !a->by_url && !b->by_url && a->named == b->named && bytes_equal(a->group, b->group) &&
           bytes_equal(a->resource, b->resource) && bytes_equal(a->name, b->name);
}

static void put_quoted(struct arena *arena, struct buffer *b, bytes text)
{
    bytes quoted = utf8_quote(arena, text);

    if (quoted.p)
        buffer_put(b, quoted);
    else
        b->failed = true;
}

static bool tell(struct arena *arena, struct line *lines, size_t *count, const struct right *right)
{
    size_t i = 0;

    while (i < *count && !same_line(&lines[i].first, right))
        i++;
    if (i == *count) {
        lines[i] = (struct line){.first = *right};
        buffer_init(&lines[i].verbs, arena);
        (*count)++;
    } else {
        buffer_byte(&lines[i].verbs, ' ');
    }
    put_quoted(arena, &lines[i].verbs, right->verb);
    return !lines[i].verbs.failed;
}

static bytes line_text(struct arena *arena, const struct line *line)
{
    struct buffer b;

    buffer_init(&b, arena);
    if (line->first.by_url) {
        buffer_text(&b, "{NonResourceURLs:[");
        put_quoted(arena, &b, line->first.url);
    } else {
        buffer_text(&b, "{APIGroups:[");
        put_quoted(arena, &b, line->first.group);
        buffer_text(&b, "], Resources:[");
        put_quoted(arena, &b, line->first.resource);
        if (line->first.named) {
            buffer_text(&b, "], ResourceNames:[");
            put_quoted(arena, &b, line->first.name);
        }
    }
    buffer_text(&b, "], Verbs:[");
    buffer_put(&b, buffer_bytes(&line->verbs));
    buffer_text(&b, "]}");
    return b.failed ? BYTES_NONE : buffer_bytes(&b);
}

static int by_text(const void *a, const void *b)
{
    return bytes_compare(*(const bytes *)a, *(const bytes *)b);
}

static err_t join_lines(
    struct arena *arena, const struct line *lines, size_t count, bytes *ret_missing, struct error *error)
{
    bytes *texts = arena_alloc(arena, count * sizeof *texts);
    struct buffer b;

    for (size_t i = 0; texts && i < count; i++)
        if (!(texts[i] = line_text(arena, &lines[i])).p)
            return arena_error(arena, error);
    if (!texts)
        return arena_error(arena, error);
    qsort(texts, count, sizeof *texts, by_text);
    buffer_init(&b, arena);
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && bytes_equal(texts[i], texts[i - 1]))
            continue;
        buffer_text(&b, i > 0 ? "\n" : "");
        buffer_put(&b, texts[i]);
    }
    *ret_missing = buffer_bytes(&b);
    return b.failed ? arena_error(arena, error) : ERR_OK;
}

/* ---- All of it. */

static bool any_covers(const struct rbac_rule *held, size_t count, const struct right *right)
{
    for (size_t i = 0; i < count; i++)
        if (covers(&held[i], right))
            return true;
    return false;
}

/* What a comparison of one right with one held rule may look at. */
static size_t weight_of(const struct rbac_rule *held, size_t count)
{
    size_t weight = 1;

    for (size_t i = 0; i < count; i++)
        weight += 1 + held[i].verbs.count + held[i].groups.count + held[i].resources.count + held[i].names.count +
                  held[i].urls.count;
    return weight;
}

bool rbac_covers(const struct rbac_rule *held, size_t held_count, const struct rbac_rule *wanted)
{
    for (size_t i = 0; i < held_count; i++)
        if (covers_whole(&held[i], wanted))
            return true;
    for (int by_url = 0; by_url < 2; by_url++) {
        struct breakdown b;
        struct right right;
        breakdown_begin(&b, wanted, by_url);
        while (breakdown_next(&b, &right))
            if (!any_covers(held, held_count, &right))
                return false;
    }
    return true;
}

static bool whole(const struct rbac_rule *held, size_t held_count, const struct rbac_rule *wanted)
{
    for (size_t i = 0; i < held_count; i++)
        if (covers_whole(&held[i], wanted))
            return true;
    return false;
}

err_t rbac_cover(struct arena *arena, const struct rbac_rule *held, size_t held_count, const struct rbac_rule *wanted,
    size_t wanted_count, bytes *ret_missing, struct error *error)
{
    struct line *lines = arena_alloc(arena, RBAC_MISSING_MOST * sizeof *lines);
    size_t count = 0, told = 0, weight = weight_of(held, held_count), left = COMPARISONS_MOST;

    if (!lines)
        return arena_error(arena, error);
    for (size_t i = 0; i < 2 * wanted_count; i++) { /* each rule: its resources, then its URLs */
        struct breakdown b;
        struct right right;
        if (whole(held, held_count, &wanted[i / 2]))
            continue;
        breakdown_begin(&b, &wanted[i / 2], i % 2);
        while (told < RBAC_MISSING_MOST && breakdown_next(&b, &right)) {
            if (left < weight)
                return error_set(error, ERR_TOO_LARGE,
                    "the rules stand for too many rights to compare them with those that you hold: split them");
            left -= weight;
            if (any_covers(held, held_count, &right))
                continue;
            if (!tell(arena, lines, &count, &right))
                return arena_error(arena, error);
            told++;
        }
    }
    *ret_missing = BYTES("");
    return count > 0 ? join_lines(arena, lines, count, ret_missing, error) : ERR_OK;
}

err_t rbac_rules_of(struct arena *arena, const struct rbac *rbac, const struct user *user, bytes namespace,
    const struct rbac_rule **ret, size_t *ret_count, struct error *error)
{
    struct rbac_walk walk;
    struct rbac_grant grant;
    struct rbac_rule *rules;
    size_t count = 0;

    rbac_walk_begin(&walk, rbac, user, namespace);
    while (rbac_walk_next(&walk, &grant))
        count += grant.role ? grant.role->count : 0;
    rules = arena_alloc(arena, count * sizeof *rules);
    if (!rules)
        return arena_error(arena, error);
    *ret = rules;
    *ret_count = count;
    rbac_walk_begin(&walk, rbac, user, namespace);
    while (rbac_walk_next(&walk, &grant))
        for (size_t i = 0; grant.role && i < grant.role->count; i++)
            *rules++ = grant.role->rules[i];
    return ERR_OK;
}
