/* SPDX-License-Identifier: Apache-2.0 */
/* Pages of a list against a real store: whole, in order, at one revision, whatever is written between them. */
#include "api/continue_token.h"
#include "serve/list.h"
#include "serve/steps.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static const struct kind secret = {.number = 1,
    .group = "",
    .version = "v1",
    .kind = "Secret",
    .plural = "secrets",
    .singular = "secret",
    .storage_prefix = "secrets",
    .namespaced = true};

/* Values lie open behind the prefix; one that begins with '!' has lost its key. */
static err_t plain_seal(
    struct atrest_provider *p, struct arena *arena, bytes path, bytes plain, struct buffer *ret, struct error *error)
{
    (void)p, (void)arena, (void)path, (void)error;
    buffer_put(ret, plain);
    return ERR_OK;
}

static err_t plain_open(struct atrest_provider *p, struct arena *arena, bytes path, bytes stored, bytes *ret_plain,
    bool *ret_stale, struct error *error)
{
    (void)p, (void)path;
    if (stored.n > 0 && stored.p[0] == '!')
        return error_set(error, ERR_UNREADABLE, "no key k1");
    *ret_plain = arena_copy(arena, stored);
    *ret_stale = false;
    return ret_plain->p ? ERR_OK : arena_error(arena, error);
}

static void plain_free(struct atrest_provider *p)
{
    (void)p;
}

static struct atrest_provider plain = {"plain", {(const uint8_t *)"plain:", 6}, plain_seal, plain_open, plain_free};
static struct server server;
static char directory[] = "/tmp/coffer-list-XXXXXX";

static void put(const char *key, bytes value)
{
    struct awaited_write w = {.write = {.key = {1, bytes_of(key)}, .value = value}};

    commit_all(server.store, &w, 1);
    assert_int_equal(w.write.result, ERR_OK);
}

static void put_object(const char *namespace, const char *name, const char *label)
{
    char key[128], text[512];

    snprintf(key, sizeof key, "%s/%s", namespace, name);
    snprintf(text, sizeof text,
        "plain:{\"kind\":\"Secret\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"%s\",\"namespace\":\"%s\",\"uid\":"
        "\"u\",\"labels\":{\"l\":\"%s\"}},"
        "\"data\":{\"k\":\"dg==\"},\"type\":\"Opaque\"}\n",
        name, namespace, label);
    put(key, bytes_of(text));
}

struct page {
    char names[64][64];
    size_t count;
    char token[256];
    int64_t remaining;
    uint64_t revision;
    uint64_t unreadable;
    enum step_result result;
    err_t error;
    char fresh[256];
};

static err_t collect(
    void *context, struct range *range, const struct record *record, bytes text, bool *ret_go_on, struct error *error)
{
    struct page *page = context;

    (void)range, (void)error, (void)ret_go_on;
    assert_true(page->count < ARRAY_LEN(page->names));
    assert_true(bytes_end(text, BYTES("}\n")));
    snprintf(page->names[page->count++], sizeof page->names[0], "%.*s", BYTES_FMT(record->key.name));
    return ERR_OK;
}

static void copy_text(char *to, size_t size, bytes from)
{
    assert_true(from.n < size);
    if (from.n > 0)
        memcpy(to, from.p, from.n);
    to[from.n] = 0;
}

/* Walks the list's own steps up to the answer, and then its rows instead of it. */
static struct page list_page(const char *namespace, const char *query)
{
    struct page page = {.count = 0};
    struct http_exchange x = {.query = bytes_of(query), .method = BYTES("GET")};
    bool end = false;

    arena_init(&x.arena, 1 << 20);
    struct request r = {.exchange = &x,
        .arena = &x.arena,
        .server = &server,
        .verb = VERB_LIST,
        .kind = &secret,
        .namespace = bytes_of(namespace),
        .deadline_us = UINT64_MAX};
    error_init(&r.error, &x.arena);
    page.result = options_step(&r);
    if (page.result == STEP_NEXT)
        page.result = list_open_step(&r);
    while (page.result == STEP_NEXT && (page.result = list_plan_step(&r)) == STEP_AGAIN)
        page.result = STEP_NEXT;
    if (page.result == STEP_NEXT) {
        struct list_visit visit = {collect, &page, .want_text = true};
        while (!end)
            assert_int_equal(list_walk(r.list, &visit, &end, &r.error), ERR_OK);
        copy_text(page.token, sizeof page.token, r.list->token);
        page.remaining = r.list->remaining;
        page.revision = r.list->revision;
        page.unreadable = r.list->unreadable;
    }
    page.error = r.error.code;
    copy_text(page.fresh, sizeof page.fresh, r.fresh_token);
    list_end(&r);
    arena_reset(&x.arena);
    return page;
}

static void test_whole(void **state)
{
    struct page page = list_page("", "");

    (void)state;
    assert_int_equal(page.result, STEP_NEXT);
    assert_int_equal(page.count, 25);
    assert_string_equal(page.names[0], "a/s00");
    assert_string_equal(page.names[24], "c/x");
    assert_string_equal(page.token, "");
    page = list_page("b", "");
    assert_int_equal(page.count, 4);
    assert_string_equal(page.names[0], "b/s00");
    page = list_page("nothing", "");
    assert_int_equal(page.result, STEP_NEXT);
    assert_int_equal(page.count, 0);
}

