/* Checking one document, without trust in its row or its blocks.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "doc/database_check.h"

#include "base/err.h"

#include <copse/dag_cbor.h>

void copse_dbcheck_document_release(copse_dbcheck_document *document)
{
    copse_document_release(&document->document);
    copse_block_list_release(&document->blocks);
    copse_buf_release(&document->value);
    *document = (copse_dbcheck_document){.id = {NULL, 0}};
}

/* What is told of a document, and whether. */
typedef struct dbcheck_telling {
    copse_dbcheck_run *run;
    copse_bytes key;
    copse_bytes id;
    bool tell;
} dbcheck_telling;

/* COPSE_OK if nothing else is wrong. */
static copse_status dbcheck_document_tell(const dbcheck_telling *telling,
                                          copse_database_defect_kind kind, const char *message,
                                          const copse_err *detail, copse_err *err)
{
    copse_database_defect defect = {.kind = kind,
                                    .collection = telling->run->collection->collection.name,
                                    .id = telling->id,
                                    .key = telling->key,
                                    .message = message};
    return telling->tell ? copse_dbcheck_tell(telling->run, &defect, detail, err) : COPSE_OK;
}

/* As above for what can't be used: NOT_FOUND. */
static copse_status dbcheck_document_refuse(const dbcheck_telling *telling,
                                            copse_database_defect_kind kind, const char *message,
                                            const copse_err *detail, copse_err *err)
{
    copse_status status = dbcheck_document_tell(telling, kind, message, detail, err);
    return status == COPSE_OK ? COPSE_NOT_FOUND : status;
}

/* Gets a block and hashes it. NOT_FOUND: it is missing or damaged, and that was told. */
static copse_status dbcheck_get_block(const dbcheck_telling *telling, copse_bytes link,
                                      copse_block **ret_block, copse_err *err)
{
    copse_cid cid;
    copse_block *block = NULL;
    copse_err detail = {0};
    copse_status status = copse_cid_from_bytes(link, &cid, &detail);
    if (status == COPSE_OK) {
        copse_source_begin(telling->run->source);
        status = copse_source_get(telling->run->source, &cid, &block, &detail);
    }
    if (status == COPSE_OK) {
        status = copse_block_verify(block, &detail);
    }
    if (status == COPSE_OK) {
        *ret_block = block;
        return COPSE_OK;
    }
    copse_block_unref(block);
    if (!copse_dbcheck_is_finding(status)) {
        return COPSE_ERR(err, status, "%s", detail.message);
    }
    return dbcheck_document_refuse(
        telling, COPSE_DATABASE_DEFECT_DOCUMENT_BLOCK,
        status == COPSE_WANT ? "a block of the document is missing" : NULL, &detail, err);
}

static copse_status dbcheck_read_chunks(const dbcheck_telling *telling, copse_cbor_reader reader,
                                        uint64_t count, copse_dbcheck_document *document,
                                        copse_err *err)
{
    copse_buf *buf = &document->document.buf;
    copse_status status = COPSE_OK;
    copse_buf_init(buf, telling->run->env, telling->run->env->limits.document_size_bytes_max);
    for (uint64_t i = 0; i < count && status == COPSE_OK; i++) {
        copse_cbor_item link;
        copse_block *block = NULL;
        status = copse_cbor_next(&reader, &link, err);
        if (status == COPSE_OK && link.kind != COPSE_CBOR_LINK) {
            return dbcheck_document_refuse(telling, COPSE_DATABASE_DEFECT_DOCUMENT_CHUNKS,
                                           "what its list of chunks holds is no link", NULL, err);
        }
        if (status == COPSE_OK) {
            status = dbcheck_get_block(telling, link.bytes, &block, err);
        }
        if (status == COPSE_OK) {
            status = copse_buf_append(buf, copse_block_data(block));
            if (status == COPSE_LIMIT) {
                status = dbcheck_document_refuse(telling, COPSE_DATABASE_DEFECT_DOCUMENT_VALUE,
                                                 "the document is too large", NULL, err);
            }
        }
        copse_block_unref(block);
    }
    document->document.encoded = copse_buf_view(buf);
    return status;
}

