/* Names over peers that lie, are behind, or are silent: what is taken, what is remembered, who is
 * named, and how many requests it takes. M1 to M5 of remote_name.c.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/remote.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/name_author.h"
#include "support/test_env.h"

enum { PEERS_MAX = 4, EVENTS_MAX = 32, HUGE_SIZE = 20000 };

static const uint64_t now_ms = 1800000000000;
static const uint64_t day_ms = 86400000;

/* ---- Peers ----------------------------------------------------------------------------------- */

typedef enum page_kind { PAGE_MISSING, PAGE_RECORD, PAGE_AWAY, PAGE_SILENT } page_kind;

/* What a peer has at one of the two pages. */
typedef struct page {
    page_kind kind;
    copse_bytes bytes;
    const char *type; /* NULL: that of records */
    uint64_t after_ms;
} page;

typedef struct peer {
    page gateway;
    page routing;
    size_t asked;
} peer;

typedef struct event {
    uint64_t at_ms;
    copse_transport_event said;
} event;

/* A transport to them; its time is virtual. */
typedef struct network {
    copse_transport base;
    peer peers[PEERS_MAX];
    event events[EVENTS_MAX];
    size_t count;
    uint64_t time_ms;
    uint64_t next_id;
    size_t running;
    char name[COPSE_KEY_TEXT_SIZE_MAX];
} network;

static void network_add(network *self, uint64_t at_ms, copse_transport_event said)
{
    assert_true(self->count < EVENTS_MAX);
    self->events[self->count++] = (event){at_ms, said};
}

static void network_answer(network *self, uint64_t id, const page *what)
{
    uint64_t at_ms = self->time_ms + what->after_ms;
    copse_transport_event head = {.kind = COPSE_TRANSPORT_HEAD,
                                  .request = id,
                                  .status = what->kind == PAGE_RECORD ? 200 : 404};
    const char *type = what->kind != PAGE_RECORD ? "text/plain"
                       : what->type != NULL      ? what->type
                                                 : "application/vnd.ipfs.ipns-record";
    copse_bytes body =
        what->kind == PAGE_RECORD ? what->bytes : copse_bytes_of_text("there is none\n");
    head.content_type = copse_bytes_of_text(type);
    if (what->kind == PAGE_AWAY) {
        network_add(self, at_ms,
                    (copse_transport_event){.kind = COPSE_TRANSPORT_FAILED,
                                            .request = id,
                                            .reason = "connection refused"});
    } else if (what->kind != PAGE_SILENT) {
        network_add(self, at_ms, head);
        for (size_t at = 0; at < body.len; at += 4096) {
            size_t len = body.len - at < 4096 ? body.len - at : 4096;
            network_add(self, at_ms,
                        (copse_transport_event){.kind = COPSE_TRANSPORT_BODY,
                                                .request = id,
                                                .body = {body.ptr + at, len}});
        }
        network_add(self, at_ms,
                    (copse_transport_event){.kind = COPSE_TRANSPORT_END, .request = id});
    }
}

static copse_status network_start(copse_transport *transport,
                                  const copse_transport_request *request, uint64_t *ret_request,
                                  copse_err *err)
{
    network *self = (network *)transport;
    char expected[128];
    size_t number = (size_t)(request->url[strlen("http://p")] - '0');
    const char *rest = request->url + strlen("http://p0");
    (void)err;
    assert_true(number < PEERS_MAX);
    assert_string_equal(request->accept, "application/vnd.ipfs.ipns-record");
    peer *asked = &self->peers[number];
    (void)snprintf(expected, sizeof expected, "/ipns/%s?format=ipns-record", self->name);
    bool is_gateway = strcmp(rest, expected) == 0;
    (void)snprintf(expected, sizeof expected, "/routing/v1/ipns/%s", self->name);
    assert_true(is_gateway || strcmp(rest, expected) == 0);
    asked->asked++;
    self->running++;
    *ret_request = ++self->next_id;
    network_answer(self, self->next_id, is_gateway ? &asked->gateway : &asked->routing);
    return COPSE_OK;
}

