/* Finding in a CAR on a web server: sound, faulty and lying ones. Letters and numbers in brackets
 * are those of range_car.h, remote_car.h and car_layout.c.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "remote/remote_car.h"

#include "sync/range_car.h"

#include "support/car_memory.h"
#include "support/car_site.h"
#include "support/test_env.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { SITE_POSTS = 1500 };

typedef struct site {
    answer_world world;
    copse_buf car;
    copse_cid last; /* block of it: found by the index alone */
    answer_query query;
    file_transport transport;
} site;

static void site_note_last(site *self)
{
    copse_car_reader *reader = NULL;
    copse_car_item item;
    assert_int_equal(copse_car_reader_new(self->car.env, NULL, &reader, NULL), COPSE_OK);
    assert_int_equal(copse_car_reader_feed(reader, copse_buf_view(&self->car), NULL), COPSE_OK);
    while (copse_car_reader_next(reader, &item, NULL) == COPSE_OK) {
        if (item.kind == COPSE_CAR_SECTION) {
            self->last = item.cid;
        }
    }
    (void)copse_car_reader_free(reader);
}

static void site_init(site *self, bool linked)
{
    if (linked) {
        answer_world_init_linked_posts(&self->world, SITE_POSTS);
    } else {
        answer_world_init_posts(&self->world, SITE_POSTS);
    }
    copse_buf_init(&self->car, database_world_env(&self->world.db), SIZE_MAX);
    car_site_layout(self->world.db.world.store, &self->world.commit,
                    copse_tree_root(self->world.db.tree), &self->car);
    assert_true(self->car.len > 2 * COPSE_RANGE_FRONT_BYTES);
    site_note_last(self);
    answer_query_init(&self->query, "{\"tags\":\"t5\"}", "-createdAt", NULL, 0, 12);
    file_transport_init(&self->transport, copse_buf_view(&self->car));
}

static void site_release(site *self)
{
    answer_query_release(&self->query);
    copse_buf_release(&self->car);
    answer_world_release(&self->world);
}

static car_site_found site_find(site *self)
{
    return car_site_find(&self->transport, &self->world, &self->query.options, NULL);
}

/* ---- Sound ---- */

static void test_sound(void **state)
{
    (void)state;
    for (int linked = 0; linked < 2; linked++) {
        site self;
        site_init(&self, linked != 0);
        car_site_found found = site_find(&self);
        assert_int_equal(found.status, COPSE_END);
        assert_int_equal(found.count, 12);
        assert_int_equal(found.stats.requests, self.transport.stats.requests);
        assert_true(found.stats.round_trips <= 6);
        assert_true(found.stats.received_bytes < self.car.len / 2);
        assert_true(self.transport.running_most <= COPSE_REMOTE_CAR_RUNNING_MAX); /* V2 */
        assert_int_equal(found.stats.refused, 0);
        site_release(&self);
    }
}

/* The same blocks in a CAR of others: no hints, no order. The index alone leads to them. */
static void test_foreign(void **state)
{
    (void)state;
    for (uint64_t version = 1; version <= 2; version++) {
        site self;
        site_init(&self, false);
        copse_buf foreign;
        copse_car_writer *writer = NULL;
        copse_car_reader *reader = NULL;
        copse_car_item item;
        const copse_env *env = database_world_env(&self.world.db);
        uint8_t start[COPSE_CAR_START_SIZE_BYTES];
        copse_buf_init(&foreign, env, SIZE_MAX);
        car_memory_sink sink = {.buf = &foreign, .writes_max = SIZE_MAX};
        const copse_car_writer_options options = {.version = version};
        assert_int_equal(copse_car_writer_new(env, &options, car_memory_sink_of(&sink),
                                              &self.world.commit, 1, &writer, NULL),
                         COPSE_OK);
        assert_int_equal(copse_car_reader_new(env, NULL, &reader, NULL), COPSE_OK);
        assert_int_equal(copse_car_reader_feed(reader, copse_buf_view(&self.car), NULL), COPSE_OK);
        while (copse_car_reader_next(reader, &item, NULL) == COPSE_OK) {
            /* The hints are raw blocks; these, of the database, are not. */
            if (item.kind == COPSE_CAR_SECTION && item.cid.bytes[1] != COPSE_CODEC_RAW) {
                assert_int_equal(copse_car_writer_put(writer, &item.cid, item.data, NULL),
                                 COPSE_OK);
            }
        }
        assert_int_equal(copse_car_writer_finish(writer, start, NULL), COPSE_OK);
        if (version == 2) {
            memcpy(foreign.ptr, start, sizeof start);
        }
        (void)copse_car_writer_free(writer);
        (void)copse_car_reader_free(reader);
        self.transport.file = copse_buf_view(&foreign);
        car_site_found found = site_find(&self);
        assert_int_equal(found.status, COPSE_END);
        /* Version 1 has no index: it is small, and read whole. Of version 2 each block is looked up
         * in the index, parts of which come in the way. */
        assert_int_equal(found.stats.round_trips, version == 1 ? 2 : 5);
        assert_true((found.stats.received_bytes > foreign.len) == (version == 1));
        copse_buf_release(&foreign);
        site_release(&self);
    }
}

