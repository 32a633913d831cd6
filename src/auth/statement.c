/* Statements: signed DAG-CBOR maps; docs/formats/authority.md has the tables. Keys in DAG-CBOR's
 * order, those in brackets optional:
 *
 *     grant       by  to  can  time  [expires]  database  signature
 *     revocation  by  to  [last]  time  grants  database  signature
 *
 *   S1  A statement has one encoding: what is optional is absent, lists are sorted by the bytes of
 *       their items' encoding and hold none twice, links have the one form that Copse writes.
 *   S2  The signature covers everything else: the map without it, behind the prefix of its kind.
 *   S3  It allocates nothing to be read, and is at most COPSE_STATEMENT_SIZE_BYTES_MAX long.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/statement.h>

#include "base/err.h"
#include "value/cbor_map.h"
#include "value/cbor_writer.h"
#include "value/cid_parse.h"

#include <string.h>

static const char *const statement_rights[] = {
    [COPSE_RIGHT_INSERT] = "insert",
    [COPSE_RIGHT_WRITE] = "write",
    [COPSE_RIGHT_ADMIN] = "admin",
};

static const char *const statement_prefixes[] = {
    [COPSE_STATEMENT_GRANT] = "copse-delegation:",
    [COPSE_STATEMENT_REVOCATION] = "copse-revocation:",
};

const char *copse_right_name(copse_right right)
{
    return statement_rights[right];
}

bool copse_right_find(copse_bytes name, copse_right *ret_right)
{
    for (copse_right right = COPSE_RIGHT_INSERT; right <= COPSE_RIGHT_ADMIN; right++) {
        if (copse_bytes_equal(name, copse_bytes_of_text(statement_rights[right]))) {
            *ret_right = right;
            return true;
        }
    }
    return false;
}

/* ---- Rules ---------------------------------------------------------------------------------- */

/* The order of the encodings: heads come first, so that the shorter text is the lesser one. */
static int statement_compare_texts(copse_bytes a, copse_bytes b)
{
    return a.len != b.len ? (a.len > b.len) - (a.len < b.len) : copse_bytes_compare(a, b);
}

static int statement_compare_capabilities(const copse_capability *a, const copse_capability *b)
{
    int order = statement_compare_texts(copse_bytes_of_text(copse_right_name(a->right)),
                                        copse_bytes_of_text(copse_right_name(b->right)));
    return order != 0 ? order : statement_compare_texts(a->collection, b->collection);
}

static bool statement_is_collection(copse_bytes name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] < 0x20 || name.ptr[i] == 0x7f) {
            return false;
        }
    }
    return name.len <= COPSE_STATEMENT_COLLECTION_SIZE_BYTES_MAX;
}

static const char *statement_grant_fault(const copse_statement *statement)
{
    if (statement->expires_ms > INT64_MAX) {
        return "it expires too late";
    }
    for (size_t i = 0; i < statement->items_count; i++) {
        const copse_capability *can = &statement->can[i];
        if (!statement_is_collection(can->collection)) {
            return "a right is in what is no name of a collection";
        }
        if (i > 0 && statement_compare_capabilities(can - 1, can) >= 0) {
            return "its rights are not in order";
        }
    }
    return NULL;
}

static const char *statement_revocation_fault(const copse_statement *statement)
{
    if (statement->last.size > 0 && !copse_cid_is_dag_cbor(&statement->last)) {
        return "the last commit is no CID of a commit";
    }
    for (size_t i = 0; i < statement->items_count; i++) {
        const copse_cid *grant = &statement->grants[i];
        if (!copse_cid_is_dag_cbor(grant)) {
            return "a grant that is revoked is no CID of a statement";
        }
        if (i > 0 && copse_cid_compare(grant - 1, grant) >= 0) {
            return "the grants that are revoked are not in order";
        }
    }
    return NULL;
}

