/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "query/spill.h"

#include "base/err.h"
#include "base/loadstore.h"

#include <copse/dag_cbor.h>

enum {
    SPILL_KEY_CUT = 960,
    SPILL_KEY_TAIL = 12, /* ordinal and part */
    SPILL_HEADER = 8,
    SPILL_PART_SHARE = 8,
    SPILL_PART_BYTES_MAX = 1 << 18
};

copse_status copse_spill_init(copse_spill *spill, const copse_env *env, const copse_run_store *runs,
                              size_t memory_bytes_max, copse_err *err)
{
    copse_sorter *sorter = NULL;
    copse_status status = copse_sorter_new(env, memory_bytes_max, runs, &sorter, err);
    if (status != COPSE_OK) {
        return status;
    }
    *spill = (copse_spill){.env = env,
                           .has_runs = runs != NULL,
                           .memory_bytes_max = memory_bytes_max,
                           .sorter = sorter};
    copse_buf_init(&spill->key, env, SIZE_MAX);
    copse_buf_init(&spill->entry, env, SIZE_MAX);
    copse_buf_init(&spill->row, env, SIZE_MAX);
    copse_buf_init(&spill->cut, env, SIZE_MAX);
    copse_buf_init(&spill->next_key, env, SIZE_MAX);
    copse_buf_init(&spill->next_row, env, SIZE_MAX);
    return COPSE_OK;
}

void copse_spill_release(copse_spill *spill)
{
    (void)copse_sorter_free(spill->sorter);
    copse_ranking_release(&spill->ties);
    copse_buf_release(&spill->key);
    copse_buf_release(&spill->entry);
    copse_buf_release(&spill->row);
    copse_buf_release(&spill->cut);
    copse_buf_release(&spill->next_key);
    copse_buf_release(&spill->next_row);
    *spill = (copse_spill){.env = NULL};
}

uint64_t copse_spill_bytes(const copse_spill *spill)
{
    return spill->sorter != NULL ? copse_sorter_get_progress(spill->sorter).bytes_spilled : 0;
}

static copse_status spill_wrote(copse_status status, copse_err *err)
{
    return status == COPSE_OK ? status : COPSE_ERR(err, status, "no memory for a row");
}

/* ---- Adding ---------------------------------------------------------------------------------- */

/* Writes the key of an entry (S2). */
static copse_status spill_write_key(copse_spill *spill, copse_bytes key)
{
    uint8_t tail[SPILL_KEY_TAIL] = {0};
    key.len = key.len > SPILL_KEY_CUT ? SPILL_KEY_CUT : key.len;
    copse_store_u64be(tail, spill->rows);
    copse_buf_truncate(&spill->key, 0);
    copse_status status = copse_buf_append(&spill->key, key);
    return status == COPSE_OK ? copse_buf_append(&spill->key, (copse_bytes){tail, sizeof tail})
                              : status;
}

/* Writes header, whole key if it is cut, and row. */
static copse_status spill_write_row(copse_spill *spill, copse_bytes key, copse_bytes row,
                                    size_t part_size)
{
    uint8_t header[SPILL_HEADER];
    size_t kept = key.len > SPILL_KEY_CUT ? key.len : 0;
    size_t parts = (SPILL_HEADER + kept + row.len + part_size - 1) / part_size;
    if (kept > UINT32_MAX || parts > UINT32_MAX) {
        return COPSE_LIMIT;
    }
    copse_store_u32be(header, (uint32_t)parts);
    copse_store_u32be(header + 4, (uint32_t)kept);
    copse_buf_truncate(&spill->row, 0);
    copse_status status = copse_buf_append(&spill->row, (copse_bytes){header, sizeof header});
    if (status == COPSE_OK) {
        status = copse_buf_append(&spill->row, (copse_bytes){key.ptr, kept});
    }
    return status == COPSE_OK ? copse_buf_append(&spill->row, row) : status;
}

static copse_status spill_add_part(copse_spill *spill, uint32_t part, copse_bytes bytes,
                                   copse_err *err)
{
    copse_store_u32be(spill->key.ptr + spill->key.len - 4, part);
    copse_buf_truncate(&spill->entry, 0);
    copse_status status = spill_wrote(copse_cbor_write_bytes(&spill->entry, bytes), err);
    if (status != COPSE_OK) {
        return status;
    }
    status = copse_sorter_add(spill->sorter, copse_buf_view(&spill->key),
                              copse_buf_view(&spill->entry), err);
    return status == COPSE_LIMIT && !spill->has_runs
               ? COPSE_ERR(err, COPSE_LIMIT,
                           "it takes more than its %zu bytes of memory, and has nowhere to spill "
                           "to (copse_pipeline_options.runs; --memory)",
                           spill->memory_bytes_max)
               : status;
}

