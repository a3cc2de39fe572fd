/* SPDX-License-Identifier: Apache-2.0 */
/* What an untagged plain scalar means in YAML 1.1, as go-yaml v2 resolves it. Only src/text/yaml*.c includes this. */
#ifndef COFFER_TEXT_YAML_SCALAR_H
#define COFFER_TEXT_YAML_SCALAR_H

#include "text/json.h"

enum yaml_scalar_type { YAML_TEXT, YAML_NULL, YAML_BOOL, YAML_INTEGER, YAML_FLOAT };

struct yaml_scalar {
    enum yaml_scalar_type type;
    bool truth;         /* YAML_BOOL */
    bool negative;      /* YAML_INTEGER */
    uint64_t magnitude; /* YAML_INTEGER */
    double number;      /* YAML_FLOAT; may be infinite or no number */
};

struct yaml_scalar yaml_resolve(bytes text);

#define YAML_FLOAT_SIZE 40
/* The shortest digits that read back as the same number, laid out as Go's encoding/json does. number is finite. */
void yaml_format_float(double number, char ret[YAML_FLOAT_SIZE]);
/* As Go's FormatFloat(number, 'g', -1, is_single ? 32 : 64): names of mapping keys are single, what yaml_write writes
 * is not. */
void yaml_format_float_general(double number, bool is_single, char ret[YAML_FLOAT_SIZE]);

#endif
