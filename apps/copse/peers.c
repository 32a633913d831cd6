/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "peers.h"

#include "cache_folder.h"
#include "failure.h"
#include "name_memory.h"
#include "text.h"

#include <assert.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of what could not be had: more is counted only. */
enum { PEERS_CIDS_SHOWN_MAX = 3, PEERS_REASONS_SHOWN_MAX = 8 };

#define PEERS_CACHE_SIZE_BYTES ((uint64_t)1 << 30)

static const double peers_progress_after_s = 0.5;

enum { PEERS_PENDING_SIZE_BYTES = 64 << 20 };

/* ---- Opening ---- */

static copse_status peers_get_head(void *ctx, const char *address, copse_cid *ret_head,
                                   uint64_t *ret_seen_ms, copse_err *err)
{
    return copse_block_cache_get_head(ctx, address, ret_head, ret_seen_ms, err);
}

static copse_status peers_set_head(void *ctx, const char *address, const copse_cid *head,
                                   copse_err *err)
{
    return copse_block_cache_set_head(ctx, address, head, err);
}

/* Bounds what is in memory of what comes, however much is wanted at once. Should it fail, whoever
 * flushes next is told. */
static void peers_flush(copse_peers *peers, uint64_t bytes)
{
    if (peers->store != NULL && bytes - peers->flushed >= PEERS_PENDING_SIZE_BYTES &&
        copse_store_flush(peers->store, NULL) == COPSE_OK) {
        peers->flushed = bytes;
    }
}

/* Told by the remote: what was fetched until now. */
static void peers_progressed(void *ctx)
{
    copse_peers *peers = ctx;
    char size[COPSE_TEXT_NUMBER_SIZE];
    copse_remote_stats stats = copse_remote_get_stats(peers->remote);
    peers_flush(peers, stats.block_bytes);
    if (peers->progress.shown) {
        (void)snprintf(peers->label, sizeof peers->label, "fetched %s ",
                       copse_text_of_size(stats.received_bytes, size));
        peers->progress.calls |= 255; /* called seldom: look at the clock each time */
        copse_progress_update(&peers->progress, stats.blocks, stats.blocks);
    }
}

/* Commands without the options of peers ask those that they know of themselves. */
static bool peers_have_options(const copse_call *call)
{
    return copse_options_knows(&call->options, "--peer");
}

/* Without a cache all works, at the price of fetching again. */
static copse_status peers_open_cache(copse_peers *peers)
{
    copse_call *call = peers->call;
    char path[COPSE_CACHE_FOLDER_SIZE];
    if (!peers_have_options(call)) {
        return COPSE_OK;
    }
    if (!copse_cache_folder(call, path, sizeof path)) {
        copse_note(call, "copse: there is no place for a cache: --cache DIR names one");
        return COPSE_OK;
    }
    copse_status status = copse_block_cache_open(
        &call->env, peers->os, path,
        copse_options_number(&call->options, "--cache-size", PEERS_CACHE_SIZE_BYTES), &peers->cache,
        &call->err);
    if (status == COPSE_NOMEM || status == COPSE_MISUSE) {
        return status;
    }
    if (status != COPSE_OK) {
        copse_note(call, "copse: nothing is cached: '%s': %s", path, call->err.message);
    }
    return COPSE_OK;
}

/* Adds the URLs of $COPSE_PEERS, with white space or commas between them, to `urls`. Where an
 * address says whom to ask, nobody else is asked but those of --peer. */
static void peers_add_variable(copse_peers *peers, const char **urls, size_t *count)
{
    static const char between[] = " \t\n,";
    const char *text = getenv("COPSE_PEERS");
    if (text == NULL || (peers->variable = strdup(text)) == NULL) {
        return;
    }
    char *at = peers->variable + strspn(peers->variable, between);
    while (*at != '\0' && *count < COPSE_REMOTE_PEERS_MAX) {
        urls[(*count)++] = at;
        at += strcspn(at, between);
        if (*at != '\0') {
            *at++ = '\0';
        }
        at += strspn(at, between);
    }
}

