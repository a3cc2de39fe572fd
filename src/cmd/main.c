/* SPDX-License-Identifier: Apache-2.0 */
#include "base/memory.h"
#include "cmd/command.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define TEXT_LIMIT ((size_t)4 << 20) /* of a command's options and texts; requests have arenas of their own */

static const char *command_name(const void *list, size_t i)
{
    const struct command *const *all = list;
    size_t k = 0;
    for (; all[k]; k++)
        if (!all[k]->hidden && i-- == 0)
            return all[k]->name;
    return NULL;
}

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; commands[i]; i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}

static int unknown_command(const char *name)
{
    const char *near = nearest_name(name, command_name, commands);
    fprintf(stderr, "coffer: unknown %s %s", name[0] == '-' ? "flag" : "command", name);
    if (near)
        fprintf(stderr, "; did you mean %s?", near);
    fprintf(stderr, "\nTry 'coffer --help'.\n");
    return 2;
}

static int print(const struct buffer *text)
{
    if (text->failed)
        fprintf(stderr, "coffer: out of memory\n");
    else if (fwrite(text->p, 1, text->n, stdout) != text->n || fflush(stdout) != 0)
        fprintf(stderr, "coffer: cannot write to standard output: %s\n", strerror(errno));
    else
        return 0;
    return 1;
}

static const char *action_name(const void *list, size_t i)
{
    const char *const *actions = list;
    return actions ? actions[i] : NULL;
}

static bool has_action(const struct command *c, const char *name)
{
    for (size_t i = 0; c->actions && c->actions[i]; i++)
        if (strcmp(c->actions[i], name) == 0)
            return true;
    return false;
}

static int unknown_action(const struct command *c, const char *name)
{
    const char *near = nearest_name(name, action_name, c->actions);
    fprintf(stderr, "coffer: unknown command %s %s", c->name, name);
    if (near)
        fprintf(stderr, "; did you mean %s?", near);
    fprintf(stderr, "\nTry 'coffer %s --help'.\n", c->name);
    return 2;
}

/* An action is told of on its command's page. */
static int run_help(const struct invocation *v)
{
    struct buffer text;
    buffer_init(&text, v->arena);
    const struct command *c = v->operand_count ? find_command(v->operands[0]) : NULL;
    if (v->operand_count && !c)
        return unknown_command(v->operands[0]);
    if (v->operand_count > 1 && !has_action(c, v->operands[1]))
        return unknown_action(c, v->operands[1]);
    if (c)
        help_command(&text, c);
    else
        help_overview(&text);
    return print(&text);
}

static int run_version(const struct invocation *v)
{
    struct buffer text;
    buffer_init(&text, v->arena);
    buffer_text(&text, "coffer " COFFER_VERSION "\n");
    return print(&text);
}

static int run_completion(const struct invocation *v)
{
    struct buffer text;
    struct error error;
    error_init(&error, v->arena);
    buffer_init(&text, v->arena);
    if (strcmp(v->operands[0], "bash") != 0) {
        (void)error_set(&error, ERR_BAD_REQUEST, "there is no completion for %s, only for bash", v->operands[0]);
        return command_misused(v->command, &error);
    }
    help_completion(&text);
    return print(&text);
}

static int run_manual(const struct invocation *v)
{
    struct buffer text;
    buffer_init(&text, v->arena);
    bool whole = v->operand_count == 0 || strcmp(v->operands[0], "coffer") == 0;
    const struct command *c = whole ? NULL : find_command(v->operands[0]);
    if (!whole && !c)
        return unknown_command(v->operands[0]);
    help_manual(&text, c);
    return print(&text);
}

static const struct command command_help = {.name = "help",
    .summary = "tell about a command",
    .operands = "[COMMAND [ACTION]]",
    .max_operands = 2,
    .run = run_help};
static const struct command command_version = {
    .name = "version", .summary = "print the version", .operands = "", .run = run_version};
static const char *const shells[] = {"bash", NULL};
static const struct command command_completion = {.name = "completion",
    .summary = "print a completion script for the shell",
    .operands = "bash",
    .description = "Prints a script that completes the commands and flags of coffer. For this shell alone:\n\n"
                   "    source <(coffer completion bash)\n",
    .min_operands = 1,
    .max_operands = 1,
    .actions = shells,
    .run = run_completion};
static const struct command command_manual = {.name = "manual",
    .summary = "print a manual page in roff",
    .operands = "[COMMAND]",
    .description = "Prints the manual page of a command, or of coffer itself, from the table that --help reads:\n\n"
                   "    coffer manual serve | man -l -\n",
    .max_operands = 1,
    .run = run_manual};

const struct command *const commands[] = {&command_serve, &command_exec, &command_cert, &command_completion,
    &command_manual, &command_help, &command_version, NULL};

static int run(struct arena *arena, const struct command *c, char **argv)
{
    struct invocation v;
    struct error error;
    error_init(&error, arena);
    err_t code = command_parse(c, arena, argv, &v, &error);
    if (code != ERR_OK)
        return code == ERR_BAD_REQUEST ? command_misused(c, &error)
                                       : command_failed(&(struct invocation){.command = c}, &error);
    if (!v.help)
        return c->run(&v);
    struct buffer text;
    buffer_init(&text, arena);
    help_command(&text, c);
    return print(&text);
}

/* Who starts us with some of them closed must not have the next file that is opened take our messages: the store's,
 * say. A program that we become finds them closed as before. */
static bool hold_standard_descriptors(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR | O_CLOEXEC) != fd)
            return false;
    return true;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *flag;
        const struct command *command;
    } flags[] = {{"--help", &command_help}, {"-h", &command_help}, {"--version", &command_version}};
    struct arena arena;
    if (!hold_standard_descriptors())
        return 1;
    if (argc < 2) {
        fprintf(stderr, "Usage: coffer COMMAND [FLAG...]\nTry 'coffer --help'.\n");
        return 2;
    }
    const struct command *c = find_command(argv[1]);
    for (size_t i = 0; i < ARRAY_LEN(flags); i++)
        if (strcmp(argv[1], flags[i].flag) == 0)
            c = flags[i].command;
    if (!c)
        return unknown_command(argv[1]);
    arena_init(&arena, TEXT_LIMIT);
    int status = run(&arena, c, argv + 2);
    arena_reset(&arena);
    return status;
}
