/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "name_record.h"

#include "failure.h"
#include "file_io.h"

#include <copse/address.h>
#include <copse/sys/transport.h>

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { NAME_RECORD_REASON_SIZE = 160, NAME_RECORD_URL_MAX = 4096 };

/* ---- Making ---- */

static copse_status name_record_head(void *ctx, copse_cid *ret_head, copse_err *err)
{
    copse_name_record *self = ctx;
    copse_bytes ref = copse_bytes_of_text(self->ref);
    copse_status status = copse_pack_db_refresh(self->local->db, err);
    if (status == COPSE_OK) {
        status = copse_refs_get(self->local->refs, ref, ret_head, err);
    }
    return status == COPSE_NOT_FOUND ? copse_cid_from_text(ref, ret_head, err) : status;
}

bool copse_name_record_make(copse_name_record *record, copse_local *local, const char *ref)
{
    copse_call *call = local->call;
    copse_cid head;
    *record = (copse_name_record){.local = local, .ref = ref};
    if (!copse_local_resolve(local, ref, &head) ||
        !copse_publication_open_key(&record->publication, call,
                                    copse_options_text(&call->options, "--key", NULL)) ||
        !copse_publication_begin(&record->publication, name_record_head, record)) {
        return false;
    }
    (void)copse_public_key_to_name(copse_key_public(record->publication.key), record->name);
    copse_status status =
        copse_publication_record(&record->publication, &record->bytes, &record->said, &call->err);
    if (status != COPSE_OK) {
        (void)copse_failure_of(call, status, "no record of '%s'", record->publication.key_name);
    }
    return status == COPSE_OK;
}

void copse_name_record_close(copse_name_record *record)
{
    copse_publication_close(&record->publication);
    *record = (copse_name_record){.local = NULL};
}

/* ---- Files ---- */

static bool name_record_write(const copse_name_record *record, const char *path)
{
    copse_file_output file;
    copse_call *call = record->local->call;
    if (!copse_file_output_open(&file, call, path)) {
        return false;
    }
    copse_car_sink sink = copse_file_output_sink(&file);
    copse_status status = sink.write(sink.ctx, record->bytes, &call->err);
    bool done = status == COPSE_OK && copse_file_output_finish(&file);
    if (status != COPSE_OK) {
        (void)copse_failure_of(call, status, "'%s'", path);
    }
    copse_file_output_release(&file);
    return done;
}

/* Where a gateway has it, so that a web server of files is asked as one. */
static bool name_record_write_page(const copse_name_record *record, const char *folder)
{
    char path[COPSE_KEYS_PATH_SIZE];
    int size = snprintf(path, sizeof path, "%s/ipns", folder);
    if (size > 0 && (size_t)size < sizeof path - sizeof record->name - 1) {
        if (mkdir(path, 0777) == 0 || errno == EEXIST) {
            (void)snprintf(path + size, sizeof path - (size_t)size, "/%s", record->name);
            return name_record_write(record, path);
        }
    }
    (void)copse_failure(record->local->call, COPSE_IO, NULL, "'%s/ipns' can't be made", folder);
    return false;
}

/* ---- Peers ---- */

/* Waits for the answer; `ret_reason` is the first line of a refusal. */
static bool name_record_wait(copse_call *call, copse_transport *transport, uint64_t id,
                             char ret_reason[NAME_RECORD_REASON_SIZE])
{
    uint64_t until_ms = transport->ops->now(transport) + call->env.limits.fetch_silence_ms_max;
    copse_transport_event event;
    unsigned code = 0;
    (void)snprintf(ret_reason, NAME_RECORD_REASON_SIZE, "it did not answer in time");
    while (transport->ops->wait(transport, until_ms, &event, &call->err) == COPSE_OK) {
        if (event.request != id) {
            continue;
        }
        if (event.kind == COPSE_TRANSPORT_FAILED) {
            (void)snprintf(ret_reason, NAME_RECORD_REASON_SIZE, "%s", event.reason);
            return false;
        }
        if (event.kind == COPSE_TRANSPORT_HEAD) {
            code = event.status;
            (void)snprintf(ret_reason, NAME_RECORD_REASON_SIZE, "it answered %u", code);
        } else if (event.kind == COPSE_TRANSPORT_BODY && code != 200) {
            size_t len = 0;
            while (len < event.body.len && event.body.ptr[len] >= ' ' &&
                   event.body.ptr[len] < 127) {
                len++;
            }
            (void)snprintf(ret_reason, NAME_RECORD_REASON_SIZE, "it answered %u: %.*s", code,
                           (int)(len < 120 ? len : 120), (const char *)event.body.ptr);
            break;
        } else if (event.kind == COPSE_TRANSPORT_END) {
            break;
        }
    }
    transport->ops->cancel(transport, id);
    return code == 200;
}