static copse_status peers_open_remote(copse_peers *peers, const char *const *first,
                                      size_t first_count, copse_store *store)
{
    copse_call *call = peers->call;
    const char *urls[COPSE_REMOTE_PEERS_MAX + COPSE_OPTIONS_LIST_MAX];
    const char *url = NULL;
    const copse_remote_heads heads = {peers_get_head, peers_set_head, peers->cache};
    const copse_remote_records records = copse_name_memory(call);
    copse_remote_options options = {
        .peers = urls,
        .transport = peers->transport,
        .store = store,
        .store_keeps = store != NULL,
        .heads = peers->cache != NULL ? &heads : NULL,
        .records = &records,
        .progress = peers_progressed,
        .progress_ctx = peers,
    };
    for (size_t i = 0; i < first_count && i < COPSE_REMOTE_PEERS_MAX; i++) {
        urls[options.peers_count++] = first[i];
    }
    for (size_t i = 0;
         peers_have_options(call) && (url = copse_options_nth(&call->options, "--peer", i)) != NULL;
         i++) {
        urls[options.peers_count++] = url;
    }
    if (first_count == 0 && peers_have_options(call)) {
        peers_add_variable(peers, urls, &options.peers_count);
    }
    if (store == NULL && peers->cache != NULL) {
        options.store = copse_block_cache_store(peers->cache);
    }
    return copse_remote_new(&call->env, &options, &peers->remote, &call->err);
}

static bool peers_report_open(copse_peers *peers, copse_status status)
{
    copse_call *call = peers->call;
    if (status == COPSE_OK) {
        return true;
    }
    copse_peers_close(peers);
    if (status == COPSE_MISUSE) {
        (void)copse_failure_usage(call, "%s", call->err.message);
    } else {
        (void)copse_failure_of(call, status, "peers can't be asked");
    }
    return false;
}

bool copse_peers_open_all(copse_peers *peers, copse_call *call, const char *const *urls,
                          size_t count, copse_store *store)
{
    *peers = (copse_peers){.call = call, .store = store};
    peers->is_offline = peers_have_options(call) && copse_options_has(&call->options, "--offline");
    copse_status status = copse_os_posix_new(&call->env, &peers->os, &call->err);
    if (status == COPSE_OK) {
        status = peers_open_cache(peers);
    }
    if (status == COPSE_OK && !peers->is_offline) {
        (void)signal(SIGPIPE, SIG_IGN);
        status = copse_transport_http_new(&call->env, &peers->transport, &call->err);
    }
    if (status == COPSE_OK) {
        status = peers_open_remote(peers, urls, count, store);
    }
    return peers_report_open(peers, status);
}

bool copse_peers_open(copse_peers *peers, copse_call *call, const char *first, copse_store *store)
{
    return copse_peers_open_all(peers, call, &first, first != NULL ? 1 : 0, store);
}

bool copse_peers_open_beside(copse_peers *peers, copse_call *call, const char *first,
                             const copse_peers *owner)
{
    *peers = (copse_peers){.call = call,
                           .transport = owner->transport,
                           .cache = owner->cache,
                           .is_offline = owner->is_offline,
                           .is_beside = true};
    return peers_report_open(peers, peers_open_remote(peers, &first, first != NULL ? 1 : 0, NULL));
}

void copse_peers_close(copse_peers *peers)
{
    copse_peers_wipe_progress(peers);
    copse_remote_free(peers->remote);
    if (!peers->is_beside) {
        copse_transport_free(peers->transport);
        copse_block_cache_close(peers->cache);
        copse_os_free(peers->os);
    }
    free(peers->variable);
    *peers = (copse_peers){.call = NULL};
}

/* ---- Progress ---- */

void copse_peers_show_progress(copse_peers *peers)
{
    copse_progress_init(&peers->progress, peers->call, peers->label, 0, "blocks");
    peers->progress.last += peers_progress_after_s;
}

void copse_peers_wipe_progress(copse_peers *peers)
{
    if (peers->progress.printed) {
        bool shown = peers->progress.shown;
        (void)copse_progress_end(&peers->progress);
        peers->progress.shown = shown;
        peers->progress.printed = false;
    }
}

