/* SPDX-License-Identifier: Apache-2.0 */
/* What json_path_parse.c makes and json_path.c walks. */
#ifndef COFFER_API_JSON_PATH_STEPS_H
#define COFFER_API_JSON_PATH_STEPS_H

#include "api/json_path.h"

enum step_type { STEP_FIELD, STEP_WILDCARD, STEP_SLICE, STEP_FILTER, STEP_UNION, STEP_BELOW };

/* Steps form a list; the branches of a union join it again behind the union. */
struct step {
    enum step_type type;
    bytes name; /* STEP_FIELD */
    struct {
        int64_t start, end, stride;
        bool to_end, single; /* no end was given; [n] */
    };                       /* STEP_SLICE */
    struct filter *filter;
    struct branch *branches;
    struct step *next;
};

struct branch {
    struct step *first, *last;
    struct branch *next;
};

struct operand {
    bool is_path;
    struct step *path;   /* NULL: the item itself */
    struct json literal; /* a string, a number or a truth */
};

enum test { TEST_EXISTS, TEST_EQUAL, TEST_NOT_EQUAL, TEST_LESS, TEST_LESS_EQUAL, TEST_GREATER, TEST_GREATER_EQUAL };

struct filter {
    enum test test;
    struct operand left, right;
};

struct json_path {
    struct step *first;
};

#endif