copse_status copse_spill_add(copse_spill *spill, copse_bytes key, copse_bytes row, copse_err *err)
{
    size_t part_size = spill->memory_bytes_max / SPILL_PART_SHARE;
    part_size = part_size < SPILL_PART_BYTES_MAX ? part_size : SPILL_PART_BYTES_MAX;
    copse_status status = spill_write_key(spill, key);
    if (status == COPSE_OK) {
        status = spill_write_row(spill, key, row, part_size);
    }
    status = spill_wrote(status, err);
    for (size_t at = 0; status == COPSE_OK && at < spill->row.len; at += part_size) {
        size_t left = spill->row.len - at;
        status = spill_add_part(
            spill, (uint32_t)(at / part_size),
            (copse_bytes){spill->row.ptr + at, left < part_size ? left : part_size}, err);
    }
    spill->rows++;
    return status;
}

/* ---- Giving ---------------------------------------------------------------------------------- */

/* A row as it came from the sorter. */
typedef struct spill_row {
    copse_bytes key; /* cut, or whole */
    bool is_cut;
    copse_bytes whole; /* what follows the header: the whole key if it was cut, then the row */
    size_t key_size;   /* of the whole key, if it was cut; else 0 */
} spill_row;

static copse_status spill_entry(copse_spill *spill, copse_bytes *ret_key, copse_bytes *ret_bytes,
                                copse_err *err)
{
    copse_bytes value;
    copse_cbor_reader reader;
    copse_cbor_item item;
    copse_status status = copse_sorter_next(spill->sorter, ret_key, &value, err);
    if (status != COPSE_OK) {
        return status;
    }
    copse_cbor_reader_init(&reader, value);
    if (copse_cbor_next(&reader, &item, NULL) != COPSE_OK || item.kind != COPSE_CBOR_BYTES ||
        ret_key->len < SPILL_KEY_TAIL) {
        return COPSE_ERR(err, COPSE_CORRUPT, "a run came back damaged");
    }
    *ret_bytes = item.bytes;
    return COPSE_OK;
}

/* Appends the other parts of the row whose first is in spill->row. */
static copse_status spill_read_parts(copse_spill *spill, uint32_t parts, copse_err *err)
{
    copse_status status = COPSE_OK;
    for (uint32_t i = 1; status == COPSE_OK && i < parts; i++) {
        copse_bytes key;
        copse_bytes bytes;
        status = spill_entry(spill, &key, &bytes, err);
        if (status == COPSE_END ||
            (status == COPSE_OK && copse_load_u32be(key.ptr + key.len - 4) != i)) {
            return COPSE_ERR(err, COPSE_CORRUPT, "a run lacks a part of a row");
        }
        if (status == COPSE_OK) {
            status = spill_wrote(copse_buf_append(&spill->row, bytes), err);
        }
    }
    return status;
}

/* The next row of the sorter; its bytes live until the next call. */
static copse_status spill_read(copse_spill *spill, spill_row *ret_row, copse_err *err)
{
    copse_bytes key;
    copse_bytes bytes;
    copse_status status = spill_entry(spill, &key, &bytes, err);
    if (status != COPSE_OK) {
        return status;
    }
    if (bytes.len < SPILL_HEADER) {
        return COPSE_ERR(err, COPSE_CORRUPT, "a run came back damaged");
    }
    uint32_t parts = copse_load_u32be(bytes.ptr);
    key.len -= SPILL_KEY_TAIL;
    if (parts > 1) {
        copse_buf_truncate(&spill->row, 0);
        copse_buf_truncate(&spill->key, 0);
        status = copse_buf_append(&spill->row, bytes);
        if (status == COPSE_OK) {
            status = copse_buf_append(&spill->key, key);
        }
        status = spill_wrote(status, err);
        if (status == COPSE_OK) {
            status = spill_read_parts(spill, parts, err);
        }
        if (status != COPSE_OK) {
            return status;
        }
        bytes = copse_buf_view(&spill->row);
        key = copse_buf_view(&spill->key);
    }
    size_t key_size = copse_load_u32be(bytes.ptr + 4);
    if (key_size > bytes.len - SPILL_HEADER) {
        return COPSE_ERR(err, COPSE_CORRUPT, "a run came back damaged");
    }
    *ret_row = (spill_row){.key = key,
                           .is_cut = key_size > 0,
                           .whole = {bytes.ptr + SPILL_HEADER, bytes.len - SPILL_HEADER},
                           .key_size = key_size};
    return COPSE_OK;
}

