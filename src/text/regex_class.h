/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of code points for regular expressions. Only src/text/regex*.c include this. */
#ifndef COFFER_TEXT_REGEX_CLASS_H
#define COFFER_TEXT_REGEX_CLASS_H

#include "base/arena.h"

#define CODE_POINT_MOST 0x10ffffU

struct char_range {
    uint32_t low, high;
};

/* Ranges ascend and do not touch. The first 128 code points are bits, too. */
struct char_class {
    const struct char_range *ranges;
    size_t count;
    uint64_t ascii[2];
};

/* A set in the making: ranges in any order, tidied up as it grows. Errors are sticky: look at failed once. */
struct class_builder {
    struct arena *arena;
    struct char_range *ranges;
    size_t count, capacity;
    bool failed;
};

/* Adds low to high, and with fold all that are equal to one of them without regard to case. */
void class_add(struct class_builder *, uint32_t low, uint32_t high, bool fold);
/* Ascending and apart. */
void class_tidy(struct class_builder *);
/* What is not in the set. */
void class_negate(struct class_builder *);
/* Copies the tidied set. False when the arena is full. */
MUST_CHECK bool class_build(struct class_builder *, struct char_class *ret);
bool class_has(const struct char_class *, uint32_t code_point);

/* Perl's \d \s \w by their letter, capitals their complement; "alpha" and its kin, "^alpha" their complement; Unicode's
 * categories and scripts by name in any spelling of case, spaces, hyphens and underscores. False when there is none. */
MUST_CHECK bool class_add_perl(struct class_builder *, uint8_t letter, bool fold);
MUST_CHECK bool class_add_posix(struct class_builder *, bytes name, bool fold);
MUST_CHECK bool class_add_unicode(struct class_builder *, bytes name, bool negate, bool fold);

#endif
