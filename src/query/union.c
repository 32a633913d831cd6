/* Many databases asked as one.
 *
 * Each source runs the same query by itself, without skip and projection, and with the limit of
 * both together. What they give is merged by a heap of the sources whose next document is known.
 *
 *   U1  A document is given once every source's next one is known: none of them comes before it.
 *       Without a sort, once those of the sources before it are known.
 *   U2  Whatever may be asked is asked before the union waits: so all wait at the same time.
 *   U3  Where a limit says how many are needed, a source reads about two times its share of them at
 *       first, then twice as many and so on: of one that has few of the first, few are read.
 *   U4  A source that fails or ends holds nothing of its database any more.
 *
 * Cost: log2 of the sources comparisons of sort keys a document.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/union.h>

#include "base/alloc.h"
#include "base/err.h"
#include "query/answer_request.h"
#include "query/result.h"

typedef enum union_stage {
    UNION_ASKING, /* its next document is not known */
    UNION_READY,  /* it is, and in the heap */
    UNION_OUT     /* ended, failed or left out */
} union_stage;

typedef struct union_member {
    copse_union_source source;
    copse_query *query;
    copse_database *database; /* NULL: not open */
    copse_result *result;     /* NULL: likewise */
    union_stage stage;
    bool is_waiting;
    copse_bytes document; /* READY: lent by the result, */
    copse_buf key;        /* and where it stands in the order; without a sort empty */
    copse_result_stats stats;
} union_member;

struct copse_union {
    const copse_env *env;
    copse_buf encoded;            /* what is asked: */
    copse_answer_request request; /* borrows from `encoded` */
    copse_query *query;           /* of the whole */
    union_member *members;
    size_t members_count;
    size_t members_capacity;
    size_t *heap; /* numbers of members, the first document on top; NULL: not begun */
    size_t heap_count;
    size_t asking;    /* members that are ASKING */
    size_t given;     /* the member whose document was given last; SIZE_MAX: none */
    uint64_t skip;    /* left */
    uint64_t limit;   /* left; UINT64_MAX: none */
    uint64_t counted; /* matches of members that are OUT */
    copse_buf answer; /* a projected document */
    copse_status failed;
    size_t failed_source;
};

/* ---- Life ------------------------------------------------------------------------------------ */

static copse_status union_init(copse_union *all, const copse_query_options *options, copse_err *err)
{
    copse_status status = copse_query_new(all->env, options, &all->query, err);
    if (status == COPSE_OK) {
        status = copse_answer_request_encode(options, NULL, NULL, 0, &all->encoded, err);
    }
    return status == COPSE_OK ? copse_answer_request_decode(all->env, copse_buf_view(&all->encoded),
                                                            &all->request, err)
                              : status;
}

