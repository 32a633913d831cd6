/* What `copse serve` does with names: it publishes databases under keys, and relays records that
 * were put into a folder.
 *
 * Functions that return bool have reported their failure (failure.h) when it is false.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_APPS_SERVE_NAMES_H
#define COPSE_APPS_SERVE_NAMES_H

#include "publication.h"
#include "serve_database.h"

#define COPSE_OPTIONS_SERVE_NAMES                                                                  \
    {"--publish", "KEY[=NAME]", COPSE_OPTION_LIST,                                                 \
     "publish the head of the database NAME under this key", 0},                                   \
        COPSE_OPTIONS_PUBLICATION,                                                                 \
        {"--records", "DIR", COPSE_OPTION_TEXT,                                                    \
         "give out the records of other names in DIR: NAME.ipns-record", 0},                       \
    {                                                                                              \
        "--accept-records", NULL, COPSE_OPTION_FLAG,                                               \
            "take records of other names from anybody, and give them out", 0                       \
    }

/** One database that is published. */
typedef struct copse_serve_name {
    char *key;                                           /**< As the user names it; owned. */
    char database[COPSE_SERVED_NAME_SIZE_BYTES_MAX + 1]; /**< Empty: the only one. */
    copse_publication publication;
    bool is_used;
} copse_serve_name;

/** Zeroed: nothing is published. */
typedef struct copse_serve_names {
    copse_call *call;
    copse_serve_name *items;
    size_t count;
} copse_serve_names;

/** Opens the keys of --publish, before there are workers: passphrases are asked for once. Close it
 * in any case. */
bool copse_serve_names_open(copse_serve_names *names, copse_call *call);

/** A zeroed one is allowed. */
void copse_serve_names_close(copse_serve_names *names);

/** Publishes the database if it is one that --publish names; `is_only`: no other is served. */
bool copse_serve_names_join(copse_serve_names *names, copse_serve_database *database, bool is_only);

/** Whether each --publish found its database. */
bool copse_serve_names_check(const copse_serve_names *names);

/** Reads the folder of --records; a file that is no valid record is noted and passed over. */
bool copse_serve_names_relay(copse_call *call, copse_server *server);

#endif
