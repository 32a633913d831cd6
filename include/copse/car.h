/* CAR files: blocks under their CIDs, one after the other, in a stream or a file.
 *
 * Format: docs/formats/car.md, which says what is read, what is written, and where Copse deviates
 * from https://ipld.io/specs/transport/car/.
 *
 * Nothing here touches a file or a socket. The reader is fed with bytes as they arrive, in pieces
 * of any size, and never waits: when it needs more it returns COPSE_WANT and can be called again
 * after the next piece. So the same parser serves an HTTP response, a file read in chunks, and a
 * proof that lies in memory: a section that is whole within one piece is handed out as a view into
 * that piece, without a copy or an allocation. A section that straddles pieces is gathered in the
 * reader's own buffer, which never grows past the limit on a section, nor faster than bytes arrive.
 *
 *     while ((size = receive(socket, chunk)) > 0) {
 *         status = copse_car_reader_feed(reader, (copse_bytes){chunk, size}, &err);
 *         while (status == COPSE_OK &&
 *                (status = copse_car_reader_next(reader, &item, &err)) == COPSE_OK) {
 *             if (item.kind == COPSE_CAR_SECTION) {
 *                 use(&item.cid, item.data);
 *             }
 *         }
 *         if (status != COPSE_WANT) {
 *             break;
 *         }
 *     }
 *     copse_car_reader_feed_end(reader);
 *     status = copse_car_reader_next(reader, &item, &err); // COPSE_END, or CORRUPT: cut short
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_CAR_H
#define COPSE_CAR_H

#include <copse/bytes.h>
#include <copse/cid.h>
#include <copse/env.h>
#include <copse/status.h>

#include <stdbool.h>

COPSE_EXTERN_C_BEGIN

/** Bytes of a CARv2 before its payload, as Copse writes it: the pragma and the header. */
#define COPSE_CAR_START_SIZE_BYTES 51
/** Set in characteristics[0] if the index covers every section, identity CIDs too. */
#define COPSE_CAR_FULLY_INDEXED 0x80

/* ---- Reading ---- */

/** What the reader does with a section's hash. */
typedef enum copse_car_verify {
    COPSE_CAR_VERIFY_ALL,   /**< Every block. One whose hash Copse doesn't compute is MISUSE. */
    COPSE_CAR_VERIFY_KNOWN, /**< Those that can be; look at item.verified for the others. */
    COPSE_CAR_VERIFY_NONE   /**< None: the caller verifies (a store does, when a block enters). */
} copse_car_verify;

/** Zeroed, this is the strictest reader. */
typedef struct copse_car_reader_options {
    copse_car_verify verify;
    bool padding; /**< Skip sections of length zero; otherwise they are CORRUPT. */
    bool index;   /**< Hand out the bytes of a CARv2 index; otherwise they are skipped. */
} copse_car_reader_options;

/** What stands before the sections. */
typedef struct copse_car_header {
    uint64_t version;            /**< 1 or 2. */
    uint8_t characteristics[16]; /**< CARv2; else zero. */
    uint64_t data_offset;        /**< Where the CARv1 payload starts in the file; version 1: 0. */
    uint64_t data_size;          /**< Its size; version 1: 0, it ends with the file. */
    uint64_t index_offset;       /**< Where the index starts in the file; 0: there is none. */
    const copse_cid *roots;      /**< May be none; need not be among the sections. */
    size_t roots_count;
} copse_car_header;

/** What copse_car_reader_next hands out: first the header, then the sections in the file's order,
 * then (option `index`) the bytes of the index in pieces of any size. */
typedef enum copse_car_item_kind {
    COPSE_CAR_HEADER,
    COPSE_CAR_SECTION,
    COPSE_CAR_INDEX
} copse_car_item_kind;

/** An item. `data` and `header` are borrowed: see copse_car_reader_next. */
typedef struct copse_car_item {
    copse_car_item_kind kind;
    bool verified;    /**< Section: the data was found to hash to the CID. */
    uint64_t offset;  /**< Of the item's first byte in the file (section: of its length). An index
                           holds this number less header.data_offset. */
    uint64_t size;    /**< Bytes of the whole item in the file. */
    copse_cid cid;    /**< Section: the block's CID. */
    copse_bytes data; /**< Section: the block. Index: a piece of it. */
    const copse_car_header *header; /**< Never NULL. */
} copse_car_item;