static void network_cancel(copse_transport *transport, uint64_t request)
{
    network *self = (network *)transport;
    size_t kept = 0;
    for (size_t i = 0; i < self->count; i++) {
        if (self->events[i].said.request != request) {
            self->events[kept++] = self->events[i];
        }
    }
    self->count = kept;
    self->running--;
}

static copse_status network_wait(copse_transport *transport, uint64_t until_ms,
                                 copse_transport_event *ret_event, copse_err *err)
{
    network *self = (network *)transport;
    size_t first = self->count;
    (void)err;
    for (size_t i = 0; i < self->count; i++) {
        if (first == self->count || self->events[i].at_ms < self->events[first].at_ms) {
            first = i;
        }
    }
    if (first == self->count || self->events[first].at_ms > until_ms) {
        assert_true(until_ms != UINT64_MAX);
        self->time_ms = until_ms > self->time_ms ? until_ms : self->time_ms;
        return COPSE_END;
    }
    if (self->events[first].at_ms > self->time_ms) {
        self->time_ms = self->events[first].at_ms;
    }
    *ret_event = self->events[first].said;
    memmove(&self->events[first], &self->events[first + 1],
            (--self->count - first) * sizeof self->events[0]);
    return COPSE_OK;
}

static uint64_t network_now(copse_transport *transport)
{
    return ((network *)transport)->time_ms;
}

static copse_transport_stats network_stats(const copse_transport *transport)
{
    (void)transport;
    return (copse_transport_stats){.requests = 0};
}

static void network_free(copse_transport *transport)
{
    (void)transport;
}

static const copse_transport_ops network_ops = {network_start, network_cancel, network_wait,
                                                network_now,   network_stats,  network_free};

/* ---- A reader -------------------------------------------------------------------------------- */

typedef struct reader {
    copse_env env;
    network network;
    name_author author;
    copse_buf memory; /* empty: none */
    uint64_t memory_ms;
    size_t remembered; /* times */
    copse_bytes rival; /* what another process remembers meanwhile; empty: nothing */
    copse_remote *remote;
} reader;

static uint64_t reader_clock(void *ctx)
{
    (void)ctx;
    return now_ms;
}

static copse_status reader_get(void *ctx, const copse_public_key *name, copse_buf *ret_record,
                               uint64_t *ret_seen_ms, copse_err *err)
{
    reader *self = ctx;
    (void)err;
    assert_true(copse_public_key_equal(name, name_author_name(&self->author)));
    if (self->memory.len == 0) {
        return COPSE_NOT_FOUND;
    }
    *ret_seen_ms = self->memory_ms;
    return copse_buf_append(ret_record, copse_buf_view(&self->memory));
}

static copse_status reader_set(void *ctx, const copse_public_key *name, copse_bytes record,
                               copse_err *err)
{
    reader *self = ctx;
    (void)err;
    assert_true(copse_public_key_equal(name, name_author_name(&self->author)));
    copse_buf_truncate(&self->memory, 0);
    if (self->rival.len > 0) {
        assert_int_equal(copse_buf_append(&self->memory, self->rival), COPSE_OK);
        return COPSE_CONFLICT;
    }
    self->remembered++;
    return copse_buf_append(&self->memory, record);
}

static const char *const peer_urls[] = {"http://p0", "http://p1", "http://p2", "http://p3"};

static copse_status reader_connect(reader *self, const copse_env *env, size_t peers, bool offline,
                                   copse_remote **ret_remote)
{
    const copse_remote_records records = {reader_get, reader_set, self};
    const copse_remote_options options = {.peers = peer_urls,
                                          .peers_count = peers,
                                          .transport = offline ? NULL : &self->network.base,
                                          .records = &records};
    return copse_remote_new(env, &options, ret_remote, NULL);
}

static void reader_init(reader *self, size_t peers, bool offline)
{
    *self = (reader){.memory_ms = now_ms - 5000, .network = {.base = {&network_ops}}};
    copse_env_init(&self->env);
    self->env.clock = reader_clock;
    name_author_init(&self->author, &self->env, 1);
    (void)copse_public_key_to_name(name_author_name(&self->author), self->network.name);
    copse_buf_init(&self->memory, &self->env, SIZE_MAX);
    assert_int_equal(reader_connect(self, &self->env, peers, offline, &self->remote), COPSE_OK);
}

