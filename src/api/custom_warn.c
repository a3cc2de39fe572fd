/* SPDX-License-Identifier: Apache-2.0 */
/* What a definition asks for and does not get, said when it is written. */
#include "api/custom_check.h"
#include "api/object.h"
#include "api/schema_format.h"
#include "text/utf8.h"

typedef void visit(const struct subject *schema, void *context);

/* Calls for each schema in a definition, whatever it stands for. */
static void walk(const struct subject *schema, visit *seen, void *context)
{
    static const char *const members[] = {
        "items", "additionalProperties", "not", "properties", "allOf", "anyOf", "oneOf"};
    seen(schema, context);
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        const struct subject member = subject_member(schema, members[i]);
        bool map = i == 3, list = i > 3;
        uint32_t index = 0;
        if (!member.value || member.value->type != (list ? JSON_ARRAY : JSON_OBJECT))
            continue;
        if (!map && !list)
            walk(&member, seen, context);
        for (const struct json *child = map || list ? member.value->first : NULL; child; child = child->next, index++) {
            const struct subject below = map ? subject_key(&member, child) : subject_item(&member, child, index);
            walk(&below, seen, context);
        }
    }
}

static void walk_definition(struct arena *arena, const struct json *definition, visit *seen, void *context)
{
    struct definition_check to = {.check = {.arena = arena}};
    const struct subject root = {.to = &to, .value = definition, .root = true}, spec = subject_member(&root, "spec"),
                         versions = subject_member(&spec, "versions");
    uint32_t i = 0;
    for (const struct json *v = versions.value && versions.value->type == JSON_ARRAY ? versions.value->first : NULL; v;
         v = v->next, i++) {
        const struct subject version = subject_item(&versions, v, i), validation = subject_member(&version, "schema"),
                             schema = subject_member(&validation, "openAPIV3Schema");
        if (schema.value && schema.value->type == JSON_OBJECT)
            walk(&schema, seen, context);
    }
}

/* ---- Rules in CEL. */

struct rule_taker {
    void (*take)(void *, bytes);
    void *context;
};

static void take_rules(const struct subject *schema, void *context)
{
    const struct rule_taker *taker = context;
    const struct subject rules = subject_member(schema, "x-kubernetes-validations");
    uint32_t i = 0;
    for (const struct json *r = rules.value && rules.value->type == JSON_ARRAY ? rules.value->first : NULL; r;
         r = r->next, i++) {
        const struct subject rule = subject_item(&rules, r, i);
        bytes place = place_text(&rule.to->check, &rule.place);
        if (place.p)
            taker->take(taker->context, place);
    }
}

void custom_definition_rules(
    struct arena *arena, const struct json *definition, void (*take)(void *, bytes), void *context)
{
    struct rule_taker taker = {take, context};
    walk_definition(arena, definition, take_rules, &taker);
}

/* ---- Sentences. */

struct sentences {
    struct arena *arena;
    struct warnings *warnings;
};

static void warn_rule(void *context, bytes place)
{
    const struct sentences *s = context;
    if (s->warnings->count >= CAUSES_MOST)
        return;
    bytes sentence = arena_join(s->arena, place, BYTES(": the rule is kept but not evaluated"), ARENA_END);
    if (sentence.p)
        warning_add(s->arena, s->warnings, sentence);
}

static void warn_format(const struct subject *schema, void *context)
{
    const struct sentences *s = context;
    bytes format = subject_text(MEMBER(schema, "format"));
    if (!format.n || schema_format_find(format) || !bytes_equal(subject_text(MEMBER(schema, "type")), BYTES("string")))
        return;
    bytes quoted = utf8_quote(s->arena, format);
    bytes sentence = quoted.p ? arena_join(s->arena, BYTES("unrecognized format "), quoted, ARENA_END) : BYTES_NONE;
    if (sentence.p)
        warning_add(s->arena, s->warnings, sentence);
}

void custom_definition_warn(struct arena *arena, const struct json *definition, struct warnings *warnings)
{
    struct sentences s = {arena, warnings};
    walk_definition(arena, definition, warn_format, &s);
    custom_definition_rules(arena, definition, warn_rule, &s);
}
