/* Finding a section through the index of a CARv2, without loading it. The layout is that of
 * car_index_build.c; docs/formats/car.md describes all three forms that are read:
 *
 *     81 08 …   MultihashIndexSorted: tables by hash code and digest length
 *     80 08 …   IndexSorted: tables by digest length only
 *     other     an IndexSorted whose codec was left out, as in the specification's own fixture
 *
 * Opening reads the heads of the tables and skips from one to the next. Finding looks for the first
 * record whose digest is not below the wanted one:
 *
 * (X1) Every record before `low` has a lower digest, every record from `high` on has not.
 *
 * Each step reads one page of records between them. Where: digests are spread evenly, so the wanted
 * one is guessed by its first 64 bits between those of the records around it. From the fourth step
 * on every other one halves instead, so that an index made to mislead costs at most about twice the
 * steps of a binary search. A table that is not sorted gives wrong answers, but ends.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/car.h>

#include "base/alloc.h"
#include "base/compiler.h"
#include "base/err.h"
#include "base/loadstore.h"
#include "base/varint.h"
#include "value/car_header.h"

enum {
    CAR_INDEX_TABLES_MAX = 64,
    CAR_INDEX_PAGE_BYTES = 4096,
    CAR_INDEX_RECORD_SIZE_MAX = COPSE_CID_SIZE_BYTES_MAX + 8
};

typedef struct car_index_table {
    bool any_hash; /* IndexSorted doesn't say */
    uint64_t hash;
    size_t record_size;
    uint64_t offset; /* of the first record in the file */
    uint64_t count;
} car_index_table;

struct copse_car_index {
    const copse_env *env;
    copse_car_source file;
    uint64_t data_offset;
    uint64_t data_size;
    size_t count;
    car_index_table tables[CAR_INDEX_TABLES_MAX];
};

/* ---- Opening ---- */

/* Reads `len` bytes and moves *offset behind them. */
static copse_status car_index_read(const copse_car_index *index, uint64_t *offset, size_t len,
                                   uint8_t *ret_bytes, copse_err *err)
{
    if (*offset > index->file.size || len > index->file.size - *offset) {
        return COPSE_ERR(err, COPSE_CORRUPT, "the CAR is cut short: it has %llu bytes",
                         (unsigned long long)index->file.size);
    }
    copse_status status = index->file.read_at(index->file.ctx, *offset, len, ret_bytes, err);
    if (status == COPSE_OK) {
        *offset += len;
    }
    return status;
}

/* Reads an i32 that counts tables. */
static copse_status car_index_read_count(const copse_car_index *index, uint64_t *offset,
                                         uint32_t *ret_count, copse_err *err)
{
    uint8_t bytes[4];
    copse_status status = car_index_read(index, offset, sizeof bytes, bytes, err);
    if (status != COPSE_OK) {
        return status;
    }
    uint32_t count = copse_load_u32le(bytes);
    if (count > INT32_MAX) {
        return COPSE_ERR(err, COPSE_CORRUPT, "CAR index: a negative number of tables");
    }
    if (count > CAR_INDEX_TABLES_MAX) {
        return COPSE_ERR(err, COPSE_LIMIT, "CAR index: %u tables, the limit is %d", (unsigned)count,
                         CAR_INDEX_TABLES_MAX);
    }
    *ret_count = count;
    return COPSE_OK;
}

/* Reads a table's head and skips its records. Tables whose digests no CID of ours can have are
 * left out. */
static copse_status car_index_open_table(copse_car_index *index, uint64_t *offset,
                                         car_index_table table, copse_err *err)
{
    uint8_t head[12];
    copse_status status = car_index_read(index, offset, sizeof head, head, err);
    if (status != COPSE_OK) {
        return status;
    }
    uint32_t record_size = copse_load_u32le(head);
    uint64_t bytes = copse_load_u64le(head + 4);
    if (record_size < 8 || bytes % record_size != 0 || bytes > index->file.size - *offset) {
        return COPSE_ERR(
            err, COPSE_CORRUPT, "CAR index: byte %llu: a table of %llu bytes with records of %u",
            (unsigned long long)*offset, (unsigned long long)bytes, (unsigned)record_size);
    }
    if (index->count == CAR_INDEX_TABLES_MAX) {
        return COPSE_ERR(err, COPSE_LIMIT, "CAR index: more than %d tables", CAR_INDEX_TABLES_MAX);
    }
    if (record_size <= CAR_INDEX_RECORD_SIZE_MAX) {
        table.record_size = record_size;
        table.offset = *offset;
        table.count = bytes / record_size;
        index->tables[index->count++] = table;
    }
    *offset += bytes;
    return COPSE_OK;
}

/* The body of an IndexSorted: a count, then tables. */
static copse_status car_index_open_sorted(copse_car_index *index, uint64_t *offset,
                                          car_index_table table, copse_err *err)
{
    uint32_t count = 0;
    copse_status status = car_index_read_count(index, offset, &count, err);
    for (uint32_t i = 0; i < count && status == COPSE_OK; i++) {
        status = car_index_open_table(index, offset, table, err);
    }
    return status;
}

