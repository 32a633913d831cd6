/* The record of a database's name, made once and given away: `copse publish --key`.
 *
 * Functions that return bool have reported their failure (failure.h) when it is false.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_APPS_NAME_RECORD_H
#define COPSE_APPS_NAME_RECORD_H

#include "local.h"
#include "publication.h"

#define COPSE_OPTIONS_NAME_RECORD                                                                  \
    {"--key", "KEY", COPSE_OPTION_TEXT, "make a record of the name of this key for the head", 0},  \
        {"--to", "URL", COPSE_OPTION_LIST, "hand the record to this peer", 0},                     \
        {"--out", "FILE", COPSE_OPTION_TEXT, "write the record there", 0},                         \
        COPSE_OPTIONS_PUBLICATION

/** Stays where it is while it is open. */
typedef struct copse_name_record {
    copse_publication publication;
    copse_local *local;
    const char *ref;                    /**< Of the head: a ref, or a CID. */
    char name[COPSE_KEY_TEXT_SIZE_MAX]; /**< The IPNS name. */
    copse_bytes bytes;
    copse_ipns_record said;
    size_t taken; /**< By peers. */
} copse_name_record;

/** Makes the record for what `ref` of the local's store names, with the key of --key. Close it in
 * any case. */
bool copse_name_record_make(copse_name_record *record, copse_local *local, const char *ref);

/** Writes the file of --out, the file ipns/NAME in `folder` (NULL: none), and hands the record to
 * the peers of --to. A peer that does not take it is noted; false if none of them does. */
bool copse_name_record_give(copse_name_record *record, const char *folder);

/** Tells what it says: the members of a JSON object, or lines. */
void copse_name_record_report(const copse_name_record *record);

/** A zeroed one is allowed. */
void copse_name_record_close(copse_name_record *record);

#endif
