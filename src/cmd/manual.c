/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/command.h"

#define MANUAL_DATE "November 21, 2026"

/* Text as roff shows it: a backslash and a minus sign stay what they are, a sentence begins on a line of its own, and
 * no line begins with a control character. */
static void put_text(struct buffer *b, bytes text)
{
    bool line_start = true;
    for (size_t i = 0; i < text.n; i++) {
        char c = (char)text.p[i];
        if (line_start && (c == '.' || c == '\''))
            buffer_text(b, "\\&");
        line_start = false;
        if (c == '\\') {
            buffer_text(b, "\\e");
        } else if (c == '-') {
            buffer_text(b, "\\-");
        } else if (c == ' ' && i && text.p[i - 1] == '.') {
            buffer_byte(b, '\n');
            line_start = true;
        } else {
            buffer_byte(b, (uint8_t)c);
        }
    }
    buffer_byte(b, '\n');
}

static void put_section(struct buffer *b, const char *name)
{
    buffer_format(b, ".Sh %s\n", name);
}

/* name is "coffer" or "coffer-exec"; the title is the same in upper case. */
static void put_head(struct buffer *b, bytes name, const char *summary)
{
    buffer_format(b, ".Dd %s\n.Dt ", MANUAL_DATE);
    for (size_t i = 0; i < name.n; i++)
        buffer_byte(b, name.p[i] >= 'a' && name.p[i] <= 'z' ? (uint8_t)(name.p[i] - 'a' + 'A') : name.p[i]);
    buffer_format(b, " 1\n.Os Coffer %s\n", COFFER_VERSION);
    put_section(b, "NAME");
    buffer_format(b, ".Nm %.*s\n.Nd %s\n", BYTES_FMT(name), summary);
    put_section(b, "SYNOPSIS");
}

static void put_description(struct buffer *b, const char *description)
{
    bytes rest = bytes_of(description);
    bool literal = false, paragraph = false;
    put_section(b, "DESCRIPTION");
    while (rest.n) {
        bytes line = {rest.p, bytes_find(rest, '\n')};
        bool now_literal = line.n && line.p[0] == ' ';
        if (literal && !now_literal)
            buffer_text(b, ".Ed\n");
        if (!literal && now_literal)
            buffer_text(b, ".Bd -literal -offset indent\n");
        if (line.n == 0)
            paragraph = true;
        else if (paragraph && !now_literal && !literal)
            buffer_text(b, ".Pp\n");
        if (line.n) {
            paragraph = false;
            while (line.n && line.p[0] == ' ')
                line = bytes_skip(line, 1);
            put_text(b, line);
        }
        literal = now_literal;
        rest = bytes_skip(rest, bytes_find(rest, '\n'));
        rest = bytes_skip(rest, rest.n ? 1 : 0);
    }
    if (literal)
        buffer_text(b, ".Ed\n");
}

static void put_option(struct buffer *b, const struct command *c, const struct command_option *o)
{
    struct buffer text;
    buffer_text(b, ".It ");
    if (o->letter)
        buffer_format(b, "Fl %c , ", o->letter);
    buffer_format(b, "Fl -%s", o->name);
    if (o->argument)
        buffer_format(b, " Ar %s", o->argument);
    buffer_byte(b, '\n');
    buffer_init(&text, b->arena);
    help_option_text(&text, c, o);
    put_text(b, buffer_bytes(&text));
    b->failed |= text.failed;
}

static void manual_command(struct buffer *b, const struct command *c)
{
    put_head(b, arena_format(b->arena, "coffer-%s", c->name), c->summary);
    buffer_format(b, ".Nm coffer %s\n.Op Ar FLAG ...\n", c->name);
    if (*c->operands)
        put_text(b, bytes_of(c->operands));
    put_description(b, c->description ? c->description : c->summary);
    put_section(b, "OPTIONS");
    buffer_text(b, ".Bl -tag -width Ds\n");
    for (size_t i = 0; i < c->option_count; i++)
        if (!c->options[i].hidden)
            put_option(b, c, &c->options[i]);
    buffer_text(b, ".It Fl h , Fl -help\nshow the usage\n.El\n");
    put_section(b, "SEE ALSO");
    buffer_text(b, ".Xr coffer 1\n");
}

static void manual_overview(struct buffer *b)
{
    put_head(b, BYTES("coffer"), "the Kubernetes secrets stack in one small program");
    buffer_text(b, ".Nm coffer\n.Ar COMMAND\n.Op Ar FLAG ...\n");
    put_section(b, "DESCRIPTION");
    buffer_text(b, ".Nm\nserves the Kubernetes API from an encrypted store, and hands Secrets to programs.\n"
                   "Its commands are:\n.Bl -tag -width completion\n");
    for (size_t i = 0; commands[i]; i++)
        if (!commands[i]->hidden) {
            buffer_format(b, ".It Ic %s\n", commands[i]->name);
            put_text(b, bytes_of(commands[i]->summary));
        }
    buffer_text(b, ".El\n");
    put_section(b, "EXIT STATUS");
    buffer_text(b, "0 on success, 1 on failure, 2 on wrong usage, unless a command's own page says otherwise.\n");
    put_section(b, "SEE ALSO");
    buffer_text(b, ".Xr coffer-cert 1 ,\n.Xr coffer-exec 1 ,\n.Xr coffer-serve 1\n");
}

void help_manual(struct buffer *b, const struct command *c)
{
    if (c)
        manual_command(b, c);
    else
        manual_overview(b);
}
