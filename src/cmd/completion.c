/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/command.h"

/* Arguments that name a file or a directory complete as such. */
static bool is_path(const struct command_option *o)
{
    static const char *const paths[] = {"FILE", "DIR", "PATH"};
    for (size_t i = 0; i < ARRAY_LEN(paths); i++)
        if (o->argument && strcmp(o->argument, paths[i]) == 0)
            return true;
    return false;
}

/* case rows that answer for the value of one option. */
static void put_values(struct buffer *b, const struct command *c, const struct command_option *o)
{
    if (o->type == OPTION_FLAG || o->hidden)
        return;
    buffer_format(b, "        %s:--%s", c->name, o->name);
    if (o->letter)
        buffer_format(b, " | %s:-%c", c->name, o->letter);
    buffer_text(b, ")\n");
    if (o->choices) {
        buffer_text(b, "            COMPREPLY=($(compgen -W '");
        for (size_t i = 0; o->choices[i]; i++)
            buffer_format(b, "%s%s", i ? " " : "", o->choices[i]);
        buffer_text(b, "' -- \"$current\"))\n");
    } else if (is_path(o)) {
        buffer_text(b, "            compopt -o filenames\n            COMPREPLY=($(compgen -f -- \"$current\"))\n");
    }
    buffer_text(b, "            return ;;\n");
}

static void put_actions(struct buffer *b, const struct command *c)
{
    for (size_t i = 0; c->actions && c->actions[i]; i++)
        buffer_format(b, "%s ", c->actions[i]);
}

static void put_flags(struct buffer *b, const struct command *c)
{
    buffer_format(b, "        %s) flags='", c->name);
    for (size_t i = 0; i < c->option_count; i++)
        if (!c->options[i].hidden)
            buffer_format(b, "--%s ", c->options[i].name);
    put_actions(b, c);
    buffer_text(b, "--help' ;;\n");
}

/* Completes `help COMMAND` by the command's actions. */
static void put_help_actions(struct buffer *b)
{
    buffer_text(b, "    if [ \"$command\" = help ]; then\n"
                   "        case \"$COMP_CWORD:$previous\" in\n");
    for (size_t i = 0; commands[i]; i++)
        if (commands[i]->actions && !commands[i]->hidden) {
            buffer_format(b, "            3:%s) flags='", commands[i]->name);
            put_actions(b, commands[i]);
            buffer_text(b, "' ;;\n");
        }
    buffer_text(b, "        esac\n"
                   "        COMPREPLY=($(compgen -W \"$flags\" -- \"$current\"))\n"
                   "        return\n"
                   "    fi\n");
}

static void put_names(struct buffer *b)
{
    for (size_t i = 0; commands[i]; i++)
        if (!commands[i]->hidden)
            buffer_format(b, "%s%s", i ? " " : "", commands[i]->name);
}

void help_completion(struct buffer *b)
{
    buffer_text(b, "# bash completion for coffer; made by 'coffer completion bash'\n"
                   "_coffer() {\n"
                   "    local current=\"${COMP_WORDS[COMP_CWORD]}\" previous=\"${COMP_WORDS[COMP_CWORD-1]}\"\n"
                   "    local command=\"${COMP_WORDS[1]}\" flags='' word\n"
                   "    local commands='");
    put_names(b);
    buffer_text(b, "'\n"
                   "    [ \"$previous\" = '=' ] && previous=\"${COMP_WORDS[COMP_CWORD-2]}\"\n"
                   "    [ \"$current\" = '=' ] && previous=\"${COMP_WORDS[COMP_CWORD-1]}\" current=''\n"
                   "    COMPREPLY=()\n"
                   "    case \"$COMP_CWORD:$command\" in\n"
                   "        1:* | 2:help | 2:manual)\n"
                   "            COMPREPLY=($(compgen -W \"$commands\" -- \"$current\"))\n"
                   "            return ;;\n"
                   "    esac\n");
    put_help_actions(b);
    buffer_text(b, "    for word in \"${COMP_WORDS[@]:2:COMP_CWORD-2}\"; do\n"
                   "        if [ \"$word\" = -- ]; then\n"
                   "            compopt -o filenames\n"
                   "            COMPREPLY=($(compgen -c -f -- \"$current\"))\n"
                   "            return\n"
                   "        fi\n"
                   "    done\n"
                   "    case \"$command:$previous\" in\n");
    for (size_t i = 0; commands[i]; i++)
        for (size_t k = 0; k < commands[i]->option_count; k++)
            put_values(b, commands[i], &commands[i]->options[k]);
    buffer_text(b, "    esac\n    case \"$command\" in\n");
    for (size_t i = 0; commands[i]; i++)
        if (!commands[i]->hidden)
            put_flags(b, commands[i]);
    buffer_text(b, "    esac\n"
                   "    COMPREPLY=($(compgen -W \"$flags\" -- \"$current\"))\n"
                   "}\n"
                   "complete -F _coffer coffer\n");
}