/* What rule a statement breaks (S1), static text; NULL: none. */
static const char *statement_fault(const copse_statement *statement)
{
    if (statement->time_ms > INT64_MAX) {
        return "its time is too large";
    }
    if (!copse_cid_is_dag_cbor(&statement->database)) {
        return "the database is no CID of an identity";
    }
    if (statement->items_count == 0 || statement->items_count > COPSE_STATEMENT_ITEMS_MAX) {
        return "it has no items, or too many";
    }
    return statement->kind == COPSE_STATEMENT_GRANT ? statement_grant_fault(statement)
                                                    : statement_revocation_fault(statement);
}

/* ---- Reading -------------------------------------------------------------------------------- */

static bool statement_take_did(copse_cbor_reader *reader, const char *name,
                               copse_public_key *ret_key)
{
    copse_cbor_item item;
    return copse_cbor_map_has(reader, name) &&
           copse_cbor_map_item(reader, COPSE_CBOR_TEXT, &item) &&
           copse_public_key_from_did(item.bytes, ret_key, NULL) == COPSE_OK;
}

static bool statement_take_rights(copse_cbor_reader *reader, copse_statement *statement)
{
    copse_cbor_item item;
    if (!copse_cbor_map_item(reader, COPSE_CBOR_ARRAY, &item) ||
        item.arg > COPSE_STATEMENT_ITEMS_MAX) {
        return false;
    }
    statement->items_count = (size_t)item.arg;
    for (size_t i = 0; i < statement->items_count; i++) {
        copse_capability *can = &statement->can[i];
        if (!copse_cbor_map_item(reader, COPSE_CBOR_ARRAY, &item) || item.arg != 2 ||
            !copse_cbor_map_item(reader, COPSE_CBOR_TEXT, &item) ||
            !copse_right_find(item.bytes, &can->right) ||
            !copse_cbor_map_item(reader, COPSE_CBOR_TEXT, &item)) {
            return false;
        }
        can->collection = item.bytes;
    }
    return true;
}

static bool statement_take_signature(copse_cbor_reader *reader, copse_statement *statement)
{
    copse_cbor_item item;
    if (!copse_cbor_map_has(reader, "signature") ||
        !copse_cbor_map_item(reader, COPSE_CBOR_BYTES, &item) ||
        item.bytes.len != sizeof statement->signature) {
        return false;
    }
    memcpy(statement->signature, item.bytes.ptr, sizeof statement->signature);
    return true;
}

/* The keys between "to" and "database". */
static const char *statement_take_kind(copse_cbor_reader *reader, copse_statement *statement)
{
    bool is_grant = copse_cbor_map_has(reader, "can");
    statement->kind = is_grant ? COPSE_STATEMENT_GRANT : COPSE_STATEMENT_REVOCATION;
    if (is_grant && !statement_take_rights(reader, statement)) {
        return "can";
    }
    if (!is_grant && copse_cbor_map_has(reader, "last") &&
        !copse_cbor_map_link(reader, &statement->last)) {
        return "last";
    }
    if (!copse_cbor_map_has(reader, "time") || !copse_cbor_map_uint(reader, &statement->time_ms)) {
        return "time";
    }
    if (!is_grant && (!copse_cbor_map_has(reader, "grants") ||
                      !copse_cbor_map_links(reader, COPSE_STATEMENT_ITEMS_MAX, statement->grants,
                                            &statement->items_count))) {
        return "grants";
    }
    if (is_grant && copse_cbor_map_has(reader, "expires") &&
        (!copse_cbor_map_uint(reader, &statement->expires_ms) || statement->expires_ms == 0)) {
        return "expires";
    }
    return NULL;
}

/* Reads all keys in their order; the name of the first that is missing or wrong, or NULL. */
static const char *statement_take(copse_cbor_reader *reader, copse_statement *statement)
{
    if (!statement_take_did(reader, "by", &statement->by)) {
        return "by";
    }
    if (!statement_take_did(reader, "to", &statement->to)) {
        return "to";
    }
    const char *wrong = statement_take_kind(reader, statement);
    if (wrong != NULL) {
        return wrong;
    }
    if (!copse_cbor_map_has(reader, "database") ||
        !copse_cbor_map_link(reader, &statement->database)) {
        return "database";
    }
    if (!statement_take_signature(reader, statement)) {
        return "signature";
    }
    return reader->at == reader->end ? NULL : "a key behind \"signature\"";
}

