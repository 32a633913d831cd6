/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/sim_network_fault.h"

#include "base/varint.h"
#include "query/answer_head.h"
#include "query/answer_request.h"
#include "query/plan.h"
#include "support/proof_support.h"
#include "support/test_env.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum {
    FAULT_SECTIONS_MAX = 4096,
    FAULT_CARS = SIM_PAGE_QUERY | SIM_PAGE_BLOCKS | SIM_PAGE_COMMITS,
    FAULT_DATA = FAULT_CARS | SIM_PAGE_BLOCK,
    FAULT_ALL = FAULT_DATA | SIM_PAGE_HEAD | SIM_PAGE_NAME,
    FAULT_RETRY_SECONDS_MAX = 4
};

static const struct fault_kind {
    const char *name;
    unsigned pages; /* 0: of a link */
} fault_kinds[SIM_FAULT_COUNT] = {
    [SIM_FAULT_LOST] = {"lost", 0},
    [SIM_FAULT_BROKEN] = {"broken", 0},
    [SIM_FAULT_OVERTAKEN] = {"overtaken", 0},
    [SIM_FAULT_PARTED] = {"parted", 0},
    [SIM_FAULT_STALLED] = {"stalled", FAULT_ALL},
    [SIM_FAULT_STUCK] = {"stuck", FAULT_ALL},
    [SIM_FAULT_VANISHED] = {"vanished", FAULT_ALL},
    [SIM_FAULT_BUSY] = {"busy", FAULT_ALL},
    [SIM_FAULT_THROTTLED] = {"throttled", FAULT_ALL},
    [SIM_FAULT_GATEWAY] = {"plain gateway", FAULT_CARS | SIM_PAGE_HEAD},
    [SIM_FAULT_OTHER_PLAN] = {"other plan", SIM_PAGE_QUERY},
    [SIM_FAULT_WRONG_BYTES] = {"wrong bytes", FAULT_CARS},
    [SIM_FAULT_WRONG_BLOCK] = {"wrong block", FAULT_CARS},
    [SIM_FAULT_TRUNCATED] = {"truncated", FAULT_ALL},
    [SIM_FAULT_PADDED] = {"padded", FAULT_ALL},
    [SIM_FAULT_BOMB] = {"bomb", FAULT_ALL},
    [SIM_FAULT_OLD_HEAD] = {"old head", SIM_PAGE_HEAD | SIM_PAGE_QUERY},
    [SIM_FAULT_WRONG_ROOT] = {"wrong root", SIM_PAGE_QUERY},
    [SIM_FAULT_OTHER_QUERY] = {"other query", SIM_PAGE_QUERY},
    [SIM_FAULT_WRONG_PLAN] = {"wrong plan", SIM_PAGE_QUERY},
    [SIM_FAULT_MOVED_BLOCK] = {"moved block", FAULT_CARS},
    [SIM_FAULT_LACKED_BLOCK] = {"lacked block", FAULT_CARS},
    [SIM_FAULT_ADDED_BLOCK] = {"added block", FAULT_CARS},
    [SIM_FAULT_GARBAGE] = {"garbage", FAULT_ALL},
    [SIM_FAULT_WRONG_RAW] = {"wrong raw", SIM_PAGE_BLOCK},
};

const char *sim_fault_name(sim_fault fault)
{
    return fault_kinds[fault].name;
}

bool sim_fault_fits(sim_fault fault, sim_page page)
{
    return (fault_kinds[fault].pages & (unsigned)page) != 0;
}

/* A lie on its way into an answer. */
typedef struct fault_lie {
    const sim_liar *liar;
    sim_exchange *exchange;
    size_t count;
    proof_support_section sections[FAULT_SECTIONS_MAX];
} fault_lie;

static void fault_must(copse_status status)
{
    assert_int_equal(status, COPSE_OK);
}

static uint64_t fault_below(const fault_lie *lie, uint64_t bound)
{
    return test_random_below(lie->liar->random, bound);
}

/* ---- Changing a body ------------------------------------------------------------------------- */

