/* SPDX-License-Identifier: Apache-2.0 */
/* Who does a token stand for: asked by what lets others in by it. That a token is bad is said, not why: that is for
 * this server's log. */
#include "access/authenticate.h"
#include "base/log.h"
#include "serve/review.h"

static err_t tell_bad(struct request *r, struct json *status, const struct error *why)
{
    log_event(LOG_INFO, "a token under review is not good", log_error_text(why));
    if (!json_add(status, BYTES("user"), json_new(r->arena, JSON_OBJECT)) ||
        !json_add(status, BYTES("error"), json_string(r->arena, BYTES("invalid bearer token"))))
        return arena_error(r->arena, &r->error);
    return review_set_status(r, status);
}

static err_t tell_good(struct request *r, struct json *status, const struct authenticated *found)
{
    struct json *audiences = review_texts(r->arena, found->audiences, found->audience_count);

    if (!json_add(status, BYTES("authenticated"), json_bool(r->arena, true)) ||
        !json_add(status, BYTES("user"), review_user(r->arena, &found->user)) ||
        (found->audience_count > 0 && !json_add(status, BYTES("audiences"), audiences)))
        return arena_error(r->arena, &r->error);
    return review_set_status(r, status);
}

err_t review_token(struct request *r)
{
    const struct json *spec = json_get(r->object, BYTES("spec"));
    bytes token = json_text(spec, BYTES("token"));
    struct json *status = json_new(r->arena, JSON_OBJECT);
    struct authenticated found;
    struct audiences asked;
    struct error why;
    err_t code;

    if (token.n == 0)
        return error_set(&r->error, ERR_BAD_REQUEST, "token is required for TokenReview in authentication");
    TRY(review_read_texts(r, json_get(spec, BYTES("audiences")), &asked.list, &asked.count));
    error_init(&why, r->arena);
    code = authenticate_token(r->arena, token, &asked, &found, &why);
    if (code == ERR_UNAUTHORIZED)
        return tell_bad(r, status, &why);
    return code == ERR_OK ? tell_good(r, status, &found) : error_set(&r->error, code, "%.*s", BYTES_FMT(why.message));
}
