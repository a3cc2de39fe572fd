/* SPDX-License-Identifier: Apache-2.0 */
/* A subcommand is one row: its options, its texts and the function that runs it. Parsing, `--help`, the nearest flag,
 * the manual pages and the completion script all read the row, so that an option is said once.
 *
 *   struct serve_options { const char *data_dir; uint64_t memory_limit; struct option_list tls_san; bool debuggable; };
 *   static const struct serve_options serve_defaults = {.memory_limit = 512 << 20};
 *   static const struct command_option serve_rows[] = {
 *       {"data-dir", 'd', OPTION_TEXT, "DIR", "where the store lives", offsetof(struct serve_options, data_dir)},
 *       {"memory-limit", 0, OPTION_SIZE, "SIZE", "memory of all requests together", offsetof(struct serve_options,
 * memory_limit)},
 *       {"debuggable", 0, OPTION_FLAG, NULL, "", offsetof(struct serve_options, debuggable), .hidden = true},
 *   };
 *   const struct command command_serve = {.name = "serve", ..., .options = serve_rows, .option_count =
 * ARRAY_LEN(serve_rows), .defaults = &serve_defaults, .size = sizeof(struct serve_options), .run = serve_run};
 */
#ifndef COFFER_CMD_COMMAND_H
#define COFFER_CMD_COMMAND_H

#include "base/arena.h"

/* What an option's value is, and the C type of its field in the command's struct. */
enum option_type {
    OPTION_FLAG,     /* bool; takes no value, but --name=true and --name=false are understood */
    OPTION_TEXT,     /* const char *, borrowed from argv; the last one wins */
    OPTION_FILE,     /* the same; a file that is read at start and again later: the sandbox allows it */
    OPTION_SIZE,     /* uint64_t bytes: digits and K, M, G or T (powers of 1024; Ki, Mi ... too) */
    OPTION_DURATION, /* uint64_t milliseconds: 1h30m, 90s, 500ms, 7d; a bare number but 0 is refused */
    OPTION_CHOICE,   /* int: the index into .choices */
    OPTION_LIST,     /* struct option_list; may be repeated, order is kept */
    OPTION_FILES,    /* the same, of files as in OPTION_FILE */
};

struct option_list {
    const char **items; /* borrowed from argv */
    size_t count;
};

struct command_option {
    const char *name; /* without "--" */
    char letter;      /* of the short form, or 0 */
    enum option_type type;
    const char *argument;       /* "FILE" in help; NULL for a flag */
    const char *help;           /* one line, lower case, no full stop; the default is added from .defaults */
    size_t offset;              /* of the field in the command's struct */
    const char *const *choices; /* OPTION_CHOICE: ends in NULL */
    bool hidden;                /* left out of help, manual and completion */
    size_t given;               /* OPTION_FLAG: offset of a bool that tells whether it was there; 0: nobody asks */
};

struct invocation;

struct command {
    const char *name;
    const char *summary;     /* one line, for the list of commands and the manual's NAME */
    const char *operands;    /* after the options in the usage line: "-- PROGRAM [ARG...]"; "" when none are taken */
    const char *description; /* paragraphs divided by an empty line, for --help and the manual; a line that begins with
                                a blank is shown as it is. May be NULL */
    const struct command_option *options;
    size_t option_count;
    const void *defaults; /* a struct of the command's with the defaults; NULL: all zero */
    size_t size;          /* of that struct */
    unsigned min_operands, max_operands;
    const char *const *actions; /* what the first operand may be, for completion: ends in NULL; NULL: anything */
    bool operands_end_options;  /* options end at the first operand: what follows belongs to another program */
    bool hidden;
    int failure;                           /* exit status of failures and wrong usage alike; 0: 1 and 2 */
    int (*run)(const struct invocation *); /* returns the exit status */
};

/* A command line, parsed. */
struct invocation {
    const struct command *command;
    const void *options;   /* the command's struct, in the arena */
    char *const *operands; /* NULL-terminated, part of argv */
    size_t operand_count;
    bool help;           /* --help was given: nothing else was checked after it */
    struct arena *arena; /* lives as long as the command runs */
};

/* Every command, in the order of help; ends in NULL. Defined in main.c. */
extern const struct command *const commands[];
extern const struct command command_serve, command_exec, command_cert;

/* Parses what follows the command's name (argv ends in NULL; its order may be changed so that operands are together).
 * ERR_BAD_REQUEST with a sentence for people: `unknown flag --data-dri; did you mean --data-dir?`. */
MUST_CHECK err_t command_parse(
    const struct command *, struct arena *, char **argv, struct invocation *ret, struct error *);

/* Prints "coffer COMMAND: SENTENCE" to stderr and returns the status to exit with. Nothing of the kind goes through the
 * log: these are for the person who typed. */
int command_failed(const struct invocation *, const struct error *);
/* As command_failed, for a wrong value of an option or operand; adds where to find help. */
MUST_CHECK int command_misused(const struct command *, const struct error *);
/* "coffer COMMAND: warning: SENTENCE" to stderr. */
void command_warn(const struct command *, const char *format, ...) PRINTF_LIKE(2, 3);

/* The name of the list that is nearest by Damerau-Levenshtein distance and near enough to be meant; NULL when none is.
 * name(i) gives the i-th candidate, NULL at the end. */
const char *nearest_name(const char *typed, const char *(*name)(const void *list, size_t i), const void *list);

/* The texts made from the table. */
void help_overview(struct buffer *);
void help_command(struct buffer *, const struct command *);
/* An option's help with its default: what help and manual show beside its name. */
void help_option_text(struct buffer *, const struct command *, const struct command_option *);
void help_completion(struct buffer *);
/* roff (mdoc) of one command, or of coffer itself for NULL. */
void help_manual(struct buffer *, const struct command *);

#endif
