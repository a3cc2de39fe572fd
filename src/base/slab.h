/* SPDX-License-Identifier: Apache-2.0 */
/* Where arenas' chunks come from: blocks of 2 KiB to 512 KiB, powers of two, cut from slabs of 1 MiB by the buddy rule;
 * larger ones are mapped each for itself. All of it is kept out of core dumps and locked, page by page as it is
 * touched, while RLIMIT_MEMLOCK allows. A slab that is empty goes back to the kernel, but for one. Each thread keeps a
 * few blocks at hand, so that a request seldom takes the lock. Thread-safe. Only src/base/arena.c and
 * memory.c include this. */
#ifndef COFFER_BASE_SLAB_H
#define COFFER_BASE_SLAB_H

#include "base/bytes.h"

#define SLAB_BLOCK_LEAST 2048U

/* The size of the block that n bytes get. */
size_t slab_size(size_t n);
/* size is one that slab_size gives. NULL when the kernel gives no memory. Content undefined. */
MUST_CHECK void *slab_take(size_t size);
/* The caller has wiped the block. */
void slab_give(void *block, size_t size);
/* Gives the memory of free blocks back to the kernel, those too that this thread keeps at hand. */
void slab_trim(void);
/* Whether locking ever failed. */
bool slab_lock_failed(void);

#endif
