/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/script_transport.h"

#include "query/answer_request.h"

#include <copse/dag_cbor.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum {
    SCRIPT_PIECE = 700,
    SCRIPT_REQUESTS_MAX = 64,
    SCRIPT_TRICKLE_MS = 9000,
    SCRIPT_BEGIN_MS = 1000
};

const char *const script_peers[SCRIPT_PEERS_MAX] = {"http://p0", "http://p1", "http://p2"};

typedef struct script_request {
    uint64_t id;
    script_fault fault;
    size_t at;
    unsigned status;
    const char *type;
    char root[COPSE_CID_TEXT_SIZE_MAX];
    copse_buf body;
    bool has_head; /* was handed out */
    size_t sent;
    uint64_t next_ms;
} script_request;

struct script_transport {
    copse_transport transport;
    copse_env env;
    uint64_t now_ms;
    uint64_t next_id;
    copse_transport_stats stats;
    script_peer peers[SCRIPT_PEERS_MAX];
    size_t peers_count;
    script_request requests[SCRIPT_REQUESTS_MAX];
    size_t count;
};

static script_transport *script_of(const copse_transport *transport)
{
    return (script_transport *)(uintptr_t)transport;
}

static void script_must(copse_status status)
{
    assert_int_equal(status, COPSE_OK);
}

/* ---- What a peer answers --------------------------------------------------------------------- */

/* The peer's block, with a reference; NULL: it has none. */
static copse_block *script_block(const script_peer *peer, const copse_cid *cid)
{
    copse_block *block = NULL;
    for (size_t i = 0; i < peer->hidden_count; i++) {
        if (copse_cid_equal(&peer->hidden[i], cid)) {
            return NULL;
        }
    }
    return peer->world != NULL &&
                   copse_store_get(peer->world->db.world.store, cid, &block, NULL) == COPSE_OK
               ? block
               : NULL;
}

static void script_refuse(script_request *request, unsigned status, const char *text)
{
    request->status = status;
    request->type = "text/plain";
    copse_buf_truncate(&request->body, 0);
    script_must(copse_buf_append(&request->body, copse_bytes_of_text(text)));
}

static void script_name_answer(script_request *request, const copse_cid *root)
{
    request->type = "application/vnd.ipld.car";
    (void)copse_cid_to_text(root, COPSE_BASE32, request->root);
}

static void script_answer_query(script_transport *script, script_peer *peer, copse_bytes body,
                                const char *subject, script_request *request)
{
    copse_answer_request asked = {.root.size = 0};
    copse_answer_maker *maker = NULL;
    copse_cid root = peer->head;
    peer->queries++;
    script_must(copse_answer_request_decode(&script->env, body, &asked, NULL));
    peer->have_count = asked.have.len / sizeof(copse_cid);
    if (asked.root.size > 0) {
        root = asked.root;
    }
    bool is_named = strncmp(subject, "blog/", 5) == 0;
    if (peer->world == NULL || root.size == 0 || (!is_named && asked.root.size == 0)) {
        script_refuse(request, 404, "there is no such database\n");
    } else if (peer->canned.len > 0) {
        script_must(copse_buf_append(&request->body, peer->canned));
        script_name_answer(request, &root);
    } else {
        const copse_answer_maker_options options = {.have = (const copse_cid *)asked.have.ptr,
                                                    .have_count = peer->have_count,
                                                    .blocks_max = peer->blocks_max};
        copse_status status =
            copse_answer_maker_new(peer->world->database, &root, &asked.query, &options,
                                   proof_support_sink(&request->body), &maker, NULL);
        while (status == COPSE_OK) {
            status = copse_answer_maker_next(maker, NULL);
        }
        assert_true(status == COPSE_END || status == COPSE_LIMIT);
        script_name_answer(request, &root);
    }
    copse_answer_maker_free(maker);
    copse_answer_request_release(&asked);
}

