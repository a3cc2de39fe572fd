/* SPDX-License-Identifier: Apache-2.0 */
/* Values as Go's encoder shows kube-apiserver's internal structs in field errors: all members, by their Go names. */
#ifndef COFFER_KINDS_GO_VALUE_H
#define COFFER_KINDS_GO_VALUE_H

#include "text/json.h"

struct go_member {
    const char *shown, *name;
    enum { GO_TEXT, GO_LIST, GO_LIST_OF, GO_POINTER } form; /* absent: "", null, null, null */
    const struct go_member *of;                             /* of items and pointers; ends with shown NULL */
};

/* value NULL: all members absent. p is NULL when the arena is full. */
bytes go_value_text(struct arena *, const struct go_member *, const struct json *value);

extern const struct go_member go_object_reference[];

#endif