static copse_status car_index_open_multihash(copse_car_index *index, uint64_t *offset,
                                             copse_err *err)
{
    uint32_t count = 0;
    copse_status status = car_index_read_count(index, offset, &count, err);
    for (uint32_t i = 0; i < count && status == COPSE_OK; i++) {
        uint8_t hash[8];
        status = car_index_read(index, offset, sizeof hash, hash, err);
        if (status == COPSE_OK) {
            car_index_table table = {.hash = copse_load_u64le(hash)};
            status = car_index_open_sorted(index, offset, table, err);
        }
    }
    return status;
}

/* Reads the pragma and the header: where payload and index are. */
static copse_status car_index_open_header(copse_car_index *index, uint64_t *ret_offset,
                                          copse_err *err)
{
    uint8_t start[COPSE_CAR_START_SIZE_BYTES];
    copse_car_header header = {0};
    uint64_t offset = 0;
    copse_status status = car_index_read(index, &offset, COPSE_CAR_PRAGMA_SIZE_BYTES, start, err);
    if (status == COPSE_OK && !copse_car_is_pragma((copse_bytes){start, sizeof start})) {
        return COPSE_ERR(err, COPSE_NOT_FOUND, "not a CARv2: a CARv1 has no index");
    }
    if (status == COPSE_OK) {
        status = car_index_read(index, &offset, COPSE_CAR_V2_HEADER_SIZE_BYTES,
                                start + COPSE_CAR_PRAGMA_SIZE_BYTES, err);
    }
    if (status == COPSE_OK) {
        status = copse_car_v2_header_parse(start + COPSE_CAR_PRAGMA_SIZE_BYTES, &header, err);
    }
    if (status == COPSE_OK && header.index_offset == 0) {
        return COPSE_ERR(err, COPSE_NOT_FOUND, "this CARv2 has no index");
    }
    if (status == COPSE_OK) {
        index->data_offset = header.data_offset;
        index->data_size = header.data_size;
        *ret_offset = header.index_offset;
    }
    return status;
}

static copse_status car_index_open_tables(copse_car_index *index, uint64_t offset, copse_err *err)
{
    uint8_t codec[2];
    copse_status status = car_index_read(index, &offset, sizeof codec, codec, err);
    if (status != COPSE_OK) {
        return status;
    }
    if (codec[0] == 0x81 && codec[1] == 0x08) {
        return car_index_open_multihash(index, &offset, err);
    }
    if (!(codec[0] == 0x80 && codec[1] == 0x08)) {
        offset -= sizeof codec; /* no codec: the body of an IndexSorted */
    }
    return car_index_open_sorted(index, &offset, (car_index_table){.any_hash = true}, err);
}

