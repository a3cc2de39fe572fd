/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/command.h"

#include <stdlib.h>

/* Where a parse stands. */
struct parser {
    const struct command *command;
    struct arena *arena;
    char **argv;
    size_t next;           /* index of the next argument to read */
    uint8_t *options;      /* the command's struct */
    size_t argument_count; /* bounds every list */
    struct error *error;
};

static const char *option_name(const void *list, size_t i)
{
    const struct command *c = list;
    for (size_t k = 0; k < c->option_count; k++)
        if (!c->options[k].hidden && i-- == 0)
            return c->options[k].name;
    return i == 0 ? "help" : NULL;
}

static const struct command_option *find_long(const struct command *c, bytes name)
{
    for (size_t i = 0; i < c->option_count; i++)
        if (bytes_equal(bytes_of(c->options[i].name), name))
            return &c->options[i];
    return NULL;
}

static const struct command_option *find_letter(const struct command *c, char letter)
{
    for (size_t i = 0; i < c->option_count; i++)
        if (c->options[i].letter && c->options[i].letter == letter)
            return &c->options[i];
    return NULL;
}

/* Takes the digits at the start of *text. False when there are none or they overflow. */
static bool take_digits(const char **text, uint64_t *ret)
{
    const char *p = *text;
    uint64_t v = 0;
    for (; *p >= '0' && *p <= '9'; p++)
        if (__builtin_mul_overflow(v, 10u, &v) || __builtin_add_overflow(v, (uint64_t)(*p - '0'), &v))
            return false;
    if (p == *text)
        return false;
    *text = p, *ret = v;
    return true;
}

static bool parse_size(const char *text, uint64_t *ret)
{
    static const char units[] = "KMGT";
    uint64_t v;
    if (!take_digits(&text, &v))
        return false;
    const char *unit = *text ? strchr(units, *text) : NULL;
    if (unit) {
        if (__builtin_mul_overflow(v, (uint64_t)1 << 10 * (unit - units + 1), &v))
            return false;
        text++;
        if (*text == 'i')
            text++;
    }
    if (*text)
        return false;
    *ret = v;
    return true;
}

