/* SPDX-License-Identifier: Apache-2.0 */
/* What the halves of the parser share: regex_parse.c reads groups, repetitions and what is one item of them;
 * regex_escape.c escapes and classes. */
#ifndef COFFER_TEXT_REGEX_PARSER_H
#define COFFER_TEXT_REGEX_PARSER_H

#include "text/regex_tree.h"

enum {
    FLAG_FOLD = 1,        /* i */
    FLAG_LINES = 2,       /* m: ^ and $ at lines */
    FLAG_DOT_NEWLINE = 4, /* s */
    FLAG_UNGREEDY = 8,    /* U: says nothing about whether a text matches */
};

/* An open group: the branches before the last |, and the items behind it, the last one first. */
struct frame {
    struct frame *outer;
    struct node *branches, *items;
    uint32_t branch_count, item_count;
    unsigned outer_flags;
    bool captures;
};

struct parser {
    struct arena *arena;
    struct error *error;
    bytes pattern, left;
    const uint8_t *last_repeat; /* where the operator just before begins, or NULL */
    struct frame *frame;
    struct class_builder set;
    unsigned flags, depth;
    size_t ranges;
};

#define INVALID_RANGE  "invalid character class range"
#define INVALID_ESCAPE "invalid escape sequence"

/* "error parsing regexp: sentence: `expression`". */
MUST_CHECK err_t regex_fail(struct parser *, const char *sentence, bytes expression);
/* The pattern from there to what is left, and to its end. */
static inline bytes regex_since(const struct parser *p, const uint8_t *start)
{
    return (bytes){start, (size_t)(p->left.p - start)};
}
static inline bytes regex_rest(const struct parser *p, const uint8_t *start)
{
    return (bytes){start, p->pattern.n - (size_t)(start - p->pattern.p)};
}
static inline bool regex_is_alphanumeric(uint32_t c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}
/* At the end of the pattern: U+FFFD, as Go's decoder says. */
MUST_CHECK err_t regex_next_rune(struct parser *, uint32_t *ret);
MUST_CHECK err_t regex_check_utf8(struct parser *, bytes text);

/* A backslash and what stands for one character. */
MUST_CHECK err_t regex_parse_escape(struct parser *, uint32_t *ret);
/* \d, \pL and their kin. *ret_taken tells whether there was one. */
MUST_CHECK err_t regex_parse_set_escape(struct parser *, struct class_builder *, bool *ret_taken);
/* All from [ to ]. */
MUST_CHECK err_t regex_parse_class(struct parser *, struct class_builder *);

#endif