static void reader_release(reader *self)
{
    assert_int_equal(self->network.running, 0);
    copse_remote_free(self->remote);
    copse_buf_release(&self->memory);
    name_author_release(&self->author);
}

/* A record of `author` that says head number `head`; lent by the author. */
static copse_bytes record_by(name_author *author, uint64_t sequence, uint8_t head, uint64_t eol_ms)
{
    copse_cid cid;
    name_author_head(head, &cid);
    return name_author_record(author, sequence, &cid, eol_ms);
}

static copse_bytes record(reader *self, uint64_t sequence, uint8_t head)
{
    return record_by(&self->author, sequence, head, now_ms + day_ms);
}

static void remember(reader *self, copse_bytes bytes)
{
    copse_buf_truncate(&self->memory, 0);
    assert_int_equal(copse_buf_append(&self->memory, bytes), COPSE_OK);
}

static copse_status resolve(reader *self, copse_remote_name *ret_name, copse_err *err)
{
    *ret_name = (copse_remote_name){.sequence = 77777};
    copse_status status =
        copse_remote_resolve(self->remote, name_author_name(&self->author), ret_name, err);
    assert_true(status == COPSE_OK || ret_name->sequence == 77777);
    return status;
}

/* Resolves to head number `head` of sequence `sequence`. */
static copse_remote_name good(reader *self, uint64_t sequence, uint8_t head)
{
    copse_remote_name name;
    copse_cid expected;
    copse_err err = {.message = ""};
    copse_status status = resolve(self, &name, &err);
    if (status != COPSE_OK) {
        fail_msg("%s: %s", copse_status_name(status), err.message);
    }
    name_author_head(head, &expected);
    assert_int_equal(name.sequence, sequence);
    assert_true(copse_cid_equal(&name.head, &expected));
    return name;
}

static void bad(reader *self, copse_status expected, const char *message)
{
    copse_remote_name name;
    copse_err err = {.message = ""};
    assert_int_equal(resolve(self, &name, &err), expected);
    if (strstr(err.message, message) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", message, err.message);
    }
}

static page page_of(copse_bytes bytes)
{
    return (page){.kind = PAGE_RECORD, .bytes = bytes};
}

/* ---- Taking ---------------------------------------------------------------------------------- */

/* The newest of all, with one request a peer, in one round trip; it is remembered. */
static void test_newest(void **state)
{
    (void)state;
    reader one;
    reader_init(&one, 3, false);
    one.network.peers[0].gateway = page_of(record(&one, 5, 5));
    one.network.peers[1].gateway = page_of(record(&one, 9, 9));
    one.network.peers[2].gateway = page_of(record(&one, 7, 7));
    one.network.peers[1].gateway.after_ms = 100;
    copse_remote_name name = good(&one, 9, 9);
    assert_int_equal(name.peer, 1);
    assert_int_equal(name.suspects, 0); /* to be behind is no lie */
    assert_int_equal(name.eol_ms, now_ms + day_ms);
    copse_remote_stats stats = copse_remote_get_stats(one.remote);
    assert_int_equal(stats.requests, 3);
    assert_int_equal(stats.round_trips, 1);
    assert_int_equal(one.remembered, 1);
    copse_bytes kept = copse_buf_view(&one.memory);
    assert_true(copse_bytes_equal(kept, one.network.peers[1].gateway.bytes));
    reader_release(&one);
}

/* A peer without gateway is asked at the pages of delegated routing. */
static void test_routing(void **state)
{
    (void)state;
    reader one;
    reader_init(&one, 2, false);
    one.network.peers[0].routing = page_of(record(&one, 3, 3));
    assert_int_equal(good(&one, 3, 3).peer, 0);
    assert_int_equal(one.network.peers[0].asked, 2);
    assert_int_equal(one.network.peers[1].asked, 2);
    one.network.peers[0].routing.type = "application/octet-stream"; /* a web server of files */
    (void)good(&one, 3, 3);
    one.network.peers[0].routing.type = "text/html";
    one.memory.len = 0;
    bad(&one, COPSE_NOT_FOUND, "http://p1: answered 404: there is none");
    reader_release(&one);
}

