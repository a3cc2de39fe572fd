/* SPDX-License-Identifier: Apache-2.0 */
/* Validation of values by schemas: the order, the words and the choice among alternatives are kube-openapi's. */
#include "api/object.h"
#include "api/schema_check.h"

/* ---- What was found. */

static void put_place(struct buffer *b, const struct place *at)
{
    if (!at)
        return;
    put_place(b, at->up);
    if (at->is_index)
        buffer_format(b, "[%u]", at->index);
    else if (at->is_key)
        buffer_format(b, "[%.*s]", BYTES_FMT(at->name));
    else if (b->n)
        buffer_format(b, ".%.*s", BYTES_FMT(at->name));
    else
        buffer_put(b, at->name);
}

bytes place_text(struct check *c, const struct place *at)
{
    struct buffer b;
    buffer_init(&b, c->arena);
    put_place(&b, at);
    return b.failed ? BYTES_NONE : buffer_bytes(&b);
}

bytes place_field(struct check *c, const struct place *at)
{
    struct buffer b;
    buffer_init(&b, c->arena);
    buffer_put(&b, c->prefix);
    put_place(&b, at);
    if (!b.n)
        buffer_text(&b, "<nil>");
    return b.failed ? BYTES_NONE : buffer_bytes(&b);
}

static void add(struct check *c, struct findings *list, bytes field, const char *reason, bytes message)
{
    for (const struct finding *f = list->first; f; f = f->next)
        if (bytes_equal(f->field, field) && bytes_equal(f->message, message))
            return;
    struct finding *f = list->count < CAUSES_MOST ? arena_alloc(c->arena, sizeof(*f)) : NULL;
    list->count++;
    if (!f || !field.p || !message.p)
        return;
    *f = (struct finding){.reason = reason, .field = field, .message = message};
    if (list->last)
        list->last->next = f;
    else
        list->first = f;
    list->last = f;
}

void finding_add(struct check *c, struct findings *list, bytes field, const char *reason, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    bytes message = arena_vformat(c->arena, format, arguments);
    va_end(arguments);
    add(c, list, field, reason, message);
}

void finding_in_body(struct check *c, struct findings *list, const struct place *at, const char *reason, bytes value,
    const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    bytes rest = arena_vformat(c->arena, format, arguments), name = place_text(c, at);
    va_end(arguments);
    if (rest.p && value.p)
        finding_add(c, list, place_field(c, at), reason, "Invalid value: %.*s: %.*s in body %.*s", BYTES_FMT(value),
            BYTES_FMT(name), BYTES_FMT(rest));
}

void findings_take(struct check *c, struct findings *list, const struct findings *from)
{
    for (const struct finding *f = from->first; f; f = f->next)
        add(c, list, f->field, f->reason, f->message);
    if (from->count && !from->first)
        list->count += from->count; /* the arena is full */
    list->matches += from->matches;
}

/* ---- Types. */

static const char *json_name(const struct json *value)
{
    static const char *const names[] = {[JSON_NULL] = "null",
        [JSON_FALSE] = "boolean",
        [JSON_TRUE] = "boolean",
        [JSON_STRING] = "string",
        [JSON_ARRAY] = "array",
        [JSON_OBJECT] = "object"};
    struct number n;
    if (value->type == JSON_NUMBER)
        return number_of(value, &n) && n.integer ? "integer" : "number";
    return names[value->type];
}

/* Of custom resources: values of built-in kinds have the type that decoding gave them. */
static const struct {
    const char *name;
    unsigned accepts; /* JSON types */
    bool whole;
} types[SCHEMA_INT_OR_STRING + 1] = {
    [SCHEMA_STRING] = {"string", 1u << JSON_STRING, false},
    [SCHEMA_INTEGER] = {"integer", 1u << JSON_NUMBER, true},
    [SCHEMA_NUMBER] = {"number", 1u << JSON_NUMBER, false},
    [SCHEMA_BOOLEAN] = {"boolean", 1u << JSON_FALSE | 1u << JSON_TRUE, false},
    [SCHEMA_ARRAY] = {"array", 1u << JSON_ARRAY, false},
    [SCHEMA_MAP] = {"object", 1u << JSON_OBJECT, false},
    [SCHEMA_OBJECT] = {"object", 1u << JSON_OBJECT, false},
    [SCHEMA_INT_OR_STRING] = {"integer,string", 1u << JSON_NUMBER | 1u << JSON_STRING, true},
};