/* Finds the bytes of the document, wherever they are. */
static copse_status dbcheck_read_bytes(const dbcheck_telling *telling, copse_bytes value,
                                       copse_dbcheck_document *document, copse_err *err)
{
    copse_cbor_reader reader;
    copse_cbor_item item;
    copse_cbor_reader_init(&reader, value);
    copse_status status = copse_cbor_next(&reader, &item, err);
    if (status != COPSE_OK) {
        return status;
    }
    switch (item.kind) {
    case COPSE_CBOR_MAP:
        document->document.encoded = value;
        return COPSE_OK;
    case COPSE_CBOR_LINK:
        status = dbcheck_get_block(telling, item.bytes, &document->document.block, err);
        if (status == COPSE_OK) {
            document->document.encoded = copse_block_data(document->document.block);
        }
        return status;
    case COPSE_CBOR_ARRAY:
        return dbcheck_read_chunks(telling, reader, item.arg, document, err);
    default:
        return dbcheck_document_refuse(telling, COPSE_DATABASE_DEFECT_DOCUMENT_VALUE,
                                       "the row is no map, link or list of links", NULL, err);
    }
}

static bool dbcheck_is_list(copse_bytes value)
{
    return value.len > 0 && value.ptr[0] >> 5 == 4;
}

/* K1 */
static copse_status dbcheck_document_form(const dbcheck_telling *telling, copse_bytes value,
                                          copse_documents_form form,
                                          copse_dbcheck_document *document, copse_err *err)
{
    document->blocks.env = telling->run->env;
    copse_buf_init(&document->value, telling->run->env, SIZE_MAX);
    copse_status status = copse_document_store(form, document->document.encoded, &document->value,
                                               &document->blocks, err);
    if (status != COPSE_OK) {
        return status;
    }
    copse_bytes made = copse_buf_view(&document->value);
    document->link = copse_document_row_link(made);
    if (copse_bytes_equal(made, value)) {
        return COPSE_OK;
    }
    if (dbcheck_is_list(value) && dbcheck_is_list(made)) {
        return dbcheck_document_tell(telling, COPSE_DATABASE_DEFECT_DOCUMENT_CHUNKS,
                                     "its chunks are not of the size that they must have", NULL,
                                     err);
    }
    return dbcheck_document_tell(
        telling, COPSE_DATABASE_DEFECT_DOCUMENT_FORM,
        dbcheck_is_list(value)                   ? "in chunks, but not large enough for it"
        : made.ptr[0] == value.ptr[0]            ? "its link is not of the kind that it must be"
        : copse_document_row_link(value).len > 0 ? "linked, but must be inline or in chunks"
                                                 : "inline, but must be linked",
        NULL, err);
}

copse_status copse_dbcheck_read_row(copse_dbcheck_run *run, copse_bytes key, copse_bytes value,
                                    copse_dbcheck_document *document, copse_err *err)
{
    const dbcheck_telling telling = {.run = run, .key = key, .tell = true};
    copse_status status = dbcheck_read_bytes(&telling, value, document, err);
    return status == COPSE_OK
               ? dbcheck_document_form(&telling, value, COPSE_DOCUMENTS_INLINE, document, err)
               : status;
}

copse_status copse_dbcheck_read_document(copse_dbcheck_run *run, copse_bytes key, copse_bytes value,
                                         copse_documents_form form, bool tell,
                                         copse_dbcheck_document *document, copse_err *err)
{
    dbcheck_telling telling = {.run = run, .key = key, .tell = tell};
    copse_err detail = {0};
    copse_status status = dbcheck_read_bytes(&telling, value, document, err);
    if (status != COPSE_OK) {
        return status;
    }
    copse_bytes encoded = document->document.encoded;
    status = copse_document_check(encoded, &run->env->limits, &detail);
    if (status != COPSE_OK) {
        /* Chunks that are not all of one document are of the wrong size, or too few. */
        copse_database_defect_kind kind = dbcheck_is_list(value)
                                              ? COPSE_DATABASE_DEFECT_DOCUMENT_CHUNKS
                                              : COPSE_DATABASE_DEFECT_DOCUMENT_VALUE;
        return copse_dbcheck_is_finding(status)
                   ? dbcheck_document_refuse(&telling, kind, NULL, &detail, err)
                   : COPSE_ERR(err, status, "%s", detail.message);
    }
    status = copse_document_primary(encoded, run->collection->collection.primary_key, &document->id,
                                    &detail);
    if (status != COPSE_OK) {
        return dbcheck_document_refuse(&telling, COPSE_DATABASE_DEFECT_PRIMARY_KEY, NULL, &detail,
                                       err);
    }
    telling.id = document->id;
    return dbcheck_document_form(&telling, value, form, document, err);
}
