/* SPDX-License-Identifier: Apache-2.0 */
#include "kinds/go_value.h"

const struct go_member go_object_reference[] = {{"Kind", "kind", GO_TEXT, NULL},
    {"Namespace", "namespace", GO_TEXT, NULL}, {"Name", "name", GO_TEXT, NULL}, {"UID", "uid", GO_TEXT, NULL},
    {"APIVersion", "apiVersion", GO_TEXT, NULL}, {"ResourceVersion", "resourceVersion", GO_TEXT, NULL},
    {"FieldPath", "fieldPath", GO_TEXT, NULL}, {0}};

static void put_struct(struct buffer *, const struct go_member *, const struct json *);

static void put_member(struct buffer *b, const struct go_member *member, const struct json *value)
{
    if (member->form == GO_TEXT) {
        json_write_string(b, value ? value->text : BYTES(""));
    } else if (!value) {
        buffer_text(b, "null");
    } else if (member->form == GO_LIST) {
        json_write(b, value);
    } else if (member->form == GO_POINTER) {
        put_struct(b, member->of, value);
    } else {
        buffer_byte(b, '[');
        for (const struct json *item = value->first; item; item = item->next) {
            put_struct(b, member->of, item);
            buffer_text(b, item->next ? "," : "");
        }
        buffer_byte(b, ']');
    }
}

static void put_struct(struct buffer *b, const struct go_member *members, const struct json *value)
{
    buffer_byte(b, '{');
    for (const struct go_member *m = members; m->shown; m++) {
        buffer_format(b, "%s\"%s\":", m == members ? "" : ",", m->shown);
        put_member(b, m, json_get(value, bytes_of(m->name)));
    }
    buffer_byte(b, '}');
}

bytes go_value_text(struct arena *arena, const struct go_member *members, const struct json *value)
{
    struct buffer b;
    buffer_init(&b, arena);
    put_struct(&b, members, value);
    return b.failed ? BYTES_NONE : buffer_bytes(&b);
}
