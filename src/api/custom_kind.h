/* SPDX-License-Identifier: Apache-2.0 */
/* Kinds out of CustomResourceDefinitions (apiextensions.k8s.io/v1): structural schemas become the same tables that
 * schemac makes at build; the rules of all custom resources are one set of functions. */
#ifndef COFFER_API_CUSTOM_KIND_H
#define COFFER_API_CUSTOM_KIND_H

#include "api/kind.h"

/* On definitions that are being deleted, until all their objects are gone. */
#define CUSTOM_FINALIZER "customresourcecleanup.apiextensions.k8s.io"

/* Adds causes for what cannot be honoured in a definition (decoded, defaulted, its metadata checked): names, versions,
 * schemas that are not structural, patterns that do not compile, defaults that do not fit, printer columns, scale and
 * selectable fields. Texts as kube-apiserver's. old: NULL on create. */
void custom_definition_validate(struct arena *, const struct json *definition, const struct json *old, struct error *);
/* What is accepted but not done, a sentence each: rules in CEL, which are kept and not evaluated, and formats that are
 * not known. */
void custom_definition_warn(struct arena *, const struct json *definition, struct warnings *);
/* The places of those rules: "spec.versions[0].schema.openAPIV3Schema.properties[spec].x-kubernetes-validations[0]". */
void custom_definition_rules(
    struct arena *, const struct json *definition, void (*take)(void *context, bytes place), void *context);

/* The served versions of a definition that was found valid, under the names that it was accepted by, as soon as its
 * status says so; *ret is NULL when none is served. number: its kind number in the store. The set has one reference,
 * the caller's. ERR_NO_MEMORY, ERR_INVALID.
 *
 * A read fits an object to the schema of its version only where that can matter: from the second generation of the
 * definition on (kind.fits_on_read), and between versions. Else what was stored is what is shown, unparsed. */
MUST_CHECK err_t custom_kinds_compile(
    const struct json *definition, uint16_t number, struct kind_set **ret, struct error *);

#endif
