/* A CAR that is read in ranges, without a socket: what of it to ask for next, and what stands in
 * the parts that came.
 *
 *     while ((status = copse_range_car_section(car, cid, &data, err)) == COPSE_WANT) {
 *         while (copse_range_car_ask(car, &range)) { send a request for range }
 *         copse_range_car_begin, _receive, _end for what comes; _fail
 *     }
 *
 * The first range (COPSE_RANGE_FRONT_BYTES) has the header and whatever blocks stand in front.
 * Where a block stands is known from there, or from the places behind a block that links to it
 * (car_places.h), or else it is searched in the index of the CARv2, by interpolation; the index is
 * never read as a whole. A CAR without an index, or from a server that gives whole files only, is
 * read whole if it is small (COPSE_RANGE_WHOLE_BYTES_MAX).
 *
 *   G1  Nothing in the file is believed: a section is the one that is looked for if it has its CID,
 *       and whoever gets the data verifies it. Offsets and sizes are within the file, and a section
 *       is no longer than a block may be, before a byte is asked for.
 *   G2  A file that was replaced (another ETag, or size) is noticed at the next answer: all that is
 *       known of it is forgotten. Blocks that were handed out stay right, being what their CIDs
 *       say.
 *   G3  Several looks may be under way; what they lack is asked for together.
 *   G4  Memory: what is asked for and here is COPSE_RANGE_MEMORY_BYTES_MAX at most, whatever the
 *       file says; between rounds COPSE_RANGE_HELD_BYTES_MAX; and COPSE_RANGE_PLACES_MAX places of
 *       some 100 bytes.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_SYNC_RANGE_CAR_H
#define COPSE_SYNC_RANGE_CAR_H

#include <copse/car.h>
#include <copse/cid.h>

enum {
    COPSE_RANGE_FRONT_BYTES = 32 << 10,
    COPSE_RANGE_WHOLE_BYTES_MAX = 4 << 20,
    COPSE_RANGE_HELD_BYTES_MAX = 4 << 20,
    COPSE_RANGE_MEMORY_BYTES_MAX = 256 << 20,
    COPSE_RANGE_PLACES_MAX = 100000,
    COPSE_RANGE_REPLACED_MAX = 4 /* times that a file may be replaced while it is read */
};

/** Belongs to one thread. */
typedef struct copse_range_car copse_range_car;

typedef struct copse_range {
    uint64_t id; /**< Never used again. */
    uint64_t from;
    uint64_t size;
} copse_range;

/** What an answer's head says. */
typedef struct copse_range_answer {
    bool is_whole;    /**< Status 200: all of the file comes. */
    uint64_t from;    /**< Else this range of it. */
    uint64_t size;    /**< 0: it doesn't say which. */
    uint64_t total;   /**< Of the file; 0: it doesn't say. */
    copse_bytes etag; /**< Empty: none. */
} copse_range_answer;

/** Who is told of the blocks that come with the front, before anybody looks for them; not verified,
 * lent for the call, which must not call the file. Any status but OK is passed on by the look that
 * the front was read for. NULL: nobody. */
typedef struct copse_range_car_observer {
    copse_status (*section)(void *ctx, const copse_cid *cid, copse_bytes data, copse_err *err);
    void *ctx;
} copse_range_car_observer;

/** Knows nothing of the file yet. `env` must outlive it. NOMEM, the random source's failure. */
COPSE_MUST_USE copse_status copse_range_car_new(const copse_env *env,
                                                const copse_range_car_observer *observer,
                                                copse_range_car **ret_car, copse_err *err);

/** Frees it; NULL is allowed. Returns NULL. */
copse_range_car *copse_range_car_free(copse_range_car *car);

/** The first root. WANT: more of the file is needed. NOT_FOUND: it has none. CORRUPT: it is no CAR,
 * or was replaced too often. LIMIT: it has no index and is too large to be read whole, or a limit
 * of its header. NOMEM. */
COPSE_MUST_USE copse_status copse_range_car_root(copse_range_car *car, copse_cid *ret_root,
                                                 copse_err *err);

/** The data of the section with `cid`, not verified; valid until the next call. NOT_FOUND: it has
 * none. CORRUPT: also an index that is none. LIMIT: also a block of more than
 * foreign_size_bytes_max. Else as above. */
COPSE_MUST_USE copse_status copse_range_car_section(copse_range_car *car, const copse_cid *cid,
                                                    copse_bytes *ret_data, copse_err *err);

/** Gives the next range to ask for. False: there is none now. */
bool copse_range_car_ask(copse_range_car *car, copse_range *ret_range);

/** The head of the answer to a range. OK: its bytes follow. CONFLICT: the file was replaced (G2),
 * and all ranges on their way are forgotten: drop their requests. CORRUPT: it is another range.
 * LIMIT: a whole file that is too large, so this server is of no use. In both cases drop the
 * request; the range is forgotten, as by _fail. */
COPSE_MUST_USE copse_status copse_range_car_begin(copse_range_car *car, uint64_t id,
                                                  const copse_range_answer *answer, copse_err *err);

/** Bytes of it, in their order. CORRUPT: too many; NOMEM. Then the range is forgotten. */
COPSE_MUST_USE copse_status copse_range_car_receive(copse_range_car *car, uint64_t id,
                                                    copse_bytes bytes, copse_err *err);

/** It is whole: what was looked for in it can be looked for again. CORRUPT: it is too short; the
 * range is forgotten. */
COPSE_MUST_USE copse_status copse_range_car_end(copse_range_car *car, uint64_t id, copse_err *err);

/** It will not come. */
void copse_range_car_fail(copse_range_car *car, uint64_t id);

/** Nothing is looked for now: forgets what was wanted, and what is more than may be held (G4). */
void copse_range_car_rest(copse_range_car *car);

#endif
