/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/merge_log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include <copse/dag_cbor.h>

#include "doc/document_member.h"

static const char *const log_field_names[MERGE_FIELDS] = {"n", "a", "b", "c", "tags", "big"};

const char *merge_collection_name(merge_collection collection)
{
    static const char *const names[MERGE_COLLECTIONS] = {"t", "u", "l", "f"};
    return names[collection];
}

copse_merge_policy merge_collection_policy(merge_collection collection)
{
    static const copse_merge_policy policies[MERGE_COLLECTIONS] = {
        COPSE_MERGE_THREE_WAY, COPSE_MERGE_UNION, COPSE_MERGE_LWW, COPSE_MERGE_FIELD_WISE};
    return policies[collection];
}

/* ---- Documents ------------------------------------------------------------------------------- */

enum { LOG_TAGS = 3, LOG_BIG = 1100 };

static void log_encode_field(merge_field field, int value, copse_buf *buf)
{
    char text[LOG_BIG + 256];
    assert_int_equal(copse_cbor_write_text(buf, copse_bytes_of_text(log_field_names[field])),
                     COPSE_OK);
    if (field == MERGE_TAGS) {
        assert_int_equal(copse_cbor_write_array(buf, LOG_TAGS), COPSE_OK);
        for (int i = 0; i < LOG_TAGS; i++) {
            assert_int_equal(copse_cbor_write_int(buf, value + 2 * i), COPSE_OK);
        }
    } else if (field == MERGE_BIG) {
        assert_true(value < 256);
        memset(text, 'x', sizeof text);
        assert_int_equal(
            copse_cbor_write_text(buf, (copse_bytes){(uint8_t *)text, LOG_BIG + (size_t)value}),
            COPSE_OK);
    } else {
        assert_int_equal(copse_cbor_write_int(buf, value), COPSE_OK);
    }
}

void merge_document_encode(const merge_document *document, int id, copse_buf *buf)
{
    size_t offset = buf->len;
    uint64_t count = 1;
    assert_true(document->is_there);
    assert_int_equal(copse_cbor_write_text(buf, copse_bytes_of_text("_id")), COPSE_OK);
    assert_int_equal(copse_cbor_write_int(buf, id), COPSE_OK);
    for (merge_field field = 0; field < MERGE_FIELDS; field++) {
        if (document->fields[field] >= 0) {
            log_encode_field(field, document->fields[field], buf);
            count++;
        }
    }
    assert_int_equal(copse_cbor_finish_map(buf, offset, count), COPSE_OK);
}

static int log_decode_value(merge_field field, copse_bytes encoded)
{
    copse_cbor_reader reader;
    copse_cbor_item item;
    copse_cbor_reader_init(&reader, encoded);
    assert_int_equal(copse_cbor_next(&reader, &item, NULL), COPSE_OK);
    if (field == MERGE_TAGS) {
        assert_int_equal(item.kind, COPSE_CBOR_ARRAY);
        assert_int_equal(copse_cbor_next(&reader, &item, NULL), COPSE_OK);
    } else if (field == MERGE_BIG) {
        assert_int_equal(item.kind, COPSE_CBOR_TEXT);
        return (int)(item.bytes.len - LOG_BIG);
    }
    assert_int_equal(item.kind, COPSE_CBOR_INT);
    return (int)item.arg;
}

merge_document merge_document_decode(copse_bytes encoded)
{
    merge_document document = {.is_there = encoded.len > 0};
    copse_document_member member = {.key = {NULL, 0}};
    for (merge_field field = 0; field < MERGE_FIELDS; field++) {
        document.fields[field] = -1;
    }
    copse_status status =
        encoded.len > 0 ? copse_document_member_first(encoded, &member, NULL) : COPSE_OK;
    while (status == COPSE_OK && member.key.ptr != NULL) {
        for (merge_field field = 0; field < MERGE_FIELDS; field++) {
            if (copse_bytes_equal(member.key, copse_bytes_of_text(log_field_names[field]))) {
                document.fields[field] = log_decode_value(field, member.value);
            }
        }
        status = copse_document_member_next(&member, NULL);
    }
    assert_int_equal(status, COPSE_OK);
    return document;
}

