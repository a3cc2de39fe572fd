/* SPDX-License-Identifier: Apache-2.0 */
/* Names that an object has twice, found in linear time. Only src/text includes this. */
#ifndef COFFER_TEXT_JSON_NAMES_H
#define COFFER_TEXT_JSON_NAMES_H

#include "text/json.h"

/* *ret is the first member whose name an earlier one has, or NULL. Fails only as arena_alloc does, by what arena may
 * still take; its own use of memory ends with the call. */
MUST_CHECK err_t json_find_duplicate(struct arena *, const struct json *object, const struct json **ret);

#endif
