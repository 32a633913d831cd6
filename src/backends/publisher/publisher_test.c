/* Records of a name over a simulated disk: which sequences are given out, whatever happens.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/publisher.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/os_sim.h"
#include "support/test_env.h"

enum { RECORDS_MAX = 64, RECORD_BYTES_MAX = 512, CRASH_SEEDS = 6 };

static const uint64_t start_ms = 1800000000000;
static const uint64_t hour_ms = 3600000;

/* What was given out of one key, by any process and machine. */
typedef struct given {
    copse_ipns_record said[RECORDS_MAX];
    uint8_t bytes[RECORDS_MAX][RECORD_BYTES_MAX];
    size_t sizes[RECORDS_MAX];
    size_t count;
    size_t twice; /* sequences of two records that differ */
} given;

typedef struct desk {
    copse_env env;
    os_sim *sim;
    copse_os *os;
    copse_key *key;
    copse_publisher *publisher;
    uint64_t now_ms;
    uint64_t head; /* its number */
    copse_status head_status;
    size_t heads_read;
} desk;

static uint64_t desk_clock(void *ctx)
{
    return ((desk *)ctx)->now_ms;
}

static void head_of(uint64_t number, copse_cid *ret_cid)
{
    copse_cid_of_data(COPSE_CODEC_DAG_CBOR, (copse_bytes){(const uint8_t *)&number, sizeof number},
                      ret_cid);
}

static copse_status desk_head(void *ctx, copse_cid *ret_head, copse_err *err)
{
    desk *self = ctx;
    self->heads_read++;
    head_of(self->head, ret_head);
    if (self->head_status != COPSE_OK) {
        err->status = self->head_status;
    }
    return self->head_status;
}

static void make_key(const copse_env *env, uint8_t first, copse_key **ret_key)
{
    uint8_t seed[COPSE_KEY_SEED_SIZE_BYTES] = {first};
    assert_int_equal(copse_key_from_seed(env, seed, ret_key, NULL), COPSE_OK);
}

static copse_publisher_options desk_options(desk *self)
{
    return (copse_publisher_options){
        .os = self->os,
        .folder = "keys",
        .name = "blog",
        .key = self->key,
        .head = desk_head,
        .ctx = self,
    };
}

/* A process of `sim`; makes the folder if it isn't there. */
static void desk_init(desk *self, os_sim *sim)
{
    copse_err err = {.message = ""};
    *self = (desk){.sim = sim, .now_ms = start_ms};
    copse_env_init(&self->env);
    self->env.clock = desk_clock;
    self->env.clock_ctx = self;
    self->os = os_sim_process(sim);
    copse_status status = self->os->ops->make_dir(self->os, "keys", &err);
    assert_true(status == COPSE_OK || status == COPSE_CONFLICT);
    assert_int_equal(self->os->ops->sync_dir(self->os, "/", &err), COPSE_OK);
    make_key(&self->env, 1, &self->key);
    copse_publisher_options options = desk_options(self);
    assert_int_equal(copse_publisher_open(&self->env, &options, &self->publisher, NULL), COPSE_OK);
}

static void desk_release(desk *self)
{
    assert_null(copse_publisher_close(self->publisher));
    copse_key_free(self->key);
    copse_os_free(self->os);
}

static copse_status desk_ask(desk *self, given *out)
{
    copse_bytes record = {NULL, 0};
    copse_ipns_record told;
    copse_err err = {.message = ""};
    copse_status status = copse_publisher_record(self->publisher, &record, &told, &err);
    if (status != COPSE_OK) {
        assert_int_equal(err.status, status);
        assert_null(record.ptr);
        return status;
    }
    assert_true(out->count < RECORDS_MAX && record.len <= RECORD_BYTES_MAX);
    copse_ipns_record *said = &out->said[out->count];
    memcpy(out->bytes[out->count], record.ptr, record.len);
    out->sizes[out->count] = record.len;
    assert_int_equal(copse_ipns_verify(&self->env,
                                       (copse_bytes){out->bytes[out->count], record.len},
                                       copse_key_public(self->key), self->now_ms, said, &err),
                     COPSE_OK);
    assert_int_equal(copse_ipns_compare(said, &told), 0);
    assert_true(copse_bytes_equal(said->value, told.value) && said->ttl_ns == told.ttl_ns);
    for (size_t i = 0; i < out->count; i++) {
        bool same =
            out->sizes[i] == record.len && memcmp(out->bytes[i], record.ptr, record.len) == 0;
        out->twice += out->said[i].sequence == said->sequence && !same;
    }
    out->count++;
    return COPSE_OK;
}