bool merge_document_same(const merge_document *a, const merge_document *b)
{
    bool same = a->is_there == b->is_there;
    for (merge_field field = 0; field < MERGE_FIELDS && a->is_there && same; field++) {
        same = a->fields[field] == b->fields[field];
    }
    return same;
}

int merge_document_compare(const merge_document *a, const merge_document *b)
{
    copse_env env;
    copse_buf bufs[2];
    const merge_document *both[2] = {a, b};
    copse_env_init(&env);
    for (size_t i = 0; i < 2; i++) {
        copse_buf_init(&bufs[i], &env, SIZE_MAX);
        if (both[i]->is_there) {
            merge_document_encode(both[i], 0, &bufs[i]);
        }
    }
    size_t common = bufs[0].len < bufs[1].len ? bufs[0].len : bufs[1].len;
    int order = common > 0 ? memcmp(bufs[0].ptr, bufs[1].ptr, common) : 0;
    order = order != 0 ? order : (bufs[0].len > bufs[1].len) - (bufs[0].len < bufs[1].len);
    copse_buf_release(&bufs[0]);
    copse_buf_release(&bufs[1]);
    return order;
}

int merge_version_compare(const merge_version *a, const merge_version *b)
{
    if (a->time_ms != b->time_ms) {
        return a->time_ms < b->time_ms ? -1 : 1;
    }
    if (a->counter != b->counter) {
        return a->counter < b->counter ? -1 : 1;
    }
    return strcmp(a->author != NULL ? a->author : "", b->author != NULL ? b->author : "");
}

/* ---- The log --------------------------------------------------------------------------------- */

bool merge_log_has(const merge_log *log, const copse_cid *cid, size_t *ret_commit)
{
    for (size_t i = log->commits_count; i > 0; i--) {
        if (copse_cid_equal(&log->commits[i - 1].cid, cid)) {
            *ret_commit = i - 1;
            return true;
        }
    }
    return false;
}

size_t merge_log_find(const merge_log *log, const copse_cid *cid)
{
    size_t commit = 0;
    assert_true(merge_log_has(log, cid, &commit));
    return commit;
}

void merge_log_forget(merge_log *log, size_t commit, merge_collection collection,
                      uint64_t before_ms)
{
    uint64_t *forgotten_ms = &log->commits[commit].forgotten_ms[collection];
    *forgotten_ms = before_ms > *forgotten_ms ? before_ms : *forgotten_ms;
}

size_t merge_log_commit(merge_log *log, const copse_cid *cid, const copse_cid *tree,
                        const size_t *parents, size_t parents_count)
{
    assert_true(log->commits_count < MERGE_LOG_COMMITS);
    merge_commit *commit = &log->commits[log->commits_count];
    *commit = (merge_commit){.cid = *cid, .tree = *tree, .is_merge = parents_count > 1};
    for (size_t i = 0; i < parents_count; i++) {
        for (size_t word = 0; word < MERGE_LOG_WORDS; word++) {
            commit->seen[word] |= log->commits[parents[i]].seen[word];
        }
        for (merge_collection at = 0; at < MERGE_COLLECTIONS; at++) {
            merge_log_forget(log, log->commits_count, at,
                             log->commits[parents[i]].forgotten_ms[at]);
        }
    }
    return log->commits_count++;
}

void merge_log_write(merge_log *log, const merge_write *write)
{
    assert_true(log->writes_count < MERGE_LOG_WRITES);
    merge_commit *commit = &log->commits[log->commits_count - 1];
    commit->seen[log->writes_count / 64] |= UINT64_C(1) << (log->writes_count % 64);
    log->writes[log->writes_count] = *write;
    log->writes[log->writes_count].commit = log->commits_count - 1;
    log->writes_count++;
}

bool merge_log_has_seen(const merge_log *log, size_t commit, size_t write)
{
    return ((log->commits[commit].seen[write / 64] >> (write % 64)) & 1) != 0;
}

bool merge_log_is_after(const merge_log *log, size_t later, size_t write)
{
    size_t commit = log->writes[later].commit;
    return commit != log->writes[write].commit && merge_log_has_seen(log, commit, write);
}

/* ---- What documents are ---------------------------------------------------------------------- */