/* Adds a row with a cut key to the ties: by its whole key, then in the order of their coming. */
static copse_status spill_add_tie(copse_spill *spill, const spill_row *row, copse_err *err)
{
    uint8_t ordinal[8];
    copse_store_u64be(ordinal, spill->ties.count);
    copse_buf_truncate(&spill->entry, 0);
    copse_status status =
        copse_buf_append(&spill->entry, (copse_bytes){row->whole.ptr, row->key_size});
    if (status == COPSE_OK) {
        status = copse_buf_append(&spill->entry, (copse_bytes){ordinal, sizeof ordinal});
    }
    if (status != COPSE_OK) {
        return spill_wrote(status, err);
    }
    return copse_ranking_add(
        &spill->ties, copse_buf_view(&spill->entry),
        (copse_bytes){row->whole.ptr + row->key_size, row->whole.len - row->key_size}, err);
}

/* Keeps the row that was read behind the ties. */
static copse_status spill_keep_next(copse_spill *spill, const spill_row *row, copse_err *err)
{
    copse_buf_truncate(&spill->next_key, 0);
    copse_buf_truncate(&spill->next_row, 0);
    copse_status status = copse_buf_append(&spill->next_key, row->key);
    if (status == COPSE_OK) {
        status = copse_buf_append(&spill->next_row, row->whole);
    }
    spill->has_next = status == COPSE_OK;
    spill->next_key_size = row->key_size;
    return spill_wrote(status, err);
}

/* Reads all rows that have the cut key of `row` (S3). */
static copse_status spill_read_ties(copse_spill *spill, const spill_row *first, copse_err *err)
{
    spill_row row = *first;
    copse_ranking_release(&spill->ties);
    copse_ranking_init(&spill->ties, spill->env, 0, spill->memory_bytes_max);
    copse_buf_truncate(&spill->cut, 0);
    copse_status status = spill_wrote(copse_buf_append(&spill->cut, row.key), err);
    while (status == COPSE_OK && row.is_cut &&
           copse_bytes_equal(row.key, copse_buf_view(&spill->cut))) {
        status = spill_add_tie(spill, &row, err);
        if (status == COPSE_OK) {
            status = spill_read(spill, &row, err);
        }
    }
    if (status == COPSE_OK) {
        status = spill_keep_next(spill, &row, err);
    }
    spill->gives_ties = true;
    return status == COPSE_OK || status == COPSE_END ? copse_ranking_finish(&spill->ties, err)
                                                     : status;
}

/* The row that was read last, or that was kept. */
static copse_status spill_next_row(copse_spill *spill, spill_row *ret_row, copse_err *err)
{
    if (!spill->has_next) {
        return spill_read(spill, ret_row, err);
    }
    copse_bytes whole = copse_buf_view(&spill->next_row);
    spill->has_next = false;
    *ret_row = (spill_row){.key = copse_buf_view(&spill->next_key),
                           .is_cut = spill->next_key_size > 0,
                           .whole = whole,
                           .key_size = spill->next_key_size};
    return COPSE_OK;
}

/* NOLINTNEXTLINE(misc-no-recursion): once, from memory to what was spilled */
copse_status copse_spill_next(copse_spill *spill, copse_bytes *ret_key, copse_bytes *ret_row,
                              copse_err *err)
{
    spill_row row = {.is_cut = false};
    copse_status status = COPSE_OK;
    if (!spill->gives_ties) {
        status = spill_next_row(spill, &row, err);
        if (status == COPSE_OK && row.is_cut) {
            status = spill_read_ties(spill, &row, err);
        } else if (status == COPSE_OK) {
            *ret_key = row.key;
            *ret_row = row.whole;
        }
    }
    if (status == COPSE_OK && spill->gives_ties) {
        status = copse_ranking_next(&spill->ties, ret_row);
        *ret_key = copse_buf_view(&spill->cut);
        if (status == COPSE_END) {
            spill->gives_ties = false;
            return copse_spill_next(spill, ret_key, ret_row, err);
        }
    }
    return status;
}
