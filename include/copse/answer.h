/* Answers: what a query finds, shown to somebody who knows a root CID and trusts nobody else.
 *
 * An answer is a CAR, version 1, whose one root is the CID that the asker knows: of a tree or of a
 * commit. Its first block says which query it answers by which plan; then come exactly the blocks
 * that running the plan touches, in the order in which it first needs them
 * (docs/formats/answer.md). Verifying is running the plan over those blocks alone: so each document
 * is in the database, and none of those in the plan's ranges was left out.
 *
 *     copse_answer_maker_new(database, &root, &query, NULL, sink, &maker, &err);
 *     while ((status = copse_answer_maker_next(maker, &err)) == COPSE_OK) {}        END: complete
 *
 *     copse_answer_verifier_new(env, &root, &query, NULL, &verifier, &err);
 *     while (status == COPSE_WANT && (size = receive(socket, chunk)) > 0) {
 *         status = copse_answer_verifier_feed(verifier, (copse_bytes){chunk, size}, &err);
 *         while (status == COPSE_OK &&
 *                (status = copse_answer_verifier_next(verifier, &document, &err)) == COPSE_OK) {
 *             use(document);
 *         }
 *     }
 *
 * Nothing here touches a file or a socket.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_ANSWER_H
#define COPSE_ANSWER_H

#include <copse/car.h>
#include <copse/query.h>

COPSE_EXTERN_C_BEGIN

/** The most CIDs of blocks that an asker may say it has. */
#define COPSE_ANSWER_HAVE_MAX 4096

/** What an answer consists of, as far as it was made or verified. */
typedef struct copse_answer_stats {
    uint64_t documents;
    uint64_t blocks;     /**< Sections of the CAR, with the one that holds the plan. */
    uint64_t had;        /**< Blocks that the asker had and that were left out. */
    uint64_t size_bytes; /**< Of the CAR. */
    bool claims; /**< An index was used: that it has an entry for each document, and in a covered
                      answer that entries and documents agree, is the claim of the root's author. */
} copse_answer_stats;

/* ---- Making ---- */

/** Zeroed: no limits, and all blocks are sent. The list is copied. */
typedef struct copse_answer_maker_options {
    /** What the answer's memory is taken from, the blocks that it holds too, and its limits; must
     * stay until the maker is freed. NULL: the env of the database. */
    const copse_env *env;
    const copse_cid *have; /**< Blocks that the asker has; they are left out. */
    size_t have_count;
    uint64_t blocks_max;     /**< Sections; 0: no limit. */
    uint64_t size_bytes_max; /**< Of the CAR; 0: no limit. */
    /** Asked before each document is looked at: true ends the answer with LIMIT. NULL: nobody. */
    bool (*stop)(void *ctx);
    void *stop_ctx;
} copse_answer_maker_options;

/** Makes one answer, a block at a time. Belongs to the database's thread. */
typedef struct copse_answer_maker copse_answer_maker;

/** Makes a maker; writes nothing yet. `root`: the CID of the database's tree, or of a commit of it;
 * NULL: that of the tree. The query is copied. `options` NULL: zeroed. The database and the sink
 * must stay until the maker is freed. Statuses as copse_query_new. LIMIT: also more than
 * COPSE_ANSWER_HAVE_MAX CIDs. */
COPSE_API COPSE_MUST_USE copse_status
copse_answer_maker_new(copse_database *database, const copse_cid *root,
                       const copse_query_options *query, const copse_answer_maker_options *options,
                       copse_car_sink sink, copse_answer_maker **ret_maker, copse_err *err);

/** Frees it; NULL is allowed. Returns NULL. An answer that is not complete is cut short. */
COPSE_API copse_answer_maker *copse_answer_maker_free(copse_answer_maker *maker);

/** Goes on by one block, and writes it unless the asker has it. OK: call again. END: the answer is
 * complete. WANT: the want list of the database's source holds what is missing; supply and call
 * again. LIMIT: the next block would pass a limit of the options, or
 * limits.pinned_size_bytes_max, or options.stop said so; what was written is whole sections, which
 * the asker can use; also those of copse_result_next. MISUSE: the hint's index can't answer the
 * query, or `root` is no commit of the database's tree. NOT_FOUND: no index of the hint's name.
 * CORRUPT, IO, NOMEM; the sink's failure. A failure ends the maker: it answers the same status for
 * ever. */
COPSE_API COPSE_MUST_USE copse_status copse_answer_maker_next(copse_answer_maker *maker,
                                                              copse_err *err);

COPSE_API copse_answer_stats copse_answer_maker_stats(const copse_answer_maker *maker);

/* ---- Verifying ---- */

