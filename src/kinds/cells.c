/* SPDX-License-Identifier: Apache-2.0 */
#include "kinds/cells.h"

#define SHOWN_MOST 3

void put_text_cell(struct buffer *b, bytes text, const char *otherwise)
{
    put_cell(b, text.n ? text : bytes_of(otherwise));
}

void put_bool_cell(struct buffer *b, bool value)
{
    buffer_text(b, value ? ",true" : ",false");
}

void put_count_cell(struct buffer *b, const struct json *list)
{
    put_number_cell(b, list ? list->count : 0);
}

void put_value_cell(struct buffer *b, const struct json *value, const char *otherwise)
{
    if (value && value->type == JSON_NUMBER) {
        buffer_byte(b, ',');
        buffer_put(b, value->text);
        return;
    }
    put_text_cell(b, value && value->type == JSON_STRING ? value->text : BYTES_NONE, otherwise);
}

void put_joined_cell(
    struct arena *arena, struct buffer *b, const struct json *list, struct joined how, const char *otherwise)
{
    struct buffer text;
    buffer_init(&text, arena);
    for (const struct json *item = list && list->type == JSON_ARRAY ? list->first : NULL; item; item = item->next) {
        if (how.where && !bytes_equal(tree_text(item, how.where), bytes_of(how.is)))
            continue;
        buffer_text(&text, text.n ? how.separator : "");
        buffer_put(&text, how.member ? tree_text(item, how.member) : item->text);
    }
    b->failed = b->failed || text.failed;
    put_text_cell(b, text.n ? buffer_bytes(&text) : BYTES_NONE, otherwise);
}

void shortened_add(struct shortened *s, bytes text)
{
    if (s->count++ >= SHOWN_MOST)
        return;
    buffer_text(&s->text, s->count > 1 ? "," : "");
    buffer_put(&s->text, text);
}

void put_shortened_cell(struct buffer *b, struct shortened *s)
{
    if (s->count > SHOWN_MOST)
        buffer_format(&s->text, " + %zu more...", s->count - SHOWN_MOST);
    b->failed = b->failed || s->text.failed;
    put_text_cell(b, s->text.n ? buffer_bytes(&s->text) : BYTES_NONE, "<unset>");
}