copse_status copse_union_new(const copse_env *env, const copse_query_options *options,
                             copse_union **ret_union, copse_err *err)
{
    if (options->hint.len > 0) {
        return COPSE_ERR(err, COPSE_MISUSE, "an index is one database's: a union takes no hint");
    }
    copse_union *all = copse_alloc_zeroed(env, sizeof *all);
    if (all == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    all->env = env;
    all->given = SIZE_MAX;
    all->failed_source = SIZE_MAX;
    all->skip = options->skip;
    all->limit = options->limit > 0 ? options->limit : UINT64_MAX;
    copse_buf_init(&all->encoded, env, SIZE_MAX);
    copse_buf_init(&all->answer, env, SIZE_MAX);
    copse_status status = union_init(all, options, err);
    if (status != COPSE_OK) {
        copse_union_free(all);
        return status;
    }
    *ret_union = all;
    return COPSE_OK;
}

/* Lets go of its database (U4). */
static void union_close_member(union_member *member)
{
    member->result = copse_result_close(member->result);
    member->query = copse_query_free(member->query);
    member->database = NULL;
}

copse_union *copse_union_free(copse_union *all)
{
    if (all != NULL) {
        for (size_t i = 0; i < all->members_count; i++) {
            union_close_member(&all->members[i]);
            copse_buf_release(&all->members[i].key);
        }
        if (all->heap != NULL) {
            copse_free_array(all->env, all->heap, all->members_count, sizeof *all->heap);
        }
        copse_free_array(all->env, all->members, all->members_capacity, sizeof *all->members);
        copse_query_free(all->query);
        copse_answer_request_release(&all->request);
        copse_buf_release(&all->encoded);
        copse_buf_release(&all->answer);
        copse_free(all->env, all, sizeof *all);
    }
    return NULL;
}

/* The query that each source runs. */
static copse_status union_query_of_each(const copse_union *all, copse_query **ret_query,
                                        copse_err *err)
{
    copse_query_options each = all->request.query;
    if (each.limit > 0) {
        each.limit = each.limit > UINT64_MAX - each.skip ? 0 : each.limit + each.skip;
    }
    each.skip = 0;
    each.projection = (copse_bytes){NULL, 0};
    return copse_query_new(all->env, &each, ret_query, err);
}

copse_status copse_union_add(copse_union *all, const copse_union_source *source, copse_err *err)
{
    union_member member = {.source = *source};
    void *members = all->members;
    if (all->heap != NULL) {
        return COPSE_ERR(err, COPSE_MISUSE, "a source is added to a union that was asked");
    }
    if (all->members_count == COPSE_UNION_SOURCES_MAX) {
        return COPSE_ERR(err, COPSE_LIMIT, "a union has at most %d sources",
                         COPSE_UNION_SOURCES_MAX);
    }
    bool grown = copse_array_grow(all->env, &members, &all->members_capacity,
                                  all->members_count + 1, sizeof *all->members);
    all->members = members;
    if (!grown) {
        return COPSE_ERR_NOMEM(err);
    }
    copse_status status = union_query_of_each(all, &member.query, err);
    if (status == COPSE_OK) {
        copse_buf_init(&member.key, all->env, SIZE_MAX);
        all->members[all->members_count++] = member;
        all->asking++;
    }
    return status;
}

/* copse_union_source.open of a database that is open */
static copse_status union_open_given(void *ctx, copse_database **ret_database, copse_err *err)
{
    (void)err;
    *ret_database = ctx;
    return COPSE_OK;
}

copse_status copse_union_add_database(copse_union *all, copse_database *database, copse_err *err)
{
    const copse_union_source source = {.open = union_open_given, .ctx = database};
    return copse_union_add(all, &source, err);
}

/* ---- The heap -------------------------------------------------------------------------------- */

static bool union_comes_before(const copse_union *all, size_t a, size_t b)
{
    int order = copse_bytes_compare(copse_buf_view(&all->members[a].key),
                                    copse_buf_view(&all->members[b].key));
    return order != 0 ? order < 0 : a < b;
}

static void union_push(copse_union *all, size_t number)
{
    size_t at = all->heap_count++;
    while (at > 0 && union_comes_before(all, number, all->heap[(at - 1) / 2])) {
        all->heap[at] = all->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    all->heap[at] = number;
}

static size_t union_pop(copse_union *all)
{
    size_t first = all->heap[0];
    size_t moved = all->heap[--all->heap_count];
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child + 1 < all->heap_count &&
            union_comes_before(all, all->heap[child + 1], all->heap[child])) {
            child++;
        }
        if (child >= all->heap_count || !union_comes_before(all, all->heap[child], moved)) {
            break;
        }
        all->heap[at] = all->heap[child];
        at = child;
    }
    all->heap[at] = moved;
    return first;
}

/* ---- Sources --------------------------------------------------------------------------------- */

static void union_put_out(copse_union *all, union_member *member)
{
    all->asking -= member->stage == UNION_ASKING;
    member->stage = UNION_OUT;
    member->is_waiting = false;
    union_close_member(member);
}

static copse_status union_open(union_member *member, copse_err *err)
{
    return member->database == NULL
               ? member->source.open(member->source.ctx, &member->database, err)
               : COPSE_OK;
}

/* So many documents a source reads at first (U3); 0: as many as there may be. */
static size_t union_first_batch(const copse_union *all)
{
    const copse_query *query = all->query;
    uint64_t needed = query->limit > UINT64_MAX - query->skip ? 0 : query->limit + query->skip;
    uint64_t first = 2 * (needed / all->members_count + 1);
    return query->limit == 0 || needed == 0 || first >= needed ? 0
           : first < COPSE_RESULT_BATCH_MAX                    ? (size_t)first
                                                               : COPSE_RESULT_BATCH_MAX;
}

/* Finds the next document of a source and where it stands. */
static copse_status union_advance(const copse_union *all, union_member *member, copse_err *err)
{
    copse_status status = union_open(member, err);
    if (status == COPSE_OK && member->result == NULL) {
        const copse_result_options options = {.need = COPSE_NEED_DOCUMENTS,
                                              .recheck_entries = member->source.is_foreign,
                                              .first_batch = union_first_batch(all)};
        status =
            copse_result_open_with(member->query, member->database, &options, &member->result, err);
    }
    if (status == COPSE_OK) {
        status = copse_result_next(member->result, &member->document, err);
        member->stats = copse_result_get_stats(member->result);
    }
    copse_buf_truncate(&member->key, 0);
    return status == COPSE_OK && all->query->sort.count > 0
               ? copse_result_sort_key(member->result, member->document, &member->key, err)
               : status;
}

static copse_status union_count_member(copse_union *all, union_member *member, copse_err *err)
{
    uint64_t count = 0;
    copse_status status = union_open(member, err);
    if (status == COPSE_OK) {
        status =
            copse_query_count(member->query, member->database, &count, &member->stats, NULL, err);
    }
    if (status == COPSE_OK) {
        all->counted = count > UINT64_MAX - all->counted ? UINT64_MAX : all->counted + count;
        status = COPSE_END;
    }
    return status;
}

