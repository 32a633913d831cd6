/* The journal: a file of frames, each of which is seen whole or not at all.
 *
 *     journal header, 32 bytes
 *     offset  size
 *     0       8     "copsejnl"
 *     8       4     version: 1
 *     12      4     zero
 *     16      8     generation, as in the file's name
 *     24      8     salt: random
 *
 *     frame
 *     0       8     checksum: XXH3-64, seeded with the salt, over bytes 8 to 48 + length
 *     8       4     "CFRM"
 *     12      4     flags: 1 snapshot, 2 the last frame of this journal, 4 written without syncs
 *     16      4     length of the payload
 *     20      4     zero
 *     24      8     sequence: one more than that of the frame before, also across journals
 *     32      8     synced: this many bytes of the file were durable before the frame was written,
 *                        and so was its name; 0: neither is known
 *     40      8     chain: checksum of the frame before; of the first: XXH3-64 of the header
 *     48      …     payload: items
 *     48 + n  8     the checksum again: the end that the next writer looks at
 *
 *     item: a tag, the length as a varint, and that many bytes
 *     1  block     CID, data: with the length a section of a CAR
 *     2  remove    CID
 *     3  ref       length of the name (1 byte), name, CID
 *     4  unref     name
 *     5  pack      digest (32), size of the file (8)
 *     6  journal   generation, size, offset and size of its index (8 each; 0, 0: none)
 *     7  epoch     8 bytes: grows with each garbage collection
 *     8  index     pack_index.h; in a last frame only
 *
 * Integers are little-endian. The first frame is a snapshot: refs, epoch, packs and older journals.
 * So a journal says alone what the store is, and a file that no journal names is none of it.
 *
 * Invariants:
 *   J1  A frame counts if its checksum, sequence and chain are right. The salt is random for each
 *       file, so what stands inside a block, or is left from another journal, never counts.
 *   J2  Frames count up to the first that doesn't. The rest is a torn tail, unless a later frame
 *       with a right checksum says that the place was synced before it was written: that is
 *       damage, and never cut off.
 *   J3  What counts is a prefix of what was written, whatever un-synced bytes a crash lost.
 *   J4  Whoever closes a store after a synced commit leaves a witness behind it: a frame without
 *       items, not synced, whose `synced` covers the commit. So damage to the last commit is told
 *       from a torn tail (J2), and what may be lost at the end of a journal holds nothing.
 *
 * The checksum is seeded with the salt, and the frame before is named in a field of its own: a seed
 * that followed from the frame before would make every frame behind a damaged one unreadable, and
 * damage look like a torn tail.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_BACKENDS_PACK_JOURNAL_H
#define COPSE_BACKENDS_PACK_JOURNAL_H

#include <copse/buf.h>
#include <copse/cid.h>

enum {
    COPSE_JOURNAL_HEADER_SIZE_BYTES = 32,
    COPSE_FRAME_HEADER_SIZE_BYTES = 48,
    COPSE_FRAME_TRAILER_SIZE_BYTES = 8,
    COPSE_FRAME_OVERHEAD_BYTES = COPSE_FRAME_HEADER_SIZE_BYTES + COPSE_FRAME_TRAILER_SIZE_BYTES
};
/** A longer frame is none. */
#define COPSE_FRAME_PAYLOAD_SIZE_MAX ((size_t)1 << 30)

enum { COPSE_FRAME_SNAPSHOT = 1, COPSE_FRAME_LAST = 2, COPSE_FRAME_UNSYNCED = 4 };

typedef enum copse_item_tag {
    COPSE_ITEM_BLOCK = 1,
    COPSE_ITEM_REMOVE,
    COPSE_ITEM_REF,
    COPSE_ITEM_UNREF,
    COPSE_ITEM_PACK,
    COPSE_ITEM_JOURNAL,
    COPSE_ITEM_EPOCH,
    COPSE_ITEM_INDEX
} copse_item_tag;

typedef struct copse_journal_header {
    uint64_t generation;
    uint64_t salt;
    uint64_t chain; /* that the first frame must have */
} copse_journal_header;

typedef struct copse_frame {
    uint32_t flags;
    uint32_t payload_size;
    uint64_t sequence;
    uint64_t synced;
    uint64_t chain;
    uint64_t checksum;
} copse_frame;

/** An item; what its tag doesn't name is zero. Borrows the payload. */
typedef struct copse_item {
    copse_item_tag tag;
    size_t offset;       /* of the content in the payload */
    copse_bytes bytes;   /* the content */
    copse_bytes cid;     /* BLOCK, REMOVE, REF: binary, checked */
    copse_bytes name;    /* REF, UNREF */
    copse_bytes data;    /* BLOCK */
    copse_bytes digest;  /* PACK */
    uint64_t numbers[4]; /* PACK: size. JOURNAL: as above. EPOCH */
} copse_item;

/** Writes a header and sets ret_header. */
void copse_journal_header_write(uint64_t generation, uint64_t salt,
                                uint8_t ret_bytes[COPSE_JOURNAL_HEADER_SIZE_BYTES],
                                copse_journal_header *ret_header);

/** Reads a header. CORRUPT. */
COPSE_MUST_USE copse_status
copse_journal_header_read(const uint8_t bytes[COPSE_JOURNAL_HEADER_SIZE_BYTES],
                          copse_journal_header *ret_header, copse_err *err);

/** Begins a frame at the end of `buf`: reserves its header. NOMEM, LIMIT. */
COPSE_MUST_USE copse_status copse_frame_begin(copse_buf *buf);

/** Ends the frame that is all of `buf`: writes header and trailer. Sets frame->payload_size and
 * frame->checksum; the rest is the caller's. NOMEM, LIMIT: the buf is as it was. */
COPSE_MUST_USE copse_status copse_frame_finish(copse_buf *buf, uint64_t salt, copse_frame *frame);

/** Reads the fields of a header, without the checksum's test. False: it is none. */
bool copse_frame_header_read(const uint8_t bytes[COPSE_FRAME_HEADER_SIZE_BYTES],
                             copse_frame *ret_frame);

/** The frame at the start of `input`. OK; END: `input` ends inside it, *ret_frame has payload_size;
 * CORRUPT: none is here. Only the checksum is tested, not sequence and chain. */
COPSE_MUST_USE copse_status copse_frame_read(copse_bytes input, uint64_t salt,
                                             copse_frame *ret_frame);

/** The first offset from `from` on at which a header's mark stands, or input.len. */
size_t copse_frame_search(copse_bytes input, size_t from);

/** The item at *offset of a payload; moves *offset behind it. END: there is no more. CORRUPT. */
COPSE_MUST_USE copse_status copse_item_next(copse_bytes payload, size_t *offset,
                                            copse_item *ret_item, copse_err *err);

/** Appends an item whose content is the parts, one after the other. NOMEM, LIMIT: as it was. */
COPSE_MUST_USE copse_status copse_item_write(copse_buf *buf, copse_item_tag tag,
                                             const copse_bytes *parts, size_t count);

#endif