/** Reads one CAR. Belongs to one thread. */
typedef struct copse_car_reader copse_car_reader;

/** Makes a reader that expects the first byte of a CAR. `options` NULL: all zero. NOMEM. */
COPSE_API COPSE_MUST_USE copse_status copse_car_reader_new(const copse_env *env,
                                                           const copse_car_reader_options *options,
                                                           copse_car_reader **ret_reader,
                                                           copse_err *err);

/** Frees it; NULL is allowed. Returns NULL. */
COPSE_API copse_car_reader *copse_car_reader_free(copse_car_reader *reader);

/** Gives the next bytes of the CAR. They are borrowed: they stay where they are, unchanged, until
 * copse_car_reader_next returns anything but OK and MISUSE. MISUSE: earlier bytes are still unread
 * (call copse_car_reader_next until WANT), or the end was announced; the reader is unchanged. */
COPSE_API COPSE_MUST_USE copse_status copse_car_reader_feed(copse_car_reader *reader,
                                                            copse_bytes bytes, copse_err *err);

/** Says that no more bytes come. */
COPSE_API void copse_car_reader_feed_end(copse_car_reader *reader);

/** Reads the next item. Its `data` is valid until the next call on the reader, and as long as the
 * bytes that were fed; its `header` as long as the reader.
 * OK; WANT: feed more bytes, nothing is lost; END: the CAR is complete (only after
 * copse_car_reader_feed_end).
 * MISUSE (VERIFY_ALL): the section's hash is none that Copse computes; the section is skipped, and
 * the next call goes on behind it.
 * CORRUPT: the bytes are no CAR, end inside an item, or a block doesn't hash to its CID; the
 * message names the byte offset. LIMIT: limits.car_header_bytes_max, limits.car_roots_max, or a
 * block above limits.foreign_size_bytes_max, found before memory is taken for it. NOMEM. After one
 * of these three the reader is poisoned: it answers the same status for ever. */
COPSE_API COPSE_MUST_USE copse_status copse_car_reader_next(copse_car_reader *reader,
                                                            copse_car_item *ret_item,
                                                            copse_err *err);

/** The header, or NULL as long as copse_car_reader_next hasn't handed it out. Valid as long as the
 * reader. */
COPSE_API const copse_car_header *copse_car_reader_header(const copse_car_reader *reader);

/* ---- Writing ---- */

/** Where a writer's bytes go, in order. `write` returns OK when it has taken all of them, or a
 * failure, which the writer passes on. The bytes are valid during the call only. */
typedef struct copse_car_sink {
    copse_status (*write)(void *ctx, copse_bytes bytes, copse_err *err);
    void *ctx;
} copse_car_sink;

/** How to write. A CARv2 begins with the size of its payload, which a stream learns last. A caller
 * who can seek leaves data_size 0 and at the end rewrites the first 51 bytes with those from
 * copse_car_writer_finish. One who can't (a pipe, an HTTP response) adds the sizes up beforehand
 * with copse_car_header_size and copse_car_section_size, and gives the sum. */
typedef struct copse_car_writer_options {
    uint64_t version;   /**< 1 or 2. */
    uint64_t data_size; /**< Version 2: size of header and sections if known, else 0. */
    bool without_index; /**< Version 2: write no index. */
    bool fully_indexed; /**< Version 2: no identity CID will be put, so that the index covers every
                             section, and the header can say so. */
} copse_car_writer_options;

/** Writes one CAR. Belongs to one thread. Memory: none that grows for version 1; for an index, 40
 * to 50 bytes a section (digest and offset), bounded by limits.sort_memory_bytes_max. */
typedef struct copse_car_writer copse_car_writer;

/** Makes a writer and writes the header. The roots are not kept.
 * MISUSE: no roots (for none give bafkqaaa, 01 55 00 00: readers in Go refuse an empty list), a
 * zeroed CID among them, another version. LIMIT: limits.car_roots_max or car_header_bytes_max.
 * NOMEM, or the sink's failure. On failure some bytes may have been written. */
