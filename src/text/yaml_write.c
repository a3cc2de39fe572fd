/* SPDX-License-Identifier: Apache-2.0 */
/* A JSON tree as events to libyaml's emitter. Which style a string gets and how keys are ordered are facts of go-yaml
 * v2. */
#include "base/base64.h"
#include "text/utf8.h"
#include "text/yaml.h"
#include "text/yaml_scalar.h"

#include <stdlib.h>
#include <yaml.h>

struct writer {
    yaml_emitter_t emitter;
    struct buffer *out;
};

static int append(void *data, unsigned char *text, size_t n)
{
    struct buffer *out = data;
    buffer_put(out, (bytes){text, n});
    return !out->failed;
}

/* The emitter takes the event over, also when it fails. initialized: the result of the event's initializer. */
static bool emit(struct writer *w, yaml_event_t *event, int initialized)
{
    return initialized && yaml_emitter_emit(&w->emitter, event);
}

static bool is_letter(uint8_t c)
{
    return c >= 0x80 || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

/* The number whose digits begin at i. *ret_end is where they end. */
static uint64_t number_at(bytes text, size_t i, size_t *ret_end, uint64_t number)
{
    for (; i < text.n && is_digit(text.p[i]); i++)
        number = number * 10 + (uint64_t)(text.p[i] - '0');
    *ret_end = i;
    return number;
}

/* A nonzero digit before i, with only digits between: then zeros at i count as places of a longer number. */
static bool continues_number(bytes text, size_t i)
{
    while (i-- > 0 && is_digit(text.p[i]))
        if (text.p[i] != '0')
            return true;
    return false;
}

/* Numbers by value, letters after all else: a9 before a10, 1 before _ before a. */
static int compare_names(bytes a, bytes b)
{
    size_t i = 0, end_a, end_b;
    while (i < a.n && i < b.n && a.p[i] == b.p[i])
        i++;
    if (i == a.n || i == b.n)
        return (a.n > b.n) - (a.n < b.n);
    bool letter_a = is_letter(a.p[i]), letter_b = is_letter(b.p[i]);
    if (letter_a != letter_b)
        return letter_a ? 1 : -1;
    if (!letter_a) {
        uint64_t head = (a.p[i] == '0' || b.p[i] == '0') && continues_number(a, i);
        uint64_t number_a = number_at(a, i, &end_a, head), number_b = number_at(b, i, &end_b, head);
        if (number_a != number_b)
            return number_a > number_b ? 1 : -1;
        if (end_a != end_b)
            return end_a > end_b ? 1 : -1;
    }
    return a.p[i] > b.p[i] ? 1 : -1;
}

static int compare_members(const void *a, const void *b)
{
    return compare_names((*(const struct json *const *)a)->key, (*(const struct json *const *)b)->key);
}

/* Takes `least` to `most` digits. */
static bool take_number(struct cursor *c, size_t least, size_t most, unsigned low, unsigned high)
{
    unsigned number = 0;
    size_t n = 0;
    for (; n < most && c->left && is_digit(*c->p); n++, c->p++, c->left--)
        number = number * 10 + (unsigned)(*c->p - '0');
    return n >= least && number >= low && number <= high;
}

static bool take_byte(struct cursor *c, const char *any)
{
    bytes b;
    if (!c->left || !*c->p || !strchr(any, *c->p))
        return false;
    return cursor_take(c, 1, &b);
}

/* A date, or a date and a time: YAML 1.1 would read a timestamp. */
static bool is_timestamp(bytes text)
{
    struct cursor c = cursor_of(text);
    if (!take_number(&c, 4, 4, 0, 9999) || !take_byte(&c, "-") || !take_number(&c, 1, 2, 1, 12) ||
        !take_byte(&c, "-") || !take_number(&c, 1, 2, 1, 31))
        return false;
    return c.left == 0 || (take_byte(&c, "Tt ") && take_number(&c, 1, 2, 0, 23) && take_byte(&c, ":"));
}

/* [-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?, a number of base 60 to other readers. */
static bool is_base60(bytes text)
{
    struct cursor c = cursor_of(text);
    bool any = false;
    (void)take_byte(&c, "-+");
    if (!take_number(&c, 1, 1, 0, 9))
        return false;
    while (take_byte(&c, "0123456789_"))
        ;
    while (take_byte(&c, ":")) {
        any = true;
        if (!take_number(&c, 1, 2, 0, 59))
            return false;
    }
    if (take_byte(&c, "."))
        while (take_byte(&c, "0123456789_"))
            ;
    return any && c.left == 0;
}

/* U+0085, U+2028 and U+2029 are line breaks to YAML 1.1, and would be folded. */
static bool has_rare_break(bytes text)
{
    return text.p && (memmem(text.p, text.n, "\xc2\x85", 2) || memmem(text.p, text.n, "\xe2\x80\xa8", 3) ||
                         memmem(text.p, text.n, "\xe2\x80\xa9", 3));
}

static yaml_scalar_style_t style_of(bytes text)
{
    if (has_rare_break(text))
        return YAML_DOUBLE_QUOTED_SCALAR_STYLE;
    if (text.n && memchr(text.p, '\n', text.n))
        return YAML_LITERAL_SCALAR_STYLE;
    if (yaml_resolve(text).type != YAML_TEXT || is_base60(text) || is_timestamp(text))
        return YAML_DOUBLE_QUOTED_SCALAR_STYLE;
    return YAML_PLAIN_SCALAR_STYLE;
}

/* libyaml counts in int. */
static bool emit_scalar(struct writer *w, const char *tag, bytes text, yaml_scalar_style_t style)
{
    yaml_event_t event;
    if (text.n > INT32_MAX)
        return false;
    const yaml_char_t *p = text.p ? text.p : (const yaml_char_t *)"";
    return emit(w, &event,
        yaml_scalar_event_initialize(&event, NULL, (const yaml_char_t *)tag, p, (int)text.n, !tag, !tag, style));
}

/* YAML has no way to write bytes that are no text but this. */
static bool write_text(struct writer *w, bytes text, yaml_scalar_style_t style)
{
    if (utf8_valid(text))
        return emit_scalar(w, NULL, text, style);
    bytes encoded = base64_encode(w->out->arena, BASE64_STANDARD, text);
    return encoded.p && emit_scalar(w, "tag:yaml.org,2002:binary", encoded, YAML_PLAIN_SCALAR_STYLE);
}

static bool write_number(struct writer *w, bytes text)
{
    struct yaml_scalar scalar = yaml_resolve(text);
    char number[YAML_FLOAT_SIZE];
    if (scalar.type == YAML_FLOAT) {
        yaml_format_float_general(scalar.number, false, number);
        text = bytes_of(number);
    } else if (scalar.type == YAML_INTEGER && scalar.negative && scalar.magnitude == 0) {
        text = BYTES("-0.0"); /* an integer would lose the sign */
    }
    return emit_scalar(w, NULL, text, YAML_PLAIN_SCALAR_STYLE);
}

static bool write_value(struct writer *, const struct json *);

static bool write_sequence(struct writer *w, const struct json *array)
{
    yaml_event_t event;
    if (!emit(w, &event, yaml_sequence_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_SEQUENCE_STYLE)))
        return false;
    for (const struct json *item = array->first; item; item = item->next)
        if (!write_value(w, item))
            return false;
    return emit(w, &event, yaml_sequence_end_event_initialize(&event));
}

