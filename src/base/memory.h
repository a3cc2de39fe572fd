/* SPDX-License-Identifier: Apache-2.0 */
/* The one allocator seam: memory.c defines malloc, calloc, realloc, free and their aligned kin for the whole program,
 * so for every library in it. They forward to glibc's; free and realloc wipe what they give up. Left out under
 * sanitizers, which bring their own. */
#ifndef COFFER_BASE_MEMORY_H
#define COFFER_BASE_MEMORY_H

#include "base/bytes.h"

/* Wipes in a way the compiler may not leave out. */
void memory_wipe(void *p, size_t n);

#ifdef COFFER_TESTING
/* Builds for tests only: after `after` more allocations in this process one fails with NULL (0: the next one); -1
 * switches it off. Counts malloc's kin (not under sanitizers) and pieces of arenas alike. COFFER_FAIL_ALLOCATION=N in
 * the environment does the same at start. */
void memory_fail_after(long after);
/* Whether the armed failure has struck since it was armed. */
bool memory_fail_fired(void);
/* For allocators: counts one allocation and tells whether it is the one to fail. */
bool memory_fail_now(void);
#endif

/* Zero pages of their own, for what is large and seldom touched whole: each is taken from the kernel when it is written
 * first. NULL without memory. Given back, unwiped, with the same n. */
MUST_CHECK void *memory_pages(size_t n);
void memory_pages_free(void *p, size_t n);

/* Gives what is free, on the heap and in arenas' slabs, back to the kernel: for when something large is over. Other
 * threads that allocate wait meanwhile, some 0.1 ms for each MiB. */
void memory_trim(void);

/* No core dumps (RLIMIT_CORE 0, PR_SET_DUMPABLE 0 unless debuggable), RLIMIT_MEMLOCK raised as far as allowed, one
 * malloc heap. */
void memory_harden(bool debuggable);

#endif
