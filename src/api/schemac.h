/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the schema compiler, a program of the build. It ends with a sentence on any error. */
#ifndef COFFER_API_SCHEMAC_H
#define COFFER_API_SCHEMAC_H

#include "api/schema.h"

#include <stdio.h>

struct schemac {
    struct arena *arena;
    const struct schema_list *list;
    FILE *c;         /* what is printed to */
    unsigned serial; /* of the next table */
    struct schemac_table *tables;
};

_Noreturn void schemac_die(const char *what, const char *why);

/* "secret" of io.k8s.api.core.v1.Secret, as part of an identifier. */
void schemac_put_name(FILE *, const struct schema_list *, const struct schema *);
/* A string literal, or NULL. */
void schemac_put_text(FILE *, const char *text);
/* `, .member = "text"`; nothing for NULL. */
void schemac_put_member(FILE *, const char *member, const char *text);

/* An initializer in the making: written to between open and close, which prints it as the constant TYPE NAME_n, unless
 * the same was printed before, and returns n. */
struct schemac_text {
    FILE *f;
    char *p;
    size_t n;
};
FILE *schemac_open(struct schemac_text *);
unsigned schemac_close(struct schemac *, struct schemac_text *, const char *type, const char *name);
void schemac_close_tables(struct schemac *);
/* The name of a table of texts, or NULL. */
void schemac_put_texts(struct schemac *, const char *const *texts, size_t count, char ret[static 24]);

/* The second pair of files: kinds, and the rules that src/kinds has for them. */
void schemac_print_kinds(struct schemac *);
void schemac_print_kinds_header(struct schemac *, FILE *h);

#endif
