/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers as Go writes them: the fewest digits that read back as the same number. */
#ifndef COFFER_API_FLOAT_TEXT_H
#define COFFER_API_FLOAT_TEXT_H

#include "base/arena.h"

enum float_style {
    FLOAT_JSON,    /* encoding/json: 1e-7, 1e+21 */
    FLOAT_SENTENCE /* fmt's %v: 1e-05, 1e+06 */
};

#define FLOAT_TEXT_SIZE 48
/* Writes NUL-terminated text and returns its length. value is finite. */
size_t float_text(double value, enum float_style, char ret[FLOAT_TEXT_SIZE]);

#endif
