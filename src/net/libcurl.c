/* SPDX-License-Identifier: Apache-2.0 */
#include "net/libcurl.h"

#include <dlfcn.h>

#define FILE_NAME "libcurl.so.4" /* its ABI has had this number since 2006 */

struct libcurl libcurl;

err_t libcurl_load(struct error *error)
{
    void *library = dlopen(FILE_NAME, RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return error_set(error, ERR_IO, "cannot load libcurl: %s", dlerror());
#define X(name)                                                                                                        \
    libcurl.name = (__typeof__(libcurl.name))dlsym(library, "curl_" #name);                                            \
    if (!libcurl.name)                                                                                                 \
        return error_set(error, ERR_IO, "this libcurl has no function curl_" #name);
    LIBCURL_FUNCTIONS(X)
#undef X
    if (libcurl.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) /* its malloc is the program's */
        return error_set(error, ERR_IO, "cannot set up libcurl");
    return ERR_OK;
}
