/* SPDX-License-Identifier: Apache-2.0 */
/* Reviews: questions that are posted as objects of kinds that are never stored. Decoding, owners of fields and
 * validation are those of every create; the answer stands here in place of admission, sealing and committing. What a
 * client said in status is not kept. */
#include "serve/review.h"

#include "base/clock.h"
#include "kinds/kinds.h"

static const struct review {
    const struct kind *kind;
    err_t (*answer)(struct request *);
} reviews[] = {
    {&local_subject_access_review_kind, review_access},
    {&self_subject_access_review_kind, review_access},
    {&self_subject_review_kind, review_self},
    {&self_subject_rules_review_kind, review_rules},
    {&subject_access_review_kind, review_access},
    {&token_review_kind, review_token},
};

/* ---- What answers share. */

err_t review_set_status(struct request *r, struct json *status)
{
    if (!status || !json_set(r->object, BYTES("status"), status))
        return arena_error(r->arena, &r->error);
    object_arrange(r->kind, r->object);
    return ERR_OK;
}

err_t review_begin_anew(struct request *r)
{
    bytes version = kind_api_version(r->arena, r->kind);
    struct json *object = json_new(r->arena, JSON_OBJECT);

    if (!version.p || !json_add(object, BYTES("kind"), json_string(r->arena, bytes_of(r->kind->kind))) ||
        !json_add(object, BYTES("apiVersion"), json_string(r->arena, version)) ||
        !json_add(object, BYTES("metadata"), json_new(r->arena, JSON_OBJECT)))
        return arena_error(r->arena, &r->error);
    r->object = object;
    return ERR_OK;
}

struct json *review_texts(struct arena *arena, const bytes *texts, size_t count)
{
    struct json *list = json_new(arena, JSON_ARRAY);

    for (size_t i = 0; list && i < count; i++)
        if (!json_append(list, json_string(arena, texts[i])))
            return NULL;
    return list;
}

err_t review_read_texts(struct request *r, const struct json *list, const bytes **ret, size_t *ret_count)
{
    size_t n = 0, count = list && list->type == JSON_ARRAY ? list->count : 0;
    bytes *texts = arena_alloc(r->arena, count * sizeof *texts);

    if (!texts)
        return arena_error(r->arena, &r->error);
    for (const struct json *item = count > 0 ? list->first : NULL; item; item = item->next)
        texts[n++] = item->text;
    *ret = texts;
    *ret_count = n;
    return ERR_OK;
}

struct json *review_user(struct arena *arena, const struct user *user)
{
    struct json *info = json_new(arena, JSON_OBJECT), *extra = json_new(arena, JSON_OBJECT);
    bool fine = info && extra;

    if (fine && user->name.n > 0)
        fine = json_add(info, BYTES("username"), json_string(arena, user->name));
    if (fine && user->uid.n > 0)
        fine = json_add(info, BYTES("uid"), json_string(arena, user->uid));
    if (fine && user->group_count > 0)
        fine = json_add(info, BYTES("groups"), review_texts(arena, user->groups, user->group_count));
    for (size_t i = 0; fine && i < user->extra_count; i++)
        fine =
            json_set(extra, user->extra[i].key, review_texts(arena, user->extra[i].values, user->extra[i].value_count));
    if (fine && user->extra_count > 0) {
        json_sort(extra);
        fine = json_add(info, BYTES("extra"), extra);
    }
    return fine ? info : NULL;
}

/* ---- Who the caller is. */

err_t review_self(struct request *r)
{
    struct json *status = json_new(r->arena, JSON_OBJECT), *metadata;
    char now[CLOCK_RFC3339_SIZE];
    bytes time;

    clock_format(clock_wall_seconds(), now);
    time = arena_copy(r->arena, bytes_of(now));
    TRY(review_begin_anew(r));
    metadata = json_get(r->object, BYTES("metadata"));
    if (!time.p || !json_add(metadata, BYTES("creationTimestamp"), json_string(r->arena, time)) ||
        !json_add(status, BYTES("userInfo"), review_user(r->arena, &r->user)))
        return arena_error(r->arena, &r->error);
    return review_set_status(r, status);
}

/* ---- The step. */

static err_t answer(struct request *r)
{
    const struct review *review = reviews;
    bytes text;

    while (review->kind != r->kind)
        review++;
    TRY(review->answer(r));
    text = object_store_text(r->arena, r->kind, r->object);
    return text.p ? answer_prepare_object(r, 201, text, 0) : arena_error(r->arena, &r->error);
}

enum step_result review_step(struct request *r)
{
    return answer(r) == ERR_OK ? STEP_NEXT : STEP_FAIL;
}
