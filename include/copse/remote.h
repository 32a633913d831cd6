/* Remote databases: peers that have the blocks of a database, used as if it were here.
 *
 * Two ways of asking. Block by block, any operation that reads through a source runs here, and what
 * it wants is fetched, in batches, from all peers:
 *
 *     while ((status = copse_result_next(result, &document, &err)) == COPSE_WANT &&
 *            (status = copse_remote_fetch(remote, source, &err)) == COPSE_OK) {}
 *
 * Or a peer answers a query with its proof (answer.h), in one round trip; what it can't or won't
 * answer goes on block by block:
 *
 *     copse_remote_find_new(remote, &options, &find, &err);
 *     while ((status = copse_remote_find_next(find, &document, &err)) == COPSE_OK) use(document);
 *
 * Either way every block is verified, and nothing that a peer says is believed but, where an
 * address is a name (http://peer/blog), what its head is.
 *
 * Walks through history, where one block leads to the next, are fetched by many commits at once:
 * copse_remote_fetch_history.
 *
 * Calls wait, through the transport (sys/transport.h): the one that it is given decides how. Each
 * ends, whatever peers do: limits.fetch_silence_ms_max says when one that is silent has failed.
 *
 * A remote does one thing at a time: a call that asks peers ends the answer that another query is
 * in the middle of, which then goes on in another way.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_REMOTE_H
#define COPSE_REMOTE_H

#include <copse/ipns.h>
#include <copse/query.h>
#include <copse/sys/transport.h>

COPSE_EXTERN_C_BEGIN

/** The most peers of one remote. */
#define COPSE_REMOTE_PEERS_MAX 64

/** The most blocks that a query tells a peer that it has. */
#define COPSE_REMOTE_HAVE_MAX 256

/** Peers, and what is known of them. Belongs to one thread. */
typedef struct copse_remote copse_remote;

/** Where heads are remembered, for when nobody can be asked; as block_cache.h has it. An address is
 * that of the name: "http://127.0.0.1:4180/blog". */
typedef struct copse_remote_heads {
    /** NOT_FOUND: none was seen there. Other failures count as that, but for NOMEM. */
    copse_status (*get)(void *ctx, const char *address, copse_cid *ret_head, uint64_t *ret_seen_ms,
                        copse_err *err);
    copse_status (*set)(void *ctx, const char *address, const copse_cid *head, copse_err *err);
    void *ctx;
} copse_remote_heads;

/** Where the newest record of each name is remembered, so that no older one is believed. */
typedef struct copse_remote_records {
    /** Appends the record; `ret_seen_ms`: when it was remembered last. NOT_FOUND: none is. Other
     * failures count as that, but for NOMEM. */
    copse_status (*get)(void *ctx, const copse_public_key *name, copse_buf *ret_record,
                        uint64_t *ret_seen_ms, copse_err *err);
    /** Remembers a record. Where others share the memory, what they have remembered since `get` is
     * compared under a lock; CONFLICT: `record` is not newer (copse_ipns_compare) than that, which
     * stays, and is asked for again. Other failures are those of resolving. */
    copse_status (*set)(void *ctx, const copse_public_key *name, copse_bytes record,
                        copse_err *err);
    void *ctx;
} copse_remote_records;

typedef struct copse_remote_options {
    const char *const
        *peers;         /**< URLs that pages are put behind: "http://127.0.0.1:4180". Copied. */
    size_t peers_count; /**< 0: offline. */
    copse_transport *transport; /**< Must outlive the remote, and is used by it alone as
                                     long as it lives; NULL: offline. */
    /** Where fetched blocks go, and are looked for first; must outlive the remote. NULL: nowhere.
     */
    copse_store *store;
    /** `store` never lets a block go by itself (it is no cache): what is fetched is then left to it
     * instead of being pinned in the source. */
    bool store_keeps;
    const copse_remote_heads *heads;     /**< NULL: heads are not remembered. Copied. */
    const copse_remote_records *records; /**< NULL: records are not remembered. Copied. */
    /** Told as blocks come; NULL: nobody. It must not call the remote, but for its stats. */
    void (*progress)(void *ctx);
    void *progress_ctx;
} copse_remote_options;