/* NULL when any type will do. */
static const char *wanted_type(const struct schema *schema)
{
    return schema->custom && !schema->typeless ? types[schema->type].name : NULL;
}

static void check_type(struct check *c, struct findings *list, const struct schema *schema, const struct json *value,
    const struct place *at)
{
    const char *format = schema->constraints && schema->constraints->format ? schema->format : NULL;
    const char *wanted = wanted_type(schema), *got = json_name(value);
    struct number n;
    if (!wanted) {
        list->matches += format != NULL;
        return;
    }
    bool fits = types[schema->type].accepts >> value->type & 1u;
    if (fits && value->type == JSON_NUMBER && types[schema->type].whole)
        fits = number_of(value, &n) && (n.integer || number_is_whole(n.value));
    if (fits || (value->type == JSON_NULL && schema->nullable)) {
        list->matches++;
        return;
    }
    if (format && value->type != JSON_STRING && value->type != JSON_ARRAY && value->type != JSON_NULL) {
        wanted = format; /* then kube-openapi names formats */
        got = value->type != JSON_NUMBER ? "" : strcmp(got, "integer") == 0 ? "int64" : "float64";
    }
    bytes quoted = arena_format(c->arena, "\"%s\"", got);
    finding_in_body(c, list, at, "FieldValueTypeInvalid", quoted, "must be of type %s: \"%s\"", wanted, got);
}

/* ---- Alternatives. */

/* "NAME" and a sentence, about the whole object as upstream has it. */
static void refuse_alternatives(struct check *c, struct findings *list, const struct place *at, const char *sentence)
{
    finding_add(c, list, place_field(c, NULL), "FieldValueInvalid", "Invalid value: \"\": \"%.*s\" %s",
        BYTES_FMT(place_text(c, at)), sentence);
}

static void check_any_of(struct check *c, struct findings *list, const struct schema_constraints *k,
    const struct json *value, const struct json *old, const struct place *at)
{
    struct findings best = {0};
    for (size_t i = 0; i < k->any_of_count; i++) {
        struct findings tried = check_value(c, k->any_of[i], value, old, at);
        if (!tried.count) {
            list->matches += tried.matches;
            return;
        }
        if (i == 0 || tried.matches > best.matches)
            best = tried;
    }
    refuse_alternatives(c, list, at, "must validate at least one schema (anyOf)");
    findings_take(c, list, &best);
}

static void check_one_of(struct check *c, struct findings *list, const struct schema_constraints *k,
    const struct json *value, const struct json *old, const struct place *at)
{
    struct findings best = {0};
    unsigned valid = 0, matches = 0;
    for (size_t i = 0; i < k->one_of_count; i++) {
        struct findings tried = check_value(c, k->one_of[i], value, old, at);
        if (!tried.count && valid++ == 0)
            matches = tried.matches;
        if (tried.count && (i == 0 || tried.matches > best.matches))
            best = tried;
    }
    if (valid == 1) {
        list->matches += matches;
        return;
    }
    bytes sentence = valid ? arena_format(c->arena,
                                 "must validate one and only one schema (oneOf). Found %u valid alternatives", valid)
                           : BYTES("must validate one and only one schema (oneOf). Found none valid");
    if (sentence.p)
        refuse_alternatives(c, list, at, (const char *)sentence.p);
    if (!valid)
        findings_take(c, list, &best);
}