/* Asks one that is ASKING. OK also if it waits or ends now. */
static copse_status union_ask(copse_union *all, size_t number, bool counts, copse_err *err)
{
    union_member *member = &all->members[number];
    copse_status status =
        counts ? union_count_member(all, member, err) : union_advance(all, member, err);
    member->is_waiting = status == COPSE_WANT;
    if (status == COPSE_OK) {
        member->stage = UNION_READY;
        all->asking--;
        union_push(all, number);
    } else if (status != COPSE_WANT) {
        union_put_out(all, member);
    }
    if (status < 0) {
        all->failed_source = number;
        return status;
    }
    return COPSE_OK;
}

/* Asks whatever may be asked (U2). */
static copse_status union_ask_all(copse_union *all, bool counts, copse_err *err)
{
    copse_status status = COPSE_OK;
    if (all->asking == 1 && all->given != SIZE_MAX &&
        all->members[all->given].stage == UNION_ASKING) {
        return union_ask(all, all->given, counts, err);
    }
    for (size_t i = 0; i < all->members_count && all->asking > 0 && status == COPSE_OK; i++) {
        if (all->members[i].stage == UNION_ASKING) {
            status = union_ask(all, i, counts, err);
        }
    }
    return status;
}

/* ---- Asking ---------------------------------------------------------------------------------- */

static copse_status union_begin(copse_union *all, copse_err *err)
{
    all->failed_source = SIZE_MAX;
    if (all->failed != COPSE_OK) {
        return COPSE_ERR(err, all->failed, "the union has failed before");
    }
    if (all->heap == NULL && all->members_count > 0) {
        all->heap = copse_alloc_array(all->env, all->members_count, sizeof *all->heap);
        all->failed = all->heap == NULL ? COPSE_NOMEM : COPSE_OK;
        if (all->heap == NULL) {
            return COPSE_ERR_NOMEM(err);
        }
    }
    return COPSE_OK;
}

/* U1 */
static bool union_may_give(const copse_union *all)
{
    if (all->heap_count == 0 || all->asking == 0) {
        return all->heap_count > 0;
    }
    bool may = all->query->sort.count == 0;
    for (size_t i = 0; i < all->heap[0] && may; i++) {
        may = all->members[i].stage != UNION_ASKING;
    }
    return may;
}

static copse_status union_project(copse_union *all, copse_bytes document, copse_bytes *ret_answer,
                                  copse_err *err)
{
    if (all->query->projection == NULL) {
        *ret_answer = document;
        return COPSE_OK;
    }
    copse_buf_truncate(&all->answer, 0);
    all->failed = copse_projection_apply(all->query->projection, document, all->query->filter,
                                         &all->answer, err);
    *ret_answer = copse_buf_view(&all->answer);
    return all->failed;
}

/* Finds the source of the next document of the answer. */
static copse_status union_next_source(copse_union *all, size_t *ret_source, copse_err *err)
{
    for (;;) {
        if (all->given != SIZE_MAX && all->members[all->given].stage == UNION_READY) {
            all->members[all->given].stage = UNION_ASKING;
            all->asking++;
        }
        copse_status status = union_ask_all(all, false, err);
        if (status != COPSE_OK) {
            return status;
        }
        if (!union_may_give(all)) {
            return all->asking > 0 ? COPSE_WANT : COPSE_END;
        }
        all->given = union_pop(all);
        if (all->skip == 0) {
            *ret_source = all->given;
            return COPSE_OK;
        }
        all->skip--;
    }
}

copse_status copse_union_next(copse_union *all, copse_bytes *ret_document, size_t *ret_source,
                              copse_err *err)
{
    copse_bytes answer;
    size_t source;
    copse_status status = union_begin(all, err);
    if (status != COPSE_OK || all->limit == 0) {
        return status == COPSE_OK ? COPSE_END : status;
    }
    status = union_next_source(all, &source, err);
    if (status == COPSE_OK) {
        status = union_project(all, all->members[source].document, &answer, err);
    }
    if (status == COPSE_OK) {
        all->limit -= all->limit != UINT64_MAX;
        *ret_document = answer;
        *ret_source = source;
    }
    return status;
}

copse_status copse_union_count(copse_union *all, uint64_t *ret_count, copse_err *err)
{
    copse_status status = union_begin(all, err);
    if (status == COPSE_OK) {
        status = union_ask_all(all, true, err);
    }
    if (status != COPSE_OK || all->asking > 0) {
        return status == COPSE_OK ? COPSE_WANT : status;
    }
    uint64_t count = all->counted > all->skip ? all->counted - all->skip : 0;
    *ret_count = count < all->limit ? count : all->limit;
    return COPSE_OK;
}

/* ---- What is known --------------------------------------------------------------------------- */

size_t copse_union_failed(const copse_union *all)
{
    return all->failed_source;
}

bool copse_union_is_waiting(const copse_union *all, size_t source)
{
    return all->members[source].is_waiting;
}

void copse_union_leave_out(copse_union *all, size_t source)
{
    union_member *member = &all->members[source];
    if (member->stage == UNION_ASKING) {
        union_put_out(all, member);
    }
}

copse_result_stats copse_union_get_stats(const copse_union *all, size_t source)
{
    return all->members[source].stats;
}
