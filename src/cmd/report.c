/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/command.h"

#include <stdio.h>

int command_failed(const struct invocation *v, const struct error *error)
{
    fprintf(stderr, "coffer %s: %.*s\n", v->command->name, BYTES_FMT(error->message));
    return v->command->failure ? v->command->failure : 1;
}

int command_misused(const struct command *c, const struct error *error)
{
    fprintf(stderr, "coffer %s: %.*s\nTry 'coffer %s --help'.\n", c->name, BYTES_FMT(error->message), c->name);
    return c->failure ? c->failure : 2;
}

void command_warn(const struct command *c, const char *format, ...)
{
    char sentence[512];
    va_list list;
    va_start(list, format);
    vsnprintf(sentence, sizeof sentence, format, list);
    va_end(list);
    fprintf(stderr, "coffer %s: warning: %s\n", c->name, sentence);
}
