/* SPDX-License-Identifier: Apache-2.0 */
/* The locked key region: long-lived keys in pages that no other process, core dump or swap sees: memfd_secret(2) where the kernel
 * has it, else mmap with mlock and MADV_DONTDUMP. 64 KiB, guard pages around it. One per process; thread-safe. */
#ifndef COFFER_CRYPT_KEY_REGION_H
#define COFFER_CRYPT_KEY_REGION_H

#include "base/error.h"

MUST_CHECK err_t key_region_open(struct error *);
/* Zeroed, aligned to 64. p is NULL when the region is full. */
struct secret key_region_take(size_t n);
/* Wipes and gives back. */
void key_region_give(struct secret);
/* "memfd_secret" or "mlock", for the log. */
const char *key_region_kind(void);

#endif