/* The last one given out. */
static const copse_ipns_record *last(const given *out)
{
    assert_true(out->count > 0);
    return &out->said[out->count - 1];
}

/* ---- What a record says ---- */

static void test_record(void **state)
{
    (void)state;
    static given out;
    out.count = 0;
    os_sim *sim = os_sim_new();
    desk one;
    copse_cid head;
    copse_cid cid;
    desk_init(&one, sim);
    assert_int_equal(desk_ask(&one, &out), COPSE_OK);
    head_of(0, &head);
    assert_int_equal(copse_ipns_value_to_cid(last(&out)->value, &cid, NULL), COPSE_OK);
    assert_true(copse_cid_equal(&cid, &head));
    assert_int_equal(last(&out)->sequence, start_ms); /* P2 */
    assert_int_equal(last(&out)->eol_ms, start_ms + COPSE_PUBLISHER_VALIDITY_MS);
    assert_int_equal(last(&out)->ttl_ns, COPSE_PUBLISHER_TTL_MS * 1000000);

    one.now_ms += 23 * hour_ms; /* it stands */
    assert_int_equal(desk_ask(&one, &out), COPSE_OK);
    assert_int_equal(last(&out)->sequence, start_ms);
    assert_int_equal(out.sizes[0], out.sizes[1]);
    assert_memory_equal(out.bytes[0], out.bytes[1], out.sizes[0]);

    one.now_ms += 2 * hour_ms; /* half of its time is over */
    assert_int_equal(desk_ask(&one, &out), COPSE_OK);
    assert_int_equal(last(&out)->sequence, one.now_ms);
    assert_int_equal(last(&out)->eol_ms, one.now_ms + COPSE_PUBLISHER_VALIDITY_MS);

    one.now_ms -= 10 * hour_ms; /* the clock was ahead: still upwards */
    one.head = 7;
    assert_int_equal(desk_ask(&one, &out), COPSE_OK);
    assert_int_equal(last(&out)->sequence, out.said[2].sequence + 1);
    assert_int_equal(last(&out)->eol_ms, one.now_ms + COPSE_PUBLISHER_VALIDITY_MS);

    one.head_status = COPSE_IO;
    assert_int_equal(desk_ask(&one, &out), COPSE_IO);
    assert_int_equal(out.twice, 0);
    desk_release(&one);
    os_sim_free(sim);
}