/* Puts `with` where [from, to) was. */
static void fault_splice(fault_lie *lie, size_t from, size_t to, copse_bytes with)
{
    copse_buf *bytes = &lie->exchange->bytes;
    copse_buf made;
    copse_buf_init(&made, lie->liar->env, SIZE_MAX);
    fault_must(copse_buf_append(&made, (copse_bytes){bytes->ptr, from}));
    fault_must(copse_buf_append(&made, with));
    fault_must(copse_buf_append(&made, (copse_bytes){bytes->ptr + to, bytes->len - to}));
    copse_buf_release(bytes);
    *bytes = made;
    lie->exchange->fault_from = from;
}

static bool fault_flip(fault_lie *lie, size_t at)
{
    lie->exchange->bytes.ptr[at] ^= (uint8_t)(1u << fault_below(lie, 8));
    lie->exchange->fault_from = at;
    return true;
}

static void fault_append_section(copse_buf *buf, const copse_cid *cid, copse_bytes data)
{
    uint8_t length[COPSE_VARINT_SIZE_BYTES_MAX];
    size_t size = copse_varint_write(cid->size + data.len, length);
    fault_must(copse_buf_append(buf, (copse_bytes){length, size}));
    fault_must(copse_buf_append(buf, (copse_bytes){cid->bytes, cid->size}));
    fault_must(copse_buf_append(buf, data));
}

/* Appends the section of a sound block that nobody has asked for. */
static void fault_make_up(fault_lie *lie, copse_buf *buf)
{
    uint8_t data[512];
    copse_cid cid;
    size_t size = 1 + fault_below(lie, sizeof data);
    for (size_t i = 0; i < size; i++) {
        data[i] = (uint8_t)fault_below(lie, 256);
    }
    copse_cid_of_data(COPSE_CODEC_RAW, (copse_bytes){data, size}, &cid);
    fault_append_section(buf, &cid, (copse_bytes){data, size});
}

static copse_bytes fault_section_data(const fault_lie *lie, size_t index)
{
    const proof_support_section *section = &lie->sections[index];
    copse_bytes whole = {lie->exchange->bytes.ptr + section->offset, section->size};
    uint64_t length;
    size_t head;
    fault_must(copse_varint_read(whole, &length, &head));
    head += section->cid.size;
    return (copse_bytes){whole.ptr + head, whole.len - head};
}

/* ---- Lies about blocks ----------------------------------------------------------------------- */

static bool fault_wrong_bytes(fault_lie *lie)
{
    copse_bytes data = fault_section_data(lie, fault_below(lie, lie->count));
    size_t offset = (size_t)(data.ptr - lie->exchange->bytes.ptr);
    return data.len > 0 && fault_flip(lie, offset + fault_below(lie, data.len));
}

/* Another block, or another's bytes under its CID. */
static bool fault_wrong_block(fault_lie *lie)
{
    size_t at = fault_below(lie, lie->count);
    size_t other = (at + 1) % lie->count;
    const proof_support_section *section = &lie->sections[at];
    copse_buf made;
    copse_buf_init(&made, lie->liar->env, SIZE_MAX);
    if (lie->count == 1 || fault_below(lie, 2) == 0) {
        fault_make_up(lie, &made);
    } else {
        fault_append_section(&made, &section->cid, fault_section_data(lie, other));
    }
    fault_splice(lie, section->offset, section->offset + section->size, copse_buf_view(&made));
    copse_buf_release(&made);
    return true;
}

static bool fault_moved_block(fault_lie *lie)
{
    if (lie->count < 2) {
        return false;
    }
    const proof_support_section *a = &lie->sections[fault_below(lie, lie->count - 1)];
    const proof_support_section *b = a + 1;
    const uint8_t *ptr = lie->exchange->bytes.ptr;
    copse_buf made;
    copse_buf_init(&made, lie->liar->env, SIZE_MAX);
    fault_must(copse_buf_append(&made, (copse_bytes){ptr + b->offset, b->size}));
    fault_must(copse_buf_append(&made, (copse_bytes){ptr + a->offset, a->size}));
    fault_splice(lie, a->offset, b->offset + b->size, copse_buf_view(&made));
    copse_buf_release(&made);
    return true;
}

static bool fault_lacked_block(fault_lie *lie)
{
    const proof_support_section *section = &lie->sections[fault_below(lie, lie->count)];
    fault_splice(lie, section->offset, section->offset + section->size, (copse_bytes){NULL, 0});
    return true;
}