copse_status copse_statement_decode(const copse_env *env, copse_bytes encoded,
                                    copse_statement *ret_statement, copse_err *err)
{
    copse_cbor_reader reader;
    copse_cbor_item item;
    copse_statement statement = {.kind = COPSE_STATEMENT_GRANT};
    if (encoded.len > COPSE_STATEMENT_SIZE_BYTES_MAX) {
        return COPSE_ERR(err, COPSE_LIMIT, "a statement has at most %d bytes, not %zu",
                         COPSE_STATEMENT_SIZE_BYTES_MAX, encoded.len);
    }
    copse_status status =
        copse_cbor_reader_init_untrusted(&reader, encoded, &env->limits, COPSE_CBOR_STRICT, err);
    if (status != COPSE_OK) {
        return status;
    }
    if (!copse_cbor_map_item(&reader, COPSE_CBOR_MAP, &item)) {
        return COPSE_ERR(err, COPSE_CORRUPT, "a statement is a map");
    }
    const char *wrong = statement_take(&reader, &statement);
    if (wrong != NULL) {
        return COPSE_ERR(err, COPSE_CORRUPT, "statement: %s is missing or malformed", wrong);
    }
    const char *fault = statement_fault(&statement);
    if (fault != NULL) {
        return COPSE_ERR(err, COPSE_CORRUPT, "statement: %s", fault);
    }
    *ret_statement = statement;
    return COPSE_OK;
}

/* ---- Writing -------------------------------------------------------------------------------- */

static void statement_write_did(copse_cbor_writer *writer, const char *name,
                                const copse_public_key *key)
{
    char did[COPSE_KEY_TEXT_SIZE_MAX];
    (void)copse_public_key_to_did(key, did);
    copse_cbor_writer_key(writer, name);
    copse_cbor_writer_key(writer, did);
}

static void statement_write_grant(copse_cbor_writer *writer, const copse_statement *statement)
{
    copse_cbor_writer_key(writer, "can");
    copse_cbor_writer_array(writer, statement->items_count);
    for (size_t i = 0; i < statement->items_count; i++) {
        copse_cbor_writer_array(writer, 2);
        copse_cbor_writer_key(writer, copse_right_name(statement->can[i].right));
        copse_cbor_writer_text(writer, statement->can[i].collection);
    }
    copse_cbor_writer_key(writer, "time");
    copse_cbor_writer_uint(writer, statement->time_ms);
    if (statement->expires_ms > 0) {
        copse_cbor_writer_key(writer, "expires");
        copse_cbor_writer_uint(writer, statement->expires_ms);
    }
}

static void statement_write_revocation(copse_cbor_writer *writer, const copse_statement *statement)
{
    if (statement->last.size > 0) {
        copse_cbor_writer_key(writer, "last");
        copse_cbor_writer_link(writer, &statement->last);
    }
    copse_cbor_writer_key(writer, "time");
    copse_cbor_writer_uint(writer, statement->time_ms);
    copse_cbor_writer_key(writer, "grants");
    copse_cbor_writer_links(writer, statement->grants, statement->items_count);
}

/* Appends the encoding, without the signature if `is_signed` is false. */
static copse_status statement_write(const copse_statement *statement, bool is_signed,
                                    copse_buf *buf)
{
    copse_cbor_writer writer = {.buf = buf};
    bool is_grant = statement->kind == COPSE_STATEMENT_GRANT;
    bool has_optional = is_grant ? statement->expires_ms > 0 : statement->last.size > 0;
    copse_cbor_writer_map(&writer, 5U + has_optional + is_signed);
    statement_write_did(&writer, "by", &statement->by);
    statement_write_did(&writer, "to", &statement->to);
    if (is_grant) {
        statement_write_grant(&writer, statement);
    } else {
        statement_write_revocation(&writer, statement);
    }
    copse_cbor_writer_key(&writer, "database");
    copse_cbor_writer_link(&writer, &statement->database);
    if (is_signed) {
        copse_cbor_writer_key(&writer, "signature");
        copse_cbor_writer_bytes(&writer,
                                (copse_bytes){statement->signature, sizeof statement->signature});
    }
    return writer.status;
}