/** What was fetched since the remote was made. Bytes are those on the wire (copse_transport_stats).
 */
typedef struct copse_remote_stats {
    uint64_t blocks;      /**< Of databases, fetched and verified; what came twice counts once. */
    uint64_t block_bytes; /**< Of these. */
    uint64_t answers;     /**< Queries that a peer answered, to the end or not. */
    uint64_t requests;
    uint64_t received_bytes;
    uint64_t sent_bytes;
    uint64_t round_trips; /**< Times that a request was sent while none was under way. */
    uint64_t refused;     /**< Answers and blocks that were wrong. */
    size_t peers;         /**< That gave something. */
    uint64_t had;         /**< Blocks of `store` that were read; each counts once (of the last
                               65,536). */
    bool is_stale;        /**< The head is one seen before, since nobody could be asked. */
    bool is_older; /**< The head that a peer named is older, by its generation, than the one seen
                        there before. */
    uint64_t head_seen_ms; /**< is_stale: when. */
} copse_remote_stats;

/** `env` must outlive it. MISUSE: a peer that is no URL, too many. NOMEM. */
COPSE_API COPSE_MUST_USE copse_status copse_remote_new(const copse_env *env,
                                                       const copse_remote_options *options,
                                                       copse_remote **ret_remote, copse_err *err);

/** Frees it; its queries must be gone. NULL is allowed. Returns NULL. */
COPSE_API copse_remote *copse_remote_free(copse_remote *remote);

COPSE_API copse_remote_stats copse_remote_get_stats(const copse_remote *remote);

/** The store to make a source over: that of the options, with its reads counted; read-only, and
 * never fetches. Belongs to the remote. */
COPSE_API copse_store *copse_remote_store(copse_remote *remote);

/** Fetches all that `source` wants, and supplies it. OK: at least what was most urgent is there
 * (the rest may lack). NOT_FOUND: all peers say that they don't have that block. IO: some can't be
 * asked. Both: copse_remote_missing says what and why, the message too. CORRUPT: no block can be
 * verified against what is most urgent. LIMIT: as copse_source_supply. NOMEM; the store's failures.
 * MISUSE: the source wants nothing. */
COPSE_API COPSE_MUST_USE copse_status copse_remote_fetch(copse_remote *remote, copse_source *source,
                                                         copse_err *err);

/** How history is fetched, over several calls. It is changed by them. */
typedef struct copse_remote_history {
    /** A commit that is here: what it comes from is left out, as far as peers can tell by the CIDs
     * of some of it. Where what is wanted turns out to be left out too, which is so where the past
     * of it is not here, size 0. Size 0: nothing is left out. */
    copse_cid ours;
    /** The most commits of the next call, if a peer gives as many; grows with each. 0: no other
     * limit than theirs and limits.answer_blocks_max. */
    uint64_t limit;
} copse_remote_history;

/** As copse_remote_fetch, where what `source` wants are commits: fetches what these come from too.
 * A peer that serves history gives that in one round trip; from others come the wanted alone. Each
 * is verified, and that it was asked for, or is the parent of one that came. So a walk through
 * history, made again after each call, takes a few of them:
 *
 *     copse_remote_history history = {.ours = ours};
 *     while ((status = copse_merge_base_find(search, &bases, &count, &err)) == COPSE_WANT &&
 *            (status = copse_remote_fetch_history(remote, source, &history, &err)) == COPSE_OK) {}
 *
 * OK: at least what was most urgent is there. Other statuses as copse_remote_fetch. */
COPSE_API COPSE_MUST_USE copse_status copse_remote_fetch_history(copse_remote *remote,
                                                                 copse_source *source,
                                                                 copse_remote_history *history,
                                                                 copse_err *err);

