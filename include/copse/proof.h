/* Proofs: what a tree holds under some keys or in a range, shown to somebody who knows its root CID
 * and has neither the tree nor a network.
 *
 * A proof is a CAR, version 1, whose one root is the tree's root. It holds exactly the blocks that
 * reading the answer touches, each once, in the order in which the read needs them: the root tuple,
 * the config unless it is the built-in one, then nodes (docs/formats/proof.md). Verifying is
 * reading again, with the proof as the only source of blocks; so the reader learns that each row is
 * in the tree, that each absent key is not, and that no row of the range was left out.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_PROOF_H
#define COPSE_PROOF_H

#include <copse/car.h>
#include <copse/tree.h>

COPSE_EXTERN_C_BEGIN

/** What is read: the values of a list of keys, or the entries of a range. */
typedef enum copse_proof_kind { COPSE_PROOF_KEYS, COPSE_PROOF_RANGE } copse_proof_kind;

/** A read that can be proved. Prover and verifier must use the same. All bytes are borrowed. */
typedef struct copse_proof_query {
    copse_proof_kind kind;
    const copse_bytes *keys; /**< KEYS: in any order, also repeated. */
    size_t keys_count;
    copse_bytes from;      /**< RANGE: the first key that belongs to it. */
    const copse_bytes *to; /**< RANGE: the first key behind it; NULL: it ends with the tree. */
    uint64_t limit;        /**< RANGE: at most so many entries; UINT64_MAX: all. */
    bool reverse;          /**< RANGE: from the last entry to the first. */
} copse_proof_query;

/** A part of the answer. The bytes are valid during the callback. */
typedef struct copse_proof_row {
    uint64_t index;    /**< KEYS: of the key in the query. RANGE: 0, 1, 2… */
    copse_bytes key;   /**< RANGE: of the entry. KEYS: the query's own. */
    bool present;      /**< KEYS: false if the tree has no such key. RANGE: true. */
    copse_bytes value; /**< One encoded item; empty if the key is absent. */
} copse_proof_row;

/** Receives the rows: of KEYS in key order, equal keys in the query's order; of RANGE in its
 * direction. A failure ends the verification, which returns it; END and WANT are MISUSE. */
typedef copse_status (*copse_proof_row_fn)(void *ctx, const copse_proof_row *row, copse_err *err);

/** What a proof consists of. */
typedef struct copse_proof_stats {
    uint64_t blocks;
    uint64_t size_bytes; /**< Of the whole CAR. */
} copse_proof_stats;

/** Writes the proof of `query` over `tree` to `sink`. Reads through the tree's source, with a node
 * cache of its own; nothing is written before all of it has been read. `ret_stats` may be NULL.
 * WANT: blocks are missing; the want list names all that the read is known to need. LIMIT: the
 * blocks take more than limits.pinned_size_bytes_max: ask for less at a time. MISUSE: a query of no
 * kind. CORRUPT, IO, NOMEM; the sink's failure, after which part of it is written. */
COPSE_API COPSE_MUST_USE copse_status copse_proof_write(const copse_tree *tree,
                                                        const copse_proof_query *query,
                                                        copse_car_sink sink,
                                                        copse_proof_stats *ret_stats,
                                                        copse_err *err);

/** Verifies a proof while it arrives. Belongs to one thread. Holds a path of the tree and one
 * block, however long the proof is. */
typedef struct copse_proof_verifier copse_proof_verifier;

/** Makes a verifier of the answer to `query` over the tree `root`. `query`, with its bytes, must
 * outlive it. `row` NULL: the rows are not wanted. MISUSE: a query of no kind, or a root by whose
 * hash Copse can't verify. NOMEM. */
COPSE_API COPSE_MUST_USE copse_status copse_proof_verifier_new(
    const copse_env *env, const copse_cid *root, const copse_proof_query *query,
    copse_proof_row_fn row, void *row_ctx, copse_proof_verifier **ret_verifier, copse_err *err);

/** Frees it; NULL is allowed. Returns NULL. */
COPSE_API copse_proof_verifier *copse_proof_verifier_free(copse_proof_verifier *verifier);

/** Takes the next bytes of the CAR, in pieces of any size, and hands out the rows that they show.
 * The bytes are borrowed until the next call. A row that was handed out is in the tree (or absent
 * from it) whatever follows; that it was all of them is known when copse_proof_verifier_finish has
 * returned OK.
 * CORRUPT: it is not that proof; the message says why: not a CAR of version 1, another root, a
 * block that the read did not ask for (because one was removed, added or moved, or the proof
 * answers another query), a block that does not hash to its CID, or a tree that breaks its format.
 * Stops at the first such block. LIMIT, NOMEM, or what the row callback returned. After any of
 * these the verifier is poisoned and repeats the status. MISUSE: after copse_proof_verifier_finish.
 */
COPSE_API COPSE_MUST_USE copse_status copse_proof_verifier_feed(copse_proof_verifier *verifier,
                                                                copse_bytes bytes, copse_err *err);

/** Says that the CAR has ended. OK: the rows handed out are the answer, all of it. CORRUPT: it ends
 * too early. Other statuses as copse_proof_verifier_feed. */
COPSE_API COPSE_MUST_USE copse_status copse_proof_verifier_finish(copse_proof_verifier *verifier,
                                                                  copse_err *err);

/** Verifies a proof that lies in memory: the calls above in one. */
COPSE_API COPSE_MUST_USE copse_status copse_proof_verify(const copse_env *env,
                                                         const copse_cid *root,
                                                         const copse_proof_query *query,
                                                         copse_bytes proof, copse_proof_row_fn row,
                                                         void *row_ctx, copse_err *err);

COPSE_EXTERN_C_END

#endif
