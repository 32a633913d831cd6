/* Documents that clash in indexes: who of them may be in the collection.
 *
 * The first apply has all documents in their collections, those too that wait on either side, and
 * notes each value that several of them have, with all who have it. So the clashes of the merged
 * database are known in full: documents that ours leaves as they are hold a value each, and are
 * among those noted.
 *
 *   U1  Those that clash are taken by when they were written, then by primary key. Whoever has
 *       a value that one before him has got waits; else he gets all of his. Values that nobody
 *       else has don't matter.
 *   U2  So who waits depends on the documents alone, waiting ones among them, and not on where
 *       they were before, nor on which side is ours. Merging again changes nothing.
 *   U3  Whoever waits is named by the first index, by name, in which his value is another's.
 *   U4  A document that an index can't hold, as when one side made one of its fields an array
 *       and the other a second one, waits likewise: its value there counts as another's.
 *
 * It costs the look-up of the rows of each document that clashes, in all three databases.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "doc/database_merge.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/loadstore.h"
#include "tree/key_sort.h"
#include "tree/tree.h"

#include <string.h>

/* A document with all the values that it has in common with others. */
typedef struct merge_contender {
    size_t first; /* of the sorted holders */
    size_t count;
    const copse_merge_holder *beaten; /* by whose index it waits; NULL: it does not */
} merge_contender;

/* The settling of all clashes. */
typedef struct merge_contest {
    copse_database_merge *merge;
    copse_arena arena;
    copse_sort_item *holders; /* by document, then index; the tag is the holder's number */
    copse_sort_item *order;   /* of the contenders; the tag is the contender's number */
    merge_contender *contenders;
    size_t contenders_count;
    bool *is_taken; /* the values */
} merge_contest;

/* ---- Noting ---------------------------------------------------------------------------------- */

void copse_merge_clashes_clear(copse_merge_clashes *clashes)
{
    copse_arena_reset(&clashes->arena);
    clashes->count = 0;
    clashes->values_count = 0;
}

void copse_merge_clashes_release(copse_merge_clashes *clashes)
{
    copse_free_array(clashes->arena.env, clashes->holders, clashes->capacity,
                     sizeof *clashes->holders);
    copse_arena_release(&clashes->arena);
    *clashes = (copse_merge_clashes){.holders = NULL};
}

