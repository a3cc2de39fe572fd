/* SPDX-License-Identifier: Apache-2.0 */
/* Roles and bindings: kept and validated here. */
#include "api/schemas.h"
#include "kinds/cells.h"
#include "kinds/check_table.h"
#include "kinds/kinds.h"

#define RBAC_GROUP "rbac.authorization.k8s.io"

static const char *const rbac_group[] = {RBAC_GROUP};

/* ---- Roles */

/* Rules are held in memory, and looked through for each request: far more than anybody writes, far less than a body
 * could hold. */
#define TEXTS_MOST    16384
#define SUBJECTS_MOST 16384

static size_t count_texts(const struct json *rules)
{
    size_t count = 0;
    for (const struct json *rule = rules && rules->type == JSON_ARRAY ? rules->first : NULL; rule; rule = rule->next)
        for (const struct json *list = rule->type == JSON_OBJECT ? rule->first : NULL; list; list = list->next)
            count += list->type == JSON_ARRAY ? list->count : 0;
    return count;
}

static void check_policy_rule(const struct field *rule, bool namespaced)
{
    struct field paths = field_member(rule, "nonResourceURLs");
    if (!field_count(FIELD(rule, "verbs")))
        field_required_because(FIELD(rule, "verbs"), "verbs must contain at least one value");
    if (field_count(&paths)) {
        if (namespaced)
            field_invalid(&paths, "namespaced rules cannot apply to non-resource URLs");
        if (field_count(FIELD(rule, "apiGroups")) || field_count(FIELD(rule, "resources")) ||
            field_count(FIELD(rule, "resourceNames")))
            field_invalid(&paths, "rules cannot apply to both regular resources and non-resource URLs");
        return;
    }
    if (!field_count(FIELD(rule, "apiGroups")))
        field_required_because(FIELD(rule, "apiGroups"), "resource rules must supply at least one api group");
    if (!field_count(FIELD(rule, "resources")))
        field_required_because(FIELD(rule, "resources"), "resource rules must supply at least one resource");
}

static void role_validate(struct arena *arena, const struct kind *kind, enum subresource subresource,
    const struct json *object, const struct json *old, struct error *error)
{
    struct check check = {.arena = arena, .error = error};
    struct field rules = field_root(&check, "rules", json_get(object, BYTES("rules")));
    struct field aggregation = field_root(&check, "aggregationRule", json_get(object, BYTES("aggregationRule")));
    (void)subresource, (void)old;
    if (count_texts(rules.value) > TEXTS_MOST)
        field_forbidden(&rules, "must not name more than 16384 verbs, groups, resources, names and paths together");
    FIELD_EACH(rule, &rules)
    check_policy_rule(&rule, kind->namespaced);
    if (!aggregation.value)
        return;
    struct field selectors = field_member(&aggregation, "clusterRoleSelectors");
    if (!field_count(&selectors))
        field_required_because(&selectors, "at least one clusterRoleSelector required if aggregationRule is non-nil");
    FIELD_EACH(selector, &selectors)
    check_label_selector(&selector);
}

const struct kind_rules role_rules = {.validate = role_validate, .validate_name = validate_path_segment};

/* ---- Bindings */

static err_t binding_set_defaults(
    struct arena *arena, const struct kind *kind, struct json *object, struct error *error)
{
    struct json *role = json_get(object, BYTES("roleRef"));
    bool fine = tree_text(role, "apiGroup").n || tree_set_text(arena, role, "apiGroup", BYTES(RBAC_GROUP));
    for (struct json *subject = tree_first(object, "subjects"); subject; subject = subject->next) {
        bytes of = tree_text(subject, "kind");
        if (bytes_equal(of, BYTES("User")) || bytes_equal(of, BYTES("Group")))
            fine = fine && tree_default_text(arena, subject, "apiGroup", RBAC_GROUP);
    }
    if (!fine)
        return arena_error(arena, error);
    schema_arrange(kind->schema, object);
    for (struct json *subject = tree_first(object, "subjects"); subject; subject = subject->next)
        schema_arrange(&schema_rbac_v1_subject, subject);
    return ERR_OK;
}