static bool fault_added_block(fault_lie *lie)
{
    size_t at = lie->sections[fault_below(lie, lie->count)].offset;
    copse_buf made;
    copse_buf_init(&made, lie->liar->env, SIZE_MAX);
    fault_make_up(lie, &made);
    fault_splice(lie, at, at, copse_buf_view(&made));
    copse_buf_release(&made);
    return true;
}

/* ---- Lies about plans ------------------------------------------------------------------------ */

/* False: the plan reads nothing. */
static bool fault_change_plan(fault_lie *lie, copse_plan *plan)
{
    static const uint8_t key[] = {0, 'x'};
    if (plan->scans_count == 0 || plan->scans[0].ranges_count == 0) {
        return false;
    }
    copse_plan_scan *scan = &plan->scans[0];
    switch (fault_below(lie, 5)) {
    case 0:
        scan->ranges_count--;
        return true;
    case 1:
        scan->ranges[0].from = (copse_bytes){key, sizeof key};
        return true;
    case 2:
        scan->reverse = !scan->reverse;
        return true;
    case 3:
        scan->index = copse_bytes_of_text("ghost");
        return true;
    default:
        plan->filter = !plan->filter;
        return true;
    }
}

static bool fault_wrong_plan(fault_lie *lie)
{
    const copse_env *env = lie->liar->env;
    const proof_support_section *section = &lie->sections[0];
    copse_answer_head head;
    copse_plan plan;
    copse_arena arena;
    copse_buf encoded;
    copse_buf made;
    copse_buf block;
    copse_arena_init(&arena, env);
    copse_buf_init(&encoded, env, SIZE_MAX);
    copse_buf_init(&made, env, SIZE_MAX);
    copse_buf_init(&block, env, SIZE_MAX);
    fault_must(copse_answer_head_decode(fault_section_data(lie, 0), &env->limits, &head, NULL));
    fault_must(copse_plan_decode(&arena, head.plan, &env->limits, &plan, NULL));
    bool changed = fault_change_plan(lie, &plan);
    if (changed) {
        copse_cid cid;
        fault_must(copse_plan_encode(&plan, &encoded, NULL));
        head.plan = copse_buf_view(&encoded);
        fault_must(copse_answer_head_encode(&head, &block, NULL));
        copse_cid_of_data(COPSE_CODEC_DAG_CBOR, copse_buf_view(&block), &cid);
        fault_append_section(&made, &cid, copse_buf_view(&block));
        fault_splice(lie, section->offset, section->offset + section->size, copse_buf_view(&made));
    }
    copse_buf_release(&block);
    copse_buf_release(&made);
    copse_buf_release(&encoded);
    copse_arena_release(&arena);
    return changed;
}

/* ---- Lies about bodies ----------------------------------------------------------------------- */

static bool fault_truncated(fault_lie *lie)
{
    size_t len = lie->exchange->bytes.len;
    if (len > 0) {
        fault_splice(lie, fault_below(lie, len), len, (copse_bytes){NULL, 0});
    }
    return len > 0;
}

static bool fault_padded(fault_lie *lie)
{
    uint8_t junk[64] = {0};
    size_t len = lie->exchange->bytes.len;
    size_t size = 1 + fault_below(lie, sizeof junk);
    bool zeros = fault_below(lie, 2) == 0;
    for (size_t i = 0; i < size && !zeros; i++) {
        junk[i] = (uint8_t)fault_below(lie, 256);
    }
    fault_splice(lie, len, len, (copse_bytes){junk, size});
    return true;
}

/* Behind what is right, or the begin of a CAR: zeros for ever, or sound blocks, or one block. */
static bool fault_bomb(fault_lie *lie)
{
    sim_exchange *exchange = lie->exchange;
    copse_buf *bytes = &exchange->bytes;
    uint8_t zeros[4096] = {0};
    uint64_t kind = fault_below(lie, 4);
    if (kind > 0) {
        copse_buf_truncate(bytes, lie->count > 0 ? lie->sections[0].offset : 0);
    }
    exchange->fault_from = bytes->len;
    if (kind == 1) {
        uint8_t length[COPSE_VARINT_SIZE_BYTES_MAX];
        size_t size = copse_varint_write(UINT64_C(1) << 40, length);
        fault_must(copse_buf_append(bytes, (copse_bytes){length, size}));
    }
    exchange->bytes_loop = bytes->len;
    if (kind == 2) {
        fault_make_up(lie, bytes);
    } else {
        fault_must(copse_buf_append(bytes, (copse_bytes){zeros, sizeof zeros}));
    }
    exchange->endless = true;
    return true;
}

