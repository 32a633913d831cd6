/* A peer that is a CAR on a web server: requests of the fetch (sync/fetch.h) for batches of blocks
 * are answered here, out of ranges of the file (sync/range_car.h), as a peer would answer them.
 *
 *   V1  A batch is answered in its order, with what the file has, however its ranges come; blocks
 *       are verified by the fetch, as everybody's.
 *   V2  What several batches lack is asked for together, at most COPSE_REMOTE_CAR_RUNNING_MAX
 *       requests at once.
 *   V3  What fails, fails all batches that are under way. A file that is missing, no CAR, or on a
 *       server that is of no use for this is left alone for good (F5).
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_REMOTE_REMOTE_CAR_H
#define COPSE_REMOTE_REMOTE_CAR_H

#include "remote/remote_request.h"

enum { COPSE_REMOTE_CAR_RUNNING_MAX = 16 };

typedef struct copse_remote_car copse_remote_car;

/** Asks nobody yet. NOMEM. */
COPSE_MUST_USE copse_status copse_remote_car_new(copse_remote *remote, size_t peer,
                                                 copse_remote_car **ret_car, copse_err *err);

/** Frees it; what runs is cancelled. NULL is allowed. Returns NULL. */
copse_remote_car *copse_remote_car_free(copse_remote_car *car);

/** Takes a request of the fetch, ASK_BATCH. NOMEM. */
COPSE_MUST_USE copse_status copse_remote_car_add(copse_remote_car *car,
                                                 const copse_fetch_step *step, copse_err *err);

/** Drops the request `step` of the fetch, if it is one of this. True: it was. */
bool copse_remote_car_drop(copse_remote_car *car, uint64_t step);

/** Goes on with what came: tells the fetch of blocks, ends and failures, and then *ret_told; asks
 * for more. A lie, as the fetch calls it, is none of this call's failures. NOMEM, or what taking a
 * block failed with. */
COPSE_MUST_USE copse_status copse_remote_car_run(copse_remote_car *car, bool *ret_told,
                                                 copse_err *err);

/** Takes an event, if it is of a request of this. NOMEM. */
COPSE_MUST_USE copse_status copse_remote_car_hear(copse_remote_car *car,
                                                  const copse_transport_event *event,
                                                  copse_err *err);

/** Cancels what runs; the fetch is told that its requests failed. */
void copse_remote_car_stop(copse_remote_car *car);

/** The root of the file: its head. NOT_FOUND: there is no such file, or it has no root. CORRUPT: it
 * is no CAR. IO: it can't be read; also from a server that gives whole files only. NOMEM. The
 * message has the reason. */
COPSE_MUST_USE copse_status copse_remote_car_head(copse_remote_car *car, copse_cid *ret_head,
                                                  copse_err *err);

#endif
