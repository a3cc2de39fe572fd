/* SPDX-License-Identifier: Apache-2.0 */
/* The locked key region: long-lived keys in pages that no other process, core dump or swap sees: memfd_secret(2) where
 * the kernel has it, else mmap with mlock and MADV_DONTDUMP. 64 KiB, guard pages around it; a forked child does not
 * have it. One per process; thread-safe.
 *
 *   guard page │ piece │ piece │ ... 1024 units of 64 bytes ... │ guard page */
#ifndef COFFER_CRYPT_KEY_REGION_H
#define COFFER_CRYPT_KEY_REGION_H

#include "base/error.h"

#define KEY_REGION_SIZE ((size_t)64 * 1024)

/* Once made it stays; further calls find it made. ERR_NO_MEMORY when the kernel refuses to lock it. */
MUST_CHECK err_t key_region_open(struct error *);
/* Zeroed, aligned to 64. p is NULL when the region is full or not open. */
struct secret key_region_take(size_t n);
/* Wipes and gives back; takes only what key_region_take gave (asserted). p may be NULL. */
void key_region_give(struct secret);
/* "memfd_secret" or "mlock", for the log; "none" before it is open. */
const char *key_region_kind(void);

#endif
