/* SPDX-License-Identifier: Apache-2.0 */
#include "base/random.h"

#include "base/memory.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

/* Bytes still to be handed out are the last `left` of the batch; those before are wiped. */
static _Thread_local struct {
    uint8_t bytes[512];
    size_t left;
} batch;

/* Only the thread that forks lives on in the child, so its batch is the only one. */
static void drop_batch(void)
{
    memory_wipe(&batch, sizeof(batch));
}

static void drop_batch_at_fork(void)
{
    if (pthread_atfork(NULL, NULL, drop_batch) != 0)
        abort();
}

static void from_kernel(uint8_t *p, size_t n)
{
    static const char failed[] = "coffer: the kernel gives no random numbers\n";
    while (n) {
        ssize_t got = getrandom(p, n, 0);
        if (got > 0) {
            p += got, n -= (size_t)got;
        } else if (errno != EINTR) {
            ssize_t written = write(STDERR_FILENO, failed, sizeof(failed) - 1);
            _exit(written < 0 ? 2 : 1);
        }
    }
}

void random_bytes(void *p, size_t n)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    if (n > sizeof(batch.bytes) / 4) {
        from_kernel(p, n);
        return;
    }
    if (n > batch.left) {
        pthread_once(&once, drop_batch_at_fork);
        from_kernel(batch.bytes, sizeof(batch.bytes));
        batch.left = sizeof(batch.bytes);
    }
    uint8_t *from = batch.bytes + sizeof(batch.bytes) - batch.left;
    memcpy(p, from, n);
    memory_wipe(from, n);
    batch.left -= n;
}

/* Values of the last, incomplete run of `bound` are drawn again, so that no remainder is likelier than another. */
uint32_t random_below(uint32_t bound)
{
    uint32_t v, incomplete = -bound % bound;
    do
        random_bytes(&v, sizeof(v));
    while (v < incomplete);
    return v % bound;
}

void random_uuid(char ret[UUID_SIZE])
{
    static const char hex[] = "0123456789abcdef";
    uint8_t b[16];
    char *p = ret;
    random_bytes(b, sizeof(b));
    b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
    b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
    for (size_t i = 0; i < sizeof(b); i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *p++ = '-';
        *p++ = hex[b[i] >> 4];
        *p++ = hex[b[i] & 15];
    }
    *p = '\0';
}
