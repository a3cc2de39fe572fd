/* SPDX-License-Identifier: Apache-2.0 */
/* Validation by tables of paths, for the kinds that are only stored: a row a rule.
 *
 *   {"provisioner", CHECK_NEEDED}, {"spec.drivers[].name", CHECK_SUBDOMAIN}, {"reclaimPolicy", CHECK_ONE_OF, "Delete
 * Retain"}
 *
 * Rows are tried in order; [] is every item of a list. What an absent or other value on the way would hold is not
 * looked at. All but CHECK_NEEDED pass what is absent; the grammars of
 * names pass what is empty too, unless text is "". */
#ifndef COFFER_KINDS_CHECK_TABLE_H
#define COFFER_KINDS_CHECK_TABLE_H

#include "kinds/field.h"

enum check_rule {
    CHECK_NEEDED,       /* not absent or empty; text: the detail, if any */
    CHECK_ONE_OF,       /* text: the values, with spaces between, in the order that they are told in */
    CHECK_SUBDOMAIN,    /* DNS-1123 */
    CHECK_LABEL,        /* DNS-1123 */
    CHECK_QUALIFIED,    /* a qualified name */
    CHECK_PATH_SEGMENT, /* fit for a segment of a URL's path */
    CHECK_LABELS,       /* a map of labels */
    CHECK_SELECTOR,     /* a LabelSelector */
    CHECK_PORT_NUMBER,
    CHECK_CIDR,
    CHECK_NOT_NEGATIVE,
    CHECK_POSITIVE,
    CHECK_UNIQUE,    /* of a list: no two items with the same member of the name that is in text; "": equal texts */
    CHECK_UNCHANGED, /* "field is immutable" */
    CHECK_FORBIDDEN  /* to change; text: the detail */
};

struct check_row {
    const char *path;
    enum check_rule rule;
    const char *text;
};

void check_table(struct arena *, const struct check_row *, size_t count, const struct json *object,
    const struct json *old, struct error *);
#define CHECK_TABLE(arena, rows, object, old, error)                                                                   \
    check_table((arena), (rows), ARRAY_LEN(rows), (object), (old), (error))

/* Names that are segments of a path of a URL: RBAC's, as kind_rules.validate_name. */
void validate_path_segment(struct arena *, bytes name, bool prefix, bytes field, struct error *);
void check_path_segment(const struct field *);

#endif