static void script_answer_batch(script_transport *script, script_peer *peer, copse_bytes body,
                                script_request *request)
{
    static const copse_car_writer_options options = {.version = 1};
    copse_cbor_reader reader;
    copse_cbor_item item;
    copse_car_writer *writer = NULL;
    copse_cid cid;
    peer->batches++;
    request->type = "application/vnd.ipld.car";
    script_must(copse_cid_from_text(copse_bytes_of_text("bafkqaaa"), &cid, NULL));
    script_must(copse_car_writer_new(&script->env, &options, proof_support_sink(&request->body),
                                     &cid, 1, &writer, NULL));
    script_must(copse_cbor_reader_init_untrusted(&reader, body, &script->env.limits,
                                                 COPSE_CBOR_STRICT, NULL));
    script_must(copse_cbor_next(&reader, &item, NULL));
    peer->asked_blocks += item.arg;
    for (uint64_t left = item.arg; left > 0; left--) {
        script_must(copse_cbor_next(&reader, &item, NULL));
        script_must(copse_cid_from_bytes(item.bytes, &cid, NULL));
        copse_block *block = script_block(peer, &cid);
        if (block != NULL) {
            script_must(copse_car_writer_put(writer, &cid, copse_block_data(block), NULL));
        }
        copse_block_unref(block);
    }
    script_must(copse_car_writer_finish(writer, NULL, NULL));
    copse_car_writer_free(writer);
}

static void script_answer_raw(script_peer *peer, const char *text, script_request *request)
{
    copse_cid cid;
    peer->raws++;
    peer->asked_blocks++;
    script_must(
        copse_cid_from_text((copse_bytes){(const uint8_t *)text, strcspn(text, "?")}, &cid, NULL));
    copse_block *block = script_block(peer, &cid);
    if (block == NULL) {
        script_refuse(request, 404, "no such block\n");
        return;
    }
    request->type = "application/vnd.ipld.raw";
    script_must(copse_buf_append(&request->body, copse_block_data(block)));
    copse_block_unref(block);
}

static void script_answer_head(script_peer *peer, const char *name, script_request *request)
{
    peer->heads++;
    if (strcmp(name, "blog") != 0 || peer->head.size == 0) {
        script_refuse(request, 404, "there is no database of that name\n");
        return;
    }
    const copse_bytes link = {peer->head.bytes, peer->head.size};
    request->type = "application/vnd.ipld.dag-cbor";
    script_must(copse_cbor_write_map(&request->body, 2));
    script_must(copse_cbor_write_text(&request->body, copse_bytes_of_text("head")));
    script_must(copse_cbor_write_link(&request->body, link));
    script_must(copse_cbor_write_text(&request->body, copse_bytes_of_text("name")));
    script_must(copse_cbor_write_text(&request->body, copse_bytes_of_text(name)));
}

static void script_answer_commits(const script_peer *peer, script_request *request)
{
    if (peer->history.len == 0) {
        script_refuse(request, 404, "there is no such page\n");
        return;
    }
    request->type = "application/vnd.ipld.car";
    script_must(copse_buf_append(&request->body, peer->history));
}

/* Answers, and says which page it was. */
static script_page script_answer(script_transport *script, script_peer *peer,
                                 const copse_transport_request *asked, script_request *request)
{
    static const char blocks[] = "/copse/v1/blocks";
    static const char pages[] = "/copse/v1/";
    static const char ipfs[] = "/ipfs/";
    const char *path = asked->url + strlen(script_peers[0]);
    if (strcmp(path, blocks) == 0) {
        script_answer_batch(script, peer, asked->body, request);
        return SCRIPT_BATCH;
    }
    if (strncmp(path, ipfs, sizeof ipfs - 1) == 0) {
        script_answer_raw(peer, path + sizeof ipfs - 1, request);
        return SCRIPT_RAW;
    }
    assert_int_equal(strncmp(path, pages, sizeof pages - 1), 0);
    if (asked->content_type == NULL) {
        script_answer_head(peer, path + sizeof pages - 1, request);
        return SCRIPT_HEAD;
    }
    assert_string_equal(asked->content_type, "application/vnd.ipld.dag-cbor");
    if (strstr(path, "/commits") != NULL) {
        script_answer_commits(peer, request);
        return SCRIPT_COMMITS;
    }
    assert_non_null(strstr(path, "/query"));
    script_answer_query(script, peer, asked->body, path + sizeof pages - 1, request);
    return SCRIPT_QUERY;
}

