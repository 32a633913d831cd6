/* Addresses: what a user writes to name a database.
 *
 *     blog.copse                      a folder
 *     blog.car                        a CAR file
 *     http://127.0.0.1:4180/blog      a database that a peer serves; /copse/v1/blog, the page of
 *                                     its head, stands for it too
 *     https://example.org/blog.car    a CAR file on a web server
 *     k51qzi5uqu5d…, ipns://k51…      a name, whose key says what it stands for
 *     bafyrei…                        the root of a tree, or a commit, that some peers have
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_ADDRESS_H
#define COPSE_ADDRESS_H

#include <copse/buf.h>
#include <copse/cid.h>
#include <copse/env.h>
#include <copse/key.h>

#include <stdbool.h>

COPSE_EXTERN_C_BEGIN

typedef enum copse_address_kind {
    COPSE_ADDRESS_PATH, /**< Whatever is none of the others; folder or file. */
    COPSE_ADDRESS_URL,
    COPSE_ADDRESS_NAME,
    COPSE_ADDRESS_CID
} copse_address_kind;

/** A zeroed one may be released. */
typedef struct copse_address {
    copse_address_kind kind;
    char *peer; /**< URL: what stands before the name, without a '/' at its end: "http://host:4180".
                     Of a CAR (its name ends with ".car"): all of it, since it is a peer itself. */
    char *name; /**< URL: the last segment of its path, percent-decoded. */
    copse_public_key key; /**< NAME. */
    copse_cid cid;        /**< CID. */
    const copse_env *env;
} copse_address;

/** Reads one. CORRUPT: a URL without host or name, with user, query or fragment, or with another
 * scheme than http, https and ipns, or a name that is none of an Ed25519 key; the message says
 * which. NOMEM. */
COPSE_API COPSE_MUST_USE copse_status copse_address_parse(const copse_env *env, const char *text,
                                                          copse_address *ret_address,
                                                          copse_err *err);

COPSE_API void copse_address_release(copse_address *address);

/** Checks and normalizes the URL of a peer ("http://host:4180/", a path in front is allowed):
 * appends it without a '/' at its end. CORRUPT as above. NOMEM, LIMIT. */
COPSE_API COPSE_MUST_USE copse_status copse_address_peer(const char *text, copse_buf *buf,
                                                         copse_err *err);

/** Whether the last segment of a URL names a CAR file: it ends with ".car" and is more than that.
 */
COPSE_API bool copse_address_is_car(copse_bytes url);

/** Appends `peer`, `before`, `segment` percent-encoded as one segment of a path, `after`, and a
 * NUL. NOMEM, LIMIT. */
COPSE_API COPSE_MUST_USE copse_status copse_address_page(const char *peer, const char *before,
                                                         const char *segment, const char *after,
                                                         copse_buf *buf);

COPSE_EXTERN_C_END

#endif
