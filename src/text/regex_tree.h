/* SPDX-License-Identifier: Apache-2.0 */
/* What regex_parse.c makes of a pattern and regex.c compiles. */
#ifndef COFFER_TEXT_REGEX_TREE_H
#define COFFER_TEXT_REGEX_TREE_H

#include "text/regex_class.h"

#define REGEX_PATTERN_MOST 65536
#define REGEX_NESTING_MOST 1000
#define REGEX_REPEAT_MOST  1000
#define REGEX_PROGRAM_MOST 100000
#define REGEX_RANGES_MOST  200000 /* of all classes of a pattern together */

/* What holds between two characters, as bits. */
enum {
    AT_LINE_START = 1,
    AT_LINE_END = 2,
    AT_TEXT_START = 4,
    AT_TEXT_END = 8,
    AT_WORD_BOUNDARY = 16,
    AT_NO_WORD_BOUNDARY = 32,
};

enum node_type {
    NODE_EMPTY,
    NODE_CHAR,
    NODE_CLASS,
    NODE_ASSERTION,
    NODE_CONCAT,
    NODE_ALTERNATE,
    NODE_REPEAT,
};

struct node {
    enum node_type type;
    uint32_t height; /* of the tree below, counted with groups as Go does */
    uint32_t copies; /* of one node that nested {n} make */
    uint32_t size;   /* in instructions; saturates above REGEX_PROGRAM_MOST */
    union {
        uint32_t code_point;
        uint32_t assertion;
        const struct char_class *class;
        struct {
            int least, most; /* most -1: without end */
        };
    };
    struct node *child; /* the last one of several */
    struct node *next;  /* the sibling before this one */
};

MUST_CHECK err_t regex_parse(struct arena *, bytes pattern, const struct node **ret, struct error *);

#endif