static void check_alternatives(struct check *c, struct findings *list, const struct schema_constraints *k,
    const struct json *value, const struct json *old, const struct place *at)
{
    size_t valid = 0;
    if (k->any_of_count)
        check_any_of(c, list, k, value, old, at);
    if (k->one_of_count)
        check_one_of(c, list, k, value, old, at);
    for (size_t i = 0; i < k->all_of_count; i++) {
        struct findings one = check_value(c, k->all_of[i], value, old, at);
        valid += !one.count;
        findings_take(c, list, &one);
    }
    if (valid < k->all_of_count)
        refuse_alternatives(c, list, at,
            valid ? "must validate all the schemas (allOf)" : "must validate all the schemas (allOf). None validated");
    if (k->not &&!check_value(c, k->not, value, old, at).count)
        refuse_alternatives(c, list, at, "must not validate the schema (not)");
}

/* ---- Objects and lists. */

static void check_array(struct check *c, struct findings *list, const struct schema *schema, const struct json *array,
    const struct json *old, const struct place *at)
{
    const struct schema_constraints *k = schema->constraints;
    struct place item_place = {.up = at, .is_index = true};
    const struct list_index *index = c->ratchet && old ? list_index_of(c, schema, old) : NULL;
    for (const struct json *item = schema->type == SCHEMA_ARRAY && schema->items ? array->first : NULL; item;
         item = item->next, item_place.index++) {
        struct findings found = check_value(c, schema->items, item, list_index_find(c, index, item), &item_place);
        findings_take(c, list, &found);
    }
    if (k && k->min_items >= 0 && array->count < k->min_items)
        finding_in_body(c, list, at, "FieldValueInvalid", arena_format(c->arena, "%u", array->count),
            "should have at least %lld items", (long long)k->min_items);
    if (k && k->max_items >= 0 && array->count > k->max_items)
        finding_add(c, list, place_field(c, at), "FieldValueTooMany", "Too many: %u: must have at most %lld item%s",
            array->count, (long long)k->max_items, k->max_items == 1 ? "" : "s");
}

static void require(struct check *c, struct findings *list, const struct place *at, bytes name)
{
    const struct place field = {.up = at, .name = name};
    finding_add(c, list, place_field(c, &field), "FieldValueRequired", "Required value");
}

/* Members by name, asked for in order: one walk finds all when they lie in order too, as those of custom resources do.
 */
struct seeker {
    const struct json *object, *at;
    bool sorted;
};

static struct seeker seeker_of(const struct schema *schema, const struct json *object)
{
    struct seeker s = {.object = object, .sorted = schema->custom};
    s.at = object && object->type == JSON_OBJECT ? object->first : NULL;
    for (const struct json *m = s.at; m && m->next && s.sorted; m = m->next)
        s.sorted = bytes_compare(m->key, m->next->key) < 0;
    return s;
}

static const struct json *seek(struct seeker *s, bytes name)
{
    if (!s->sorted)
        return json_get(s->object, name);
    while (s->at && bytes_compare(s->at->key, name) < 0)
        s->at = s->at->next;
    return s->at && bytes_equal(s->at->key, name) ? s->at : NULL;
}

static void check_required(struct check *c, struct findings *list, const struct schema *schema,
    const struct json *object, const struct place *at)
{
    const struct schema_constraints *k = schema->constraints;
    struct seeker members = seeker_of(schema, object), others = members;
    for (uint32_t i = 0; i < schema->property_count; i++)
        if (schema->properties[i].required && !seek(&members, bytes_of(schema->properties[i].name)))
            require(c, list, at, bytes_of(schema->properties[i].name));
    for (size_t i = 0; k && i < k->required_count; i++)
        if (!seek(&others, bytes_of(k->required[i])))
            require(c, list, at, bytes_of(k->required[i]));
}