COPSE_API COPSE_MUST_USE copse_status copse_car_writer_new(
    const copse_env *env, const copse_car_writer_options *options, copse_car_sink sink,
    const copse_cid *roots, size_t roots_count, copse_car_writer **ret_writer, copse_err *err);

/** Frees it; NULL is allowed. Returns NULL. A CAR that was not finished is cut short: whole
 * sections in version 1, unreadable in version 2. */
COPSE_API copse_car_writer *copse_car_writer_free(copse_car_writer *writer);

/** Appends a section. The data is not verified, and a CID may come twice.
 * MISUSE: a zeroed CID, an identity CID with options.fully_indexed, or the writer is finished or
 * poisoned. LIMIT: data above
 * limits.foreign_size_bytes_max, an index above limits.sort_memory_bytes_max, or sections beyond
 * options.data_size. NOMEM. After these the writer is unchanged. The sink's failure poisons it. */
COPSE_API COPSE_MUST_USE copse_status copse_car_writer_put(copse_car_writer *writer,
                                                           const copse_cid *cid, copse_bytes data,
                                                           copse_err *err);

/** Writes the index, if there is one, and ends the CAR. Version 2: `ret_start` receives the first
 * 51 bytes of the file as they must be; unless options.data_size was given, write them over those
 * at offset 0. NULL is allowed if they aren't needed.
 * MISUSE: already finished or poisoned, or options.data_size was not reached. The sink's failure
 * poisons the writer. */
COPSE_API COPSE_MUST_USE copse_status copse_car_writer_finish(
    copse_car_writer *writer, uint8_t ret_start[COPSE_CAR_START_SIZE_BYTES], copse_err *err);

/** Bytes that a header with these roots takes in the payload, its length included. */
COPSE_API uint64_t copse_car_header_size(const copse_cid *roots, size_t roots_count);

/** Bytes that a section takes in the payload, its length included. */
COPSE_API uint64_t copse_car_section_size(const copse_cid *cid, size_t data_size);

/* ---- Finding one section through the index of a CARv2 ---- */

/** A file that can be read at any place. `read_at` fills `len` bytes from `offset`, which never
 * passes `size`, and returns OK; any other status is passed on to the caller of the index. A driver
 * that has to fetch the range first returns COPSE_WANT: the call is repeated later, and asks for
 * the same ranges again. */
typedef struct copse_car_source {
    copse_status (*read_at)(void *ctx, uint64_t offset, size_t len, uint8_t *ret_bytes,
                            copse_err *err);
    void *ctx;
    uint64_t size;
} copse_car_source;

/** An open index: where its tables are, not their contents. Belongs to one thread. */
typedef struct copse_car_index copse_car_index;

/** Opens the index of the CARv2 in `file`, which is copied, and whose ctx must outlive the index.
 * Reads some 100 bytes. NOT_FOUND: a CARv1, or a CARv2 without an index. CORRUPT: not a CAR, or an
 * index that breaks its format. LIMIT: more than 64 tables in it. NOMEM, or read_at's answer. */
COPSE_API COPSE_MUST_USE copse_status copse_car_index_open(const copse_env *env,
                                                           const copse_car_source *file,
                                                           copse_car_index **ret_index,
                                                           copse_err *err);

/** Closes it; NULL is allowed. Returns NULL. */
COPSE_API copse_car_index *copse_car_index_close(copse_car_index *index);

/** Where in the file a section may be whose CID has this CID's digest: `ret_offset` is that of the
 * section's length. An index knows digests only, so that several sections may match: `candidate`
 * 0, 1, 2… names them in turn. What stands in a foreign index is a claim: read the section, compare
 * its CID, verify its block. Identity CIDs are usually not in it.
 * Reads about log2(n)/3 pieces of at most 4 KiB, most often two or three, by interpolation.
 * NOT_FOUND: the index has no such candidate. CORRUPT: an offset outside the payload. MISUSE: a
 * zeroed CID. Or read_at's answer. The index is unchanged by any of them. */
COPSE_API COPSE_MUST_USE copse_status copse_car_index_find(const copse_car_index *index,
                                                           const copse_cid *cid, size_t candidate,
                                                           uint64_t *ret_offset, copse_err *err);

COPSE_EXTERN_C_END

#endif