static void check_role_reference(const struct field *role, bool namespaced)
{
    static const char *const kinds[] = {"Role", "ClusterRole"};
    struct field group = field_member(role, "apiGroup"), kind = field_member(role, "kind"),
                 name = field_member(role, "name");
    if (!field_is(&group, RBAC_GROUP))
        FIELD_UNSUPPORTED(&group, rbac_group);
    if (!field_is(&kind, "ClusterRole") && !(namespaced && field_is(&kind, "Role")))
        field_unsupported(&kind, namespaced ? kinds : kinds + 1, namespaced ? 2 : 1);
    if (check_not_empty(&name))
        check_path_segment(&name);
}

static void check_subject(const struct field *subject, bool namespaced)
{
    static const char *const kinds[] = {"ServiceAccount", "User", "Group"}, *const none[] = {""};
    struct field kind = field_member(subject, "kind"), name = field_member(subject, "name"),
                 group = field_member(subject, "apiGroup");
    check_not_empty(&name);
    if (field_is(&kind, "ServiceAccount")) {
        if (field_text(&name).n)
            check_dns_subdomain(&name);
        if (field_text(&group).n)
            FIELD_UNSUPPORTED(&group, none);
        if (!namespaced)
            check_not_empty(FIELD(subject, "namespace"));
    } else if (field_is(&kind, "User") || field_is(&kind, "Group")) {
        if (!field_is(&group, RBAC_GROUP))
            FIELD_UNSUPPORTED(&group, rbac_group);
    } else {
        FIELD_UNSUPPORTED(&kind, kinds);
    }
}

static void binding_validate(struct arena *arena, const struct kind *kind, enum subresource subresource,
    const struct json *object, const struct json *old, struct error *error)
{
    struct check check = {.arena = arena, .error = error};
    struct field role = field_root(&check, "roleRef", json_get(object, BYTES("roleRef")));
    struct field subjects = field_root(&check, "subjects", json_get(object, BYTES("subjects")));
    (void)subresource;
    check_role_reference(&role, kind->namespaced);
    if (field_count(&subjects) > SUBJECTS_MOST)
        field_too_many(&subjects, SUBJECTS_MOST);
    FIELD_EACH(subject, &subjects)
    check_subject(&subject, kind->namespaced);
    if (old && !json_alike(role.value, json_get(old, BYTES("roleRef"))))
        field_invalid(&role, "cannot change roleRef");
}

/* Users, groups, and service accounts as namespace/name. */
static void put_subjects(struct arena *arena, struct buffer *b, const struct json *object)
{
    static const char *const kinds[] = {"User", "Group", "ServiceAccount"};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        struct buffer names;
        buffer_init(&names, arena);
        for (const struct json *s = tree_first(object, "subjects"); s; s = s->next) {
            if (!bytes_equal(tree_text(s, "kind"), bytes_of(kinds[i])))
                continue;
            buffer_text(&names, names.n ? ", " : "");
            if (i == 2) {
                buffer_put(&names, tree_text(s, "namespace"));
                buffer_byte(&names, '/');
            }
            buffer_put(&names, tree_text(s, "name"));
        }
        b->failed = b->failed || names.failed;
        put_cell(b, names.n ? buffer_bytes(&names) : BYTES(""));
    }
}

static void binding_cells(
    struct arena *arena, struct buffer *b, const struct kind *kind, const struct json *object, int64_t now)
{
    const struct json *role = json_get(object, BYTES("roleRef"));
    (void)kind;
    put_cell(b, arena_join(arena, tree_text(role, "kind"), BYTES("/"), tree_text(role, "name"), ARENA_END));
    put_age_cell(b, object, now);
    put_subjects(arena, b, object);
}

const struct kind_rules role_binding_rules = {.set_defaults = binding_set_defaults,
    .validate = binding_validate,
    .validate_name = validate_path_segment,
    .cells = binding_cells};