/* M2: what was taken once is never gone behind, and who tries is named. */
static void test_older(void **state)
{
    (void)state;
    reader one;
    reader_init(&one, 2, false);
    copse_bytes old = record(&one, 4, 4);
    copse_bytes new = record(&one, 8, 8);
    one.network.peers[0].gateway = page_of(new);
    one.network.peers[1].gateway = page_of(old);
    (void)good(&one, 8, 8);
    one.network.peers[0].gateway = (page){.kind = PAGE_AWAY};
    copse_remote_name name = good(&one, 8, 8);
    assert_int_equal(name.peer, SIZE_MAX);
    assert_int_equal(name.seen_ms, now_ms - 5000);
    assert_int_equal(name.suspects, 2);
    const char *reason = copse_remote_reason(one.remote, SIZE_MAX, 1);
    assert_non_null(strstr(reason, "sequence is 4"));
    assert_non_null(strstr(reason, "one's 8"));
    assert_int_equal(one.remembered, 1);

    /* The one that was seen has ended: there is nothing to give. */
    remember(&one, record_by(&one.author, 8, 8, now_ms - 1));
    bad(&one, COPSE_CONFLICT, "only an older one");
    assert_int_equal(one.remembered, 1);
    reader_release(&one);
}

/* M4. */
static void test_fork(void **state)
{
    (void)state;
    reader one;
    reader_init(&one, 2, false);
    copse_bytes left = record(&one, 6, 1);
    copse_bytes right = record_by(&one.author, 6, 2, now_ms + 2 * day_ms);
    one.network.peers[0].gateway = page_of(left);
    one.network.peers[1].gateway = page_of(right);
    copse_remote_name name = good(&one, 6, 2); /* the one that ends later, as everywhere */
    assert_int_equal(name.peer, 1);
    assert_int_equal(name.suspects, 1);
    assert_non_null(strstr(copse_remote_reason(one.remote, SIZE_MAX, 0), "in two places"));
    remember(&one, left); /* who saw the other first stays with it */
    name = good(&one, 6, 1);
    assert_int_equal(name.suspects, 2);
    assert_int_equal(name.peer, 0);
    one.network.peers[1].gateway = page_of(record(&one, 7, 3));
    assert_int_equal(good(&one, 7, 3).suspects, 0);
    assert_int_equal(good(&one, 7, 3).suspects, 1); /* now peer 0 has what is older */
    reader_release(&one);
}

/* M1: nothing but what the key signed, of whatever kind the lie is. */
static void test_lies(void **state)
{
    (void)state;
    static uint8_t huge[HUGE_SIZE];
    reader one;
    name_author other;
    reader_init(&one, 2, false);
    name_author_init(&other, &one.env, 2);
    copse_bytes truth = record(&one, 3, 3);
    uint8_t changed[COPSE_IPNS_RECORD_SIZE_BYTES_MAX];
    memcpy(changed, truth.ptr, truth.len);
    changed[truth.len - 1] ^= 1;
    const copse_bytes lies[] = {
        record_by(&other, 9, 9, now_ms + day_ms),
        record_by(&one.author, 9, 9, now_ms - 1),
        {changed, truth.len},
        {truth.ptr, truth.len - 1},
        copse_bytes_of_text("garbage"),
        {NULL, 0},
        {huge, sizeof huge},
    };
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        one.network.peers[0].gateway = page_of(lies[i]);
        one.network.peers[1].gateway = page_of(truth);
        copse_remote_name name = good(&one, 3, 3);
        assert_int_equal(name.peer, 1);
        assert_int_equal(name.suspects, 1);
        assert_true(copse_remote_reason(one.remote, SIZE_MAX, 0)[0] != '\0');

        one.network.peers[1].gateway = (page){.kind = PAGE_MISSING};
        name = good(&one, 3, 3); /* it is remembered */
        assert_int_equal(name.peer, SIZE_MAX);
        one.memory.len = 0;
        bad(&one, i == 1 ? COPSE_DENIED : COPSE_CORRUPT, "http://p0");
    }
    name_author_release(&other);
    reader_release(&one);
}

