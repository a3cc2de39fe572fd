/* SPDX-License-Identifier: Apache-2.0 */
/* The query: which parameters a verb reads is a table; unknown ones are ignored, as kube-apiserver does. The sentences
 * are its own. */
#include "serve/steps.h"
#include "serve/visible.h"
#include "text/utf8.h"

#define BIT(verb)  VERB_BIT(VERB_##verb)
#define STORES     (BIT(CREATE) | BIT(UPDATE) | BIT(PATCH))
#define DELETES    (BIT(DELETE) | BIT(DELETECOLLECTION))
#define COLLECTION (BIT(LIST) | BIT(WATCH) | BIT(DELETECOLLECTION))
#define ALL        (VERB_BIT(VERB_COUNT) - 1)

#define FIELD_MANAGER_MAX 128

typedef err_t read_function(struct request *, bytes value, void *field);

static read_function read_text, read_int64, read_bool, read_revision, read_dry_run, read_validation, read_match,
    read_timeout;

#define FIELD(name)   offsetof(struct request_options, name)
#define GIVEN_NOTHING SIZE_MAX

static const struct parameter {
    const char *name;
    unsigned verbs;
    read_function *read;
    size_t field;
    size_t given; /* a bool that tells that it was there */
} parameters[] = {
    {"allowWatchBookmarks", BIT(WATCH), read_bool, FIELD(allow_bookmarks), GIVEN_NOTHING},
    {"continue", COLLECTION, read_text, FIELD(continue_token), GIVEN_NOTHING},
    {"dryRun", STORES | DELETES, read_dry_run, 0, GIVEN_NOTHING},
    {"fieldManager", STORES, read_text, FIELD(field_manager), GIVEN_NOTHING},
    {"fieldSelector", COLLECTION, read_text, FIELD(field_selector), GIVEN_NOTHING},
    {"fieldValidation", STORES, read_validation, 0, GIVEN_NOTHING},
    {"force", BIT(PATCH), read_bool, FIELD(force), FIELD(has_force)},
    {"gracePeriodSeconds", DELETES, read_int64, FIELD(grace_period_seconds), FIELD(has_grace_period)},
    {"includeObject", ALL, read_text, FIELD(include_object), GIVEN_NOTHING},
    {"labelSelector", COLLECTION, read_text, FIELD(label_selector), GIVEN_NOTHING},
    {"limit", COLLECTION, read_int64, FIELD(limit), GIVEN_NOTHING},
    {"orphanDependents", DELETES, read_bool, FIELD(orphan_dependents), FIELD(has_orphan_dependents)},
    {"pretty", ALL, read_text, FIELD(pretty), GIVEN_NOTHING},
    {"propagationPolicy", DELETES, read_text, FIELD(propagation_policy), GIVEN_NOTHING},
    {"resourceVersion", COLLECTION | BIT(GET), read_revision, 0, GIVEN_NOTHING},
    {"resourceVersionMatch", COLLECTION, read_match, 0, FIELD(match_given)},
    {"sendInitialEvents", COLLECTION, read_bool, FIELD(send_initial_events), FIELD(has_send_initial_events)},
    {"timeout", ALL & ~BIT(WATCH), read_timeout, FIELD(timeout_ms), GIVEN_NOTHING},
    {"timeoutSeconds", COLLECTION, read_int64, FIELD(timeout_seconds), GIVEN_NOTHING},
    {"watch", COLLECTION, read_bool, FIELD(watch), GIVEN_NOTHING},
};

static const char *options_type(enum verb verb)
{
    static const char *const types[VERB_COUNT] = {[VERB_GET] = "GetOptions",
        [VERB_LIST] = "ListOptions",
        [VERB_WATCH] = "ListOptions",
        [VERB_CREATE] = "CreateOptions",
        [VERB_UPDATE] = "UpdateOptions",
        [VERB_PATCH] = "PatchOptions",
        [VERB_DELETE] = "DeleteOptions",
        [VERB_DELETECOLLECTION] = "DeleteOptions"};

    return types[verb];
}

