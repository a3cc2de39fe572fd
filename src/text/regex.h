/* SPDX-License-Identifier: Apache-2.0 */
/* Regular expressions in RE2's syntax (github.com/google/re2/wiki/Syntax, as Go's regexp takes it), matched in time
 * linear in the text: no backtracking. Why our own: docs/architecture.md, "Own code" (RE2 is C++, PCRE2 backtracks). */
#ifndef COFFER_TEXT_REGEX_H
#define COFFER_TEXT_REGEX_H

#include "base/arena.h"

struct regex; /* immutable; any thread */

/* Compiles into the arena. ERR_BAD_REQUEST with Go's sentence ("error parsing regexp: missing closing ): `(`").
 * Bounded: pattern 64 KiB, nesting 1,000, repeat counts 1,000, program 100,000 instructions. */
MUST_CHECK err_t regex_compile(struct arena *, bytes pattern, const struct regex **ret, struct error *);

/* States of its program: a match takes at most this times the bytes of the text. */
size_t regex_states(const struct regex *);

/* Whether it matches anywhere in text (valid UTF-8). The arena is for the states of this match; false and arena->failed
 * when it is full. O(text x program). */
MUST_CHECK bool regex_matches(const struct regex *, struct arena *, bytes text);

#endif