/* M2: what another process has remembered since this one looked is not gone behind. */
static void test_rival(void **state)
{
    (void)state;
    reader one;
    reader_init(&one, 1, false);
    one.network.peers[0].gateway = page_of(record(&one, 2, 2));
    one.rival = record(&one, 3, 3);
    copse_remote_name name = good(&one, 3, 3);
    assert_true(name.peer == SIZE_MAX);
    assert_int_equal(name.suspects, 1);
    assert_int_equal(one.remembered, 0);
    one.memory.len = 0;
    one.rival = copse_bytes_of_text("garbage"); /* which is as if it were gone again */
    bad(&one, COPSE_CONFLICT, "");
    reader_release(&one);
}

/* A memory that was damaged, or is of something else, is none. */
static void test_bad_memory(void **state)
{
    (void)state;
    reader one;
    reader_init(&one, 1, false);
    remember(&one, copse_bytes_of_text("garbage"));
    one.network.peers[0].gateway = page_of(record(&one, 3, 3));
    assert_int_equal(good(&one, 3, 3).suspects, 0);
    reader_release(&one);
}

/* The same said for less long is no older record. */
static void test_ends_earlier(void **state)
{
    (void)state;
    reader one;
    reader_init(&one, 1, false);
    remember(&one, record_by(&one.author, 3, 3, now_ms + 2 * day_ms));
    one.network.peers[0].gateway = page_of(record(&one, 3, 3));
    copse_remote_name name = good(&one, 3, 3);
    assert_int_equal(name.peer, 0);
    assert_int_equal(name.suspects, 0);
    assert_int_equal(name.eol_ms, now_ms + 2 * day_ms);
    assert_int_equal(one.remembered, 0);
    reader_release(&one);
}

/* ---- Nobody ---------------------------------------------------------------------------------- */

/* M5. */
static void test_away(void **state)
{
    (void)state;
    reader one;
    reader_init(&one, 2, false);
    one.network.peers[0].gateway = (page){.kind = PAGE_AWAY};
    one.network.peers[1].gateway = (page){.kind = PAGE_AWAY};
    bad(&one, COPSE_IO, "http://p1: connection refused");
    remember(&one, record(&one, 3, 3));
    assert_false(good(&one, 3, 3).is_ended);
    remember(&one, record_by(&one.author, 3, 3, now_ms - 1));
    copse_remote_name name = good(&one, 3, 3);
    assert_true(name.is_ended);
    assert_int_equal(name.peer, SIZE_MAX);
    one.network.peers[1].gateway = (page){.kind = PAGE_MISSING}; /* it is heard, and has none */
    bad(&one, COPSE_NOT_FOUND, "answered 404");
    reader_release(&one);
}

static void test_offline(void **state)
{
    (void)state;
    for (size_t peers = 0; peers < 2; peers++) {
        reader one;
        reader_init(&one, peers, peers > 0);
        bad(&one, COPSE_IO, "could not be had");
        remember(&one, record_by(&one.author, 3, 3, now_ms - 1));
        assert_true(good(&one, 3, 3).is_ended);
        assert_int_equal(one.network.peers[0].asked, 0);
        reader_release(&one);
    }
}