/* Composes the Invalid of an options object from the one cause it has. */
static err_t invalid(struct request *r, const char *type, const char *reason, const char *field, bytes text)
{
    if (!text.p)
        return arena_error(r->arena, &r->error);
    r->details.kind = bytes_of(type);
    r->details.group = BYTES("meta.k8s.io");
    (void)error_set(&r->error, ERR_INVALID, "%s.meta.k8s.io \"\" is invalid: %s: %.*s", type, field, BYTES_FMT(text));
    error_cause(&r->error, reason, bytes_of(field), "%.*s", BYTES_FMT(text));
    return r->error.code;
}

err_t options_invalid(struct request *r, const char *reason, const char *field, const char *sentence)
{
    return invalid(r, options_type(r->verb), reason, field, bytes_of(sentence));
}

static err_t unsupported(struct request *r, const char *field, bytes shown, const char *supported)
{
    return invalid(r, options_type(r->verb), "FieldValueNotSupported", field,
        arena_format(r->arena, "Unsupported value: %.*s: supported values: %s", BYTES_FMT(shown), supported));
}

static err_t forbidden(struct request *r, const char *field, const char *sentence)
{
    return invalid(
        r, options_type(r->verb), "FieldValueForbidden", field, arena_format(r->arena, "Forbidden: %s", sentence));
}

/* ---- Readers of one value. */

static err_t read_text(struct request *r, bytes value, void *field)
{
    (void)r;
    *(bytes *)field = value;
    return ERR_OK;
}

static err_t read_bool(struct request *r, bytes value, void *field)
{
    (void)r;
    *(bool *)field =
        !bytes_equal(value, BYTES("0")) && !(value.n == 5 && strncasecmp((const char *)value.p, "false", 5) == 0);
    return ERR_OK;
}

/* What Go's strconv says of a number that it cannot read. */
static const char *number_trouble(bytes text)
{
    size_t i = 0;

    if (i < text.n && (text.p[i] == '-' || text.p[i] == '+'))
        i++;
    if (i == text.n)
        return "invalid syntax";
    for (; i < text.n; i++)
        if (text.p[i] < '0' || text.p[i] > '9')
            return "invalid syntax";
    return "value out of range";
}

static err_t read_int64(struct request *r, bytes value, void *field)
{
    bytes digits = value, quoted;
    bool negative = bytes_start(value, BYTES("-"));
    uint64_t number = 0;

    if (negative || bytes_start(value, BYTES("+")))
        digits = bytes_skip(value, 1);
    while (digits.n > 1 && digits.p[0] == '0')
        digits = bytes_skip(digits, 1);
    if (bytes_to_uint64(digits, &number) && number <= INT64_MAX) {
        *(int64_t *)field = negative ? -(int64_t)number : (int64_t)number;
        return ERR_OK;
    }
    quoted = utf8_quote(r->arena, value);
    if (!quoted.p)
        return arena_error(r->arena, &r->error);
    return error_set(
        &r->error, ERR_BAD_REQUEST, "strconv.ParseInt: parsing %.*s: %s", BYTES_FMT(quoted), number_trouble(value));
}

static err_t read_revision(struct request *r, bytes value, void *field)
{
    const char *prefix = r->verb == VERB_LIST ? "invalid resource version: " : "";
    bytes digits = value, quoted;

    (void)field;
    if (value.n == 0)
        return ERR_OK;
    r->options.has_revision = true;
    while (digits.n > 1 && digits.p[0] == '0')
        digits = bytes_skip(digits, 1);
    if (bytes_to_uint64(digits, &r->options.revision))
        return ERR_OK;
    quoted = utf8_quote(r->arena, value);
    if (!quoted.p)
        return arena_error(r->arena, &r->error);
    return error_set(&r->error, ERR_BAD_REQUEST,
        "%sresourceVersion: Invalid value: %.*s: strconv.ParseUint: parsing %.*s: %s", prefix, BYTES_FMT(quoted),
        BYTES_FMT(quoted), number_trouble(value));
}

