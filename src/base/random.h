/* SPDX-License-Identifier: Apache-2.0 */
/* Randomness from getrandom(2), read in batches per thread, each byte handed out once and wiped behind. A batch never
 * survives fork. Ends the process when the kernel gives none: nothing may go on without. */
#ifndef COFFER_BASE_RANDOM_H
#define COFFER_BASE_RANDOM_H

#include "base/bytes.h"

void random_bytes(void *p, size_t n);
/* Uniform in [0, bound); bound > 0. */
uint32_t random_below(uint32_t bound);
/* A version 4 UUID (RFC 9562) in lower case, NUL-terminated. */
#define UUID_SIZE 37
void random_uuid(char ret[UUID_SIZE]);

#endif