static bool fault_garbage(fault_lie *lie)
{
    static const char page[] =
        "<!doctype html><title>Welcome</title><p>Log in to use this network.";
    uint8_t junk[256];
    if (fault_below(lie, 3) == 0) {
        sim_exchange_replace(lie->exchange, 200, copse_bytes_of_text(page));
        (void)sim_exchange_set_header(lie->exchange, "Content-Type", "text/html", true);
        lie->exchange->fault_in_head = true;
    } else {
        for (size_t i = 0; i < sizeof junk; i++) {
            junk[i] = (uint8_t)fault_below(lie, 256);
        }
        fault_splice(lie, 0, lie->exchange->bytes.len,
                     (copse_bytes){junk, fault_below(lie, sizeof junk)});
    }
    lie->exchange->fault_from = 0;
    return true;
}

static bool fault_wrong_root(fault_lie *lie)
{
    char text[COPSE_CID_TEXT_SIZE_MAX];
    copse_cid cid;
    uint64_t number = fault_below(lie, UINT64_MAX);
    copse_cid_of_data(COPSE_CODEC_DAG_CBOR, (copse_bytes){(const uint8_t *)&number, sizeof number},
                      &cid);
    if (lie->liar->old_head != NULL && fault_below(lie, 2) == 0) {
        cid = *lie->liar->old_head;
    }
    (void)copse_cid_to_text(&cid, COPSE_BASE32, text);
    lie->exchange->fault_in_head = true;
    return sim_exchange_set_header(lie->exchange, "Copse-Root", text, false);
}

/* ---- Other answers --------------------------------------------------------------------------- */

static bool fault_refuse(fault_lie *lie, unsigned status, bool retry)
{
    char seconds[8];
    sim_exchange_replace(lie->exchange, status, copse_bytes_of_text("not now, not here\n"));
    (void)sim_exchange_set_header(lie->exchange, "Content-Type", "text/plain", true);
    if (retry) {
        (void)snprintf(seconds, sizeof seconds, "%u",
                       (unsigned)(1 + fault_below(lie, FAULT_RETRY_SECONDS_MAX)));
        (void)sim_exchange_set_header(lie->exchange, "Retry-After", seconds, true);
    }
    lie->exchange->fault_in_head = true;
    return true;
}

/* Answers while the head is the old one. */
static bool fault_ask_old(const sim_liar *liar, sim_exchange *exchange)
{
    const copse_bytes main = copse_bytes_of_text("main");
    copse_cid head;
    if (liar->refs == NULL || liar->old_head == NULL ||
        copse_refs_get(liar->refs, main, &head, NULL) != COPSE_OK ||
        copse_cid_equal(&head, liar->old_head)) {
        return false;
    }
    fault_must(copse_refs_swap(liar->refs, main, &head, liar->old_head, NULL));
    sim_exchange_ask(exchange, liar->service);
    fault_must(copse_refs_swap(liar->refs, main, liar->old_head, &head, NULL));
    exchange->fault_in_head = true;
    return true;
}

/* Answers a query with another limit, or by reading all documents. */
static bool fault_ask_other(sim_fault fault, const sim_liar *liar, sim_exchange *exchange)
{
    copse_answer_request request = {.query = {.limit = 0}};
    copse_buf other;
    copse_buf_init(&other, liar->env, SIZE_MAX);
    bool is_query = copse_answer_request_decode(liar->env, copse_buf_view(&exchange->body),
                                                &request, NULL) == COPSE_OK;
    if (is_query) {
        if (fault == SIM_FAULT_OTHER_PLAN) {
            request.query.hint = copse_bytes_of_text("$natural");
        } else {
            request.query.limit = request.query.limit == 1 ? 2 : 1;
        }
        fault_must(copse_answer_request_encode(&request.query,
                                               request.root.size > 0 ? &request.root : NULL,
                                               (const copse_cid *)(const void *)request.have.ptr,
                                               request.have.len / sizeof(copse_cid), &other, NULL));
        copse_buf_release(&exchange->body);
        exchange->body = other;
        sim_exchange_ask(exchange, liar->service);
    }
    copse_answer_request_release(&request);
    return is_query;
}