/* Shown as kube-apiserver does: the whole list of what was given. */
static err_t read_dry_run(struct request *r, bytes value, void *field)
{
    struct request_options *o = &r->options;
    bytes quoted = utf8_quote(r->arena, value);

    (void)field;
    o->dry_run = true;
    if (!bytes_equal(value, BYTES("All")))
        o->dry_run_unsupported = true;
    o->dry_run_values =
        o->dry_run_values.n > 0 ? arena_join(r->arena, o->dry_run_values, BYTES(","), quoted, ARENA_END) : quoted;
    return quoted.p && o->dry_run_values.p ? ERR_OK : arena_error(r->arena, &r->error);
}

static err_t read_validation(struct request *r, bytes value, void *field)
{
    static const char *const names[] = {"Ignore", "Warn", "Strict"};
    bytes quoted;

    (void)field;
    if (value.n == 0)
        return ERR_OK;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (bytes_equal(value, bytes_of(names[i]))) {
            r->options.field_validation = (enum field_validation)i;
            return ERR_OK;
        }
    quoted = utf8_quote(r->arena, value);
    return quoted.p ? unsupported(r, "fieldValidation", quoted, "\"\", \"Ignore\", \"Strict\", \"Warn\"")
                    : arena_error(r->arena, &r->error);
}

static err_t read_match(struct request *r, bytes value, void *field)
{
    (void)field;
    r->options.match_text = value;
    if (bytes_equal(value, BYTES("Exact")))
        r->options.match = MATCH_EXACT;
    else if (bytes_equal(value, BYTES("NotOlderThan")))
        r->options.match = MATCH_NOT_OLDER_THAN;
    return ERR_OK;
}

bool duration_parse(bytes text, uint64_t *ret_ms)
{
    static const struct {
        const char *name;
        double ms;
    } units[] = {{"ns", 1e-6}, {"us", 1e-3}, {"ms", 1}, {"s", 1e3}, {"m", 6e4}, {"h", 3.6e6}};
    double total = 0;

    if (bytes_equal(text, BYTES("0"))) {
        *ret_ms = 0;
        return true;
    }
    if (text.n == 0 || text.n > 64)
        return false;
    while (text.n > 0) {
        double number = 0, place = 1, unit = 0;
        size_t digits = 0, n = 0;
        bool fraction = false;
        for (; text.n > 0 && (text.p[0] == '.' || (text.p[0] >= '0' && text.p[0] <= '9')); text = bytes_skip(text, 1)) {
            if (text.p[0] == '.' && fraction)
                return false;
            if (text.p[0] == '.') {
                fraction = true;
                continue;
            }
            digits++;
            number = number * 10 + (text.p[0] - '0');
            place *= fraction ? 10 : 1;
        }
        while (n < text.n && text.p[n] >= 'a' && text.p[n] <= 'z')
            n++;
        for (size_t i = 0; i < ARRAY_LEN(units); i++)
            if (bytes_equal((bytes){text.p, n}, bytes_of(units[i].name)))
                unit = units[i].ms;
        if (digits == 0 || unit == 0)
            return false;
        total += number / place * unit;
        text = bytes_skip(text, n);
    }
    if (total > 1e15)
        total = 1e15;
    *ret_ms = (uint64_t)total + ((double)(uint64_t)total < total);
    return true;
}

static err_t read_timeout(struct request *r, bytes value, void *field)
{
    uint64_t *ms = field;

    if (value.n == 0)
        return ERR_OK;
    if (!duration_parse(value, ms))
        return error_set(&r->error, ERR_BAD_REQUEST, "invalid timeout specified in the request URL");
    return ERR_OK;
}

/* ---- Rules over several values. */