/** Why an answer was refused. */
typedef enum copse_answer_fault {
    COPSE_ANSWER_SOUND,         /**< It was not. */
    COPSE_ANSWER_NO_CAR,        /**< No CAR, or not of version 1 with one root. */
    COPSE_ANSWER_OTHER_ROOT,    /**< Of another root. */
    COPSE_ANSWER_NO_ANSWER,     /**< Its first block is none that an answer begins with. */
    COPSE_ANSWER_OTHER_QUERY,   /**< To another query. */
    COPSE_ANSWER_WRONG_PLAN,    /**< The plan does not answer the query. */
    COPSE_ANSWER_OTHER_BLOCK,   /**< A block was removed, added or moved. */
    COPSE_ANSWER_DAMAGED_BLOCK, /**< A block does not hash to its CID. */
    COPSE_ANSWER_CUT_SHORT,     /**< It ends too early. */
    COPSE_ANSWER_LEFT_OVER,     /**< It goes on behind its end. */
    COPSE_ANSWER_BROKEN_ROOT /**< Its blocks are right, but what the root names is no sound database
                                  there: no other answer would help. */
} copse_answer_fault;

/** The fault in one or two words, as `other-root`. Static. */
COPSE_API const char *copse_answer_fault_name(copse_answer_fault fault);

/** Zeroed: all blocks come with the answer. The list is copied. */
typedef struct copse_answer_verifier_options {
    const copse_cid *have; /**< What the maker was told; in any order. */
    size_t have_count;
    copse_store *store; /**< Where those are; NULL if there are none. Must stay. */
    /** Receives each block of the database that came and was verified, for a cache; NULL: nobody.
     * Takes a reference of its own. A failure ends the verifier; END and WANT are MISUSE. */
    copse_status (*block)(void *ctx, copse_block *block, copse_err *err);
    void *block_ctx;
} copse_answer_verifier_options;

/** Verifies an answer while it arrives. Belongs to one thread. Holds the answer's blocks, at most
 * limits.pinned_size_bytes_max. */
typedef struct copse_answer_verifier copse_answer_verifier;

/** Makes a verifier of the answer to `query`, which is copied, from the tree or commit `root`.
 * `options` NULL: zeroed. Statuses as copse_query_new. MISUSE: also a root by whose hash Copse
 * can't verify, or blocks to have and no store. LIMIT: also more than COPSE_ANSWER_HAVE_MAX CIDs.
 */
COPSE_API COPSE_MUST_USE copse_status copse_answer_verifier_new(
    const copse_env *env, const copse_cid *root, const copse_query_options *query,
    const copse_answer_verifier_options *options, copse_answer_verifier **ret_verifier,
    copse_err *err);

/** Frees it; NULL is allowed. Returns NULL. */
COPSE_API copse_answer_verifier *copse_answer_verifier_free(copse_answer_verifier *verifier);

/** Gives the next bytes of the CAR, in pieces of any size. They are borrowed until
 * copse_answer_verifier_next returns WANT, END or a failure. MISUSE: earlier bytes are still
 * unread, or the end was announced; the verifier is unchanged. */
COPSE_API COPSE_MUST_USE copse_status copse_answer_verifier_feed(copse_answer_verifier *verifier,
                                                                 copse_bytes bytes, copse_err *err);

/** Says that no more bytes come. */
COPSE_API void copse_answer_verifier_feed_end(copse_answer_verifier *verifier);

/** Gives the next document, as copse_result_next would over the whole database; lent until the next
 * call on this verifier. It is right whatever follows; that there are no others is known at END.
 * WANT: feed more bytes. END: the answer is complete (only after copse_answer_verifier_feed_end).
 * CORRUPT: it is refused, at the first block that shows why: copse_answer_verifier_fault, and the
 * message for people. LIMIT: as copse_result_next, a block above limits.foreign_size_bytes_max,
 * blocks above limits.pinned_size_bytes_max. NOT_FOUND: the store lacks a block that was said to
 * be had. IO, NOMEM; what options.block returned. A failure ends the verifier: it answers the same
 * status for ever. */
COPSE_API COPSE_MUST_USE copse_status copse_answer_verifier_next(copse_answer_verifier *verifier,
                                                                 copse_bytes *ret_document,
                                                                 copse_err *err);

/** Why copse_answer_verifier_next returned CORRUPT. */
COPSE_API copse_answer_fault copse_answer_verifier_fault(const copse_answer_verifier *verifier);

COPSE_API copse_answer_stats copse_answer_verifier_stats(const copse_answer_verifier *verifier);

/** What running the plan did so far, as copse_result_get_stats; zeroed before the plan was
 * verified.
 */
COPSE_API copse_result_stats
copse_answer_verifier_result_stats(const copse_answer_verifier *verifier);

/** The plan that the answer follows, as copse_query_plan encodes it, once it was verified: at the
 * first document or END at the latest. Lent until the verifier is freed. Empty before. */
COPSE_API copse_bytes copse_answer_verifier_plan(const copse_answer_verifier *verifier);

/** As copse_result_explain. MISUSE: the plan was not verified yet. LIMIT, NOMEM. */
COPSE_API COPSE_MUST_USE copse_status copse_answer_verifier_explain(
    const copse_answer_verifier *verifier, copse_buf *buf, copse_err *err);

COPSE_EXTERN_C_END

#endif