/* A key "<<" must not be read as a merge. */
static bool write_member(struct writer *w, const struct json *member)
{
    yaml_scalar_style_t style = style_of(member->key);
    if (bytes_equal(member->key, BYTES("<<")))
        style = YAML_DOUBLE_QUOTED_SCALAR_STYLE;
    return write_text(w, member->key, style) && write_value(w, member);
}

static bool write_mapping(struct writer *w, const struct json *object)
{
    yaml_event_t event;
    size_t count = 0;
    const struct json **members = arena_alloc(w->out->arena, object->count * sizeof(struct json *));
    if (!members ||
        !emit(w, &event, yaml_mapping_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_MAPPING_STYLE)))
        return false;
    for (const struct json *member = object->first; member; member = member->next)
        members[count++] = member;
    qsort(members, count, sizeof(struct json *), compare_members);
    for (size_t i = 0; i < count; i++)
        if (!write_member(w, members[i]))
            return false;
    return emit(w, &event, yaml_mapping_end_event_initialize(&event));
}

static bool write_value(struct writer *w, const struct json *value)
{
    switch (value->type) {
    case JSON_NULL:
        return emit_scalar(w, NULL, BYTES("null"), YAML_PLAIN_SCALAR_STYLE);
    case JSON_FALSE:
        return emit_scalar(w, NULL, BYTES("false"), YAML_PLAIN_SCALAR_STYLE);
    case JSON_TRUE:
        return emit_scalar(w, NULL, BYTES("true"), YAML_PLAIN_SCALAR_STYLE);
    case JSON_NUMBER:
        return write_number(w, value->text);
    case JSON_STRING:
        return write_text(w, value->text, style_of(value->text));
    case JSON_ARRAY:
        return write_sequence(w, value);
    case JSON_OBJECT:
        return write_mapping(w, value);
    }
    return false;
}

static bool write_document(struct writer *w, const struct json *value)
{
    yaml_event_t event;
    return emit(w, &event, yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING)) &&
           emit(w, &event, yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1)) &&
           write_value(w, value) && emit(w, &event, yaml_document_end_event_initialize(&event, 1)) &&
           yaml_emitter_flush(&w->emitter);
}

void yaml_write(struct buffer *out, const struct json *value)
{
    struct writer w = {.out = out};
    if (!yaml_emitter_initialize(&w.emitter)) {
        out->failed = true;
        return;
    }
    yaml_emitter_set_output(&w.emitter, append, out);
    yaml_emitter_set_unicode(&w.emitter, 1);
    if (!write_document(&w, value))
        out->failed = true;
    yaml_emitter_delete(&w.emitter);
}
