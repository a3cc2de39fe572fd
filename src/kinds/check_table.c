/* SPDX-License-Identifier: Apache-2.0 */
#include "kinds/check_table.h"

#include "kinds/check_network.h"
#include "kinds/tree.h"

#include <stdio.h>
#include <string.h>

#define VALUES_MOST 12

void validate_path_segment(struct arena *arena, bytes name, bool prefix, bytes field, struct error *error)
{
    static const char *const parts[] = {"/", "%"};
    if (!prefix && (bytes_equal(name, BYTES(".")) || bytes_equal(name, BYTES("..")))) {
        cause_invalid(arena, field, name, name.n == 1 ? "may not be '.'" : "may not be '..'", error);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        if (memchr(name.p, parts[i][0], name.n))
            cause_invalid(arena, field, name, i ? "may not contain '%'" : "may not contain '/'", error);
}

void check_path_segment(const struct field *field)
{
    bytes path = field_path(field);
    if (path.p)
        validate_path_segment(field->check->arena, field_text(field), false, path, field->check->error);
}

/* ---- Rules with a text */

static void check_values(const struct field *field, const char *text)
{
    char copy[192], *rest = copy;
    const char *values[VALUES_MOST];
    size_t n = 0;
    (void)snprintf(copy, sizeof(copy), "%s", text);
    while (n < VALUES_MOST && (values[n] = strsep(&rest, " ")))
        n++;
    for (size_t i = 0; i < n; i++)
        if (field_is(field, values[i]))
            return;
    field_unsupported(field, values, n);
}

static void check_unique(const struct field *list, const char *member)
{
    struct name_table seen = {.arena = list->check->arena};
    FIELD_EACH(item, list)
    {
        struct field key = *member ? field_member(&item, member) : item;
        if (field_text(&key).n && !name_table_add(&seen, field_text(&key), NULL) && !list->check->arena->failed)
            field_duplicate(&key);
    }
}

static void check_needed(const struct field *field, const char *detail)
{
    bool there = field->value && field->value->type != JSON_NULL &&
                 (field_text(field).n || field_count(field) ||
                     (field->value->type != JSON_STRING && field->value->type != JSON_ARRAY));
    if (!there && detail)
        field_required_because(field, "%s", detail);
    else if (!there)
        field_required(field);
}

/* ---- The walk */

static void apply(const struct field *field, const struct check_row *row, const struct json *old)
{
    static void (*const plain[])(const struct field *) = {[CHECK_SUBDOMAIN] = check_dns_subdomain,
        [CHECK_LABEL] = check_dns_label,
        [CHECK_QUALIFIED] = check_qualified_name,
        [CHECK_PATH_SEGMENT] = check_path_segment,
        [CHECK_LABELS] = check_labels,
        [CHECK_SELECTOR] = check_label_selector,
        [CHECK_PORT_NUMBER] = check_port_number,
        [CHECK_CIDR] = check_cidr,
        [CHECK_NOT_NEGATIVE] = check_not_negative,
        [CHECK_POSITIVE] = check_positive};
    bool absent = !field->value || field->value->type == JSON_NULL;
    bool name = row->rule == CHECK_SUBDOMAIN || row->rule == CHECK_LABEL || row->rule == CHECK_QUALIFIED ||
                row->rule == CHECK_PATH_SEGMENT;
    if (row->rule == CHECK_NEEDED)
        check_needed(field, row->text);
    else if (row->rule == CHECK_UNCHANGED)
        check_immutable(field, old);
    else if (row->rule == CHECK_FORBIDDEN && !json_alike(field->value, old))
        field_forbidden(field, "%s", row->text);
    else if (row->rule == CHECK_ONE_OF && !absent)
        check_values(field, row->text);
    else if (row->rule == CHECK_UNIQUE && !absent)
        check_unique(field, row->text);
    else if (row->rule < ARRAY_LEN(plain) && plain[row->rule] && !absent &&
             !(name && !row->text && !field_text(field).n))
        plain[row->rule](field);
}

static void walk(const struct field *at, const char *path, const struct check_row *row, const struct json *old)
{
    if (*path == '\0') {
        apply(at, row, old);
        return;
    }
    if (path[0] == '[') {
        FIELD_EACH(item, at)
        walk(&item, path + 2, row, NULL);
        return;
    }
    char name[64];
    path += *path == '.';
    size_t n = strcspn(path, ".[");
    (void)snprintf(name, sizeof(name), "%.*s", (int)n, path);
    if (at->value && at->value->type == JSON_OBJECT)
        walk(FIELD(at, name), path + n, row, json_get(old, bytes_of(name)));
}

void check_table(struct arena *arena, const struct check_row *rows, size_t count, const struct json *object,
    const struct json *old, struct error *error)
{
    struct check check = {.arena = arena, .error = error};
    for (size_t i = 0; i < count; i++) {
        char name[64];
        size_t n = strcspn(rows[i].path, ".[");
        bool change = rows[i].rule == CHECK_UNCHANGED || rows[i].rule == CHECK_FORBIDDEN;
        if (change && !old)
            continue;
        (void)snprintf(name, sizeof(name), "%.*s", (int)n, rows[i].path);
        struct field root = field_root(&check, name, json_get(object, bytes_of(name)));
        walk(&root, rows[i].path + n, &rows[i], json_get(old, bytes_of(name)));
    }
}
