/* Records of others, and the pages that give and take them. R1 to R4 of relayed_records.h.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "serve/service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support/name_author.h"
#include "support/test_env.h"

enum { AUTHORS = 3 };

static const uint64_t start_ms = 1800000000000;

typedef struct post {
    copse_env env;
    copse_env plain; /* of the authors */
    uint64_t now_ms;
    name_author authors[AUTHORS];
    copse_relayed_records records;
} post;

static uint64_t post_clock(void *ctx)
{
    return ((post *)ctx)->now_ms;
}

static void post_init(post *self)
{
    *self = (post){.now_ms = start_ms};
    copse_env_init(&self->env);
    copse_env_init(&self->plain);
    self->env.clock = post_clock;
    self->env.clock_ctx = self;
    self->records.env = &self->env;
    for (size_t i = 0; i < AUTHORS; i++) {
        name_author_init(&self->authors[i], &self->plain, (uint8_t)i);
    }
}

static void post_release(post *self)
{
    copse_relayed_records_release(&self->records);
    for (size_t i = 0; i < AUTHORS; i++) {
        name_author_release(&self->authors[i]);
    }
}

static copse_bytes post_record(post *self, size_t author, uint64_t sequence, uint64_t eol_ms)
{
    copse_cid head;
    name_author_head((uint8_t)sequence, &head);
    return name_author_record(&self->authors[author], sequence, &head, eol_ms);
}

static copse_status post_put(post *self, size_t author, copse_bytes record)
{
    return copse_relayed_records_put(&self->records, name_author_name(&self->authors[author]),
                                     record, false, NULL);
}

static void assert_has(post *self, size_t author, copse_bytes record)
{
    const copse_relayed_record *found =
        copse_relayed_records_find(&self->records, name_author_name(&self->authors[author]));
    assert_int_equal(found != NULL, record.len > 0);
    if (found != NULL) {
        assert_true(copse_bytes_equal(copse_buf_view(&found->bytes), record));
        copse_ipns_record said;
        assert_int_equal(
            copse_ipns_verify(&self->env, record, &found->name, self->now_ms, &said, NULL),
            COPSE_OK);
        assert_true(copse_bytes_equal(found->said.value, said.value));
        assert_int_equal(copse_ipns_compare(&found->said, &said), 0);
    }
}

static const copse_bytes nothing = {NULL, 0};

/* R1, R2. */
static void test_newest(void **state)
{
    (void)state;
    post self;
    post_init(&self);
    copse_bytes first = post_record(&self, 0, 5, start_ms + 100);
    copse_bytes longer = post_record(&self, 0, 5, start_ms + 200);
    copse_bytes next = post_record(&self, 0, 6, start_ms + 50);
    assert_int_equal(post_put(&self, 1, first), COPSE_CORRUPT); /* not of that name */
    assert_int_equal(post_put(&self, 0, copse_bytes_of_text("garbage")), COPSE_CORRUPT);
    assert_int_equal(post_put(&self, 0, post_record(&self, 0, 9, start_ms)), COPSE_DENIED);
    assert_has(&self, 0, nothing);
    assert_int_equal(post_put(&self, 0, first), COPSE_OK);
    assert_int_equal(post_put(&self, 0, first), COPSE_OK);
    assert_has(&self, 0, first);
    assert_int_equal(post_put(&self, 0, longer), COPSE_OK);
    assert_int_equal(post_put(&self, 0, first), COPSE_CONFLICT);
    assert_has(&self, 0, longer);
    assert_int_equal(post_put(&self, 0, next), COPSE_OK);
    assert_int_equal(post_put(&self, 0, longer), COPSE_CONFLICT);
    assert_has(&self, 0, next);
    self.now_ms = start_ms + 50; /* it has ended */
    assert_has(&self, 0, nothing);
    assert_int_equal(post_put(&self, 0, longer), COPSE_CONFLICT); /* and is still the newest */
    post_release(&self);
}

/* R3: what has ended makes room first, then what was asked for least recently, and never what is
 * the owner's. */
static void test_bound(void **state)
{
    (void)state;
    post self;
    post_init(&self);
    self.env.limits.serve_records_max = 2;
    copse_bytes records[AUTHORS];
    for (size_t i = 0; i < AUTHORS; i++) {
        records[i] = post_record(&self, i, 1, start_ms + 100 + i);
    }
    assert_int_equal(post_put(&self, 0, records[0]), COPSE_OK);
    assert_int_equal(post_put(&self, 1, records[1]), COPSE_OK);
    assert_has(&self, 0, records[0]);
    assert_int_equal(post_put(&self, 2, records[2]), COPSE_OK);
    assert_has(&self, 1, nothing);
    assert_has(&self, 2, records[2]);
    assert_has(&self, 0, records[0]);
    self.now_ms = start_ms + 100; /* the first has ended */
    assert_int_equal(post_put(&self, 1, records[1]), COPSE_OK);
    assert_has(&self, 0, nothing);
    assert_has(&self, 1, records[1]);
    assert_has(&self, 2, records[2]);
    assert_int_equal(self.records.count, 2);
    post_release(&self);
}

static copse_status post_put_owned(post *self, size_t author, copse_bytes record)
{
    return copse_relayed_records_put(&self->records, name_author_name(&self->authors[author]),
                                     record, true, NULL);
}

