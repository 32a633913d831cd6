/* The file that says which sequences of a name were used (docs/formats/sequence.md): what the
 * record of the greatest says, but for its signature.
 *
 *     0    8  63 6f 70 73 65 73 71 01   "copsesq", version 1
 *     8   32  the public key
 *    40    8  sequence, big-endian as all numbers here
 *    48    8  when the record ends, milliseconds since 1970
 *    56    8  its ttl, in nanoseconds
 *    64    2  length of the value
 *    66       the value
 *          32  SHA-256 of all before
 *
 *   S1  The file is replaced as a whole: written aside, synced, renamed. So it is whole at any
 *       moment, also after a crash, and what is not whole is damage: CORRUPT.
 *   S2  Who writes it has the lock, a file of its own that is never renamed.
 *   S3  What it says may be used once its name is durable too: after a sync of the folder by who
 *       uses it, whoever wrote it.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_BACKENDS_PUBLISHER_SEQUENCE_FILE_H
#define COPSE_BACKENDS_PUBLISHER_SEQUENCE_FILE_H

#include "backends/pack/pack_io.h"

#include <copse/ipns.h>

/** What a record says: everything that is signed. Equal ones make one record. */
typedef struct copse_sequence_state {
    uint64_t sequence;
    uint64_t eol_ms;
    uint64_t ttl_ns;
    char value[COPSE_IPNS_VALUE_TEXT_SIZE_MAX]; /**< With a NUL. */
} copse_sequence_state;

/** A zeroed one may be released. */
typedef struct copse_sequence_file {
    copse_pack_io io;
    copse_public_key key;
    char name[COPSE_PACK_NAME_SIZE_MAX];
    char name_new[COPSE_PACK_NAME_SIZE_MAX];
    char name_lock[COPSE_PACK_NAME_SIZE_MAX];
    copse_file *lock; /**< NULL: it isn't held. */
} copse_sequence_file;

/** `name` is that of the key. MISUSE: it is too long, or holds a '/'. NOMEM. */
COPSE_MUST_USE copse_status copse_sequence_file_init(copse_sequence_file *file,
                                                     const copse_env *env, copse_os *os,
                                                     const char *folder, const char *name,
                                                     const copse_public_key *key, copse_err *err);

void copse_sequence_file_release(copse_sequence_file *file);

/** Takes the lock, waiting for it. The system's failures. */
COPSE_MUST_USE copse_status copse_sequence_file_lock(copse_sequence_file *file, copse_err *err);

/** Gives it back; it need not be held. */
void copse_sequence_file_unlock(copse_sequence_file *file);

/** Reads it, with or without the lock. NOT_FOUND: nothing was used yet. CORRUPT: it is damaged, or
 * of another key. The system's failures. */
COPSE_MUST_USE copse_status copse_sequence_file_read(copse_sequence_file *file,
                                                     copse_sequence_state *ret_state,
                                                     copse_err *err);

/** Makes durable that the file is the one that was read (S3). The system's failures. */
COPSE_MUST_USE copse_status copse_sequence_file_settle(copse_sequence_file *file, copse_err *err);

/** Replaces it (S1); the lock is held. It is to be settled. The system's failures: the file is the
 * one before. */
COPSE_MUST_USE copse_status copse_sequence_file_write(copse_sequence_file *file,
                                                      const copse_sequence_state *state,
                                                      copse_err *err);

#endif