/* Go's unicode.IsPrint for what a field manager may hold; *ret is the offending code point and where it stands. */
static bool printable(bytes text, uint32_t *ret_point, size_t *ret_at)
{
    for (size_t at = 0; at < text.n;) {
        unsigned n = utf8_next(bytes_skip(text, at), ret_point);
        *ret_at = at;
        if (n == 0) {
            *ret_point = 0xfffd;
            return false;
        }
        if (*ret_point < 0x20 || (*ret_point >= 0x7f && *ret_point <= 0xa0) || *ret_point == 0xad ||
            (*ret_point >= 0x2000 && *ret_point <= 0x200f) || (*ret_point >= 0x2028 && *ret_point <= 0x202f) ||
            *ret_point == 0xfeff || *ret_point == 0x3000 || (*ret_point >= 0xd800 && *ret_point <= 0xf8ff))
            return false;
        at += n;
    }
    return true;
}

err_t options_check_write(struct request *r)
{
    const struct request_options *o = &r->options;
    bytes quoted, manager = o->field_manager;
    uint32_t point = 0;
    size_t at = 0;

    if (o->dry_run_unsupported) {
        bytes shown = arena_join(r->arena, BYTES("["), o->dry_run_values, BYTES("]"), ARENA_END);
        return shown.p ? unsupported(r, "dryRun", shown, "\"All\"") : arena_error(r->arena, &r->error);
    }
    if (manager.n > FIELD_MANAGER_MAX)
        return invalid(r, options_type(r->verb), "FieldValueTooLong", "fieldManager",
            BYTES("Too long: may not be more than 128 bytes"));
    if (printable(manager, &point, &at))
        return ERR_OK;
    quoted = utf8_quote(r->arena, manager);
    if (!quoted.p)
        return arena_error(r->arena, &r->error);
    return invalid(r, options_type(r->verb), "FieldValueInvalid", "fieldManager",
        arena_format(
            r->arena, "Invalid value: %.*s: invalid character U+%04X (at position %zu)", BYTES_FMT(quoted), point, at));
}

err_t options_check_delete(struct request *r)
{
    static const char *const policies[] = {"", "Background", "Foreground", "Orphan"};
    const struct request_options *o = &r->options;
    bool known = false;
    bytes quoted = utf8_quote(r->arena, o->propagation_policy);

    if (!quoted.p)
        return arena_error(r->arena, &r->error);
    if (o->propagation_policy.n > 0 && o->has_orphan_dependents)
        return invalid(r, "DeleteOptions", "FieldValueInvalid", "propagationPolicy",
            arena_format(r->arena, "Invalid value: %.*s: orphanDependents and deletionPropagation cannot be both set",
                BYTES_FMT(quoted)));
    for (size_t i = 0; i < ARRAY_LEN(policies); i++)
        known = known || bytes_equal(o->propagation_policy, bytes_of(policies[i]));
    if (!known)
        return unsupported(r, "propagationPolicy", quoted, "\"Foreground\", \"Background\", \"Orphan\", \"nil\"");
    return options_check_write(r);
}

static err_t check_watch(struct request *r)
{
    const struct request_options *o = &r->options;

    if (o->continue_token.n > 0)
        return forbidden(r, "resourceVersionMatch", "resourceVersionMatch is forbidden when continue is provided");
    if (o->match_given && !o->has_send_initial_events)
        return forbidden(r, "resourceVersionMatch",
            "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided");
    if (o->has_send_initial_events && o->match != MATCH_NOT_OLDER_THAN)
        return forbidden(
            r, "resourceVersionMatch", "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan");
    return ERR_OK;
}