/* R3: the owner's stay, also where anybody puts a newer one of the name, and take the places of
 * others. */
static void test_owned(void **state)
{
    (void)state;
    post self;
    post_init(&self);
    self.env.limits.serve_records_max = 2;
    copse_bytes records[AUTHORS];
    for (size_t i = 0; i < AUTHORS; i++) {
        records[i] = post_record(&self, i, 1, start_ms + 100);
    }
    copse_bytes newer = post_record(&self, 0, 2, start_ms + 100);
    assert_int_equal(post_put_owned(&self, 0, records[0]), COPSE_OK);
    assert_int_equal(post_put(&self, 0, newer), COPSE_OK);
    assert_int_equal(post_put(&self, 1, records[1]), COPSE_OK);
    assert_has(&self, 1, records[1]);
    assert_int_equal(post_put_owned(&self, 2, records[2]), COPSE_OK);
    assert_has(&self, 0, newer);
    assert_has(&self, 1, nothing);
    assert_int_equal(post_put(&self, 1, records[1]), COPSE_LIMIT);
    assert_int_equal(post_put_owned(&self, 1, records[1]), COPSE_LIMIT);
    assert_has(&self, 2, records[2]);
    post_release(&self);
}

/* R4. */
static void test_far(void **state)
{
    (void)state;
    const uint64_t year_ms = (uint64_t)366 * 24 * 3600 * 1000;
    post self;
    post_init(&self);
    copse_bytes far = post_record(&self, 0, 2, start_ms + year_ms + 1);
    copse_bytes near = post_record(&self, 0, 1, start_ms + year_ms);
    assert_int_equal(post_put(&self, 0, far), COPSE_DENIED);
    assert_has(&self, 0, nothing);
    assert_int_equal(post_put(&self, 0, near), COPSE_OK);
    assert_int_equal(post_put_owned(&self, 0, far), COPSE_OK);
    assert_has(&self, 0, far);
    post_release(&self);
}

/* ---- Pages ---- */

static copse_status ask(const copse_env *env, copse_http_method method, const char *target,
                        copse_bytes body, copse_service *service, unsigned *ret_status)
{
    const copse_http_header type = {copse_bytes_of_text("Content-Type"),
                                    copse_bytes_of_text("application/vnd.ipfs.ipns-record")};
    size_t path = strcspn(target, "?");
    const uint8_t *bytes = (const uint8_t *)target;
    const copse_http_request request = {
        .method = method,
        .path = {bytes, path},
        .query = {bytes + path + (target[path] == '?'),
                  strlen(target + path + (target[path] == '?'))},
        .headers = &type,
        .headers_count = 1,
        .body = body,
    };
    copse_http_answer answer = {.status = 0};
    copse_buf got;
    copse_buf_init(&answer.headers, env, 16384);
    copse_buf_init(&got, env, SIZE_MAX);
    copse_service_answer(service, &request, &answer);
    copse_status status = COPSE_OK;
    while (status == COPSE_OK && answer.body.pull != NULL) {
        status = answer.body.pull(answer.body.ctx, &got, 4096, NULL);
    }
    *ret_status = answer.status;
    if (answer.body.free != NULL) {
        answer.body.free(answer.body.ctx);
    }
    copse_buf_release(&got);
    copse_buf_release(&answer.headers);
    return status == COPSE_NOMEM || answer.status == 503 ? COPSE_NOMEM : COPSE_OK;
}

/* Puts a record and asks for it on both pages: where memory lacks, 503, and never something else.
 */
static copse_status pages_with(const copse_env *env, void *ctx)
{
    post *self = ctx;
    copse_env own = *env;
    copse_service service = {.http = NULL};
    char name[COPSE_KEY_TEXT_SIZE_MAX];
    char target[128];
    unsigned answered = 0;
    own.clock = post_clock;
    own.clock_ctx = self;
    (void)copse_public_key_to_name(name_author_name(&self->authors[0]), name);
    copse_status status = copse_service_init(&service, &own, NULL);
    service.accepts_records = true;
    static const struct {
        copse_http_method method;
        const char *before;
        const char *after;
    } pages[] = {
        {COPSE_HTTP_PUT, "/routing/v1/ipns/", ""},
        {COPSE_HTTP_GET, "/routing/v1/ipns/", ""},
        {COPSE_HTTP_GET, "/ipns/", "?format=ipns-record"},
    };
    for (size_t i = 0; i < 3 && status == COPSE_OK; i++) {
        (void)snprintf(target, sizeof target, "%s%s%s", pages[i].before, name, pages[i].after);
        status = ask(&own, pages[i].method, target, copse_buf_view(&self->authors[0].records[0]),
                     &service, &answered);
        assert_true(status == COPSE_NOMEM || answered == 200);
    }
    copse_service_release(&service);
    return status;
}

static void test_allocations(void **state)
{
    (void)state;
    post self;
    post_init(&self);
    (void)post_record(&self, 0, 5, start_ms + 100);
    assert_true(test_env_sweep(pages_with, &self, 1000) > 10);
    post_release(&self);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_newest),      cmocka_unit_test(test_bound),
        cmocka_unit_test(test_owned),       cmocka_unit_test(test_far),
        cmocka_unit_test(test_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
