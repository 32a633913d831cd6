/* An author for tests of names: a key, and records that say what a test wants.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_NAME_AUTHOR_H
#define COPSE_TESTS_NAME_AUTHOR_H

#include <copse/ipns.h>

enum { NAME_AUTHOR_RECORDS_MAX = 64 };

/** Zeroed after its release. */
typedef struct name_author {
    const copse_env *env;
    copse_key *key;
    copse_buf records[NAME_AUTHOR_RECORDS_MAX];
    size_t count;
} name_author;

/** An author whose key has the seed `seed`, 0, 0, …; `env` must outlive it. */
void name_author_init(name_author *author, const copse_env *env, uint8_t seed);

void name_author_release(name_author *author);

const copse_public_key *name_author_name(const name_author *author);

/** The CID of head number `number`, which has no block. */
void name_author_head(uint8_t number, copse_cid *ret_cid);

/** A record that says `/ipfs/` and `head`; lent until the release. */
copse_bytes name_author_record(name_author *author, uint64_t sequence, const copse_cid *head,
                               uint64_t eol_ms);

#endif
