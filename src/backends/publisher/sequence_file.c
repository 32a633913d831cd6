/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "backends/publisher/sequence_file.h"

#include "base/err.h"
#include "base/loadstore.h"
#include "crypto/hash.h"

#include <stdio.h>
#include <string.h>

enum {
    SEQUENCE_KEY = 8,
    SEQUENCE_NUMBER = SEQUENCE_KEY + COPSE_PUBLIC_KEY_SIZE_BYTES,
    SEQUENCE_EOL = SEQUENCE_NUMBER + 8,
    SEQUENCE_TTL = SEQUENCE_EOL + 8,
    SEQUENCE_VALUE_SIZE = SEQUENCE_TTL + 8,
    SEQUENCE_VALUE = SEQUENCE_VALUE_SIZE + 2,
    SEQUENCE_SIZE_MAX =
        SEQUENCE_VALUE + COPSE_IPNS_VALUE_TEXT_SIZE_MAX - 1 + COPSE_SHA2_256_SIZE_BYTES,
    SEQUENCE_KEY_NAME_MAX = 64 /* and ".sequence.lock" behind it */
};

static const uint8_t sequence_magic[SEQUENCE_KEY] = {'c', 'o', 'p', 's', 'e', 's', 'q', 1};

/* ---- Life ---- */

copse_status copse_sequence_file_init(copse_sequence_file *file, const copse_env *env, copse_os *os,
                                      const char *folder, const char *name,
                                      const copse_public_key *key, copse_err *err)
{
    copse_sequence_file made = {.key = *key};
    if (name[0] == '\0' || strlen(name) > SEQUENCE_KEY_NAME_MAX || strchr(name, '/') != NULL) {
        return COPSE_ERR(err, COPSE_MISUSE, "'%.80s' can't be the name of a key", name);
    }
    (void)snprintf(made.name, sizeof made.name, "%s.sequence", name);
    (void)snprintf(made.name_new, sizeof made.name_new, "%s.sequence.new", name);
    (void)snprintf(made.name_lock, sizeof made.name_lock, "%s.sequence.lock", name);
    copse_status status = copse_pack_io_init(&made.io, env, os, folder, err);
    if (status == COPSE_OK) {
        *file = made;
    }
    return status;
}

void copse_sequence_file_release(copse_sequence_file *file)
{
    copse_sequence_file_unlock(file);
    copse_pack_io_release(&file->io);
}

copse_status copse_sequence_file_lock(copse_sequence_file *file, copse_err *err)
{
    copse_file *lock = NULL;
    copse_status status = copse_pack_io_open(&file->io, file->name_lock,
                                             COPSE_OPEN_WRITE | COPSE_OPEN_CREATE, &lock, err);
    if (status == COPSE_OK) {
        status = lock->ops->lock(lock, COPSE_LOCK_EXCLUSIVE, true, err);
    }
    if (status != COPSE_OK) {
        (void)copse_pack_io_close(lock);
        return status;
    }
    file->lock = lock;
    return COPSE_OK;
}

void copse_sequence_file_unlock(copse_sequence_file *file)
{
    file->lock = copse_pack_io_close(file->lock);
}

/* ---- Reading ---- */

static bool sequence_decode(const uint8_t *bytes, size_t size, copse_sequence_state *ret_state)
{
    uint8_t digest[COPSE_SHA2_256_SIZE_BYTES];
    if (size < SEQUENCE_VALUE + sizeof digest ||
        memcmp(bytes, sequence_magic, sizeof sequence_magic) != 0) {
        return false;
    }
    size_t hashed = size - sizeof digest;
    size_t value_len = (size_t)bytes[SEQUENCE_VALUE_SIZE] << 8 | bytes[SEQUENCE_VALUE_SIZE + 1];
    copse_sha2_256((copse_bytes){bytes, hashed}, digest);
    if (memcmp(bytes + hashed, digest, sizeof digest) != 0 ||
        value_len != hashed - SEQUENCE_VALUE || value_len >= sizeof ret_state->value) {
        return false;
    }
    *ret_state = (copse_sequence_state){
        .sequence = copse_load_u64be(bytes + SEQUENCE_NUMBER),
        .eol_ms = copse_load_u64be(bytes + SEQUENCE_EOL),
        .ttl_ns = copse_load_u64be(bytes + SEQUENCE_TTL),
    };
    memcpy(ret_state->value, bytes + SEQUENCE_VALUE, value_len);
    return true;
}