/* ---- Faults ---- */

/* What a find may come to if all requests meet a fault. */
static const copse_status fault_ends[FILE_FAULTS] = {
    [FILE_SOUND] = COPSE_END,
    [FILE_AWAY] = COPSE_IO,
    [FILE_IGNORES] = COPSE_END, /* the file is small enough */
    [FILE_HIDES_SIZE] = COPSE_IO,
    [FILE_SHIFTS] = COPSE_IO,
    [FILE_SHIFTS_MUTE] = COPSE_CORRUPT,
    [FILE_SAYS_NOTHING] = COPSE_IO,
    [FILE_CUTS] = COPSE_IO,
    [FILE_BREAKS] = COPSE_IO,
    [FILE_STALLS] = COPSE_IO,
    [FILE_PADS] = COPSE_IO,
    [FILE_REPLACED] = COPSE_END, /* by the same file: see the two */
};

static void test_faults(void **state)
{
    (void)state;
    site self;
    site_init(&self, true);
    for (file_fault fault = FILE_SOUND; fault < FILE_FAULTS; fault++) {
        if (fault == FILE_REFUSES || fault == FILE_FLIPS) {
            continue; /* below */
        }
        file_transport_init(&self.transport, copse_buf_view(&self.car));
        self.transport.other = self.transport.file;
        self.transport.fault = fault;
        car_site_found found = site_find(&self);
        if (found.status != fault_ends[fault]) {
            fail_msg("fault %d: %s: %s", (int)fault, copse_status_name(found.status),
                     found.err.message);
        }
        assert_true(self.transport.now_ms < 120000);
    }
    site_release(&self);
}

/* A request fails once, whichever it is; the find goes on. */
static void test_faults_once(void **state)
{
    (void)state;
    static const size_t places[] = {0, 1, 300, 5000};
    site self;
    site_init(&self, false);
    for (file_fault fault = FILE_SOUND; fault < FILE_FAULTS; fault++) {
        for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
            file_transport_init(&self.transport, copse_buf_view(&self.car));
            self.transport.other = self.transport.file;
            self.transport.fault = fault;
            self.transport.at = fault == FILE_REFUSES ? 503 : places[i];
            self.transport.once = true;
            car_site_found found = site_find(&self);
            if (found.status != COPSE_END) {
                /* The head is asked for once: it is the first request. */
                assert_int_equal(found.count, 0);
                assert_true(found.status == COPSE_IO || found.status == COPSE_CORRUPT ||
                            found.status == COPSE_NOT_FOUND || found.status == COPSE_LIMIT);
            }
        }
    }
    site_release(&self);
}

static void test_refusals(void **state)
{
    (void)state;
    static const struct {
        unsigned answer;
        copse_status status;
        const char *says;
    } cases[] = {{404, COPSE_NOT_FOUND, "answered 404"},
                 {403, COPSE_IO, "answered 403"},
                 {416, COPSE_CORRUPT, "the file is empty"},
                 {500, COPSE_IO, "answered 500"},
                 {302, COPSE_IO, "answered 302"}};
    site self;
    site_init(&self, false);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        file_transport_init(&self.transport, copse_buf_view(&self.car));
        self.transport.fault = FILE_REFUSES;
        self.transport.at = cases[i].answer;
        car_site_found found = site_find(&self);
        assert_int_equal(found.status, cases[i].status);
        assert_non_null(strstr(found.err.message, cases[i].says));
        assert_int_equal(self.transport.stats.requests, 1);
    }
    site_release(&self);
}

/* A byte buys a millisecond (fetch.h, F5): slow is no failure, as long as bytes come. */
static void test_slow(void **state)
{
    (void)state;
    site self;
    site_init(&self, false);
    self.transport.piece_ms = 8000;
    assert_int_equal(site_find(&self).status, COPSE_END);
    assert_true(self.transport.now_ms > 60000);
    self.transport.piece_ms = 30000;
    assert_int_equal(site_find(&self).status, COPSE_IO);
    site_release(&self);
}