/* Spoils the answer. */
static void script_spoil(const script_peer *peer, script_request *request)
{
    copse_cid tree;
    request->fault = peer->fault;
    request->at = peer->at;
    switch (peer->fault) {
    case SCRIPT_REFUSES:
        script_refuse(request, peer->status, "not \x1b[now\nand more");
        break;
    case SCRIPT_CUT:
        copse_buf_truncate(&request->body,
                           peer->at < request->body.len ? peer->at : request->body.len);
        break;
    case SCRIPT_FLIPS:
        assert_true(peer->at < request->body.len);
        request->body.ptr[peer->at] ^= 0x10;
        break;
    case SCRIPT_PADS:
        script_must(copse_buf_reserve(&request->body, request->body.len));
        script_must(copse_buf_append(&request->body, copse_buf_view(&request->body)));
        break;
    case SCRIPT_NO_ROOT:
        request->root[0] = '\0';
        break;
    case SCRIPT_WRONG_ROOT:
        tree = *copse_tree_root(peer->world->db.tree);
        (void)copse_cid_to_text(&tree, COPSE_BASE32, request->root);
        break;
    case SCRIPT_BAD_ROOT:
        (void)strcpy(request->root, "head");
        break;
    case SCRIPT_OTHER_TYPE:
        request->type = "text/html";
        break;
    default:
        break;
    }
}

/* ---- The transport --------------------------------------------------------------------------- */

static copse_status script_start(copse_transport *transport, const copse_transport_request *asked,
                                 uint64_t *ret_request, copse_err *err)
{
    script_transport *script = script_of(transport);
    size_t at = (size_t)(asked->url[strlen("http://p")] - '0');
    (void)err;
    assert_true(at < script->peers_count && script->count < SCRIPT_REQUESTS_MAX);
    script_peer *peer = &script->peers[at];
    script_request *request = &script->requests[script->count++];
    *request = (script_request){.id = ++script->next_id, .status = 200};
    copse_buf_init(&request->body, &script->env, SIZE_MAX);
    script_page page = script_answer(script, peer, asked, request);
    if (peer->pages == 0 || (peer->pages & (unsigned)page) != 0) {
        script_spoil(peer, request);
    }
    script->stats.requests++;
    script->stats.sent_bytes += strlen(asked->url) + asked->body.len;
    *ret_request = request->id;
    return COPSE_OK;
}

static void script_end(script_transport *script, size_t at)
{
    copse_buf_release(&script->requests[at].body);
    memmove(&script->requests[at], &script->requests[at + 1],
            (--script->count - at) * sizeof script->requests[0]);
}

static void script_cancel(copse_transport *transport, uint64_t id)
{
    script_transport *script = script_of(transport);
    for (size_t i = 0; i < script->count; i++) {
        if (script->requests[i].id == id) {
            script_end(script, i);
            return;
        }
    }
}

