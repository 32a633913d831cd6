/* The block of a commit: a DAG-CBOR map; docs/formats/commit.md has the table. Keys in DAG-CBOR's
 * order, those in brackets optional:
 *
 *     time  tree  skips  [author]  [message]  parents  [signature]  generation
 *
 *   H1  A commit has one encoding. Optional fields are absent, never empty.
 *   H2  Parents are distinct. Parents and skip links are CIDv1 of DAG-CBOR with sha2-256: no commit
 *       goes by two names.
 *   H3  The generation is 0 exactly without parents, and at least 2^s with s skip links.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "history/commit.h"

#include <copse/dag_cbor.h>

#include "base/err.h"
#include "block/block.h"
#include "value/cbor_map.h"
#include "value/cbor_writer.h"
#include "value/cid_parse.h"
#include "value/utf8.h"

#include <string.h>

#define COMMIT_AUTHOR_PREFIX "did:key:z"

static const char *commit_links_fault(const copse_commit *commit)
{
    for (size_t i = 0; i < commit->parents_count; i++) {
        if (!copse_cid_is_dag_cbor(&commit->parents[i])) {
            return "a parent is no CID of a commit";
        }
        for (size_t j = 0; j < i; j++) {
            if (copse_cid_equal_inline(&commit->parents[i], &commit->parents[j])) {
                return "a parent stands twice";
            }
        }
    }
    for (size_t i = 0; i < commit->skips_count; i++) {
        if (!copse_cid_is_dag_cbor(&commit->skips[i])) {
            return "a skip link is no CID of a commit";
        }
    }
    return NULL;
}

static const char *commit_text_fault(const copse_commit *commit)
{
    copse_bytes prefix = copse_bytes_of_text(COMMIT_AUTHOR_PREFIX);
    if (commit->author.len > COPSE_COMMIT_AUTHOR_SIZE_BYTES_MAX ||
        (commit->author.len > 0 &&
         (!copse_bytes_has_prefix(commit->author, prefix) || !copse_utf8_valid(commit->author)))) {
        return "the author is no did:key";
    }
    if (commit->message.len > COPSE_COMMIT_MESSAGE_SIZE_BYTES_MAX) {
        return "the message is too long";
    }
    if (!copse_utf8_valid(commit->message)) {
        return "the message is not UTF-8";
    }
    if (commit->signature.len > COPSE_COMMIT_SIGNATURE_SIZE_BYTES_MAX) {
        return "the signature is too long";
    }
    return commit->signature.len > 0 && commit->author.len == 0 ? "a signature without an author"
                                                                : NULL;
}

const char *copse_commit_fault(const copse_commit *commit)
{
    if (commit->parents_count > COPSE_COMMIT_PARENTS_MAX) {
        return "too many parents";
    }
    if (commit->generation > INT64_MAX || commit->time_ms > INT64_MAX) {
        return "the generation or the time is too large";
    }
    if ((commit->generation == 0) != (commit->parents_count == 0)) {
        return "the generation is 0 only without parents";
    }
    if (commit->skips_count > COPSE_COMMIT_SKIPS_MAX ||
        (commit->skips_count > 0 && commit->generation >> commit->skips_count == 0)) {
        return "more skip links than its generation has";
    }
    const char *fault = commit_links_fault(commit);
    return fault != NULL ? fault : commit_text_fault(commit);
}

/* ---- decoding ---- */

static bool commit_take_time(copse_cbor_reader *reader, copse_commit *commit)
{
    copse_cbor_item item;
    uint64_t counter;
    if (!copse_cbor_map_item(reader, COPSE_CBOR_ARRAY, &item) || item.arg != 2 ||
        !copse_cbor_map_uint(reader, &commit->time_ms) || !copse_cbor_map_uint(reader, &counter) ||
        counter > UINT32_MAX) {
        return false;
    }
    commit->time_counter = (uint32_t)counter;
    return true;
}

/* An optional field: absent, or not empty (H1). */
static bool commit_take_optional(copse_cbor_reader *reader, const char *key, copse_cbor_kind kind,
                                 copse_bytes *ret_bytes)
{
    copse_cbor_item item;
    if (!copse_cbor_map_has(reader, key)) {
        return true;
    }
    if (!copse_cbor_map_item(reader, kind, &item) || item.bytes.len == 0) {
        return false;
    }
    *ret_bytes = item.bytes;
    return true;
}

/* Reads all fields in their order; the name of the first that is missing or wrong, or NULL. That
 * nothing else is there shows at the end: the map was checked to end with the input. */
static const char *commit_take_fields(copse_cbor_reader *reader, copse_commit *commit)
{
    if (!copse_cbor_map_has(reader, "time") || !commit_take_time(reader, commit)) {
        return "time";
    }
    if (!copse_cbor_map_has(reader, "tree") || !copse_cbor_map_link(reader, &commit->tree)) {
        return "tree";
    }
    if (!copse_cbor_map_has(reader, "skips") ||
        !copse_cbor_map_links(reader, COPSE_COMMIT_SKIPS_MAX, commit->skips,
                              &commit->skips_count)) {
        return "skips";
    }
    if (!commit_take_optional(reader, "author", COPSE_CBOR_TEXT, &commit->author)) {
        return "author";
    }
    if (!commit_take_optional(reader, "message", COPSE_CBOR_TEXT, &commit->message)) {
        return "message";
    }
    if (!copse_cbor_map_has(reader, "parents") ||
        !copse_cbor_map_links(reader, COPSE_COMMIT_PARENTS_MAX, commit->parents,
                              &commit->parents_count)) {
        return "parents";
    }
    if (!commit_take_optional(reader, "signature", COPSE_CBOR_BYTES, &commit->signature)) {
        return "signature";
    }
    if (!copse_cbor_map_has(reader, "generation") ||
        !copse_cbor_map_uint(reader, &commit->generation)) {
        return "generation";
    }
    return reader->at == reader->end ? NULL : "a key behind \"generation\"";
}