/* ---- A file that is replaced (G2) ---- */

static void test_replaced(void **state)
{
    (void)state;
    site self;
    site other;
    size_t ended = 0;
    site_init(&self, false);
    site_init(&other, true);
    for (size_t at = 1; at < 12; at++) {
        /* By the same, under another ETag: nothing is lost but time. */
        file_transport_init(&self.transport, copse_buf_view(&self.car));
        self.transport.fault = FILE_REPLACED;
        self.transport.at = at;
        self.transport.other = self.transport.file;
        assert_int_equal(site_find(&self).status, COPSE_END);
        /* By another database: what was asked for is there no more. */
        file_transport_init(&self.transport, copse_buf_view(&self.car));
        self.transport.fault = FILE_REPLACED;
        self.transport.at = at;
        self.transport.other = copse_buf_view(&other.car);
        self.transport.without_etags = at % 2 != 0;
        copse_status status = site_find(&self).status;
        assert_true(status == COPSE_END || status == COPSE_NOT_FOUND);
        ended += status == COPSE_END;
    }
    assert_true(ended < 11);
    site_release(&other);
    site_release(&self);
}

/* ---- Damage ---- */

/* No byte of the file can be changed so that another answer comes (G1). */
static void test_damage(void **state)
{
    (void)state;
    site self;
    size_t ended = 0;
    size_t failed = 0;
    site_init(&self, true);
    for (size_t at = 0; at < self.car.len; at += at < 200 ? 1 : 4013) {
        self.car.ptr[at] ^= 0x81;
        file_transport_init(&self.transport, copse_buf_view(&self.car));
        car_site_found found = site_find(&self);
        ended += found.status == COPSE_END;
        failed += found.status != COPSE_END;
        assert_true(found.status != COPSE_MISUSE && found.status != COPSE_NOMEM);
        self.car.ptr[at] ^= 0x81;
    }
    assert_true(ended > 0 && failed > 0);
    site_release(&self);
}

/* A server that gives whole files only, and a file that is too large for that. */
static void test_large_without_ranges(void **state)
{
    (void)state;
    site self;
    site_init(&self, false);
    size_t padding = COPSE_RANGE_WHOLE_BYTES_MAX;
    assert_int_equal(copse_buf_reserve(&self.car, padding), COPSE_OK);
    memset(self.car.ptr + self.car.len, 0, padding);
    self.car.len += padding;
    file_transport_init(&self.transport, copse_buf_view(&self.car));
    self.transport.fault = FILE_IGNORES;
    car_site_found found = site_find(&self);
    assert_int_equal(found.status, COPSE_IO);
    assert_non_null(strstr(found.err.message, "must know Range"));
    assert_true(self.transport.stats.received_bytes < 1000);
    site_release(&self);
}

/* ---- No memory ---- */

static copse_status sweep_run(const copse_env *env, void *ctx)
{
    site *self = ctx;
    file_transport_init(&self->transport, copse_buf_view(&self->car));
    car_site_client client;
    copse_source *source = NULL;
    copse_block *block = NULL;
    copse_cid head;
    copse_status status = car_site_client_init(&client, env, &self->transport, NULL);
    if (status == COPSE_OK) {
        status = copse_remote_head(client.remote, "blog.car", &head, NULL);
    }
    if (status == COPSE_OK) {
        status = copse_source_new(env, copse_remote_store(client.remote), &source, NULL);
    }
    if (status == COPSE_OK) {
        copse_source_begin(source);
        status = copse_source_get(source, &self->last, &block, NULL);
        assert_true(status != COPSE_OK && status != COPSE_NOT_FOUND);
    }
    if (status == COPSE_WANT) {
        status = copse_remote_fetch(client.remote, source, NULL);
    }
    if (status == COPSE_OK) {
        copse_source_begin(source);
        status = copse_source_get(source, &self->last, &block, NULL);
    }
    block = copse_block_unref(block);
    copse_source_free(source);
    car_site_client_release(&client);
    return status;
}

static void test_memory(void **state)
{
    (void)state;
    site self;
    site_init(&self, false);
    assert_true(test_env_sweep(sweep_run, &self, 5000) > 10);
    site_release(&self);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sound),
        cmocka_unit_test(test_foreign),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_faults_once),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_slow),
        cmocka_unit_test(test_replaced),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_large_without_ranges),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