/* ---- Failures ---- */

/* A text that is put together; what does not fit is cut. */
typedef struct peers_text {
    char text[900];
    size_t len;
} peers_text;

static void peers_text_add(peers_text *text, const char *format, ...) COPSE_PRINTF(2, 3);

static void peers_text_add(peers_text *text, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text->text + text->len, sizeof text->text - text->len, format, args);
    va_end(args);
    text->len += len > 0 ? (size_t)len : 0;
    text->len = text->len < sizeof text->text ? text->len : sizeof text->text - 1;
}

/* What each peer said of the first missing block, one a line, or in one for programs. */
static void peers_add_reasons(const copse_peers *peers, peers_text *text)
{
    const char *separator = peers->call->output.json ? "; " : "\n       ";
    const char *url = NULL;
    size_t more = 0;
    for (size_t i = 0; (url = copse_remote_peer(peers->remote, i)) != NULL; i++) {
        const char *reason = copse_remote_reason(peers->remote, 0, i);
        if (i >= PEERS_REASONS_SHOWN_MAX) {
            more++;
        } else {
            peers_text_add(text, "%s: %s%s", url, reason[0] != '\0' ? reason : "not asked",
                           separator);
        }
    }
    if (more > 0) {
        peers_text_add(text, "and %zu peers more%s", more, separator);
    }
}

/* What may help. */
static void peers_add_advice(const copse_peers *peers, copse_status status, bool is_of_head,
                             peers_text *text)
{
    const char *first = copse_remote_peer(peers->remote, 0);
    if (peers->is_offline) {
        peers_text_add(text, "without --offline peers are asked");
    } else if (first == NULL) {
        peers_text_add(text, "--peer URL names a peer that has the database");
    } else if (is_of_head && status == COPSE_NOT_FOUND) {
        peers_text_add(text, "`curl %s/` lists what is served there", first);
    } else if (is_of_head) {
        peers_text_add(text,
                       "what a name stands for only its own peer can say; by its CID, any --peer "
                       "can be asked");
    } else {
        peers_text_add(text, "--peer URL names another peer to fetch from");
    }
}

/* "3 blocks can't be had: bafy…, bafy…, bafy…". */
static void peers_add_missing(const copse_cid *cids, size_t count, peers_text *text)
{
    char cid[COPSE_CID_TEXT_SIZE_MAX];
    if (count == 1) {
        peers_text_add(text, "a block can't be had: ");
    } else {
        peers_text_add(text, "%zu blocks can't be had: ", count);
    }
    for (size_t i = 0; i < count && i < PEERS_CIDS_SHOWN_MAX; i++) {
        copse_cid_to_text(&cids[i], COPSE_BASE32, cid);
        peers_text_add(text, "%s%s", i > 0 ? ", " : "", cid);
    }
    peers_text_add(text, "%s", count > PEERS_CIDS_SHOWN_MAX ? ", …" : "");
}

bool copse_peers_lack(const copse_peers *peers, const copse_cid *cid)
{
    size_t count = 0;
    const copse_cid *missing =
        peers->remote != NULL ? copse_remote_missing(peers->remote, &count) : NULL;
    for (size_t i = 0; i < count; i++) {
        if (copse_cid_equal(&missing[i], cid)) {
            return true;
        }
    }
    return false;
}

int copse_peers_failure(copse_peers *peers, copse_status status, const char *what)
{
    copse_call *call = peers->call;
    peers_text message = {.len = 0};
    peers_text hint = {.len = 0};
    size_t count = 0;
    const copse_cid *missing = copse_remote_missing(peers->remote, &count);
    copse_peers_wipe_progress(peers);
    if (status != COPSE_NOT_FOUND && status != COPSE_IO) {
        return copse_failure_of(call, status, "%s", what);
    }
    if (count > 0) {
        peers_add_missing(missing, count, &message);
        peers_add_reasons(peers, &hint);
    } else {
        peers_text_add(&message, "%s", call->err.message); /* which has the reasons */
    }
    peers_add_advice(peers, status, count == 0, &hint);
    return copse_failure(call, status, hint.text, "%s: %s", what, message.text);
}

