/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/command.h"

#define WIDTH       80
#define HELP_COLUMN 30

static void put_spaces(struct buffer *b, size_t n)
{
    buffer_format(b, "%*s", (int)n, "");
}

/* Words of text from column `column` on, wrapped at WIDTH, further lines indented; ends the line. */
static void put_wrapped(struct buffer *b, bytes text, size_t indent)
{
    size_t column = indent;
    while (text.n) {
        size_t length = bytes_find(text, ' ');
        if (column > indent && column + 1 + length > WIDTH) {
            buffer_byte(b, '\n');
            put_spaces(b, indent);
            column = indent;
        } else if (column > indent) {
            buffer_byte(b, ' ');
            column++;
        }
        buffer_put(b, (bytes){text.p, length});
        column += length;
        text = bytes_skip(text, length < text.n ? length + 1 : length);
    }
    buffer_byte(b, '\n');
}

static void put_description(struct buffer *b, const char *description)
{
    bytes rest = bytes_of(description);
    while (rest.n) {
        bytes line = {rest.p, bytes_find(rest, '\n')};
        if (line.n && line.p[0] == ' ') {
            buffer_put(b, line);
            buffer_byte(b, '\n');
        } else {
            put_wrapped(b, line, 0);
        }
        rest = bytes_skip(rest, line.n < rest.n ? line.n + 1 : line.n);
    }
    buffer_byte(b, '\n');
}

static void put_duration(struct buffer *b, uint64_t milliseconds)
{
    static const struct {
        const char *name;
        uint64_t milliseconds;
    } units[] = {{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};
    size_t i = 0;
    while (milliseconds % units[i].milliseconds)
        i++;
    buffer_uint(b, milliseconds / units[i].milliseconds);
    buffer_text(b, units[i].name);
}

static void put_size(struct buffer *b, uint64_t size)
{
    static const char units[] = {0, 'K', 'M', 'G', 'T', 0};
    size_t unit = 0;
    for (; size && size % 1024 == 0 && units[unit + 1]; unit++)
        size /= 1024;
    buffer_uint(b, size);
    if (unit)
        buffer_byte(b, (uint8_t)units[unit]);
}

/* The default of an option that has one, as it would be typed. */
static void put_default(struct buffer *b, const struct command *c, const struct command_option *o)
{
    const uint8_t *field = c->defaults ? (const uint8_t *)c->defaults + o->offset : NULL;
    const char *text = NULL;
    uint64_t number = 0;
    int choice = 0;
    if (!field || o->type == OPTION_FLAG || o->type == OPTION_LIST || o->type == OPTION_FILES)
        return;
    if (o->type == OPTION_TEXT || o->type == OPTION_FILE)
        memcpy(&text, field, sizeof text);
    else if (o->type == OPTION_CHOICE)
        memcpy(&choice, field, sizeof choice);
    else
        memcpy(&number, field, sizeof number);
    if (o->type == OPTION_CHOICE)
        text = o->choices[choice];
    if (!text && !number)
        return;
    buffer_text(b, " (default: ");
    if (text)
        buffer_text(b, text);
    else if (o->type == OPTION_SIZE)
        put_size(b, number);
    else
        put_duration(b, number);
    buffer_byte(b, ')');
}

/* "; one of a, b or c" */
static void put_choices(struct buffer *b, const struct command_option *o)
{
    for (size_t i = 0; o->choices && o->choices[i]; i++)
        buffer_format(b, "%s%s", i == 0 ? "; one of " : o->choices[i + 1] ? ", " : " or ", o->choices[i]);
}

void help_option_text(struct buffer *b, const struct command *c, const struct command_option *o)
{
    buffer_text(b, o->help);
    if (o->type == OPTION_LIST || o->type == OPTION_FILES)
        buffer_text(b, "; may be repeated");
    put_choices(b, o);
    put_default(b, c, o);
}

static void put_option(struct buffer *b, const struct command *c, const struct command_option *o)
{
    struct buffer text;
    size_t start = b->n;
    buffer_init(&text, b->arena);
    help_option_text(&text, c, o);
    if (o->letter)
        buffer_format(b, "  -%c, --%s", o->letter, o->name);
    else
        buffer_format(b, "      --%s", o->name);
    if (o->argument)
        buffer_format(b, " %s", o->argument);
    size_t width = b->n - start;
    if (width + 2 > HELP_COLUMN) {
        buffer_byte(b, '\n');
        width = 0;
    }
    put_spaces(b, HELP_COLUMN - width);
    put_wrapped(b, buffer_bytes(&text), HELP_COLUMN);
    b->failed |= text.failed;
}

void help_command(struct buffer *b, const struct command *c)
{
    static const struct command_option help = {"help", 'h', OPTION_FLAG, NULL, "show this text", 0};
    buffer_format(b, "Usage: coffer %s [FLAG...]%s%s\n\n", c->name, *c->operands ? " " : "", c->operands);
    if (c->description)
        put_description(b, c->description);
    else
        buffer_format(b, "%s\n\n", c->summary);
    buffer_text(b, "Flags:\n");
    for (size_t i = 0; i < c->option_count; i++)
        if (!c->options[i].hidden)
            put_option(b, c, &c->options[i]);
    put_option(b, c, &help);
}

void help_overview(struct buffer *b)
{
    buffer_text(b, "Usage: coffer COMMAND [FLAG...]\n\n"
                   "The Kubernetes secrets stack in one small program.\n\nCommands:\n");
    for (size_t i = 0; commands[i]; i++)
        if (!commands[i]->hidden)
            buffer_format(b, "  %-12s%s\n", commands[i]->name, commands[i]->summary);
    buffer_text(b, "\n'coffer help COMMAND' tells more about one.\n");
}
