/* SPDX-License-Identifier: Apache-2.0 */
#include "crypt/openssl_error.h"

#include <openssl/err.h>

err_t openssl_error(struct error *error, const char *what)
{
    unsigned long first = ERR_peek_error(), last = ERR_peek_last_error();
    bool memory = ERR_GET_REASON(first) == ERR_R_MALLOC_FAILURE || ERR_GET_REASON(last) == ERR_R_MALLOC_FAILURE;
    const char *reason = last ? ERR_reason_error_string(last) : NULL;

    ERR_clear_error();
    if (memory)
        return error_set(error, ERR_NO_MEMORY, "cannot %s: out of memory", what);
    return error_set(error, ERR_INTERNAL, "cannot %s: %s", what, reason ? reason : "OpenSSL gave no reason");
}