/* ---- Telling ---- */

static void peers_print_json(copse_output *out, const copse_remote_stats *stats)
{
    copse_output_number(out, "blocks_fetched", stats->blocks);
    copse_output_number(out, "block_bytes", stats->block_bytes);
    copse_output_number(out, "bytes_fetched", stats->received_bytes);
    copse_output_number(out, "bytes_sent", stats->sent_bytes);
    copse_output_number(out, "round_trips", stats->round_trips);
    copse_output_number(out, "requests", stats->requests);
    copse_output_number(out, "peers", stats->peers);
    copse_output_number(out, "from_cache", stats->had);
}

static const char *peers_s(uint64_t count)
{
    return count == 1 ? "" : "s";
}

void copse_peers_print(const copse_peers *peers)
{
    copse_output *out = &peers->call->output;
    copse_remote_stats stats = copse_remote_get_stats(peers->remote);
    char texts[2][COPSE_TEXT_NUMBER_SIZE];
    if (out->json) {
        peers_print_json(out, &stats);
        return;
    }
    copse_output_format(out, "fetched   %s block%s, %s, from %zu peer%s",
                        copse_text_of_count(stats.blocks, texts[0]), peers_s(stats.blocks),
                        copse_text_of_size(stats.block_bytes, texts[1]), stats.peers,
                        peers_s(stats.peers));
    copse_output_format(out, "; %s from the cache\n", copse_text_of_count(stats.had, texts[0]));
    copse_output_format(out, "network   %" PRIu64 " round trip%s, %" PRIu64 " request%s, ",
                        stats.round_trips, peers_s(stats.round_trips), stats.requests,
                        peers_s(stats.requests));
    copse_output_format(out, "%s received, %s sent\n",
                        copse_text_of_size(stats.received_bytes, texts[0]),
                        copse_text_of_size(stats.sent_bytes, texts[1]));
}

/* "12 s", "5 min", "3 h", "40 days": how long ago `then_ms` was. Returns the seconds. */
static uint64_t peers_age(const copse_call *call, uint64_t then_ms, char *ret_text, size_t size)
{
    static const struct {
        uint64_t seconds;
        const char *unit;
    } units[] = {{24 * 3600, "days"}, {3600, "h"}, {60, "min"}, {1, "s"}};
    uint64_t now_ms = call->env.clock(call->env.clock_ctx);
    uint64_t age = now_ms > then_ms ? (now_ms - then_ms) / 1000 : 0;
    size_t i = 0;
    while (i < 3 && age < 2 * units[i].seconds) {
        i++;
    }
    (void)snprintf(ret_text, size, "%" PRIu64 " %s", age / units[i].seconds, units[i].unit);
    return age;
}

/* Names the peers that gave what they should not have; the same ones not twice in a row. */
static void peers_warn_of_suspects(copse_peers *peers, const copse_remote_name *name)
{
    const char *url = NULL;
    for (size_t i = 0; (url = copse_remote_peer(peers->remote, i)) != NULL; i++) {
        if (((name->suspects & ~peers->suspects) >> i & 1) != 0) {
            copse_warn(peers->call, "%s %s", url, copse_remote_reason(peers->remote, SIZE_MAX, i));
        }
    }
    peers->suspects = name->suspects;
}

/* Why no peer gave the record that is taken: "http://peer: connection refused". */
static void peers_add_name_reasons(const copse_peers *peers, const copse_remote_name *name,
                                   peers_text *text)
{
    const char *url = NULL;
    if (peers->is_offline) {
        peers_text_add(text, "no peer is asked (--offline)");
    }
    for (size_t i = 0; (url = copse_remote_peer(peers->remote, i)) != NULL; i++) {
        const char *reason = copse_remote_reason(peers->remote, SIZE_MAX, i);
        bool is_told = (name->suspects >> i & 1) != 0;
        if (i < PEERS_REASONS_SHOWN_MAX && !is_told && reason[0] != '\0') {
            peers_text_add(text, "%s%s: %s", text->len > 0 ? "; " : "", url, reason);
        }
    }
}

