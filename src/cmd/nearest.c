/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/command.h"

#define NAME_MAX_LENGTH 40 /* longer names are never suggested */

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Damerau-Levenshtein distance in its optimal string alignment form: insert, delete, replace, or swap two neighbours.
 */
static size_t distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
    size_t rows[3][NAME_MAX_LENGTH + 1];
    size_t *before = rows[0], *last = rows[1], *row = rows[2];
    for (size_t j = 0; j <= b_length; j++)
        last[j] = j;
    for (size_t i = 1; i <= a_length; i++) {
        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            size_t replaced = last[j - 1] + (a[i - 1] != b[j - 1]);
            row[j] = least(replaced, least(last[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = least(row[j], before[j - 2] + 1);
        }
        size_t *spare = before;
        before = last, last = row, row = spare;
    }
    return last[b_length];
}

const char *nearest_name(const char *typed, const char *(*name)(const void *list, size_t i), const void *list)
{
    size_t typed_length = strlen(typed);
    const char *nearest = NULL;
    size_t nearest_distance = SIZE_MAX;
    if (typed_length > NAME_MAX_LENGTH)
        return NULL;
    for (size_t i = 0; name(list, i); i++) {
        const char *candidate = name(list, i);
        size_t length = strlen(candidate);
        if (length > NAME_MAX_LENGTH)
            continue;
        size_t far = distance(typed, typed_length, candidate, length);
        if (typed_length >= 3 && strncmp(typed, candidate, typed_length) == 0)
            far = 1; /* an abbreviation */
        if (far <= 1 + (typed_length > length ? typed_length : length) / 4 && far < length && far < nearest_distance)
            nearest = candidate, nearest_distance = far;
    }
    return nearest;
}
