/* Unions: many databases asked as one.
 *
 *     copse_union_new(env, &options, &all, &err);
 *     for each: copse_union_add_database(all, database, &err);
 *     while ((status = copse_union_next(all, &document, &source, &err)) == COPSE_OK) use(document);
 *     if (status == COPSE_WANT) for each that is waiting (copse_union_is_waiting): fetch, supply;
 *         then call copse_union_next again
 *
 * The documents of all come in the order of the sort fields, then of the primary key in the
 * direction of the last field, then of the sources. Without a sort the sources come one after the
 * other. Skip and limit are of the whole. Which indexes a source has is of no account: each is
 * planned for itself. A source is read as far as the answer needs, in steps that begin small.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_UNION_H
#define COPSE_UNION_H

#include <copse/query.h>

COPSE_EXTERN_C_BEGIN

/** The most sources of a union. */
#define COPSE_UNION_SOURCES_MAX 1024

/** A query of many databases. Belongs to one thread. */
typedef struct copse_union copse_union;

/** A database that is yet to be opened. */
typedef struct copse_union_source {
    /** Opens it: it stays open until the union is freed, or has left the source out. WANT: what is
     * needed for that is not here; called again. A failure leaves the source out. */
    copse_status (*open)(void *ctx, copse_database **ret_database, copse_err *err);
    void *ctx;
    bool is_foreign; /**< Somebody else has made it: that its documents have the entries which led
                          to them is checked. */
} copse_union_source;

/** Compiles what is asked. Statuses as copse_query_new. MISUSE: a hint, since indexes are a
 * database's own. */
COPSE_API COPSE_MUST_USE copse_status copse_union_new(const copse_env *env,
                                                      const copse_query_options *options,
                                                      copse_union **ret_union, copse_err *err);

/** Frees it, before its databases are closed. NULL is allowed. Returns NULL. */
COPSE_API copse_union *copse_union_free(copse_union *all);

/** Adds a source; it opens when it is asked first. Its number is that of those added before it.
 * LIMIT: COPSE_UNION_SOURCES_MAX. MISUSE: the union was asked already. NOMEM. */
COPSE_API COPSE_MUST_USE copse_status copse_union_add(copse_union *all,
                                                      const copse_union_source *source,
                                                      copse_err *err);

/** As copse_union_add, of a database that is open. */
COPSE_API COPSE_MUST_USE copse_status copse_union_add_database(copse_union *all,
                                                               copse_database *database,
                                                               copse_err *err);

/** Gives the next document, lent until the next call, and the number of its source. END. WANT:
 * sources are waiting for blocks; all that may be asked now were. Where several read through one
 * copse_source, only what the last one wants is known, unless the call stands between
 * copse_source_begin_several and copse_source_end_several.
 *
 * A failure of a source (statuses as copse_result_open and copse_result_next, or what its opening
 * failed with) is returned once, and copse_union_failed says whose it is; it is left out from then
 * on, and calling again goes on without it. What fails otherwise, MISUSE of the projection, LIMIT
 * or NOMEM, ends the union: it is repeated. */
COPSE_API COPSE_MUST_USE copse_status copse_union_next(copse_union *all, copse_bytes *ret_document,
                                                       size_t *ret_source, copse_err *err);

/** Adds up the matches of all sources, after skip and limit. Statuses as copse_union_next without
 * END. A union that is counted gives no documents. */
COPSE_API COPSE_MUST_USE copse_status copse_union_count(copse_union *all, uint64_t *ret_count,
                                                        copse_err *err);

/** The source whose failure the last call returned; SIZE_MAX: it was none's. */
COPSE_API size_t copse_union_failed(const copse_union *all);

/** Whether the source waits for blocks: its last call returned WANT. */
COPSE_API bool copse_union_is_waiting(const copse_union *all, size_t source);

/** Leaves a source out from now on: what it waits for can't be had. */
COPSE_API void copse_union_leave_out(copse_union *all, size_t source);

/** What was done in a source. */
COPSE_API copse_result_stats copse_union_get_stats(const copse_union *all, size_t source);

COPSE_EXTERN_C_END

#endif
