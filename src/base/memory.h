/* SPDX-License-Identifier: Apache-2.0 */
/* The one allocator seam: memory.c defines malloc, calloc, realloc, free and their aligned kin for the whole program, so for
 * every library in it. They forward to glibc's; free and realloc wipe what they give up. Left out under sanitizers, which bring
 * their own. */
#ifndef COFFER_BASE_MEMORY_H
#define COFFER_BASE_MEMORY_H

#include "base/bytes.h"

/* Wipes in a way the compiler may not leave out. */
void memory_wipe(void *p, size_t n);

/* Tests only: after `after` more allocations in this process one fails with NULL (0: the next one); -1 switches it off. Counts
 * malloc kin and arena chunks alike. With COFFER_FAIL_ALLOCATION=N in the environment of a debug build the same is set at start. */
void memory_fail_after(long after);
/* Whether the armed failure has struck since it was armed. */
bool memory_fail_fired(void);

/* No core dumps (RLIMIT_CORE 0, PR_SET_DUMPABLE 0 unless debuggable), RLIMIT_MEMLOCK raised as far as allowed, one malloc heap. */
void memory_harden(bool debuggable);

#endif