static bool parse_duration(const char *text, uint64_t *ret)
{
    static const struct {
        const char *name;
        uint64_t milliseconds;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
    uint64_t sum = 0;
    if (strcmp(text, "0") == 0) {
        *ret = 0;
        return true;
    }
    do {
        uint64_t v;
        size_t i = 0;
        if (!take_digits(&text, &v))
            return false;
        while (i < ARRAY_LEN(units) && strncmp(text, units[i].name, strlen(units[i].name)) != 0)
            i++;
        if (i == ARRAY_LEN(units) || __builtin_mul_overflow(v, units[i].milliseconds, &v) ||
            __builtin_add_overflow(sum, v, &sum))
            return false;
        text += strlen(units[i].name);
    } while (*text);
    *ret = sum;
    return true;
}

static err_t bad_choice(const struct parser *p, const struct command_option *o)
{
    struct buffer names;
    buffer_init(&names, p->arena);
    for (size_t i = 0; o->choices[i]; i++)
        buffer_format(&names, "%s%s", i ? ", " : "", o->choices[i]);
    if (names.failed)
        return arena_error(p->arena, p->error);
    return error_set(
        p->error, ERR_BAD_REQUEST, "flag --%s takes one of: %.*s", o->name, BYTES_FMT(buffer_bytes(&names)));
}

static err_t store_choice(const struct parser *p, const struct command_option *o, const char *value)
{
    for (int i = 0; o->choices[i]; i++)
        if (strcmp(o->choices[i], value) == 0) {
            memcpy(p->options + o->offset, &i, sizeof i);
            return ERR_OK;
        }
    return bad_choice(p, o);
}

static err_t store_item(const struct parser *p, const struct command_option *o, const char *value)
{
    struct option_list list;
    memcpy(&list, p->options + o->offset, sizeof list);
    if (!list.items) {
        list.items = arena_alloc(p->arena, p->argument_count * sizeof *list.items);
        if (!list.items)
            return arena_error(p->arena, p->error);
    }
    list.items[list.count++] = value;
    memcpy(p->options + o->offset, &list, sizeof list);
    return ERR_OK;
}

static err_t store_flag(const struct parser *p, const struct command_option *o, const char *value)
{
    bool on = !value || strcmp(value, "true") == 0;
    if (!on && strcmp(value, "false") != 0)
        return error_set(p->error, ERR_BAD_REQUEST, "flag --%s takes no value but true or false", o->name);
    memcpy(p->options + o->offset, &on, sizeof on);
    if (o->given)
        memcpy(p->options + o->given, &(bool){true}, sizeof(bool));
    return ERR_OK;
}

static err_t store(const struct parser *p, const struct command_option *o, const char *value)
{
    void *field = p->options + o->offset;
    uint64_t number = 0;
    switch (o->type) {
    case OPTION_FLAG:
        return store_flag(p, o, value);
    case OPTION_TEXT:
    case OPTION_FILE:
        memcpy(field, &value, sizeof value);
        return ERR_OK;
    case OPTION_SIZE:
        if (!parse_size(value, &number))
            return error_set(
                p->error, ERR_BAD_REQUEST, "flag --%s takes a size: a number and K, M, G or T, as in 512M", o->name);
        memcpy(field, &number, sizeof number);
        return ERR_OK;
    case OPTION_DURATION:
        if (!parse_duration(value, &number))
            return error_set(p->error, ERR_BAD_REQUEST,
                "flag --%s takes a duration: numbers with ms, s, m, h or d, as in 1h30m", o->name);
        memcpy(field, &number, sizeof number);
        return ERR_OK;
    case OPTION_CHOICE:
        return store_choice(p, o, value);
    case OPTION_LIST:
    case OPTION_FILES:
        return store_item(p, o, value);
    }
    return error_set(p->error, ERR_INTERNAL, "flag --%s has no type", o->name);
}

/* The value that follows as an argument of its own. */
static err_t next_value(struct parser *p, const struct command_option *o, const char **ret)
{
    const char *value = p->argv[p->next];
    if (!value)
        return error_set(p->error, ERR_BAD_REQUEST, "flag --%s needs a value: --%s=%s", o->name, o->name, o->argument);
    p->next++;
    *ret = value;
    return ERR_OK;
}

static err_t parse_long(struct parser *p, const char *argument, bool *ret_help)
{
    const char *equals = strchr(argument, '=');
    bytes name = {(const uint8_t *)argument, equals ? (size_t)(equals - argument) : strlen(argument)};
    const struct command_option *o = find_long(p->command, name);
    const char *value = equals ? equals + 1 : NULL;
    if (o) {
        if (o->type != OPTION_FLAG && !value)
            TRY(next_value(p, o, &value));
        return store(p, o, value);
    }
    if (bytes_equal(name, BYTES("help"))) {
        *ret_help = true;
        return ERR_OK;
    }
    bytes typed = arena_copy(p->arena, name);
    if (!typed.p)
        return arena_error(p->arena, p->error);
    const char *near = nearest_name((const char *)typed.p, option_name, p->command);
    if (near)
        return error_set(p->error, ERR_BAD_REQUEST, "unknown flag --%.*s; did you mean --%s?", BYTES_FMT(name), near);
    return error_set(p->error, ERR_BAD_REQUEST, "unknown flag --%.*s", BYTES_FMT(name));
}

/* A cluster of letters after one dash: flags, the last of which may take a value, joined or as the next argument. */
static err_t parse_letters(struct parser *p, const char *letters, bool *ret_help)
{
    for (; *letters; letters++) {
        const struct command_option *o = find_letter(p->command, *letters);
        const char *value = letters + 1;
        if (!o && *letters == 'h') {
            *ret_help = true;
            return ERR_OK;
        }
        if (!o)
            return error_set(p->error, ERR_BAD_REQUEST, "unknown flag -%c", *letters);
        if (o->type == OPTION_FLAG) {
            TRY(store(p, o, NULL));
            continue;
        }
        if (*value == '=')
            value++;
        else if (!*value)
            TRY(next_value(p, o, &value));
        return store(p, o, value);
    }
    return ERR_OK;
}

static err_t check_operands(const struct parser *p, const struct invocation *v)
{
    const struct command *c = p->command;
    if (v->operand_count > c->max_operands)
        return error_set(p->error, ERR_BAD_REQUEST, "unexpected argument %s", v->operands[c->max_operands]);
    if (v->operand_count < c->min_operands)
        return error_set(
            p->error, ERR_BAD_REQUEST, "an argument is missing: coffer %s [FLAG...] %s", c->name, c->operands);
    return ERR_OK;
}

err_t command_parse(
    const struct command *c, struct arena *arena, char **argv, struct invocation *ret, struct error *error)
{
    struct parser p = {.command = c, .arena = arena, .argv = argv, .error = error};
    struct invocation v = {.command = c, .operands = argv, .arena = arena};
    p.options = arena_zero(arena, c->size);
    if (!p.options)
        return arena_error(arena, error);
    if (c->defaults)
        memcpy(p.options, c->defaults, c->size);
    while (argv[p.argument_count])
        p.argument_count++;
    while (argv[p.next] && !v.help) {
        char *argument = argv[p.next++];
        if (strcmp(argument, "--") == 0)
            break;
        if (argument[0] == '-' && argument[1]) {
            TRY(argument[1] == '-' ? parse_long(&p, argument + 2, &v.help) : parse_letters(&p, argument + 1, &v.help));
            continue;
        }
        argv[v.operand_count++] = argument;
        if (c->operands_end_options)
            break;
    }
    while (argv[p.next])
        argv[v.operand_count++] = argv[p.next++];
    argv[v.operand_count] = NULL;
    if (!v.help)
        TRY(check_operands(&p, &v));
    v.options = p.options;
    *ret = v;
    return ERR_OK;
}