/** The blocks that the last fetch could not get; valid until the next one. NULL if there are none.
 */
COPSE_API const copse_cid *copse_remote_missing(const copse_remote *remote, size_t *ret_count);

/** What peer number `peer` said of missing block number `index`, or of the last query, head or
 * history (index SIZE_MAX): one line; "" if it was not asked. */
COPSE_API const char *copse_remote_reason(const copse_remote *remote, size_t index, size_t peer);

/** The URL of peer number `peer`; NULL: there is none. */
COPSE_API const char *copse_remote_peer(const copse_remote *remote, size_t peer);

/** Asks peer number 0 for the head of its database `name`. OK; also if it can't be asked and the
 * head was seen before (stats.is_stale). Where there is a store, the head's block and that of its
 * tree are fetched into it too, which takes no round trip more than opening them would; if the head
 * seen before is here, they are compared (stats.is_older). NOT_FOUND: it has no such database. IO:
 * it can't be asked. CORRUPT: it answers something else. MISUSE: there is no peer. NOMEM; what
 * options.heads returned. */
COPSE_API COPSE_MUST_USE copse_status copse_remote_head(copse_remote *remote, const char *name,
                                                        copse_cid *ret_head, copse_err *err);

/** What a name stands for. */
typedef struct copse_remote_name {
    copse_cid head;
    uint64_t sequence;
    uint64_t eol_ms;   /**< When the record ends. */
    size_t peer;       /**< That gave it; SIZE_MAX: it is one that was remembered, */
    uint64_t seen_ms;  /**< at this time, */
    bool is_ended;     /**< and its time is over: nobody could be asked. */
    uint64_t suspects; /**< The peers, one a bit, whose record was older than one that was seen
                            before, or another of the same sequence, or not valid:
                            copse_remote_reason says which. */
} copse_remote_name;

/** Asks all peers at once for the record of `name`, and takes the newest valid one that one of them
 * has or that is remembered; what is older than that is refused. The first valid one ends the
 * waiting soon (remote_name.c, M3). OK. NOT_FOUND: no peer has one. IO: none can be asked, and none
 * is remembered. CORRUPT: what they have is not valid, or the name stands for no database. DENIED:
 * it has ended. CONFLICT: it is older than the one remembered, which has ended. MISUSE: an env
 * without a clock. NOMEM; what options.records returned. */
COPSE_API COPSE_MUST_USE copse_status copse_remote_resolve(copse_remote *remote,
                                                           const copse_public_key *name,
                                                           copse_remote_name *ret_name,
                                                           copse_err *err);

/* ---- Queries that a peer answers ---- */

typedef struct copse_remote_find_options {
    const char *name;      /**< A database of peer number 0; NULL: `root` is asked for. Copied. */
    const copse_cid *root; /**< A tree or a commit; with a name: NULL, its head. */
    const copse_query_options *query; /**< Copied. */
    bool blocks_only;                 /**< Ask nobody for an answer. */
} copse_remote_find_options;

/** A query that is being answered. */
typedef struct copse_remote_find copse_remote_find;

/** Prepares; asks nobody yet. Statuses as copse_query_new. MISUSE: neither name nor root, or a name
 * and no peer. */
COPSE_API COPSE_MUST_USE copse_status
copse_remote_find_new(copse_remote *remote, const copse_remote_find_options *options,
                      copse_remote_find **ret_find, copse_err *err);

/** Frees it; NULL is allowed. Returns NULL. */
COPSE_API copse_remote_find *copse_remote_find_free(copse_remote_find *find);

/** Gives the next document, lent until the next call. Each that is given is proved, whatever
 * follows. END. Never WANT. NOT_FOUND, IO: as copse_remote_fetch or copse_remote_head, whose
 * message it is. Else as copse_result_open and copse_result_next. A failure ends it: it answers the
 * same status for ever. */
