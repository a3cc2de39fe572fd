/* SPDX-License-Identifier: Apache-2.0 */
/* Unicode's general categories, scripts and simple case folding, packed as text: 20 KB that only the compilation of a
 * \p or (?i) reads. Only src/text/regex_class.c includes this.
 *
 * Names stand one behind the other, each with a capital first and small letters after it. Runs part all code points
 * from U+0000 on: a symbol, then how many follow each other (nothing for one). A category's symbol is the letter of its
 * place in the names (A to Z, then a to z); a script's are two, capital and small, for 26 * capital + small, and 0 (Aa)
 * is no script, 1 (Ab) the first name. */
#ifndef COFFER_TEXT_REGEX_UNICODE_H
#define COFFER_TEXT_REGEX_UNICODE_H

#include "base/bytes.h"

extern const char unicode_category_names[], unicode_category_runs[];
extern const char unicode_script_names[], unicode_script_runs[];

/* The next of those that are equal without regard to case: c + delta. All that are equal form a ring of 2 to 4. Where
 * capital and small letters alternate: with FOLD_EVEN an even c and c + 1 are a pair, with FOLD_ODD an odd one. */
#define FOLD_EVEN 0x110000
#define FOLD_ODD  0x110001
struct unicode_fold {
    uint32_t low, high;
    int32_t delta;
};
extern const struct unicode_fold unicode_folds[]; /* ascending */
extern const size_t unicode_fold_count;

#endif