/* Pages of every size are the whole list, and say what remains, though objects come and go meanwhile. */
static void test_pages(void **state)
{
    (void)state;
    for (int limit = 1; limit <= 22; limit++) {
        struct page whole = list_page("a", ""), page;
        char query[512];
        size_t seen = 0;
        uint64_t revision;
        snprintf(query, sizeof query, "limit=%d", limit);
        page = list_page("a", query);
        revision = page.revision;
        for (;;) {
            assert_int_equal(page.result, STEP_NEXT);
            assert_int_equal(page.revision, revision);
            for (size_t i = 0; i < page.count; i++)
                assert_string_equal(page.names[i], whole.names[seen++]);
            if (page.token[0] == 0)
                break;
            assert_int_equal(page.count, limit);
            assert_int_equal(page.remaining, whole.count - seen);
            put_object("a", "s00", "between");
            snprintf(query, sizeof query, "limit=%d&continue=%s", limit, page.token);
            page = list_page("a", query);
        }
        assert_int_equal(seen, whole.count);
    }
}

static void test_selectors(void **state)
{
    struct page page = list_page("", "labelSelector=l%3Deven&limit=3");
    char query[512];

    (void)state;
    assert_int_equal(page.count, 3);
    assert_true(page.token[0] != 0);
    assert_string_equal(page.names[2], "a/s06");
    snprintf(query, sizeof query, "labelSelector=l%%3Deven&limit=300&continue=%s", page.token);
    page = list_page("", query);
    assert_string_equal(page.names[0], "a/s08");
    assert_string_equal(page.token, "");
    page = list_page("", "fieldSelector=metadata.name%3Ds01");
    assert_int_equal(page.count, 2);
    page = list_page("b", "fieldSelector=metadata.name!%3Ds01");
    assert_int_equal(page.count, 3);
    page = list_page("", "fieldSelector=metadata.namespace%3Dnone");
    assert_int_equal(page.count, 0);
}

static void test_revisions(void **state)
{
    struct page before = list_page("b", ""), page;
    char query[128];

    (void)state;
    put_object("b", "later", "x");
    snprintf(
        query, sizeof query, "resourceVersion=%llu&resourceVersionMatch=Exact", (unsigned long long)before.revision);
    page = list_page("b", query);
    assert_int_equal(page.count, before.count);
    assert_int_equal(page.revision, before.revision);
    /* With a limit, a bare revision is exact; without, it is not older than. */
    snprintf(query, sizeof query, "resourceVersion=%llu&limit=100", (unsigned long long)before.revision);
    assert_int_equal(list_page("b", query).count, before.count);
    snprintf(query, sizeof query, "resourceVersion=%llu", (unsigned long long)before.revision);
    assert_int_equal(list_page("b", query).count, before.count + 1);
    assert_int_equal(list_page("b", "resourceVersion=0").count, before.count + 1);
    /* Ahead of the store: it waits. */
    assert_int_equal(list_page("b", "resourceVersion=999999999").result, STEP_AGAIN);
    assert_int_equal(list_page("b", "resourceVersion=999999999&resourceVersionMatch=Exact").result, STEP_AGAIN);
}

static void test_tokens(void **state)
{
    struct page page;
    char query[512];
    struct arena arena;

    (void)state;
    arena_init(&arena, 1 << 16);
    page = list_page("a", "limit=2&continue=bogus");
    assert_int_equal(page.error, ERR_BAD_REQUEST);
    /* Back at the newest, behind the same key. */
    snprintf(
        query, sizeof query, "limit=2&continue=%s", (const char *)continue_token_write(&arena, -1, BYTES("s03\0")).p);
    page = list_page("a", query);
    assert_string_equal(page.names[0], "a/s04");
    /* A start outside the namespace finds nothing of others. */
    snprintf(query, sizeof query, "continue=%s", (const char *)continue_token_write(&arena, -1, BYTES("zzz")).p);
    page = list_page("a", query);
    assert_int_equal(page.count, 0);
    arena_reset(&arena);
}

static void test_unreadable(void **state)
{
    struct page page;

    (void)state;
    put("d/bad", BYTES("plain:!"));
    put_object("d", "good", "even");
    page = list_page("d", "");
    assert_int_equal(page.count, 2);
    assert_int_equal(page.unreadable, 1);
    page = list_page("d", "fieldSelector=metadata.name%3Dbad");
    assert_int_equal(page.count, 1);
    page = list_page("d", "labelSelector=l%3Deven");
    assert_int_equal(page.count, 1);
    assert_string_equal(page.names[0], "d/good");
    assert_int_equal(page.unreadable, 1);
    page = list_page("d", "labelSelector=!l");
    assert_int_equal(page.count, 0);
}

static int setup(void **state)
{
    struct store_options options = {.directory = mkdtemp(directory), .limit = 64 << 20};
    struct atrest_provider *providers[] = {&plain};
    char name[16];

    (void)state;
    if (store_open(&options, &server.store, NULL) != ERR_OK || !(server.atrest = atrest_new(providers, 1)))
        return 1;
    server.options.request_timeout_ms = 60000;
    for (int i = 0; i < 20; i++) {
        snprintf(name, sizeof name, "s%02d", i);
        put_object("a", name, i % 2 ? "odd" : "even");
        if (i < 4)
            put_object("b", name, "b");
    }
    put_object("c", "x", "even");
    put("other/x", BYTES("plain:!"));
    struct awaited_write gone = {.write = {.key = {1, BYTES("other/x")}, .delete = true}};
    commit_all(server.store, &gone, 1);
    return 0;
}

static int unlink_one(const char *path, const struct stat *s, int type, struct FTW *ftw)
{
    (void)s, (void)type, (void)ftw;
    return remove(path);
}

static int teardown(void **state)
{
    (void)state;
    store_close(server.store);
    atrest_free(server.atrest);
    return nftw(directory, unlink_one, 8, FTW_DEPTH | FTW_PHYS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_pages),
        cmocka_unit_test(test_selectors),
        cmocka_unit_test(test_revisions),
        cmocka_unit_test(test_tokens),
        cmocka_unit_test(test_unreadable),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
