/* Whom a database follows: the addresses, what was taken of each, and what became of its next head.
 * Format: docs/formats/follow.md.
 *
 *     relation of the head taken last to the one that was heard (head_order.h)
 *     copse_follow_list_hear(list, i, &head, relation, sequence, now_ms)   take it, or not?
 *
 *   L1  A head is taken if all commits that the head taken last comes from are in it too, but for
 *       automatic merges. One that lacks some is rolled back if it has nothing else, and forked if
 *       it has. Then nothing is taken from there any more, whatever follows, until it is accepted.
 *   L2  What can't be reached is tried again after 1 s, and each time after twice as long, up to
 *       5 minutes.
 *   L3  An encoding that was decoded is encoded to the same bytes.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_FOLLOW_LIST_H
#define COPSE_FOLLOW_LIST_H

#include <copse/buf.h>
#include <copse/head_order.h>
#include <copse/revision.h>

COPSE_EXTERN_C_BEGIN

/** The most addresses of a list. */
#define COPSE_FOLLOW_MAX 64

/** The longest address, in bytes: with COPSE_FOLLOW_REF before it it is the name of a ref. */
#define COPSE_FOLLOW_ADDRESS_SIZE_BYTES_MAX 245

/** The ref that names the list. The head that was taken last from an address is the ref of this
 * name, a `/`, and the address. */
#define COPSE_FOLLOW_REF COPSE_REVISION_FOLLOWING

typedef enum copse_follow_state {
    COPSE_FOLLOW_GOING,       /**< What comes next is taken. */
    COPSE_FOLLOW_ROLLED_BACK, /**< L1: it lacks something that was there. */
    COPSE_FOLLOW_FORKED       /**< L1: and has something else. */
} copse_follow_state;

/** An address. Lent by its list until that changes. */
typedef struct copse_follow_source {
    const char *address;
    copse_follow_state state;
    copse_cid refused; /**< ROLLED_BACK, FORKED: the head that made it so; else of size 0. */
    uint64_t sequence; /**< Of the record that named the head taken last; 0: it came by no name. */
    uint64_t time_ms;  /**< When a head was taken or refused last; 0: none was. */
} copse_follow_source;

/** When an address is tried again (L2). Begin it zeroed, and zero it when it was reached. */
typedef struct copse_follow_pause {
    uint64_t until_ms;
    uint64_t length_ms; /**< Of the pause that this is the end of. */
} copse_follow_pause;

/** Belongs to one thread. */
typedef struct copse_follow_list copse_follow_list;

/** An empty list. `env` must outlive it. NOMEM. */
COPSE_API COPSE_MUST_USE copse_status copse_follow_list_new(const copse_env *env,
                                                            copse_follow_list **ret_list,
                                                            copse_err *err);

/** Frees it; NULL is allowed. Returns NULL. */
COPSE_API copse_follow_list *copse_follow_list_free(copse_follow_list *list);

/** Reads an encoding. CORRUPT: it is none. LIMIT: nested too deep. NOMEM. */
COPSE_API COPSE_MUST_USE copse_status copse_follow_list_decode(const copse_env *env,
                                                               copse_bytes data,
                                                               copse_follow_list **ret_list,
                                                               copse_err *err);

/** Appends the encoding. LIMIT, NOMEM: a part of it may be there. */
COPSE_API COPSE_MUST_USE copse_status copse_follow_list_encode(const copse_follow_list *list,
                                                               copse_buf *buf, copse_err *err);

COPSE_API size_t copse_follow_list_count(const copse_follow_list *list);

/** Number `index`, in the order in which they were added. NULL: there are fewer. */
COPSE_API const copse_follow_source *copse_follow_list_at(const copse_follow_list *list,
                                                          size_t index);

/** The number of an address; SIZE_MAX: it is not there. */
COPSE_API size_t copse_follow_list_find(const copse_follow_list *list, const char *address);

/** Adds an address, which is copied. CONFLICT: it is there. LIMIT: COPSE_FOLLOW_MAX are. MISUSE: it
 * is empty, longer than COPSE_FOLLOW_ADDRESS_SIZE_BYTES_MAX, no UTF-8, or has a control character.
 * NOMEM. */
COPSE_API COPSE_MUST_USE copse_status copse_follow_list_add(copse_follow_list *list,
                                                            const char *address, copse_err *err);

/** Takes an address out. */
COPSE_API void copse_follow_list_remove(copse_follow_list *list, size_t index);

/** A head was heard: `relation` is that of the head taken last to it; SAME also if none was taken.
 * Returns what it is (L1): GOING: take it. An address that is refused stays so. `sequence`: of the
 * record that named it; 0: none did. */
COPSE_API copse_follow_state copse_follow_list_hear(copse_follow_list *list, size_t index,
                                                    const copse_cid *head,
                                                    copse_head_relation relation, uint64_t sequence,
                                                    uint64_t now_ms);

/** What was refused counts no more: what is heard next is taken, whatever it is. The caller forgets
 * the head taken last. */
COPSE_API void copse_follow_list_accept(copse_follow_list *list, size_t index);

/** It could not be reached now: the next pause (L2). */
COPSE_API void copse_follow_pause_grow(copse_follow_pause *pause, uint64_t now_ms);

/** The bytes of blocks that were fetched in the background for this database, as far as counted. */
COPSE_API uint64_t copse_follow_list_backfilled(const copse_follow_list *list);
COPSE_API void copse_follow_list_set_backfilled(copse_follow_list *list, uint64_t bytes);

COPSE_EXTERN_C_END

#endif