/* The next event of a request; false: none will come before the time that next_ms says. */
static bool script_next(script_request *request, uint64_t now_ms, copse_transport_event *event)
{
    bool is_late = request->sent >= request->at && request->has_head;
    size_t piece = request->body.len - request->sent;
    *event = (copse_transport_event){.request = request->id};
    if (now_ms < request->next_ms || (request->fault == SCRIPT_STALLS && is_late)) {
        return false;
    }
    if (request->fault == SCRIPT_AWAY || (request->fault == SCRIPT_BREAKS && is_late)) {
        event->kind = COPSE_TRANSPORT_FAILED;
        event->reason =
            request->fault == SCRIPT_AWAY ? "connection refused" : "the connection broke";
    } else if (!request->has_head) {
        event->kind = COPSE_TRANSPORT_HEAD;
        event->status = request->status;
        event->content_type = copse_bytes_of_text(request->type);
        event->copse_root = copse_bytes_of_text(request->root);
        request->has_head = true;
    } else if (piece == 0) {
        event->kind = COPSE_TRANSPORT_END;
    } else {
        bool stops = request->fault == SCRIPT_STALLS || request->fault == SCRIPT_BREAKS ||
                     request->fault == SCRIPT_TRICKLES;
        piece = piece < SCRIPT_PIECE ? piece : SCRIPT_PIECE;
        if (stops && !is_late && piece > request->at - request->sent) {
            piece = request->at - request->sent;
        } else if (stops && is_late) {
            piece = 1;
            request->next_ms = now_ms + SCRIPT_TRICKLE_MS;
        }
        event->kind = COPSE_TRANSPORT_BODY;
        event->body = (copse_bytes){request->body.ptr + request->sent, piece};
        request->sent += piece;
    }
    return true;
}

static copse_status script_wait(copse_transport *transport, uint64_t until_ms,
                                copse_transport_event *ret_event, copse_err *err)
{
    script_transport *script = script_of(transport);
    uint64_t next_ms = until_ms;
    (void)err;
    for (;;) {
        for (size_t i = 0; i < script->count; i++) {
            script_request *request = &script->requests[i];
            if (script_next(request, script->now_ms, ret_event)) {
                script->stats.received_bytes += ret_event->body.len + 1;
                if (ret_event->kind == COPSE_TRANSPORT_FAILED ||
                    ret_event->kind == COPSE_TRANSPORT_END) {
                    script_end(script, i);
                }
                return COPSE_OK;
            }
            if (request->next_ms > script->now_ms && request->next_ms < next_ms) {
                next_ms = request->next_ms;
            }
        }
        if (next_ms == UINT64_MAX) {
            fail_msg("the client waits for ever");
        }
        script->now_ms = next_ms > script->now_ms ? next_ms : script->now_ms;
        if (script->now_ms >= until_ms) {
            return COPSE_END;
        }
        next_ms = until_ms;
    }
}

static uint64_t script_now(copse_transport *transport)
{
    return script_of(transport)->now_ms;
}

static copse_transport_stats script_stats(const copse_transport *transport)
{
    return script_of(transport)->stats;
}

static void script_free(copse_transport *transport)
{
    script_transport *script = script_of(transport);
    while (script->count > 0) {
        script_end(script, 0);
    }
    free(script);
}

static const copse_transport_ops script_ops = {
    .start = script_start,
    .cancel = script_cancel,
    .wait = script_wait,
    .now = script_now,
    .stats = script_stats,
    .free = script_free,
};

script_transport *script_transport_new(size_t peers_count)
{
    script_transport *script = calloc(1, sizeof *script);
    assert_non_null(script);
    assert_true(peers_count <= SCRIPT_PEERS_MAX);
    script->transport.ops = &script_ops;
    script->peers_count = peers_count;
    script->now_ms = SCRIPT_BEGIN_MS;
    copse_env_init(&script->env);
    return script;
}

copse_transport *script_transport_base(script_transport *script)
{
    return &script->transport;
}

script_peer *script_transport_peer(script_transport *script, size_t peer)
{
    return &script->peers[peer];
}

uint64_t script_transport_elapsed_ms(const script_transport *script)
{
    return script->now_ms - SCRIPT_BEGIN_MS;
}

size_t script_transport_running(const script_transport *script)
{
    return script->count;
}