/* Puts the items into their order, each once. */
static void statement_sort(copse_statement *statement)
{
    bool is_grant = statement->kind == COPSE_STATEMENT_GRANT;
    size_t count = 0;
    for (size_t i = 0; i < statement->items_count; i++) {
        const copse_capability can = statement->can[i];
        const copse_cid grant = statement->grants[i];
        size_t at = count;
        int order = 1;
        while (at > 0 &&
               (order = is_grant ? statement_compare_capabilities(&can, &statement->can[at - 1])
                                 : copse_cid_compare(&grant, &statement->grants[at - 1])) < 0) {
            at--;
        }
        if (at > 0 && order == 0) {
            continue;
        }
        memmove(&statement->can[at + 1], &statement->can[at], (count - at) * sizeof can);
        memmove(&statement->grants[at + 1], &statement->grants[at], (count - at) * sizeof grant);
        statement->can[at] = can;
        statement->grants[at] = grant;
        count++;
    }
    statement->items_count = count;
}

static copse_status statement_sign(const copse_key *key, copse_statement *statement,
                                   copse_buf *unsigned_buf, copse_err *err)
{
    copse_status status = statement_write(statement, false, unsigned_buf);
    if (status != COPSE_OK) {
        return COPSE_ERR(err, status, "the statement can't be encoded");
    }
    return copse_key_sign(key, copse_bytes_of_text(statement_prefixes[statement->kind]),
                          copse_buf_view(unsigned_buf), statement->signature, err);
}

copse_status copse_statement_make(const copse_key *key, const copse_statement *statement,
                                  copse_buf *ret_buf, copse_err *err)
{
    copse_statement made = *statement;
    copse_buf unsigned_buf;
    size_t start = ret_buf->len;
    made.by = *copse_key_public(key);
    if (made.items_count <= COPSE_STATEMENT_ITEMS_MAX) {
        statement_sort(&made);
    }
    const char *fault = statement_fault(&made);
    if (fault != NULL) {
        return COPSE_ERR(err, COPSE_MISUSE, "statement: %s", fault);
    }
    copse_buf_init(&unsigned_buf, ret_buf->env, COPSE_STATEMENT_SIZE_BYTES_MAX);
    copse_status status = statement_sign(key, &made, &unsigned_buf, err);
    copse_buf_release(&unsigned_buf);
    if (status != COPSE_OK) {
        return status;
    }
    status = statement_write(&made, true, ret_buf);
    if (status == COPSE_OK && ret_buf->len - start > COPSE_STATEMENT_SIZE_BYTES_MAX) {
        status = COPSE_LIMIT;
    }
    if (status != COPSE_OK) {
        copse_buf_truncate(ret_buf, start);
        return COPSE_ERR(err, status, "the statement can't be encoded");
    }
    return COPSE_OK;
}

copse_status copse_statement_verify(const copse_env *env, const copse_statement *statement,
                                    copse_err *err)
{
    copse_buf buf;
    copse_buf_init(&buf, env, COPSE_STATEMENT_SIZE_BYTES_MAX);
    copse_status status = statement_write(statement, false, &buf); /* S1, S2 */
    if (status != COPSE_OK) {
        status = COPSE_ERR(err, status, "the statement can't be encoded");
    } else {
        status = copse_public_key_verify(env, &statement->by,
                                         copse_bytes_of_text(statement_prefixes[statement->kind]),
                                         copse_buf_view(&buf), statement->signature, err);
    }
    copse_buf_release(&buf);
    return status;
}

void copse_statement_cid(copse_bytes encoded, copse_cid *ret_cid)
{
    copse_cid_of_data(COPSE_CODEC_DAG_CBOR, encoded, ret_cid);
}
