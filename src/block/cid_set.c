/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <copse/cid_set.h>

#include "base/alloc.h"

#include <string.h>

enum { CID_SET_SLOTS_MIN = 1024, CID_SET_ENTRY_SIZE = 32 };

static const uint8_t cid_set_free[CID_SET_ENTRY_SIZE];

static void cid_set_entry(const copse_cid *cid, uint8_t ret_entry[CID_SET_ENTRY_SIZE])
{
    copse_cid_parts parts;
    copse_cid hashed;
    copse_cid_split(cid, &parts);
    bool full = parts.hash == COPSE_HASH_SHA2_256 && parts.digest.len == CID_SET_ENTRY_SIZE &&
                parts.version == 1 && parts.codec < 0x80;
    uint8_t mixed = full ? (uint8_t)parts.codec : 0;
    if (!full) {
        copse_cid_of_data(COPSE_CODEC_RAW, (copse_bytes){cid->bytes, cid->size}, &hashed);
        copse_cid_split(&hashed, &parts);
    }
    memcpy(ret_entry, parts.digest.ptr, CID_SET_ENTRY_SIZE);
    ret_entry[CID_SET_ENTRY_SIZE - 1] ^= mixed;
}

/* The slot that holds the entry, or the free one where it belongs. */
static size_t cid_set_find(const copse_cid_set *set, const uint8_t entry[CID_SET_ENTRY_SIZE])
{
    size_t at = 0;
    memcpy(&at, entry, sizeof at);
    for (at &= set->slots_count - 1;; at = (at + 1) & (set->slots_count - 1)) {
        if (memcmp(set->slots[at], entry, CID_SET_ENTRY_SIZE) == 0 ||
            memcmp(set->slots[at], cid_set_free, CID_SET_ENTRY_SIZE) == 0) {
            return at;
        }
    }
}

void copse_cid_set_init(copse_cid_set *set, const copse_env *env)
{
    *set = (copse_cid_set){.env = env};
}

void copse_cid_set_release(copse_cid_set *set)
{
    copse_free_array(set->env, set->slots, set->slots_count, CID_SET_ENTRY_SIZE);
    *set = (copse_cid_set){.env = set->env};
}

static copse_status cid_set_grow(copse_cid_set *set)
{
    copse_cid_set grown = *set;
    grown.slots_count = set->slots_count == 0 ? CID_SET_SLOTS_MIN : set->slots_count * 2;
    size_t size = grown.slots_count * CID_SET_ENTRY_SIZE;
    grown.slots = copse_alloc_zeroed(set->env, size);
    if (grown.slots == NULL) {
        return COPSE_NOMEM;
    }
    for (size_t i = 0; i < set->slots_count; i++) {
        if (memcmp(set->slots[i], cid_set_free, CID_SET_ENTRY_SIZE) != 0) {
            memcpy(grown.slots[cid_set_find(&grown, set->slots[i])], set->slots[i],
                   CID_SET_ENTRY_SIZE);
        }
    }
    copse_free_array(set->env, set->slots, set->slots_count, CID_SET_ENTRY_SIZE);
    *set = grown;
    return COPSE_OK;
}

copse_status copse_cid_set_add(copse_cid_set *set, const copse_cid *cid, bool *ret_added)
{
    uint8_t entry[CID_SET_ENTRY_SIZE];
    cid_set_entry(cid, entry);
    if (set->count >= set->slots_count / 3 * 2) {
        copse_status status = cid_set_grow(set);
        if (status != COPSE_OK) {
            return status;
        }
    }
    uint8_t *slot = set->slots[cid_set_find(set, entry)];
    *ret_added = memcmp(slot, entry, CID_SET_ENTRY_SIZE) != 0;
    if (*ret_added) {
        memcpy(slot, entry, CID_SET_ENTRY_SIZE);
        set->count++;
    }
    return COPSE_OK;
}

bool copse_cid_set_has(const copse_cid_set *set, const copse_cid *cid)
{
    uint8_t entry[CID_SET_ENTRY_SIZE];
    if (set->slots_count == 0) {
        return false;
    }
    cid_set_entry(cid, entry);
    return memcmp(set->slots[cid_set_find(set, entry)], entry, CID_SET_ENTRY_SIZE) == 0;
}