static err_t check_list(struct request *r)
{
    const struct request_options *o = &r->options;
    bytes quoted;

    if (o->has_send_initial_events)
        return forbidden(r, "sendInitialEvents", "sendInitialEvents is forbidden for list");
    if (o->match_given && o->match_text.n > 0) {
        if (o->continue_token.n > 0)
            return forbidden(r, "resourceVersionMatch", "resourceVersionMatch is forbidden when continue is provided");
        if (!o->has_revision)
            return forbidden(
                r, "resourceVersionMatch", "resourceVersionMatch is forbidden unless resourceVersion is provided");
        quoted = utf8_quote(r->arena, o->match_text);
        if (!quoted.p)
            return arena_error(r->arena, &r->error);
        if (o->match == MATCH_UNSET)
            return unsupported(r, "resourceVersionMatch", quoted, "\"Exact\", \"NotOlderThan\", \"\"");
        if (o->match == MATCH_EXACT && o->revision == 0)
            return forbidden(
                r, "resourceVersionMatch", "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"");
    }
    if (o->continue_token.n > 0 && o->has_revision && o->revision != 0)
        return error_set(&r->error, ERR_BAD_REQUEST, "specifying resource version is not allowed when using continue");
    return ERR_OK;
}

static err_t parse_selectors(struct request *r)
{
    struct request_options *o = &r->options;

    if (o->label_selector.n > 0)
        TRY(label_selector_parse(r->arena, o->label_selector, &o->labels, &r->error));
    if (o->field_selector.n > 0) {
        bool asked;
        o->field_selector = filtered_take(r->arena, o->field_selector, &asked);
        if (!o->field_selector.p)
            return arena_error(r->arena, &r->error);
        if (r->attributes.fields) /* selector_step has parsed it */
            o->fields = *r->attributes.fields;
        else
            TRY(field_selector_parse(r->arena, r->kind, o->field_selector, &o->fields, &r->error));
    }
    if (r->legacy_watch && r->name.n > 0) {
        bytes required = field_selector_required_name(&o->fields);
        bytes text = arena_join(r->arena, o->field_selector, o->field_selector.n > 0 ? BYTES(",") : BYTES_NONE,
            BYTES("metadata.name="), r->name, ARENA_END);
        if (required.p && !bytes_equal(required, r->name))
            return error_set(&r->error, ERR_BAD_REQUEST, "fieldSelector metadata.name doesn't match requested name");
        if (!text.p)
            return arena_error(r->arena, &r->error);
        if (!required.p)
            TRY(field_selector_parse(r->arena, r->kind, text, &o->fields, &r->error));
    }
    return ERR_OK;
}

static err_t parse_query(struct request *r)
{
    struct cursor query = cursor_of(r->exchange->query);
    uint32_t seen = 0;
    bytes name, value;
    int more;

    while ((more = http_query_next(r->arena, &query, &name, &value)) > 0)
        for (size_t i = 0; i < ARRAY_LEN(parameters); i++) {
            const struct parameter *p = &parameters[i];
            char *options = (char *)&r->options;
            if (!(p->verbs & VERB_BIT(r->verb)) || !bytes_equal(name, bytes_of(p->name)))
                continue;
            /* The first of a name counts; of dryRun all. */
            if ((seen & 1u << i) && p->read != read_dry_run)
                break;
            seen |= 1u << i;
            if (p->given != GIVEN_NOTHING)
                *(bool *)(options + p->given) = true;
            TRY(p->read(r, value, options + p->field));
            break;
        }
    if (more < 0)
        return r->arena->failed != ERR_OK ? arena_error(r->arena, &r->error)
                                          : error_set(&r->error, ERR_BAD_REQUEST, "invalid URL escape in the query");
    return ERR_OK;
}

static err_t options_parse(struct request *r)
{
    struct request_options *o = &r->options;

    o->field_validation = FIELD_VALIDATION_WARN;
    if (r->exchange->query.n > 0)
        TRY(parse_query(r));
    if (o->limit < 0)
        o->limit = 0;
    if (o->timeout_ms > 0 && o->timeout_ms < r->server->options.request_timeout_ms)
        r->deadline_us = r->exchange->received_us + o->timeout_ms * 1000;
    switch (r->verb) {
    case VERB_CREATE:
    case VERB_UPDATE:
        return options_check_write(r);
    case VERB_LIST:
    case VERB_DELETECOLLECTION:
        TRY(check_list(r));
        return parse_selectors(r);
    case VERB_WATCH:
        TRY(check_watch(r));
        return parse_selectors(r);
    default:
        return ERR_OK;
    }
}

enum step_result options_step(struct request *r)
{
    return options_parse(r) == ERR_OK ? STEP_NEXT : STEP_FAIL;
}
