/* SPDX-License-Identifier: Apache-2.0 */
/* libcurl, loaded by whoever calls out and by nobody else: it and the twenty libraries behind it cost a process 3.7 MB
 * of resident memory and 3 ms of its start. Every function that we use of it is a member of `libcurl`. */
#ifndef COFFER_NET_LIBCURL_H
#define COFFER_NET_LIBCURL_H

#include "base/error.h"

#include <curl/curl.h>

#define LIBCURL_FUNCTIONS(X)                                                                                           \
    X(easy_cleanup)                                                                                                    \
    X(easy_getinfo)                                                                                                    \
    X(easy_init)                                                                                                       \
    X(easy_perform)                                                                                                    \
    X(easy_setopt)                                                                                                     \
    X(easy_strerror)                                                                                                   \
    X(free)                                                                                                            \
    X(global_init)                                                                                                     \
    X(share_cleanup)                                                                                                   \
    X(share_init)                                                                                                      \
    X(share_setopt)                                                                                                    \
    X(slist_append)                                                                                                    \
    X(slist_free_all)                                                                                                  \
    X(url)                                                                                                             \
    X(url_cleanup)                                                                                                     \
    X(url_get)                                                                                                         \
    X(url_set)

struct libcurl {
#define X(name) __typeof__(curl_##name) *name;
    LIBCURL_FUNCTIONS(X)
#undef X
};

/* Filled by libcurl_load. */
extern struct libcurl libcurl;

/* Loads and sets up libcurl; once (http_client_global). It stays until the process ends. */
MUST_CHECK err_t libcurl_load(struct error *);

#endif
