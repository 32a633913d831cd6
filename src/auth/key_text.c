/* The text forms of public keys.
 *
 *     multikey    ed 01                public key(32)      0x00ed is ed25519-pub
 *     multihash   00 24 08 01 12 20    public key(32)      identity hash of 36 bytes: libp2p's
 *                                                          protocol buffer {1: Ed25519, 2: key}
 *     IPNS name   01 72                multihash           CIDv1, codec libp2p-key
 *
 *   K1  What is read is only what is written, apart from the base of an IPNS name: one text of each
 *       form names a key.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/key.h>

#include "base/err.h"
#include "value/multibase.h"

#include <assert.h>
#include <string.h>

enum {
    KEY_TEXT_CID_HEAD = 2,
    KEY_TEXT_HEAD_MAX = 8,
};

static const uint8_t key_text_multikey[] = {0xed, 0x01};
static const uint8_t key_text_cid[] = {0x01, 0x72, 0x00, 0x24, 0x08, 0x01, 0x12, 0x20};

static const copse_bytes key_text_multikey_head = {key_text_multikey, sizeof key_text_multikey};
static const copse_bytes key_text_cid_head = {key_text_cid, sizeof key_text_cid};
static const copse_bytes key_text_multihash_head = {key_text_cid + KEY_TEXT_CID_HEAD,
                                                    sizeof key_text_cid - KEY_TEXT_CID_HEAD};

static const char key_text_did_prefix[] = "did:key:z";

/* ---- Writing -------------------------------------------------------------------------------- */

/* Writes `prefix` and then, in base58btc, `head` and the key. */
static size_t key_text_write(const char *prefix, copse_bytes head, const copse_public_key *key,
                             char ret_text[COPSE_KEY_TEXT_SIZE_MAX])
{
    uint8_t bytes[KEY_TEXT_HEAD_MAX + COPSE_PUBLIC_KEY_SIZE_BYTES];
    char digits[COPSE_RADIX_TEXT_SIZE_MAX];
    memcpy(bytes, head.ptr, head.len);
    memcpy(bytes + head.len, key->bytes, sizeof key->bytes);
    size_t prefix_len = strlen(prefix);
    size_t len = copse_base58btc_encode((copse_bytes){bytes, head.len + sizeof key->bytes}, digits);
    assert(prefix_len + len < COPSE_KEY_TEXT_SIZE_MAX);
    memcpy(ret_text, prefix, prefix_len);
    memcpy(ret_text + prefix_len, digits, len);
    ret_text[prefix_len + len] = '\0';
    return prefix_len + len;
}

size_t copse_public_key_to_did(const copse_public_key *key, char ret_text[COPSE_KEY_TEXT_SIZE_MAX])
{
    return key_text_write(key_text_did_prefix, key_text_multikey_head, key, ret_text);
}

size_t copse_public_key_to_peer_id(const copse_public_key *key,
                                   char ret_text[COPSE_KEY_TEXT_SIZE_MAX])
{
    return key_text_write("", key_text_multihash_head, key, ret_text);
}

void copse_public_key_to_cid(const copse_public_key *key, copse_cid *ret_cid)
{
    copse_cid cid = {.size = sizeof key_text_cid + COPSE_PUBLIC_KEY_SIZE_BYTES};
    memcpy(cid.bytes, key_text_cid, sizeof key_text_cid);
    memcpy(cid.bytes + sizeof key_text_cid, key->bytes, sizeof key->bytes);
    *ret_cid = cid;
}

size_t copse_public_key_to_name(const copse_public_key *key, char ret_text[COPSE_KEY_TEXT_SIZE_MAX])
{
    copse_cid cid;
    char text[COPSE_CID_TEXT_SIZE_MAX];
    copse_public_key_to_cid(key, &cid);
    size_t len = copse_cid_to_text(&cid, COPSE_BASE36, text);
    assert(len < COPSE_KEY_TEXT_SIZE_MAX);
    memcpy(ret_text, text, len + 1);
    return len;
}

/* ---- Reading -------------------------------------------------------------------------------- */

/* The key in `bytes`, which must be exactly `head` and a key. False: they are not. */
static bool key_text_split(copse_bytes bytes, copse_bytes head, copse_public_key *ret_key)
{
    if (bytes.len != head.len + COPSE_PUBLIC_KEY_SIZE_BYTES ||
        !copse_bytes_has_prefix(bytes, head)) {
        return false;
    }
    memcpy(ret_key->bytes, bytes.ptr + head.len, sizeof ret_key->bytes);
    return true;
}

static bool key_text_read_base58btc(copse_bytes text, copse_bytes head, copse_public_key *ret_key)
{
    uint8_t bytes[COPSE_RADIX_BYTES_MAX];
    size_t size = 0;
    return copse_base58btc_decode(text, bytes, &size) == COPSE_OK &&
           key_text_split((copse_bytes){bytes, size}, head, ret_key);
}

copse_status copse_public_key_from_did(copse_bytes text, copse_public_key *ret_key, copse_err *err)
{
    copse_bytes prefix = copse_bytes_of_text(key_text_did_prefix);
    if (!copse_bytes_has_prefix(text, prefix) ||
        !key_text_read_base58btc((copse_bytes){text.ptr + prefix.len, text.len - prefix.len},
                                 key_text_multikey_head, ret_key)) {
        return COPSE_ERR(err, COPSE_CORRUPT, "not the did:key of an Ed25519 key (did:key:z6Mk…)");
    }
    return COPSE_OK;
}

copse_status copse_public_key_from_cid(const copse_cid *cid, copse_public_key *ret_key,
                                       copse_err *err)
{
    if (!key_text_split((copse_bytes){cid->bytes, cid->size}, key_text_cid_head, ret_key)) {
        return COPSE_ERR(err, COPSE_CORRUPT, "the CID is not the name of an Ed25519 key");
    }
    return COPSE_OK;
}

copse_status copse_public_key_from_name(copse_bytes text, copse_public_key *ret_key, copse_err *err)
{
    copse_cid cid;
    if (key_text_read_base58btc(text, key_text_multihash_head, ret_key)) {
        return COPSE_OK;
    }
    if (copse_cid_from_text(text, &cid, NULL) != COPSE_OK ||
        copse_public_key_from_cid(&cid, ret_key, NULL) != COPSE_OK) {
        return COPSE_ERR(err, COPSE_CORRUPT,
                         "not the IPNS name of an Ed25519 key (k51…, bafza…, 12D3KooW…)");
    }
    return COPSE_OK;
}