static void test_options(void **state)
{
    (void)state;
    os_sim *sim = os_sim_new();
    desk one;
    desk_init(&one, sim);
    copse_publisher *publisher = NULL;
    copse_publisher_options options = desk_options(&one);
    const char *const wrong[] = {
        "", "a/b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
    for (size_t i = 0; i < 3; i++) {
        options.name = wrong[i];
        assert_int_equal(copse_publisher_open(&one.env, &options, &publisher, NULL), COPSE_MISUSE);
    }
    const uint64_t times[][2] = {{COPSE_PUBLISHER_VALIDITY_MS_MIN - 1, 0},
                                 {COPSE_PUBLISHER_VALIDITY_MS_MAX + 1, 0},
                                 {hour_ms, hour_ms + 1}};
    for (size_t i = 0; i < 3; i++) {
        options = desk_options(&one);
        options.validity_ms = times[i][0];
        options.ttl_ms = times[i][1];
        assert_int_equal(copse_publisher_open(&one.env, &options, &publisher, NULL), COPSE_MISUSE);
    }
    options = desk_options(&one);
    one.env.clock = NULL;
    assert_int_equal(copse_publisher_open(&one.env, &options, &publisher, NULL), COPSE_MISUSE);
    assert_null(publisher);
    assert_null(copse_publisher_close(NULL));
    desk_release(&one);
    os_sim_free(sim);
}

/* ---- Several processes ---- */

/* P3: the same bytes, without a word between them but the file. */
static void test_two_processes(void **state)
{
    (void)state;
    static given out;
    out.count = 0;
    os_sim *sim = os_sim_new();
    desk a;
    desk b;
    desk_init(&a, sim);
    desk_init(&b, sim);
    for (uint64_t head = 0; head < 4; head++) {
        desk *first = head % 2 == 0 ? &a : &b;
        a.head = b.head = head;
        a.now_ms = b.now_ms += 10;
        assert_int_equal(desk_ask(first, &out), COPSE_OK);
        assert_int_equal(desk_ask(first == &a ? &b : &a, &out), COPSE_OK);
        assert_int_equal(out.sizes[2 * head], out.sizes[2 * head + 1]);
        assert_memory_equal(out.bytes[2 * head], out.bytes[2 * head + 1], out.sizes[2 * head]);
    }
    desk_release(&a);
    desk_release(&b);
    os_sim_free(sim);
}

typedef struct overtaking {
    desk *late;
    desk *early;
    given *out;
    bool done;
} overtaking;

/* While the late process is about to take the lock, another publishes the next head. */
static void overtake(void *ctx, const os_sim_call *call)
{
    overtaking *self = ctx;
    if (call->process == self->late->os && call->kind == OS_SIM_LOCK && !self->done) {
        self->done = true;
        self->early->head = self->late->head = 2;
        assert_int_equal(desk_ask(self->early, self->out), COPSE_OK);
    }
}

/* P4. */
static void test_late(void **state)
{
    (void)state;
    static given out;
    out.count = 0;
    os_sim *sim = os_sim_new();
    desk a;
    desk b;
    desk_init(&a, sim);
    desk_init(&b, sim);
    overtaking ctx = {.late = &a, .early = &b, .out = &out};
    a.head = b.head = 1;
    os_sim_set_hook(sim, overtake, &ctx);
    assert_int_equal(desk_ask(&a, &out), COPSE_OK);
    assert_true(ctx.done);
    assert_int_equal(a.heads_read, 2);
    assert_int_equal(out.count, 2);
    assert_memory_equal(out.bytes[0], out.bytes[1], out.sizes[0]);
    desk_release(&a);
    desk_release(&b);
    os_sim_free(sim);
}

/* ---- Crashes and faults ---- */

typedef struct crash {
    os_sim *sim;
    os_sim *after;
    uint64_t at; /* the call before which the power goes */
    uint64_t seed;
} crash;

static void crash_hook(void *ctx, const os_sim_call *call)
{
    crash *self = ctx;
    if (self->after == NULL && call->number >= self->at) {
        self->after = os_sim_crash(self->sim, self->seed);
        os_sim_kill(call->process);
    }
}

/* Publishes a few heads until the power goes before call number `at` (counted from where
 * publishing begins), then others on what the disk holds, with a clock that stands still. False:
 * there are not so many calls. */
static bool crash_once(given *out, uint64_t at, uint64_t seed, const char *drop, bool drop_dir)
{
    os_sim *sim = os_sim_new();
    desk one;
    out->count = 0;
    out->twice = 0;
    if (drop != NULL) {
        os_sim_drop_sync(sim, drop, drop_dir);
    }
    desk_init(&one, sim);
    crash ctx = {.sim = sim, .at = os_sim_calls(sim) + at, .seed = seed};
    os_sim_set_hook(sim, crash_hook, &ctx);
    for (uint64_t head = 0; head < 3; head++) {
        one.head = head;
        copse_status status = desk_ask(&one, out);
        assert_true(status == COPSE_OK || ctx.after != NULL);
    }
    bool crashed = ctx.after != NULL;
    os_sim_set_hook(sim, NULL, NULL);
    desk_release(&one);
    os_sim_free(sim);
    if (crashed) {
        desk next;
        desk_init(&next, ctx.after);
        for (uint64_t head = 100; head < 103; head++) {
            next.head = head;
            assert_int_equal(desk_ask(&next, out), COPSE_OK);
        }
        desk_release(&next);
        os_sim_free(ctx.after);
    }
    return crashed;
}

/* Every call, several fates: how many sequences were given out twice. */
static size_t crash_everywhere(const char *drop, bool drop_dir, uint64_t *ret_crashes)
{
    static given out;
    size_t twice = 0;
    bool more = true;
    *ret_crashes = 0;
    for (uint64_t at = 0; more; at++) {
        for (uint64_t seed = 0; seed < CRASH_SEEDS; seed++) {
            more = crash_once(&out, at, seed, drop, drop_dir);
            *ret_crashes += more;
            twice += out.twice;
        }
    }
    return twice;
}

/* P1. */
static void test_crash(void **state)
{
    (void)state;
    uint64_t crashes;
    assert_int_equal(crash_everywhere(NULL, false, &crashes), 0);
    assert_true(crashes > 20 * CRASH_SEEDS);
}

/* The same without one of the syncs: it shows. */
static void test_crash_mutants(void **state)
{
    (void)state;
    uint64_t crashes;
    assert_true(crash_everywhere("keys", true, &crashes) > 0);
}

/* A file that was not synced is damaged after a crash, and said to be. */
static void test_crash_file_mutant(void **state)
{
    (void)state;
    size_t damaged = 0;
    for (uint64_t seed = 0; seed < 40; seed++) {
        static given out;
        out.count = 0;
        os_sim *sim = os_sim_new();
        desk one;
        os_sim_drop_sync(sim, "blog.sequence.new", false);
        desk_init(&one, sim);
        assert_int_equal(desk_ask(&one, &out), COPSE_OK);
        os_sim *after = os_sim_crash(sim, seed);
        desk_release(&one);
        os_sim_free(sim);
        desk_init(&one, after);
        one.head = 1;
        copse_status status = desk_ask(&one, &out);
        assert_true(status == COPSE_OK || status == COPSE_CORRUPT);
        damaged += status == COPSE_CORRUPT;
        desk_release(&one);
        os_sim_free(after);
    }
    assert_true(damaged > 0);
}

/* Each call fails in turn; then all is well again, also after a loss of power. */
static void test_faults(void **state)
{
    (void)state;
    static given out;
    bool more = true;
    size_t failures = 0;
    for (uint64_t n = 0; more; n++) {
        os_sim *sim = os_sim_new();
        desk one;
        out.count = 0;
        out.twice = 0;
        desk_init(&one, sim);
        assert_int_equal(desk_ask(&one, &out), COPSE_OK);
        os_sim_fail(sim, OS_SIM_MASK_ALL, n, EIO, false);
        one.head = 1;
        copse_status status = desk_ask(&one, &out);
        more = os_sim_failed(sim) > 0;
        assert_int_equal(status, more ? COPSE_IO : COPSE_OK);
        failures += more;
        os_sim_fail(sim, 0, 0, 0, false);
        assert_int_equal(desk_ask(&one, &out), COPSE_OK);
        os_sim *after = os_sim_crash(sim, n);
        desk_release(&one);
        os_sim_free(sim);
        desk_init(&one, after);
        one.head = 2;
        assert_int_equal(desk_ask(&one, &out), COPSE_OK);
        assert_int_equal(out.twice, 0);
        desk_release(&one);
        os_sim_free(after);
    }
    assert_true(failures >= 8);
}

/* S3: one that could not make its file's name durable gives nothing out; another that finds the
 * file does both, and a loss of power right then takes nothing back. */
static void test_settles_for_others(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 40; seed++) {
        static given out;
        out.count = 0;
        out.twice = 0;
        os_sim *sim = os_sim_new();
        desk a;
        desk b;
        desk_init(&a, sim);
        desk_init(&b, sim);
        assert_int_equal(desk_ask(&a, &out), COPSE_OK);
        a.head = b.head = 1;
        os_sim_fail(sim, OS_SIM_MASK(OS_SIM_SYNC_DIR), 0, EIO, false);
        assert_int_equal(desk_ask(&a, &out), COPSE_IO);
        assert_int_equal(desk_ask(&b, &out), COPSE_OK);
        assert_int_equal(last(&out)->sequence, start_ms + 1);
        os_sim *after = os_sim_crash(sim, seed);
        desk_release(&a);
        desk_release(&b);
        os_sim_free(sim);
        desk_init(&a, after);
        a.head = 2;
        assert_int_equal(desk_ask(&a, &out), COPSE_OK);
        assert_int_equal(last(&out)->sequence, start_ms + 2);
        desk_release(&a);
        os_sim_free(after);
    }
}