/* A field on its way: the latest that was written of it. */
typedef struct log_field {
    merge_version version;
    int value;
} log_field;

/* A document of the field-wise collection on its way. */
typedef struct log_fields {
    log_field fields[MERGE_FIELDS];
    merge_version floor; /* the latest write of the whole document */
    bool is_there;       /* by that */
} log_fields;

static void log_put_field(log_field *field, const merge_version *version, int value)
{
    int order = merge_version_compare(version, &field->version);
    if (order > 0 || (order == 0 && value > field->value)) {
        *field = (log_field){*version, value};
    }
}

static void log_put_fields(log_fields *fields, const merge_write *write)
{
    bool is_whole = write->kind != MERGE_WRITE_FIELDS;
    int order = merge_version_compare(&write->version, &fields->floor);
    if (is_whole && order >= 0) {
        fields->is_there = write->after.is_there || (order == 0 && fields->is_there);
        fields->floor = write->version;
    }
    for (merge_field field = 0; field < MERGE_FIELDS; field++) {
        int value = write->after.is_there ? write->after.fields[field] : -1;
        if (is_whole || value != write->before.fields[field]) {
            log_put_field(&fields->fields[field], &write->version, value);
        }
    }
}

static void log_show_fields(const log_fields *fields, merge_state *state)
{
    state->document.is_there = fields->is_there;
    for (merge_field field = 0; field < MERGE_FIELDS; field++) {
        const log_field *at = &fields->fields[field];
        bool is_later = merge_version_compare(&at->version, &fields->floor) > 0;
        state->document.fields[field] = fields->is_there ? at->value : -1;
        state->hidden[field] = !fields->is_there && is_later ? at->value : -1;
    }
}

/* Of one document, without fields of their own. */
static void log_put_whole(merge_state *state, merge_collection collection, const merge_write *write)
{
    int order =
        collection == MERGE_LWW ? merge_version_compare(&write->version, &state->latest) : 0;
    order = order != 0 ? order : merge_document_compare(&write->after, &state->document);
    if (order > 0) {
        state->document = write->after;
    }
}

merge_state merge_log_state(const merge_log *log, size_t commit, merge_collection collection,
                            int id)
{
    merge_state state = {.was_written = false};
    log_fields fields = {.is_there = false};
    for (merge_field field = 0; field < MERGE_FIELDS; field++) {
        fields.fields[field].value = -1;
        state.document.fields[field] = -1;
        state.hidden[field] = -1;
    }
    for (size_t i = 0; i < log->writes_count; i++) {
        const merge_write *write = &log->writes[i];
        if (!merge_log_has_seen(log, commit, i) || write->collection != collection ||
            write->id != id || write->kind == MERGE_WRITE_SETTLE) {
            continue;
        }
        state.was_written = true;
        if (collection == MERGE_FIELD_WISE) {
            log_put_fields(&fields, write);
        } else {
            log_put_whole(&state, collection, write);
        }
        if (merge_version_compare(&write->version, &state.latest) > 0) {
            state.latest = write->version;
        }
    }
    if (collection == MERGE_FIELD_WISE) {
        log_show_fields(&fields, &state);
    }
    return state;
}

/* Whether `a` is let in before `b`. */
static bool log_comes_before(const merge_state states[MERGE_KEYS_ALL], merge_collection collection,
                             int a, int b)
{
    int order =
        collection == MERGE_UNION ? 0 : merge_version_compare(&states[a].latest, &states[b].latest);
    return order < 0 || (order == 0 && a < b);
}

void merge_log_admit(const merge_state states[MERGE_KEYS_ALL], merge_collection collection,
                     bool ret_admitted[MERGE_KEYS_ALL])
{
    /* One field, so whoever is first of those with his value is in, and nobody else of them. */
    for (int id = 0; id < MERGE_KEYS_ALL; id++) {
        ret_admitted[id] = states[id].document.is_there;
        int value = states[id].document.fields[MERGE_N];
        for (int other = 0; other < MERGE_KEYS_ALL && value >= 0; other++) {
            bool clashes = other != id && states[other].document.is_there &&
                           states[other].document.fields[MERGE_N] == value;
            if (clashes && log_comes_before(states, collection, other, id)) {
                ret_admitted[id] = false;
            }
        }
    }
}