copse_status copse_commit_decode(const copse_env *env, const copse_block *block,
                                 copse_commit *ret_commit, copse_err *err)
{
    if (env == NULL || block == NULL || ret_commit == NULL) {
        return COPSE_ERR(err, COPSE_MISUSE, "commit: an argument is NULL");
    }
    copse_cbor_reader reader;
    copse_cbor_item item;
    copse_commit commit = {0};
    if (!copse_cid_is_dag_cbor(copse_block_cid_inline(block))) {
        return COPSE_ERR(err, COPSE_CORRUPT, "commit: its CID is none of a commit");
    }
    copse_status status = copse_cbor_reader_init_untrusted(&reader, copse_block_data_inline(block),
                                                           &env->limits, COPSE_CBOR_STRICT, err);
    if (status != COPSE_OK) {
        return status;
    }
    if (!copse_cbor_map_item(&reader, COPSE_CBOR_MAP, &item)) {
        return COPSE_ERR(err, COPSE_CORRUPT, "commit: not a map");
    }
    const char *field = commit_take_fields(&reader, &commit);
    if (field != NULL) {
        return COPSE_ERR(err, COPSE_CORRUPT, "commit: %s is missing or malformed", field);
    }
    const char *fault = copse_commit_fault(&commit);
    if (fault != NULL) {
        return COPSE_ERR(err, COPSE_CORRUPT, "commit: %s", fault);
    }
    *ret_commit = commit;
    return COPSE_OK;
}

bool copse_commit_is(const copse_block *block)
{
    copse_cid_parts parts;
    copse_cbor_reader reader;
    if (block == NULL) {
        return false;
    }
    copse_cid_split(copse_block_cid_inline(block), &parts);
    copse_cbor_reader_init(&reader, copse_block_data_inline(block));
    return parts.codec == COPSE_CODEC_DAG_CBOR &&
           copse_cbor_find_key(&reader, copse_bytes_of_text("tree"), NULL) == COPSE_OK;
}

/* ---- encoding ---- */

static void commit_write_optional(copse_cbor_writer *writer, const char *key, copse_bytes bytes,
                                  void (*write)(copse_cbor_writer *writer, copse_bytes bytes))
{
    if (bytes.len > 0) {
        copse_cbor_writer_key(writer, key);
        write(writer, bytes);
    }
}

static void commit_write_fields(copse_cbor_writer *writer, const copse_commit *commit)
{
    uint64_t fields =
        5u + (commit->author.len > 0) + (commit->message.len > 0) + (commit->signature.len > 0);
    copse_cbor_writer_map(writer, fields);
    copse_cbor_writer_key(writer, "time");
    copse_cbor_writer_array(writer, 2);
    copse_cbor_writer_uint(writer, commit->time_ms);
    copse_cbor_writer_uint(writer, commit->time_counter);
    copse_cbor_writer_key(writer, "tree");
    copse_cbor_writer_link(writer, &commit->tree);
    copse_cbor_writer_key(writer, "skips");
    copse_cbor_writer_links(writer, commit->skips, commit->skips_count);
    commit_write_optional(writer, "author", commit->author, copse_cbor_writer_text);
    commit_write_optional(writer, "message", commit->message, copse_cbor_writer_text);
    copse_cbor_writer_key(writer, "parents");
    copse_cbor_writer_links(writer, commit->parents, commit->parents_count);
    commit_write_optional(writer, "signature", commit->signature, copse_cbor_writer_bytes);
    copse_cbor_writer_key(writer, "generation");
    copse_cbor_writer_uint(writer, commit->generation);
}

copse_status copse_commit_write(const copse_commit *commit, copse_buf *ret_buf, copse_err *err)
{
    copse_cbor_writer writer = {.buf = ret_buf};
    const char *fault = copse_commit_fault(commit);
    if (fault != NULL) {
        return COPSE_ERR(err, COPSE_MISUSE, "commit: %s", fault);
    }
    commit_write_fields(&writer, commit);
    return writer.status == COPSE_OK ? COPSE_OK
                                     : COPSE_ERR(err, writer.status, "commit: it can't be encoded");
}

copse_status copse_commit_encode(const copse_env *env, const copse_commit *commit,
                                 copse_block **ret_block, copse_err *err)
{
    copse_buf buf;
    if (env == NULL || commit == NULL || ret_block == NULL) {
        return COPSE_ERR(err, COPSE_MISUSE, "commit: an argument is NULL");
    }
    copse_buf_init(&buf, env, env->limits.block_size_bytes_max);
    copse_status status = copse_commit_write(commit, &buf, err);
    if (status == COPSE_OK) {
        status =
            copse_block_of_data(env, COPSE_CODEC_DAG_CBOR, copse_buf_view(&buf), ret_block, err);
    }
    copse_buf_release(&buf);
    return status;
}