/* M3: with an answer, a silent peer costs half a second; without one, the limit. */
static void test_silence(void **state)
{
    (void)state;
    reader one;
    reader_init(&one, 2, false);
    one.network.peers[0].gateway = (page){.kind = PAGE_SILENT};
    one.network.peers[1].gateway = page_of(record(&one, 3, 3));
    one.network.peers[1].gateway.after_ms = 40;
    assert_int_equal(good(&one, 3, 3).suspects, 0);
    assert_int_equal(one.network.time_ms, 540);
    assert_string_equal(copse_remote_reason(one.remote, SIZE_MAX, 0), "did not answer in time");

    /* One that is slower by less than the other took is still heard. */
    uint64_t begun_ms = one.network.time_ms;
    one.network.peers[1].gateway.after_ms = 2000;
    one.network.peers[0].gateway = page_of(record(&one, 4, 4));
    one.network.peers[0].gateway.after_ms = 3900;
    assert_int_equal(good(&one, 4, 4).peer, 0);
    assert_int_equal(one.network.time_ms - begun_ms, 3900);

    begun_ms = one.network.time_ms;
    one.network.peers[0].gateway = one.network.peers[1].gateway = (page){.kind = PAGE_SILENT};
    one.memory.len = 0;
    bad(&one, COPSE_IO, "http://p0: did not answer in time");
    assert_int_equal(one.network.time_ms - begun_ms, one.env.limits.fetch_silence_ms_max);
    reader_release(&one);
}

/* What the name stands for must be a database's CID. */
static void test_other_value(void **state)
{
    (void)state;
    static const char *const values[] = {"/ipns/example.org", "/ipfs/", "/ipfs/bafkqaaa/a", "/"};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        reader one;
        reader_init(&one, 1, false);
        copse_buf buf;
        const copse_ipns_record said = {
            .value = copse_bytes_of_text(values[i]), .sequence = 1, .eol_ms = now_ms + 1};
        copse_buf_init(&buf, &one.env, COPSE_IPNS_RECORD_SIZE_BYTES_MAX);
        assert_int_equal(copse_ipns_make(one.author.key, &said, &buf, NULL), COPSE_OK);
        one.network.peers[0].gateway = page_of(copse_buf_view(&buf));
        bad(&one, COPSE_CORRUPT, "http://p0");
        assert_int_equal(one.remembered, 0);
        copse_buf_release(&buf);
        reader_release(&one);
    }
}

static void test_misuse(void **state)
{
    (void)state;
    reader one;
    copse_remote *remote = NULL;
    copse_remote_name name;
    reader_init(&one, 1, false);
    copse_env timeless = one.env;
    timeless.clock = NULL;
    assert_int_equal(reader_connect(&one, &timeless, 1, false, &remote), COPSE_OK);
    assert_int_equal(copse_remote_resolve(remote, name_author_name(&one.author), &name, NULL),
                     COPSE_MISUSE);
    copse_remote_free(remote);
    reader_release(&one);
}

/* ---- Memory ---------------------------------------------------------------------------------- */

static copse_status resolve_with(const copse_env *env, void *ctx)
{
    reader *one = ctx;
    copse_env own = *env;
    copse_remote *remote = NULL;
    copse_remote_name name;
    own.clock = reader_clock;
    copse_status status = reader_connect(one, &own, 3, false, &remote);
    if (status == COPSE_OK) {
        status = copse_remote_resolve(remote, name_author_name(&one->author), &name, NULL);
    }
    assert_int_equal(one->network.running, 0);
    assert_int_equal(one->network.count, 0);
    copse_remote_free(remote);
    return status;
}

static void test_allocations(void **state)
{
    (void)state;
    reader one;
    reader_init(&one, 3, false);
    one.network.peers[0].gateway = page_of(record(&one, 3, 3));
    one.network.peers[1].routing = page_of(record(&one, 4, 4));
    one.network.peers[2].gateway = page_of(copse_bytes_of_text("garbage"));
    remember(&one, record(&one, 2, 2));
    assert_true(test_env_sweep(resolve_with, &one, 1000) > 8);
    reader_release(&one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_newest),  cmocka_unit_test(test_routing),
        cmocka_unit_test(test_older),   cmocka_unit_test(test_fork),
        cmocka_unit_test(test_lies),    cmocka_unit_test(test_bad_memory),
        cmocka_unit_test(test_rival),   cmocka_unit_test(test_ends_earlier),
        cmocka_unit_test(test_away),    cmocka_unit_test(test_offline),
        cmocka_unit_test(test_silence), cmocka_unit_test(test_other_value),
        cmocka_unit_test(test_misuse),  cmocka_unit_test(test_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
