/* What is signed is the prefix "copse-document:" and a list in DAG-CBOR:
 *
 *     [identity, collection, order(pk), [ms, counter], link to the document, or null: deleted]
 *
 *   D1  Of a state, its place and its author there is one such list: all of it is in the row, the
 *       document and the key of the row, so that nothing but the signature is kept.
 *   D2  The link is that of the document's encoding (dag-cbor, sha2-256), however it is stored: the
 *       form of a collection may differ from peer to peer, a document's bytes don't.
 *   D3  The author is not in the list: a signature is only ever one by the key that the version
 *       names, and no two keys have one in common.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "doc/document_signature.h"

#include "base/err.h"
#include "doc/document_version_walk.h"
#include "value/cbor_writer.h"

static const char document_signature_prefix[] = "copse-document:";

/* Appends the list (D1). */
static copse_status document_signature_write(const copse_document_place *place,
                                             const copse_version *version, copse_bytes document,
                                             copse_buf *buf)
{
    copse_cbor_writer writer = {.buf = buf};
    copse_cbor_writer_array(&writer, 5);
    copse_cbor_writer_link(&writer, place->database);
    copse_cbor_writer_text(&writer, place->collection);
    copse_cbor_writer_bytes(&writer, place->key);
    copse_cbor_writer_array(&writer, 2);
    copse_cbor_writer_uint(&writer, version->time_ms);
    copse_cbor_writer_uint(&writer, version->time_counter);
    if (document.len > 0) {
        copse_cid cid;
        copse_cid_of_data(COPSE_CODEC_DAG_CBOR, document, &cid);
        copse_cbor_writer_link(&writer, &cid);
    }
    return writer.status == COPSE_OK && document.len == 0 ? copse_cbor_write_null(buf)
                                                          : writer.status;
}

/* Appends the row of a state that was written as a whole. */
static copse_status document_signature_write_row(const copse_version_row *row,
                                                 copse_bytes signature, copse_buf *buf)
{
    copse_cbor_writer writer = {.buf = buf};
    copse_cbor_writer_map(&writer, 1);
    copse_cbor_writer_key(&writer, "version");
    copse_cbor_writer_array(&writer, 4);
    copse_cbor_writer_array(&writer, 2);
    copse_cbor_writer_uint(&writer, row->version.time_ms);
    copse_cbor_writer_uint(&writer, row->version.time_counter);
    copse_cbor_writer_text(&writer, row->version.author);
    if (writer.status == COPSE_OK) {
        writer.status = copse_cbor_write_bool(buf, row->is_deleted);
    }
    copse_cbor_writer_bytes(&writer, signature);
    return writer.status;
}

/* Reads the row of a state that may have a signature. */
static copse_status document_signature_read(const copse_version_state *state,
                                            copse_version_row *ret_row, copse_err *err)
{
    *ret_row = (copse_version_row){.is_deleted = false};
    copse_status status = copse_version_row_read(state->row, ret_row, err);
    if (status == COPSE_OK && state->row.len > 0 &&
        ret_row->is_deleted != (state->document.len == 0)) {
        return COPSE_ERR(err, COPSE_CORRUPT,
                         "a row of versions says of a document that is there that it is not, or "
                         "the reverse");
    }
    return status;
}

copse_status copse_document_sign(const copse_env *env, const copse_key *key,
                                 const copse_document_place *place,
                                 const copse_version_state *state, copse_buf *ret_row,
                                 copse_err *err)
{
    char did[COPSE_KEY_TEXT_SIZE_MAX];
    uint8_t signature[COPSE_SIGNATURE_SIZE_BYTES];
    copse_version_row row;
    copse_buf message;
    size_t start = ret_row->len;
    copse_status status = document_signature_read(state, &row, err);
    if (status != COPSE_OK) {
        return status;
    }
    if (state->row.len == 0 || row.fields.len > 0 || row.hidden.len > 0) {
        return COPSE_ERR(err, COPSE_CORRUPT, "the version is not one of a whole document");
    }
    (void)copse_public_key_to_did(copse_key_public(key), did);
    if (!copse_bytes_equal(row.version.author, copse_bytes_of_text(did))) {
        return COPSE_ERR(err, COPSE_MISUSE, "the author of the document is not the key %s", did);
    }
    copse_buf_init(&message, env, SIZE_MAX);
    status = document_signature_write(place, &row.version, state->document, &message);
    if (status == COPSE_OK) {
        status = copse_key_sign(key, copse_bytes_of_text(document_signature_prefix),
                                copse_buf_view(&message), signature, err);
    }
    if (status == COPSE_OK) {
        status =
            document_signature_write_row(&row, (copse_bytes){signature, sizeof signature}, ret_row);
    }
    copse_buf_release(&message);
    if (status != COPSE_OK) {
        copse_buf_truncate(ret_row, start);
        return COPSE_ERR(err, status, "no room for the signature of a document");
    }
    return COPSE_OK;
}

copse_status copse_document_verify(const copse_env *env, const copse_document_place *place,
                                   const copse_version_state *state, copse_public_key *ret_signer,
                                   copse_err *err)
{
    copse_public_key author;
    copse_version_row row;
    copse_buf message;
    copse_status status = document_signature_read(state, &row, err);
    if (status == COPSE_OK && row.signature.len == 0) {
        status = COPSE_ERR(err, COPSE_NOT_FOUND, "the document is not signed");
    }
    if (status == COPSE_OK && place->database == NULL) {
        status = COPSE_ERR(err, COPSE_CORRUPT, "a signed document in a database without a creator");
    }
    if (status == COPSE_OK) {
        status = copse_public_key_from_did(row.version.author, &author, err);
    }
    if (status != COPSE_OK) {
        return status;
    }
    copse_buf_init(&message, env, SIZE_MAX);
    status = document_signature_write(place, &row.version, state->document, &message);
    if (status == COPSE_OK) {
        status =
            copse_public_key_verify(env, &author, copse_bytes_of_text(document_signature_prefix),
                                    copse_buf_view(&message), row.signature.ptr, NULL);
    }
    copse_buf_release(&message);
    if (status == COPSE_CORRUPT) {
        return COPSE_ERR(err, status, "the document is not signed by its author");
    }
    if (status != COPSE_OK) {
        return COPSE_ERR_NOMEM(err);
    }
    if (ret_signer != NULL) {
        *ret_signer = author;
    }
    return COPSE_OK;
}

copse_status copse_document_check_signature(const copse_env *env,
                                            const copse_collection *collection,
                                            const copse_document_place *place,
                                            const copse_version_state *state, copse_err *err)
{
    copse_status status = copse_document_verify(env, place, state, NULL, err);
    bool is_absent = state->row.len == 0 && state->document.len == 0;
    if (status == COPSE_OK && collection->merge != COPSE_MERGE_LWW) {
        return COPSE_ERR(err, COPSE_CORRUPT,
                         "a signed document in a collection that is not merged lww");
    }
    if (status == COPSE_NOT_FOUND) {
        return is_absent || !collection->is_signed
                   ? COPSE_OK
                   : COPSE_ERR(err, status,
                               "the document is not signed, in a collection of signed ones");
    }
    return status;
}
