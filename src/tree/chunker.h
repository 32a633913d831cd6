/* The chunker: cuts the entries of one level into nodes. Every node that Copse writes comes out of
 * it, whichever way the tree is made, so that a tree depends on its entries alone.
 *
 * The rule (docs/formats/tree.md, "Chunks", has it for implementers):
 *
 *   t   size of an entry: encoded key + encoded value; in a branch, encoded key + 41
 *   s   sum of t since the last boundary, with the entry
 *   u   top 32 bits of XXH3-64(key) seeded with the level; in a branch, of the child's first key
 *   D   s^4 - (s-t)^4
 *
 *   C1  From s >= min, and in a branch from the second entry on, the entry ends its chunk if
 *       u * (lambda^4 + D) < D * 2^32. This makes sizes follow a Weibull distribution, K = 4.
 *   C2  If the next entry would take s past max, the chunk is cut after the entry with the smallest
 *       u among those that C1 allows (ties: the last; none: the last entry), and what is left of it
 *       is fed again. A branch keeps two children at least, since max holds eight keys.
 *   C3  An entry above max is a chunk of its own.
 *   C4  The state is empty after each boundary.
 *   C5  The last chunk of a level has no boundary. In a branch level, a last chunk of one entry is
 *       joined to the chunk before it.
 *
 * C1, C3 and C4 make a boundary depend on the entries of its own chunk. C2 looks further: to the
 * entry that did not fit. The chunker counts how many entries of the chunks that follow a forced
 * cut was decided upon; that number is the `ahead` of those chunks, and stands in their parent. An
 * edit of an entry below it starts again from the chunk before (level_pass.h). It is 0 everywhere
 * in a tree without entries near max or ground keys.
 *
 * Cost: an xxh3 of the key and a few multiplications an entry, and one copy of each entry into the
 * node. A forced cut feeds at most max bytes again.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TREE_CHUNKER_H
#define COPSE_TREE_CHUNKER_H

#include "base/compiler.h"
#include "tree/node.h"

#include <copse/buf.h>

/** A node that came out. All of it is borrowed for the call. */
typedef struct copse_chunk {
    copse_bytes first_key;
    copse_block *block;
    uint64_t count;   /* entries of the tree in or below the node */
    uint32_t entries; /* of the node itself */
    uint32_t ahead;
} copse_chunk;

/** Receives the chunks of a level, in order. */
typedef copse_status (*copse_chunk_fn)(void *ctx, const copse_chunk *chunk, copse_err *err);

typedef struct copse_chunker_entry {
    uint32_t key;       /* offset of the key itself in `keys`, behind its head */
    uint32_t key_end;   /* in `keys` */
    uint32_t value_end; /* in `values` */
    uint32_t draw;      /* u */
    uint32_t ahead;     /* of a child */
    uint64_t count;     /* below a child; 1 in a leaf */
} copse_chunker_entry;

/** One level. Entries that no boundary was found for yet wait in the queue. */
typedef struct copse_chunker {
    const copse_env *env;
    copse_chunk_fn emit;
    void *emit_ctx;
    copse_u128 lambda4;
    uint64_t size_min;
    uint64_t size_max;
    uint32_t lambda;
    uint32_t level;
    uint32_t ahead;  /* entries from the queue's begin on that earlier forced cuts depend on */
    size_t count;    /* entries in the queue */
    size_t capacity; /* of entries */
    size_t scanned;  /* entries of the queue that are known to end no chunk */
    uint64_t size;   /* s after them */
    uint64_t forced; /* forced cuts made */
    copse_chunker_entry *entries;
    copse_buf keys;   /* encoded */
    copse_buf values; /* encoded */
} copse_chunker;

/** Readies a chunker for `level` (0: leaves). Allocates nothing. */
void copse_chunker_init(copse_chunker *chunker, const copse_env *env,
                        const copse_tree_config *config, uint32_t level, copse_chunk_fn emit,
                        void *emit_ctx);

/** Empties the chunker and makes it one for another level; keeps its memory. */
void copse_chunker_set_level(copse_chunker *chunker, uint32_t level);

/** Frees its memory. NULL and a zeroed chunker are allowed. */
void copse_chunker_release(copse_chunker *chunker);

/** Forgets what is queued; the next entry begins a chunk whose first `ahead` entries earlier forced
 * cuts depend on. */
void copse_chunker_reset(copse_chunker *chunker, uint32_t ahead);

/** Feeds an entry of a leaf: `value` is one encoded item. Emits the chunks that end by it. NOMEM,
 * LIMIT, what emit returns; the chunker must then be released. */
COPSE_MUST_USE copse_status copse_chunker_add(copse_chunker *chunker, copse_bytes key,
                                              copse_bytes value, copse_err *err);

/** As copse_chunker_add for a value that is a byte string: encodes it. */
COPSE_MUST_USE copse_status copse_chunker_add_bytes(copse_chunker *chunker, copse_bytes key,
                                                    copse_bytes bytes, copse_err *err);

/** Feeds a child: `cid` is its binary CID (dag-cbor, sha2-256). As copse_chunker_add. */
COPSE_MUST_USE copse_status copse_chunker_add_child(copse_chunker *chunker, copse_bytes key,
                                                    copse_bytes cid, uint64_t count, uint32_t ahead,
                                                    copse_err *err);

/** Feeds entry `index` of a decoded node of ours of the chunker's level. */
COPSE_MUST_USE copse_status copse_chunker_add_from(copse_chunker *chunker, const copse_node *node,
                                                   uint32_t index, copse_err *err);

/** The first key of the queue, which is not empty. Borrows from the chunker. */
static inline copse_bytes copse_chunker_first_key(const copse_chunker *chunker)
{
    const copse_chunker_entry *first = &chunker->entries[0];
    return (copse_bytes){chunker->keys.ptr + first->key, first->key_end - first->key};
}

/** Emits what is queued as the last chunk of the level, if anything is queued or `even_if_empty`.
 */
COPSE_MUST_USE copse_status copse_chunker_flush(copse_chunker *chunker, bool even_if_empty,
                                                copse_err *err);

/** C5: with one entry queued, puts those of `node`, the chunk before it, in front of it; `ahead` is
 * that chunk's. A flush must follow. */
COPSE_MUST_USE copse_status copse_chunker_join(copse_chunker *chunker, const copse_node *node,
                                               uint32_t ahead, copse_err *err);

/** Whether an entry whose sizes and draw are these ends its chunk by C1, positions aside. */
bool copse_chunk_ends(copse_u128 lambda4, uint64_t size_before, uint64_t size, uint32_t draw);

/** u of a key. */
uint32_t copse_chunk_draw(copse_bytes key, uint32_t level);

/** The encoded size of a byte string of `len` bytes. */
static inline size_t copse_chunk_key_size(size_t len)
{
    return len + (len < 24 ? 1u : len < 256 ? 2u : 3u);
}

#endif