copse_status copse_merge_note_clash(void *ctx, const copse_write_clash *clash, copse_err *err)
{
    copse_database_merge *merge = ctx;
    copse_merge_clashes *clashes = &merge->clashes;
    void *holders = clashes->holders;
    bool grown = copse_array_grow(merge->env, &holders, &clashes->capacity, clashes->count + 1,
                                  sizeof *clashes->holders);
    clashes->holders = holders;
    if (!grown) {
        return COPSE_ERR_NOMEM(err);
    }
    copse_merge_holder *holder = &clashes->holders[clashes->count];
    *holder = (copse_merge_holder){copse_arena_dup(&clashes->arena, clash->collection),
                                   copse_arena_dup(&clashes->arena, clash->index),
                                   copse_arena_dup(&clashes->arena, clash->key), clash->value,
                                   clash->is_unfit};
    if (holder->collection.ptr == NULL || holder->index.ptr == NULL || holder->key.ptr == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    clashes->count++;
    clashes->values_count = clash->value + 1;
    return COPSE_OK;
}

/* ---- Contenders ------------------------------------------------------------------------------ */

/* A key of the contest's arena: parts, each but the last with a 00 behind it. */
static copse_status merge_contest_key(merge_contest *contest, const copse_bytes *parts,
                                      size_t count, copse_bytes *ret_key, copse_err *err)
{
    size_t size = count - 1;
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        size += parts[i].len;
    }
    uint8_t *key = copse_arena_alloc(&contest->arena, size);
    if (key == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    for (size_t i = 0; i < count; i++) {
        if (parts[i].len > 0) {
            memcpy(key + at, parts[i].ptr, parts[i].len);
        }
        at += parts[i].len;
        if (i + 1 < count) {
            key[at++] = 0;
        }
    }
    *ret_key = (copse_bytes){key, size};
    return COPSE_OK;
}

static const copse_merge_holder *merge_contest_holder(const merge_contest *contest, size_t at)
{
    return &contest->merge->clashes.holders[contest->holders[at].tag];
}

static bool merge_contest_same_document(const copse_merge_holder *a, const copse_merge_holder *b)
{
    return copse_bytes_equal(a->collection, b->collection) && copse_bytes_equal(a->key, b->key);
}

/* Sorts the holders, and makes contenders of them. */
static copse_status merge_contest_gather(merge_contest *contest, copse_err *err)
{
    const copse_merge_clashes *clashes = &contest->merge->clashes;
    copse_status status = COPSE_OK;
    for (size_t i = 0; i < clashes->count && status == COPSE_OK; i++) {
        const copse_merge_holder *holder = &clashes->holders[i];
        const copse_bytes parts[3] = {holder->collection, holder->key, holder->index};
        contest->holders[i].tag = i;
        status = merge_contest_key(contest, parts, 3, &contest->holders[i].key, err);
    }
    if (status == COPSE_OK) {
        status = copse_key_sort(contest->merge->env, contest->holders, clashes->count, err);
    }
    for (size_t i = 0; i < clashes->count && status == COPSE_OK; i++) {
        if (i == 0 || !merge_contest_same_document(merge_contest_holder(contest, i - 1),
                                                   merge_contest_holder(contest, i))) {
            contest->contenders[contest->contenders_count++] = (merge_contender){.first = i};
        }
        contest->contenders[contest->contenders_count - 1].count++;
    }
    return status;
}

/* Decides anew on the document of a contender. */
static copse_status merge_contest_decide(merge_contest *contest, const merge_contender *contender,
                                         copse_err *err)
{
    copse_database_merge *merge = contest->merge;
    const copse_merge_holder *holder = merge_contest_holder(contest, contender->first);
    if (!copse_bytes_equal(merge->name, holder->collection)) {
        copse_merge_enter_collection(merge, holder->collection);
    }
    copse_merge_begin_document(merge);
    merge->rows.key = holder->key;
    copse_status status = copse_merge_find_rows(merge, err);
    if (status == COPSE_OK) {
        status = copse_merge_read_id(merge, err);
    }
    return status == COPSE_OK ? copse_merge_decide(merge, err) : status;
}

/* Sorts the contenders by when they were written (U1). WANT: for all of them. */
static copse_status merge_contest_sort(merge_contest *contest, copse_err *err)
{
    copse_status missing = COPSE_OK;
    copse_source_begin(copse_merge_source(contest->merge));
    for (size_t i = 0; i < contest->contenders_count; i++) {
        const merge_contender *contender = &contest->contenders[i];
        const copse_version *written = &contest->merge->verdict.written;
        uint8_t time[12];
        copse_status status = merge_contest_decide(contest, contender, err);
        if (status == COPSE_OK) {
            copse_store_u64be(time, written->time_ms);
            copse_store_u32be(time + 8, written->time_counter);
            const copse_bytes parts[3] = {{time, sizeof time},
                                          written->author,
                                          merge_contest_holder(contest, contender->first)->key};
            contest->order[i].tag = i;
            status = merge_contest_key(contest, parts, 3, &contest->order[i].key, err);
        }
        if (status == COPSE_WANT) {
            missing = status;
        } else if (status != COPSE_OK) {
            return status;
        }
    }
    return missing == COPSE_OK
               ? copse_key_sort(contest->merge->env, contest->order, contest->contenders_count, err)
               : missing;
}

/* Gives out the values (U1). */
static void merge_contest_run(merge_contest *contest)
{
    const copse_merge_clashes *clashes = &contest->merge->clashes;
    for (size_t i = 0; i < clashes->count; i++) { /* U4 */
        const copse_merge_holder *holder = &clashes->holders[i];
        contest->is_taken[holder->value] = contest->is_taken[holder->value] || holder->is_unfit;
    }
    for (size_t i = 0; i < contest->contenders_count; i++) {
        merge_contender *contender = &contest->contenders[contest->order[i].tag];
        for (size_t k = 0; k < contender->count && contender->beaten == NULL; k++) { /* U3 */
            const copse_merge_holder *holder = merge_contest_holder(contest, contender->first + k);
            contender->beaten = contest->is_taken[holder->value] ? holder : NULL;
        }
        for (size_t k = 0; k < contender->count && contender->beaten == NULL; k++) {
            contest->is_taken[merge_contest_holder(contest, contender->first + k)->value] = true;
        }
    }
}

/* ---- Those that wait ------------------------------------------------------------------------- */

/* Takes back what was counted when the document was put into the collection, and counts it as
 * waiting, unless it did so in ours. */
static void merge_contest_count(copse_database_merge *merge)
{
    uint64_t *counter = copse_merge_counter(merge);
    if (counter != NULL) {
        (*counter)--;
    }
    merge->stats.waiting += counter != &merge->stats.returned;
}

/* Adds the operations that make a document wait: behind those that put it into the collection. */
static copse_status merge_contest_move_out(merge_contest *contest, const merge_contender *contender,
                                           copse_err *err)
{
    copse_database_merge *merge = contest->merge;
    copse_bytes document;
    copse_status status = merge_contest_decide(contest, contender, err);
    copse_document_conflict conflict = merge->verdict.conflict;
    conflict.waiting = (copse_conflict_waiting){.index = contender->beaten->index,
                                                .time_ms = merge->verdict.written.time_ms,
                                                .time_counter = merge->verdict.written.time_counter,
                                                .author = merge->verdict.written.author};
    if (status == COPSE_OK) {
        status = copse_merge_load_decided(merge, &document, err);
    }
    if (status == COPSE_OK) {
        status = copse_merge_hold_conflict(merge, &conflict, err);
    }
    if (status == COPSE_OK) {
        status = copse_merge_store_document(merge, document, &conflict.waiting.document, err);
    }
    if (status == COPSE_OK) {
        status = copse_write_delete(merge->write, merge->name, copse_buf_view(&merge->id), err);
    }
    if (status == COPSE_OK) {
        status = copse_merge_put_conflict(merge, &conflict, err);
    }
    if (status == COPSE_OK) {
        merge_contest_count(merge);
    }
    return status;
}

static copse_status merge_contest_settle(merge_contest *contest, copse_err *err)
{
    copse_status missing = merge_contest_gather(contest, err);
    if (missing == COPSE_OK) {
        missing = merge_contest_sort(contest, err);
    }
    if (missing != COPSE_OK) {
        return missing;
    }
    merge_contest_run(contest);
    copse_source_begin(copse_merge_source(contest->merge));
    for (size_t i = 0; i < contest->contenders_count; i++) {
        const merge_contender *contender = &contest->contenders[i];
        copse_status status =
            contender->beaten != NULL ? merge_contest_move_out(contest, contender, err) : COPSE_OK;
        if (status == COPSE_WANT) {
            missing = status;
        } else if (status != COPSE_OK) {
            return status;
        }
    }
    return missing;
}

copse_status copse_merge_settle_clashes(copse_database_merge *merge, copse_err *err)
{
    const copse_env *env = merge->env;
    const copse_merge_clashes *clashes = &merge->clashes;
    const copse_database_merge_stats stats = merge->stats;
    size_t operations = copse_write_count(merge->write);
    merge_contest contest = {
        .merge = merge,
        .holders = copse_alloc_array(env, clashes->count, sizeof *contest.holders),
        .order = copse_alloc_array(env, clashes->count, sizeof *contest.order),
        .contenders = copse_alloc_array(env, clashes->count, sizeof *contest.contenders),
        .is_taken = copse_alloc_zeroed(env, clashes->values_count * sizeof *contest.is_taken),
    };
    copse_arena_init(&contest.arena, env);
    bool has_memory = contest.holders != NULL && contest.order != NULL &&
                      contest.contenders != NULL && contest.is_taken != NULL;
    copse_status status = has_memory ? merge_contest_settle(&contest, err) : COPSE_ERR_NOMEM(err);
    if (status != COPSE_OK) {
        copse_write_rewind(merge->write, operations);
        merge->stats = stats;
    }
    copse_arena_release(&contest.arena);
    copse_free_array(env, contest.holders, clashes->count, sizeof *contest.holders);
    copse_free_array(env, contest.order, clashes->count, sizeof *contest.order);
    copse_free_array(env, contest.contenders, clashes->count, sizeof *contest.contenders);
    copse_free(env, contest.is_taken, clashes->values_count * sizeof *contest.is_taken);
    return status;
}