/* ---- The file ---- */

static void test_damage(void **state)
{
    (void)state;
    static given out;
    out.count = 0;
    os_sim *sim = os_sim_new();
    desk one;
    copse_bytes content;
    uint8_t bytes[1024];
    desk_init(&one, sim);
    assert_int_equal(desk_ask(&one, &out), COPSE_OK);
    assert_true(os_sim_peek(sim, "keys/blog.sequence", &content));
    size_t size = content.len;
    assert_true(size + 1 < sizeof bytes);
    memcpy(bytes, content.ptr, size);
    for (size_t i = 0; i < size; i++) {
        bytes[i] ^= 1;
        os_sim_plant(sim, "keys/blog.sequence", (copse_bytes){bytes, size});
        assert_int_equal(desk_ask(&one, &out), COPSE_CORRUPT);
        bytes[i] ^= 1;
    }
    for (size_t len = 0; len < size; len++) {
        os_sim_plant(sim, "keys/blog.sequence", (copse_bytes){bytes, len});
        assert_int_equal(desk_ask(&one, &out), COPSE_CORRUPT);
    }
    bytes[size] = 0;
    os_sim_plant(sim, "keys/blog.sequence", (copse_bytes){bytes, size + 1});
    assert_int_equal(desk_ask(&one, &out), COPSE_CORRUPT);
    os_sim_plant(sim, "keys/blog.sequence", (copse_bytes){bytes, size});
    assert_int_equal(desk_ask(&one, &out), COPSE_OK);
    assert_int_equal(out.count, 2);

    /* Of another key. */
    copse_publisher *publisher = NULL;
    copse_key *other = NULL;
    copse_publisher_options options = desk_options(&one);
    copse_bytes record;
    copse_ipns_record said;
    copse_err err = {.message = ""};
    make_key(&one.env, 2, &other);
    options.key = other;
    assert_int_equal(copse_publisher_open(&one.env, &options, &publisher, NULL), COPSE_OK);
    assert_int_equal(copse_publisher_record(publisher, &record, &said, &err), COPSE_CORRUPT);
    assert_non_null(strstr(err.message, "another key"));
    copse_publisher_close(publisher);
    copse_key_free(other);
    desk_release(&one);
    os_sim_free(sim);
}

/* ---- Memory ---- */

static copse_status publish_with(const copse_env *env, void *ctx)
{
    desk *one = ctx;
    copse_env own = *env;
    copse_publisher *publisher = NULL;
    copse_bytes record;
    copse_ipns_record said;
    copse_publisher_options options = desk_options(one);
    own.clock = desk_clock;
    own.clock_ctx = one;
    one->head++;
    copse_status status = copse_publisher_open(&own, &options, &publisher, NULL);
    if (status == COPSE_OK) {
        status = copse_publisher_record(publisher, &record, &said, NULL);
    }
    copse_publisher_close(publisher);
    return status;
}

static void test_allocations(void **state)
{
    (void)state;
    os_sim *sim = os_sim_new();
    desk one;
    desk_init(&one, sim);
    assert_true(test_env_sweep(publish_with, &one, 100) > 2);
    desk_release(&one);
    os_sim_free(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_record),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_two_processes),
        cmocka_unit_test(test_late),
        cmocka_unit_test(test_crash),
        cmocka_unit_test(test_crash_mutants),
        cmocka_unit_test(test_crash_file_mutant),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_settles_for_others),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