/* ---- All of them ----------------------------------------------------------------------------- */

static bool fault_needs_blocks(sim_fault fault)
{
    return fault == SIM_FAULT_WRONG_BYTES || fault == SIM_FAULT_WRONG_BLOCK ||
           fault == SIM_FAULT_WRONG_PLAN || fault == SIM_FAULT_MOVED_BLOCK ||
           fault == SIM_FAULT_LACKED_BLOCK || fault == SIM_FAULT_ADDED_BLOCK;
}

static bool fault_lie_now(fault_lie *lie, sim_fault fault)
{
    sim_exchange *exchange = lie->exchange;
    switch (fault) {
    case SIM_FAULT_BUSY:
        return fault_refuse(lie, 503, true);
    case SIM_FAULT_THROTTLED:
        return fault_refuse(lie, 429, true);
    case SIM_FAULT_GATEWAY:
        return fault_refuse(lie, 404, false);
    case SIM_FAULT_WRONG_ROOT:
        return fault_wrong_root(lie);
    case SIM_FAULT_WRONG_BYTES:
        return fault_wrong_bytes(lie);
    case SIM_FAULT_WRONG_BLOCK:
        return fault_wrong_block(lie);
    case SIM_FAULT_WRONG_PLAN:
        return fault_wrong_plan(lie);
    case SIM_FAULT_MOVED_BLOCK:
        return fault_moved_block(lie);
    case SIM_FAULT_LACKED_BLOCK:
        return fault_lacked_block(lie);
    case SIM_FAULT_ADDED_BLOCK:
        return fault_added_block(lie);
    case SIM_FAULT_TRUNCATED:
        return fault_truncated(lie);
    case SIM_FAULT_OTHER_PLAN:
    case SIM_FAULT_OTHER_QUERY:
        exchange->fault_from = 0;
        return true;
    case SIM_FAULT_PADDED:
        return fault_padded(lie);
    case SIM_FAULT_BOMB:
        return fault_bomb(lie);
    case SIM_FAULT_GARBAGE:
        return fault_garbage(lie);
    case SIM_FAULT_WRONG_RAW:
        return exchange->bytes.len > 0 && fault_flip(lie, fault_below(lie, exchange->bytes.len));
    default:
        return false;
    }
}

/* Has it asked, with or without a change. False: the answer can't be changed any more. */
static bool fault_ask(sim_fault fault, const sim_liar *liar, sim_exchange *exchange)
{
    bool other = fault == SIM_FAULT_OTHER_QUERY || fault == SIM_FAULT_OTHER_PLAN;
    bool refuses =
        fault == SIM_FAULT_BUSY || fault == SIM_FAULT_THROTTLED || fault == SIM_FAULT_GATEWAY;
    if (!other || !fault_ask_other(fault, liar, exchange)) {
        sim_exchange_ask(exchange, liar->service);
    }
    return refuses || (exchange->answer.status == 200 && sim_exchange_gather(exchange));
}

bool sim_fault_answer(sim_fault fault, const sim_liar *liar, sim_exchange *exchange)
{
    if (fault == SIM_FAULT_OLD_HEAD && fault_ask_old(liar, exchange)) {
        return true;
    }
    if (!fault_ask(fault, liar, exchange)) {
        return false;
    }
    fault_lie *lie = calloc(1, sizeof *lie);
    assert_non_null(lie);
    lie->liar = liar;
    lie->exchange = exchange;
    if (fault_needs_blocks(fault) ||
        (fault == SIM_FAULT_BOMB && (exchange->page & FAULT_CARS) != 0)) {
        lie->count = proof_support_sections(liar->env, copse_buf_view(&exchange->bytes),
                                            lie->sections, FAULT_SECTIONS_MAX);
    }
    bool lies = (!fault_needs_blocks(fault) || lie->count > 0) && fault_lie_now(lie, fault);
    free(lie);
    return lies;
}