static void check_object(struct check *c, struct findings *list, const struct schema *schema, const struct json *object,
    const struct json *old, const struct place *at)
{
    const struct schema_constraints *k = schema->constraints;
    const struct schema *values = schema->type == SCHEMA_MAP ? schema->items : NULL;
    struct seeker before = seeker_of(schema, old);
    before.sorted = before.sorted && seeker_of(schema, object).sorted;
    struct place field = {.up = at};
    if (k && k->min_properties >= 0 && object->count < k->min_properties)
        finding_in_body(c, list, at, "FieldValueInvalid", arena_format(c->arena, "%u", object->count),
            "should have at least %lld properties", (long long)k->min_properties);
    if (k && k->max_properties >= 0 && object->count > k->max_properties)
        finding_add(c, list, place_field(c, at), "FieldValueTooMany", "Too many: %u: must have at most %lld item%s",
            object->count, (long long)k->max_properties, k->max_properties == 1 ? "" : "s");
    for (const struct json *member = schema->property_count || values ? object->first : NULL; member;
         member = member->next) {
        const struct schema_property *p = schema_property(schema, member->key);
        const struct schema *of = p ? p->schema : values;
        if (!of)
            continue;
        field.name = member->key;
        /* apiVersion and kind of the whole are never old: both objects are shown in one version */
        bool type = !at && (bytes_equal(member->key, BYTES("kind")) || bytes_equal(member->key, BYTES("apiVersion")));
        struct findings found = check_value(c, of, member, type ? NULL : seek(&before, member->key), &field);
        findings_take(c, list, &found);
    }
    check_required(c, list, schema, object, at);
}

/* ---- A value. */

static void check_content(struct check *c, struct findings *list, const struct schema *schema, const struct json *value,
    const struct json *old, const struct place *at)
{
    const struct schema_constraints *k = schema->constraints;
    if (k)
        check_alternatives(c, list, k, value, old, at);
    list->matches += 2; /* the alternatives, counted by kube-openapi whether there are any or not */
    switch (value->type) {
    case JSON_STRING:
        check_string(c, list, schema, value, at);
        list->matches += k && k->format ? 2 : 1;
        break;
    case JSON_NUMBER:
        check_number(c, list, schema, value, at);
        list->matches += 2;
        break;
    case JSON_ARRAY:
        check_array(c, list, schema, value, old, at);
        list->matches += 2;
        break;
    default:
        break;
    }
    check_enumeration(c, list, schema, value, at);
    if (value->type == JSON_OBJECT) {
        check_object(c, list, schema, value, old, at);
        list->matches++;
    }
    list->matches += 2; /* the enumeration, and the whole */
}

struct findings check_value(struct check *c, const struct schema *schema, const struct json *value,
    const struct json *old, const struct place *at)
{
    struct findings found = {0};
    check_type(c, &found, schema, value, at);
    if (value->type == JSON_NULL) {
        check_enumeration(c, &found, schema, value, at);
    } else {
        found.matches += wanted_type(schema) != NULL;
        check_content(c, &found, schema, value, old, at);
    }
    if (found.count && c->ratchet && old && json_equal(value, old))
        return (struct findings){.matches = found.matches};
    return found;
}

/* ---- Entry. */

err_t schema_validate(struct arena *arena, const struct schema *schema, const struct json *value,
    const struct json *old, bool ratchet, bytes path, struct error *error)
{
    struct check c = {.arena = arena, .error = error, .ratchet = ratchet, .prefix = path};
    struct findings found = check_value(&c, schema, value, old, NULL);
    if (schema->custom) {
        struct findings before = {0};
        check_embedded(&c, &found, schema, value, NULL);
        if (old && ratchet)
            check_lists(&c, &before, schema, old, NULL);
        if (!before.count)
            check_lists(&c, &found, schema, value, NULL);
    }
    for (const struct finding *f = found.first; f && error->cause_count < CAUSES_MOST; f = f->next)
        error_cause(error, f->reason, f->field, "%.*s", BYTES_FMT(f->message));
    return arena->failed ? arena_error(arena, error) : ERR_OK;
}