static bool name_record_put(copse_name_record *record, copse_transport *transport, const char *url)
{
    copse_call *call = record->local->call;
    char reason[NAME_RECORD_REASON_SIZE];
    uint64_t id = 0;
    copse_buf peer;
    copse_buf page;
    copse_buf_init(&peer, &call->env, NAME_RECORD_URL_MAX);
    copse_buf_init(&page, &call->env, NAME_RECORD_URL_MAX);
    copse_status status = copse_address_peer(url, &peer, &call->err);
    if (status == COPSE_OK) {
        status = copse_buf_append_byte(&peer, '\0');
    }
    if (status == COPSE_OK) {
        status = copse_address_page((const char *)peer.ptr, "/routing/v1/ipns/", record->name, "",
                                    &page);
    }
    if (status == COPSE_OK) {
        const copse_transport_request request = {.url = (const char *)page.ptr,
                                                 .content_type = "application/vnd.ipfs.ipns-record",
                                                 .is_put = true,
                                                 .body = record->bytes};
        status = transport->ops->start(transport, &request, &id, &call->err);
    }
    bool done = status == COPSE_OK && name_record_wait(call, transport, id, reason);
    if (!done) {
        copse_note(call, "copse: %s did not take the record: %s", url,
                   status == COPSE_OK ? reason : call->err.message);
    }
    copse_buf_release(&page);
    copse_buf_release(&peer);
    return done;
}

static bool name_record_put_all(copse_name_record *record)
{
    copse_call *call = record->local->call;
    copse_transport *transport = NULL;
    const char *url = copse_options_nth(&call->options, "--to", 0);
    if (url == NULL) {
        return true;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    copse_status status = copse_transport_http_new(&call->env, &transport, &call->err);
    if (status != COPSE_OK) {
        (void)copse_failure_of(call, status, "peers can't be asked");
        return false;
    }
    for (size_t i = 0; (url = copse_options_nth(&call->options, "--to", i)) != NULL; i++) {
        record->taken += name_record_put(record, transport, url);
    }
    copse_transport_free(transport);
    if (record->taken == 0) {
        (void)copse_failure(call, COPSE_IO, "a peer takes records with --accept-records",
                            "no peer took the record");
    }
    return record->taken > 0;
}

bool copse_name_record_give(copse_name_record *record, const char *folder)
{
    const char *out = copse_options_text(&record->local->call->options, "--out", NULL);
    return (out == NULL || name_record_write(record, out)) &&
           (folder == NULL || name_record_write_page(record, folder)) &&
           name_record_put_all(record);
}

/* ---- Telling ---- */

void copse_name_record_report(const copse_name_record *record)
{
    copse_output *out = &record->local->call->output;
    char until[32];
    time_t end = (time_t)(record->said.eol_ms / 1000);
    struct tm parts;
    (void)gmtime_r(&end, &parts);
    (void)strftime(until, sizeof until, "%Y-%m-%d %H:%M:%SZ", &parts);
    if (out->json) {
        copse_output_text(out, "name_key", record->name);
        copse_output_number(out, "sequence", record->said.sequence);
        copse_output_text_bytes(out, "value", record->said.value);
        copse_output_text(out, "valid_until", until);
        copse_output_number(out, "taken_by", record->taken);
        return;
    }
    copse_output_format(out, "name      ipns://%s\nsequence  %" PRIu64 "\nvalue     %.*s\n",
                        record->name, record->said.sequence, (int)record->said.value.len,
                        (const char *)record->said.value.ptr);
    copse_output_format(out, "valid     until %s\n", until);
}
