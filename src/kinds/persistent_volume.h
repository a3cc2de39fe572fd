/* SPDX-License-Identifier: Apache-2.0 */
/* What PersistentVolume and PersistentVolumeClaim share, and the parts of the former. */
#ifndef COFFER_KINDS_PERSISTENT_VOLUME_H
#define COFFER_KINDS_PERSISTENT_VOLUME_H

#include "kinds/cells.h"
#include "kinds/pod_volumes.h"

/* As kind_rules has it. */
void persistent_volume_validate(struct arena *, const struct kind *, enum subresource, const struct json *object,
    const struct json *old, struct error *);

/* Adds causes; detail: of an empty list, NULL for none. */
void access_modes_check(const struct field *modes, const char *detail);

/* "RWO,ROX" */
void put_access_modes_cell(struct arena *, struct buffer *, const struct json *modes);
void put_phase_cell(struct buffer *, const struct json *object);
/* The storage class, which once was an annotation. */
void put_class_cell(struct buffer *, const struct json *object);
/* A text that may be unset. */
void put_optional_cell(struct buffer *, const struct json *spec, const char *name);
void warn_of_class_annotation(struct arena *, const struct json *object, struct warnings *);

#endif
