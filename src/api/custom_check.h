/* SPDX-License-Identifier: Apache-2.0 */
/* What the files that check definitions share. A subject is a value and where it is. */
#ifndef COFFER_API_CUSTOM_CHECK_H
#define COFFER_API_CUSTOM_CHECK_H

#include "api/custom_schema.h"
#include "api/schema_check.h"

struct definition_check {
    struct check check;
    struct findings found;
    bool names_dialect; /* a schema has a $schema */
};

/* A value in a definition; NULL is absent. Lives in the block that made it, and what is below points up to it. */
struct subject {
    struct definition_check *to;
    const struct json *value;
    struct place place;
    bool root; /* place is none */
};

struct subject subject_member(const struct subject *, const char *name);
/* "properties[NAME]", and "[3]". */
struct subject subject_key(const struct subject *, const struct json *member);
struct subject subject_item(const struct subject *, const struct json *item, uint32_t index);
#define MEMBER(of, name) ((const struct subject[]){subject_member((of), (name))})

bytes subject_text(const struct subject *);
bool subject_true(const struct subject *);
/* Whether it says anything: a null does not. */
bool subject_given(const struct subject *);

/* Sentences; the formats are of the detail. */
void subject_required(const struct subject *, const char *format, ...) PRINTF_LIKE(2, 3);
void subject_forbidden(const struct subject *, const char *format, ...) PRINTF_LIKE(2, 3);
void subject_invalid(const struct subject *, const char *format, ...) PRINTF_LIKE(2, 3);
void subject_invalid_as(const struct subject *, bytes shown, const char *format, ...) PRINTF_LIKE(3, 4);
/* The list is of quoted names: "\"a\", \"b\"". */
void subject_unsupported(const struct subject *, const char *supported);

/* ---- The checks of a schema; `schema` is an openAPIV3Schema. */
/* Whether it is structural; what is not, is said. */
void custom_check_structure(const struct subject *schema);
/* Keywords that are not supported, or do not go together. */
void custom_check_keywords(const struct subject *schema);
/* Defaults must be values that the schema takes. */
void custom_check_defaults(const struct subject *schema);
/* Of one version, or of all that have the same. */
void custom_check_selectable(const struct subject *fields, const struct json *schema);

#endif
