/* Reading the answer to one request of a fetch: a CAR, or the bytes of one block. Whether a block
 * was asked for is the caller's to see; that it hashes to its CID is seen here.
 *
 *   batch   CARv1, header {roots: [bafkqaaa], version: 1}, sections
 *   block   the bytes, to the end of the answer
 *
 * A batch's blocks come out as they arrive, without a copy where a piece holds them whole.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_SYNC_FETCH_ANSWER_H
#define COPSE_SYNC_FETCH_ANSWER_H

#include <copse/buf.h>
#include <copse/car.h>

/** An answer that is being read. A zeroed one may be released. */
typedef struct copse_fetch_answer {
    copse_car_reader *reader; /* of a batch; NULL: a block */
    copse_buf buf;            /* of a block */
    copse_cid cid;            /* of a block */
    bool ended;
    bool is_read; /* a block was handed out */
} copse_fetch_answer;

/** Expects the first byte of a batch (`cid` NULL), or of the block with `cid`. NOMEM. */
COPSE_MUST_USE copse_status copse_fetch_answer_init(copse_fetch_answer *answer,
                                                    const copse_env *env, const copse_cid *cid,
                                                    copse_err *err);

/** Frees what it holds and zeroes it. */
void copse_fetch_answer_release(copse_fetch_answer *answer);

/** More bytes; they stay where they are until copse_fetch_answer_next returns WANT. CORRUPT: longer
 * than a block may be. NOMEM. */
COPSE_MUST_USE copse_status copse_fetch_answer_feed(copse_fetch_answer *answer, copse_bytes bytes,
                                                    copse_err *err);

/** No more bytes come. */
void copse_fetch_answer_feed_end(copse_fetch_answer *answer);

/** The next block, verified; `ret_data` is valid until the next call. WANT: feed more. END: the
 * answer is whole, after copse_fetch_answer_feed_end. CORRUPT: not such an answer, or, after that
 * call, a batch that was cut short. NOMEM. */
COPSE_MUST_USE copse_status copse_fetch_answer_next(copse_fetch_answer *answer, copse_cid *ret_cid,
                                                    copse_bytes *ret_data, copse_err *err);

#endif
