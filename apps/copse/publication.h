/* Publishing the head of a database under a key: the key as the user names it, its sequence file
 * beside it, and options that `serve` and `publish` have in common.
 *
 * Functions that return bool have reported their failure (failure.h) when it is false.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_APPS_PUBLICATION_H
#define COPSE_APPS_PUBLICATION_H

#include "command.h"
#include "keys.h"

#include <copse/publisher.h>

#define COPSE_OPTIONS_PUBLICATION                                                                  \
    {"--validity", "TIME", COPSE_OPTION_TEXT,                                                      \
     "how long a record of the name is valid: 48h (1m to 366d)", 0},                               \
        {"--ttl", "TIME", COPSE_OPTION_TEXT,                                                       \
         "how long readers may keep it without asking again: 1m", 0},                              \
        COPSE_OPTION_PASSPHRASE_FILE

/** What is published. Stays where it is once its publisher is open. */
typedef struct copse_publication {
    copse_call *call;
    const char *key_name; /**< As the user names it. */
    copse_key *key;
    copse_os *os;
    copse_publisher *publisher; /**< NULL: not open yet. */
} copse_publication;

/** Opens the key, asking for its passphrase where it has one. `key_name` is lent. On failure it is
 * zeroed. */
bool copse_publication_open_key(copse_publication *publication, copse_call *call,
                                const char *key_name);

/** Makes its publisher, by the command's options; `head` as copse_publisher_options has it. Once.
 */
bool copse_publication_begin(copse_publication *publication,
                             copse_status (*head)(void *ctx, copse_cid *ret_head, copse_err *err),
                             void *ctx);

/** The record of the head, as copse_publisher_record; unreported. */
copse_status copse_publication_record(copse_publication *publication, copse_bytes *ret_record,
                                      copse_ipns_record *ret_said, copse_err *err);

/** A zeroed one is allowed. */
void copse_publication_close(copse_publication *publication);

#endif
