/* Signatures of commits: by the author, over the prefix "copse-commit:" and the encoding without
 * the key "signature". Since a commit has one encoding (H1), it is made again to be verified.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "history/commit.h"

#include "base/err.h"

#include <string.h>

static const char commit_signature_prefix[] = "copse-commit:";

/* Appends what is signed. */
static copse_status commit_write_unsigned(const copse_commit *commit, copse_buf *buf,
                                          copse_err *err)
{
    copse_commit bare = *commit;
    bare.signature = (copse_bytes){NULL, 0};
    return copse_commit_write(&bare, buf, err);
}

copse_status copse_commit_sign(const copse_env *env, copse_commit *commit, const copse_key *key,
                               copse_commit_signature *ret_signature, copse_err *err)
{
    copse_commit bare = *commit;
    copse_commit_signature made;
    copse_buf buf;
    bare.author = (copse_bytes){(const uint8_t *)made.author,
                                copse_public_key_to_did(copse_key_public(key), made.author)};
    if (commit->author.len > 0 && !copse_bytes_equal(commit->author, bare.author)) {
        return COPSE_ERR(err, COPSE_MISUSE, "the author of the commit is not the key %s",
                         made.author);
    }
    copse_buf_init(&buf, env, env->limits.block_size_bytes_max);
    copse_status status = commit_write_unsigned(&bare, &buf, err);
    if (status == COPSE_OK) {
        status = copse_key_sign(key, copse_bytes_of_text(commit_signature_prefix),
                                copse_buf_view(&buf), made.bytes, err);
    }
    copse_buf_release(&buf);
    if (status == COPSE_OK) {
        *ret_signature = made;
        commit->author = (copse_bytes){(const uint8_t *)ret_signature->author, bare.author.len};
        commit->signature = (copse_bytes){ret_signature->bytes, sizeof ret_signature->bytes};
    }
    return status;
}

copse_status copse_commit_verify(const copse_env *env, const copse_commit *commit, copse_err *err)
{
    copse_public_key author;
    copse_buf buf;
    if (commit->signature.len == 0) {
        return COPSE_ERR(err, COPSE_NOT_FOUND, "the commit is not signed");
    }
    copse_status status = copse_public_key_from_did(commit->author, &author, err);
    if (status != COPSE_OK) {
        return status;
    }
    if (commit->signature.len != COPSE_SIGNATURE_SIZE_BYTES) {
        return COPSE_ERR(err, COPSE_CORRUPT, "the commit's signature has %zu bytes",
                         commit->signature.len);
    }
    copse_buf_init(&buf, env, env->limits.block_size_bytes_max);
    status = commit_write_unsigned(commit, &buf, err);
    if (status == COPSE_OK) {
        status = copse_public_key_verify(env, &author, copse_bytes_of_text(commit_signature_prefix),
                                         copse_buf_view(&buf), commit->signature.ptr, err);
    }
    if (status == COPSE_CORRUPT) {
        status = COPSE_ERR(err, status, "the commit is not signed by its author");
    }
    copse_buf_release(&buf);
    return status;
}