copse_status copse_car_index_open(const copse_env *env, const copse_car_source *file,
                                  copse_car_index **ret_index, copse_err *err)
{
    copse_car_index *index = copse_alloc_zeroed(env, sizeof *index);
    if (index == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    index->env = env;
    index->file = *file;
    uint64_t offset = 0;
    copse_status status = car_index_open_header(index, &offset, err);
    if (status == COPSE_OK) {
        status = car_index_open_tables(index, offset, err);
    }
    if (status != COPSE_OK) {
        (void)copse_car_index_close(index);
        return status;
    }
    *ret_index = index;
    return COPSE_OK;
}

copse_car_index *copse_car_index_close(copse_car_index *index)
{
    if (index != NULL) {
        copse_free(index->env, index, sizeof *index);
    }
    return NULL;
}

/* ---- Finding ---- */

/* The search of one table. */
typedef struct car_index_search {
    const car_index_table *table;
    copse_bytes digest;
    uint64_t low; /* (X1) */
    uint64_t high;
    uint64_t low_key;  /* first 64 bits of a digest at or below that of record `low` */
    uint64_t high_key; /* of one at or above those below `high` */
    unsigned step;
    uint64_t page_first; /* the records in `page` */
    uint64_t page_count;
    uint8_t page[CAR_INDEX_PAGE_BYTES];
} car_index_search;

/* The first 64 bits of a digest, as a number. */
static uint64_t car_digest_key(const uint8_t *digest, size_t size)
{
    uint64_t key = 0;
    for (size_t i = 0; i < 8; i++) {
        key = key << 8 | (i < size ? digest[i] : 0u);
    }
    return key;
}

/* The record to look at next, in [low, high). */
static uint64_t car_index_search_guess(car_index_search *search)
{
    uint64_t span = search->high - search->low;
    uint64_t key = car_digest_key(search->digest.ptr, search->digest.len);
    search->step++;
    bool halve = search->step > 3 && search->step % 2 == 0;
    if (halve || search->high_key <= search->low_key || key < search->low_key ||
        key > search->high_key) {
        return search->low + span / 2;
    }
    copse_u128 part = (copse_u128)(key - search->low_key) * span;
    uint64_t guess = (uint64_t)(part / (search->high_key - search->low_key));
    return search->low + (guess < span ? guess : span - 1);
}

static const uint8_t *car_index_page_record(const car_index_search *search, uint64_t at)
{
    return search->page + (size_t)(at - search->page_first) * search->table->record_size;
}

/* The first record of the page whose digest is not below the wanted one. */
static uint64_t car_index_page_bound(const car_index_search *search)
{
    uint64_t low = search->page_first;
    uint64_t high = search->page_first + search->page_count;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        copse_bytes digest = {car_index_page_record(search, middle), search->digest.len};
        if (copse_bytes_compare(digest, search->digest) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* Reads a page of records from `first` on, all before `end`. */
static copse_status car_index_read_page(const copse_car_index *index, car_index_search *search,
                                        uint64_t first, uint64_t end, copse_err *err)
{
    size_t record_size = search->table->record_size;
    uint64_t count = sizeof search->page / record_size;
    count = count < end - first ? count : end - first;
    uint64_t offset = search->table->offset + first * record_size;
    search->page_count = 0;
    copse_status status =
        car_index_read(index, &offset, (size_t)count * record_size, search->page, err);
    if (status == COPSE_OK) {
        search->page_first = first;
        search->page_count = count;
    }
    return status;
}

/* Reads the page around the guess and narrows low and high. */
static copse_status car_index_search_step(const copse_car_index *index, car_index_search *search,
                                          copse_err *err)
{
    uint64_t half = sizeof search->page / search->table->record_size / 2;
    uint64_t guess = car_index_search_guess(search);
    uint64_t first = guess - search->low > half ? guess - half : search->low;
    copse_status status = car_index_read_page(index, search, first, search->high, err);
    if (status != COPSE_OK) {
        return status;
    }
    uint64_t bound = car_index_page_bound(search);
    if (bound < first + search->page_count) {
        search->high = bound;
        search->high_key = car_digest_key(car_index_page_record(search, bound), search->digest.len);
    }
    if (bound > first) {
        search->low = bound;
        search->low_key =
            car_digest_key(car_index_page_record(search, bound - 1), search->digest.len);
    }
    return COPSE_OK;
}

/* The offset in record `at`, most often in the page that was read last; *ret_matches says whether
 * the record is of the wanted digest. */
static copse_status car_index_read_record(const copse_car_index *index, car_index_search *search,
                                          uint64_t at, bool *ret_matches, uint64_t *ret_offset,
                                          copse_err *err)
{
    if (at < search->page_first || at - search->page_first >= search->page_count) {
        copse_status status = car_index_read_page(index, search, at, search->table->count, err);
        if (status != COPSE_OK) {
            return status;
        }
    }
    copse_bytes digest = {car_index_page_record(search, at), search->digest.len};
    *ret_matches = copse_bytes_equal(digest, search->digest);
    *ret_offset = copse_load_u64le(digest.ptr + digest.len);
    return COPSE_OK;
}

/* Finds the candidate in one table; *candidate is lowered by the number of matches passed over.
 * NOT_FOUND: it isn't here. */
static copse_status car_index_table_find(const copse_car_index *index, const car_index_table *table,
                                         copse_bytes digest, size_t *candidate,
                                         uint64_t *ret_offset, copse_err *err)
{
    car_index_search search;
    search.table = table;
    search.digest = digest;
    search.low = 0;
    search.high = table->count;
    search.low_key = 0;
    search.high_key = UINT64_MAX;
    search.step = 0;
    search.page_first = 0;
    search.page_count = 0;
    while (search.low < search.high) {
        copse_status status = car_index_search_step(index, &search, err);
        if (status != COPSE_OK) {
            return status;
        }
    }
    for (uint64_t at = search.low; at < table->count; at++) {
        bool matches = false;
        copse_status status = car_index_read_record(index, &search, at, &matches, ret_offset, err);
        if (status != COPSE_OK || (matches && *candidate == 0)) {
            return status;
        }
        if (!matches) {
            break;
        }
        --*candidate;
    }
    return COPSE_NOT_FOUND;
}

copse_status copse_car_index_find(const copse_car_index *index, const copse_cid *cid,
                                  size_t candidate, uint64_t *ret_offset, copse_err *err)
{
    if (cid->size == 0) {
        return COPSE_ERR(err, COPSE_MISUSE, "looking for no CID in a CAR index");
    }
    copse_cid_parts parts;
    uint64_t offset = 0;
    copse_status status = COPSE_NOT_FOUND;
    copse_cid_split(cid, &parts);
    for (size_t i = 0; i < index->count && status == COPSE_NOT_FOUND; i++) {
        const car_index_table *table = &index->tables[i];
        if (table->record_size == parts.digest.len + 8 &&
            (table->any_hash || table->hash == parts.hash)) {
            status = car_index_table_find(index, table, parts.digest, &candidate, &offset, err);
        }
    }
    if (status == COPSE_NOT_FOUND) {
        return COPSE_ERR(err, status, "the CAR's index has no such digest");
    }
    if (status == COPSE_OK && offset >= index->data_size) {
        return COPSE_ERR(err, COPSE_CORRUPT, "CAR index: offset %llu is outside the payload",
                         (unsigned long long)offset);
    }
    if (status == COPSE_OK) {
        *ret_offset = index->data_offset + offset;
    }
    return status;
}