COPSE_API COPSE_MUST_USE copse_status copse_remote_find_next(copse_remote_find *find,
                                                             copse_bytes *ret_document,
                                                             copse_err *err);

/** How it is being answered, or was. */
typedef enum copse_remote_way {
    COPSE_REMOTE_NOT_YET,
    COPSE_REMOTE_LOCAL,  /**< By blocks that were here: nobody was asked, but for a head. */
    COPSE_REMOTE_ANSWER, /**< By a peer's answer. */
    COPSE_REMOTE_MIXED,  /**< By an answer as far as it went, then block by block. */
    COPSE_REMOTE_BLOCKS  /**< Block by block. */
} copse_remote_way;

COPSE_API copse_remote_way copse_remote_find_way(const copse_remote_find *find);

/** The root that is asked (commit or tree). Of size 0: not known yet. */
COPSE_API copse_cid copse_remote_find_root(const copse_remote_find *find);

/** Appends what copse_result_explain does. MISUSE: nothing was planned yet. LIMIT, NOMEM. */
COPSE_API COPSE_MUST_USE copse_status copse_remote_find_explain(const copse_remote_find *find,
                                                                copse_buf *buf, copse_err *err);

COPSE_API copse_result_stats copse_remote_find_stats(const copse_remote_find *find);

/* ---- Many remotes at the same time ---- */

/** One of several remotes that are asked together, and what came of it. */
typedef struct copse_remote_one {
    copse_remote *remote;        /**< Each only once. All with a transport have the same one. */
    copse_remote_find *find;     /**< copse_remote_find_all: the query; it says which remote. */
    copse_source *source;        /**< copse_remote_fetch_all: that wants something. */
    const char *name;            /**< copse_remote_head_all: of a database of its peer number 0. */
    copse_cid head;              /**< Likewise: with status OK, what it is. */
    const copse_public_key *key; /**< copse_remote_resolve_all: the name. */
    copse_remote_name resolved;  /**< Likewise: with status OK, what it stands for. */
    copse_status status;         /**< As copse_remote_fetch and so on return it, */
    copse_err err;               /**< and why. */
} copse_remote_one;

/** copse_remote_fetch of all at the same time: takes as long as the slowest. OK: each has its
 * status. Else nothing can be said of those that had not ended, which have that status too: IO, the
 * transport's. NOMEM. */
COPSE_API COPSE_MUST_USE copse_status copse_remote_fetch_all(copse_remote_one *ones, size_t count,
                                                             copse_err *err);

/** copse_remote_head of all at the same time, but that CARs are asked one after the other. Statuses
 * as copse_remote_fetch_all. */
COPSE_API COPSE_MUST_USE copse_status copse_remote_head_all(copse_remote_one *ones, size_t count,
                                                            copse_err *err);

/** copse_remote_resolve of all at the same time. Statuses as copse_remote_fetch_all. */
COPSE_API COPSE_MUST_USE copse_status copse_remote_resolve_all(copse_remote_one *ones, size_t count,
                                                               copse_err *err);

/** Asks a peer of each for the answer, all at the same time: what it is made of is kept, and the
 * documents are not given, neither here nor by copse_remote_find_next; they are found in
 * copse_remote_find_database. Each `remote` is set. With status OK `head` is the root, and `source`
 * reads what came, through which the database does too, as long as the find is there: for
 * copse_remote_fetch_all, of what did not come. Other statuses as copse_remote_head. */
COPSE_API COPSE_MUST_USE copse_status copse_remote_find_all(copse_remote_one *ones, size_t count,
                                                            copse_err *err);

/** The database that a find of copse_remote_find_all is of; it belongs to the find. WANT: the
 * source of the find says what. Else as copse_tree_open and copse_database_open. MISUSE: the root
 * is not known. */
COPSE_API COPSE_MUST_USE copse_status copse_remote_find_database(copse_remote_find *find,
                                                                 copse_database **ret_database,
                                                                 copse_err *err);

COPSE_EXTERN_C_END

#endif