/* Says that the record is one that was remembered, behind the reason in `text`. */
static void peers_note_stale(const copse_peers *peers, const copse_remote_name *name,
                             peers_text *text)
{
    const copse_call *call = peers->call;
    char age[32];
    uint64_t age_s = peers_age(call, name->seen_ms, age, sizeof age);
    peers_text_add(text, "%susing the record seen %s ago (sequence %" PRIu64 ")%s",
                   text->len > 0 ? "; " : "", age, name->sequence,
                   name->is_ended ? ", which has ended" : "");
    copse_warn_stale(call, age_s, name->sequence, text->text);
}

void copse_peers_note_name(copse_peers *peers, const copse_remote_name *name, const char *address)
{
    peers_text text = {.len = 0};
    peers_warn_of_suspects(peers, name);
    if (name->peer == SIZE_MAX) {
        peers_text_add(&text, "%s %s", address,
                       peers->is_offline ? "is not asked" : "can't be looked up");
        peers_note_stale(peers, name, &text);
    }
}

copse_status copse_peers_hear(copse_peers *peers, const copse_public_key *key,
                              copse_remote_name *ret_name, char *ret_trouble, size_t size)
{
    copse_call *call = peers->call;
    peers_text text = {.len = 0};
    copse_status status = copse_remote_resolve(peers->remote, key, ret_name, &call->err);
    copse_peers_wipe_progress(peers);
    if (status == COPSE_OK) {
        peers_warn_of_suspects(peers, ret_name);
        if (ret_name->peer == SIZE_MAX) {
            peers_add_name_reasons(peers, ret_name, &text);
        }
    } else {
        peers_text_add(&text, "%s", call->err.message);
    }
    (void)snprintf(ret_trouble, size, "%.*s", (int)(size - 1), text.len > 0 ? text.text : "");
    return status;
}

bool copse_peers_can_resolve(const copse_peers *peers, const char *address)
{
    bool can = copse_remote_peer(peers->remote, 0) != NULL || peers->is_offline;
    if (!can) {
        (void)copse_failure(peers->call, COPSE_IO,
                            "--peer URL or $COPSE_PEERS says who may know it",
                            "%s is a name: a peer must say what it stands for", address);
    }
    return can;
}

bool copse_peers_resolve(copse_peers *peers, const copse_public_key *key, const char *address,
                         copse_remote_name *ret_name)
{
    copse_call *call = peers->call;
    char trouble[COPSE_PEERS_TROUBLE_SIZE];
    if (!copse_peers_can_resolve(peers, address)) {
        return false;
    }
    copse_status status = copse_peers_hear(peers, key, ret_name, trouble, sizeof trouble);
    if (status != COPSE_OK) {
        (void)copse_failure(call, status,
                            peers->is_offline ? "without --offline peers are asked"
                                              : "any peer may know it: --peer URL names another",
                            "%s: %s", address, call->err.message);
        return false;
    }
    if (ret_name->peer == SIZE_MAX) {
        peers_text text = {.len = 0};
        peers_add_name_reasons(peers, ret_name, &text);
        peers_note_stale(peers, ret_name, &text);
    }
    return true;
}

void copse_peers_note_head(const copse_peers *peers, const char *address)
{
    copse_call *call = peers->call;
    copse_remote_stats stats = copse_remote_get_stats(peers->remote);
    if (stats.is_stale) {
        peers_text text = {.len = 0};
        char age[32];
        (void)peers_age(call, stats.head_seen_ms, age, sizeof age);
        peers_text_add(&text, "%s %s: this is its head as it was %s ago", address,
                       peers->is_offline ? "is not asked" : "can't be asked", age);
        if (call->warns) {
            copse_warn(call, "%s", text.text);
        } else {
            copse_note(call, "copse: %s", text.text);
        }
    }
    if (stats.is_older) {
        copse_note(call, "copse: %s gave an older head than it had given before", address);
    }
}