copse_status copse_sequence_file_read(copse_sequence_file *file, copse_sequence_state *ret_state,
                                      copse_err *err)
{
    uint8_t bytes[SEQUENCE_SIZE_MAX + 1];
    size_t size = 0;
    copse_file *open = NULL;
    copse_sequence_state state;
    copse_status status = copse_pack_io_open(&file->io, file->name, 0, &open, err);
    if (status == COPSE_OK) {
        status = open->ops->read_at(open, 0, bytes, sizeof bytes, &size, err);
    }
    (void)copse_pack_io_close(open);
    if (status != COPSE_OK) {
        return status;
    }
    if (size > SEQUENCE_SIZE_MAX || !sequence_decode(bytes, size, &state)) {
        return COPSE_ERR(err, COPSE_CORRUPT,
                         "%s is damaged: without it sequences go on from the time of day, if no "
                         "clock was ahead; remove it if that is so",
                         file->name);
    }
    if (memcmp(bytes + SEQUENCE_KEY, file->key.bytes, sizeof file->key.bytes) != 0) {
        return COPSE_ERR(err, COPSE_CORRUPT, "%s is of another key: it was put beside this one",
                         file->name);
    }
    *ret_state = state;
    return COPSE_OK;
}

/* ---- Writing ---- */

copse_status copse_sequence_file_settle(copse_sequence_file *file, copse_err *err)
{
    return copse_pack_io_sync_dir(&file->io, COPSE_PACK_SITE_NONE, err);
}

static size_t sequence_encode(const copse_sequence_file *file, const copse_sequence_state *state,
                              uint8_t ret_bytes[SEQUENCE_SIZE_MAX])
{
    size_t value_len = strlen(state->value);
    size_t hashed = SEQUENCE_VALUE + value_len;
    memcpy(ret_bytes, sequence_magic, sizeof sequence_magic);
    memcpy(ret_bytes + SEQUENCE_KEY, file->key.bytes, sizeof file->key.bytes);
    copse_store_u64be(ret_bytes + SEQUENCE_NUMBER, state->sequence);
    copse_store_u64be(ret_bytes + SEQUENCE_EOL, state->eol_ms);
    copse_store_u64be(ret_bytes + SEQUENCE_TTL, state->ttl_ns);
    copse_store_u16be(ret_bytes + SEQUENCE_VALUE_SIZE, (uint16_t)value_len);
    memcpy(ret_bytes + SEQUENCE_VALUE, state->value, value_len);
    copse_sha2_256((copse_bytes){ret_bytes, hashed}, ret_bytes + hashed);
    return hashed + COPSE_SHA2_256_SIZE_BYTES;
}

copse_status copse_sequence_file_write(copse_sequence_file *file, const copse_sequence_state *state,
                                       copse_err *err)
{
    uint8_t bytes[SEQUENCE_SIZE_MAX];
    size_t size = sequence_encode(file, state, bytes);
    copse_file *made = NULL;
    copse_status status =
        copse_pack_io_open(&file->io, file->name_new,
                           COPSE_OPEN_WRITE | COPSE_OPEN_CREATE | COPSE_OPEN_TRUNCATE, &made, err);
    if (status == COPSE_OK) {
        status = copse_pack_io_write(&file->io, made, 0, (copse_bytes){bytes, size}, err);
    }
    if (status == COPSE_OK) {
        status = copse_pack_io_sync(&file->io, made, COPSE_PACK_SITE_NONE, err);
    }
    bool was_made = made != NULL;
    (void)copse_pack_io_close(made);
    if (status == COPSE_OK) {
        status = copse_pack_io_rename(&file->io, file->name_new, file->name, err);
    }
    if (status != COPSE_OK && was_made) {
        copse_pack_io_discard(&file->io, file->name_new);
    }
    return status;
}
