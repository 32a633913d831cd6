/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "query/ranking.h"

#include "base/alloc.h"
#include "base/err.h"

#include <string.h>

struct copse_ranking_row {
    uint8_t *bytes; /* the key, then the document */
    size_t key_size;
    size_t document_size;
    size_t capacity; /* of its own allocation; 0: the arena's */
};

void copse_ranking_init(copse_ranking *ranking, const copse_env *env, uint64_t limit,
                        size_t size_bytes_max)
{
    *ranking = (copse_ranking){.env = env, .limit = limit, .size_bytes_max = size_bytes_max};
    copse_arena_init(&ranking->arena, env);
}

void copse_ranking_release(copse_ranking *ranking)
{
    if (ranking->env == NULL) {
        return;
    }
    for (size_t i = 0; ranking->limit > 0 && i < ranking->count; i++) {
        copse_free(ranking->env, ranking->rows[i].bytes, ranking->rows[i].capacity);
    }
    copse_free_array(ranking->env, ranking->sorted, ranking->count, sizeof *ranking->sorted);
    copse_free_array(ranking->env, ranking->rows, ranking->capacity, sizeof *ranking->rows);
    copse_arena_release(&ranking->arena);
    *ranking = (copse_ranking){.env = NULL};
}

static copse_bytes ranking_key(const copse_ranking_row *row)
{
    return (copse_bytes){row->bytes, row->key_size};
}

static bool ranking_is_full(const copse_ranking *ranking)
{
    return ranking->limit > 0 && ranking->count == ranking->limit;
}

bool copse_ranking_keeps(const copse_ranking *ranking, copse_bytes key)
{
    return !ranking_is_full(ranking) ||
           copse_bytes_compare(key, ranking_key(&ranking->rows[0])) < 0;
}

/* ---- The heap (K1) --------------------------------------------------------------------------- */

static void ranking_sift_up(copse_ranking_row *rows, size_t at)
{
    copse_ranking_row moved = rows[at];
    while (at > 0 &&
           copse_bytes_compare(ranking_key(&rows[(at - 1) / 2]), ranking_key(&moved)) < 0) {
        rows[at] = rows[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    rows[at] = moved;
}

static void ranking_sift_down(copse_ranking_row *rows, size_t count)
{
    copse_ranking_row moved = rows[0];
    size_t at = 0;
    for (size_t child = 1; child < count; child = 2 * at + 1) {
        child += child + 1 < count &&
                 copse_bytes_compare(ranking_key(&rows[child]), ranking_key(&rows[child + 1])) < 0;
        if (copse_bytes_compare(ranking_key(&rows[child]), ranking_key(&moved)) <= 0) {
            break;
        }
        rows[at] = rows[child];
        at = child;
    }
    rows[at] = moved;
}

/* ---- Adding ---------------------------------------------------------------------------------- */

static copse_status ranking_full(const copse_ranking *ranking, copse_err *err)
{
    return COPSE_ERR(err, COPSE_LIMIT,
                     "sorting more than %zu documents takes more than %zu bytes "
                     "(limits.query_memory_bytes_max)",
                     ranking->count, ranking->size_bytes_max);
}

/* Room for `size` bytes in `row`. */
static copse_status ranking_reserve(copse_ranking *ranking, copse_ranking_row *row, size_t size,
                                    copse_err *err)
{
    size_t more = size - (row->capacity < size ? row->capacity : size);
    if (more > ranking->size_bytes_max - ranking->size_bytes) {
        return ranking_full(ranking, err);
    }
    if (row->bytes != NULL && row->capacity >= size) {
        return COPSE_OK;
    }
    uint8_t *bytes = ranking->limit == 0
                         ? copse_arena_alloc(&ranking->arena, size)
                         : copse_realloc(ranking->env, row->bytes, row->capacity, size);
    if (bytes == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    row->bytes = bytes;
    row->capacity = size;
    ranking->size_bytes += more;
    return COPSE_OK;
}

static copse_status ranking_reserve_row(copse_ranking *ranking, copse_err *err)
{
    void *rows = ranking->rows;
    size_t before = ranking->capacity;
    if (!copse_array_grow(ranking->env, &rows, &ranking->capacity, ranking->count + 1,
                          sizeof *ranking->rows)) {
        return COPSE_ERR_NOMEM(err);
    }
    ranking->rows = rows;
    size_t more = (ranking->capacity - before) * (sizeof *ranking->rows + sizeof *ranking->sorted);
    if (more > ranking->size_bytes_max - ranking->size_bytes) {
        return ranking_full(ranking, err);
    }
    ranking->size_bytes += more;
    return COPSE_OK;
}

static void ranking_fill(copse_ranking_row *row, copse_bytes key, copse_bytes document)
{
    memcpy(row->bytes, key.ptr, key.len);
    memcpy(row->bytes + key.len, document.ptr, document.len);
    row->key_size = key.len;
    row->document_size = document.len;
}

copse_status copse_ranking_add(copse_ranking *ranking, copse_bytes key, copse_bytes document,
                               copse_err *err)
{
    size_t size = key.len + document.len;
    if (ranking_is_full(ranking)) {
        copse_status status = ranking_reserve(ranking, &ranking->rows[0], size, err);
        if (status == COPSE_OK) {
            ranking_fill(&ranking->rows[0], key, document);
            ranking_sift_down(ranking->rows, ranking->count);
        }
        return status;
    }
    copse_ranking_row row = {.bytes = NULL};
    copse_status status = ranking_reserve_row(ranking, err);
    if (status == COPSE_OK) {
        status = ranking_reserve(ranking, &row, size, err);
    }
    if (status == COPSE_OK) {
        ranking_fill(&row, key, document);
        ranking->rows[ranking->count++] = row;
        if (ranking->limit > 0) {
            ranking_sift_up(ranking->rows, ranking->count - 1);
        }
    }
    return status;
}

/* ---- Giving ---------------------------------------------------------------------------------- */

static copse_bytes ranking_key_of(const void *ctx, uint64_t ref)
{
    const copse_ranking *ranking = ctx;
    return ranking_key(&ranking->rows[ref]);
}

copse_status copse_ranking_finish(copse_ranking *ranking, copse_err *err)
{
    ranking->sorted = copse_alloc_array(ranking->env, ranking->count, sizeof *ranking->sorted);
    if (ranking->sorted == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    for (size_t i = 0; i < ranking->count; i++) {
        ranking->sorted[i].ref = i;
    }
    copse_prefix_sort(ranking->sorted, ranking->count, ranking_key_of, ranking);
    return COPSE_OK;
}

copse_status copse_ranking_next(copse_ranking *ranking, copse_bytes *ret_document)
{
    if (ranking->given == ranking->count) {
        return COPSE_END;
    }
    const copse_ranking_row *row = &ranking->rows[ranking->sorted[ranking->given++].ref];
    *ret_document = (copse_bytes){row->bytes + row->key_size, row->document_size};
    return COPSE_OK;
}

copse_bytes copse_ranking_key(const copse_ranking *ranking)
{
    return ranking_key(&ranking->rows[ranking->sorted[ranking->given - 1].ref]);
}
