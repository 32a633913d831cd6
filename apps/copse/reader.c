/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "reader.h"

#include "failure.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the state calls the database: its address, the same from wherever it is written. */
static bool reader_name_database(copse_reader *reader, copse_place *place)
{
    copse_call *call = reader->call;
    bool is_served = copse_place_is_served(place);
    const char *ref = copse_place_ref(call);
    bool is_main = strcmp(ref, COPSE_REF_DEFAULT) == 0;
    char path[PATH_MAX];
    char key[COPSE_KEY_TEXT_SIZE_MAX];
    const char *name = place->name;
    if (is_served) {
        name = place->address.peer;
    } else if (place->address.kind == COPSE_ADDRESS_NAME) {
        (void)copse_public_key_to_name(&place->address.key, key);
        name = key;
    } else if (place->address.kind == COPSE_ADDRESS_PATH) {
        name = realpath(place->name, path);
    }
    int size = name == NULL
                   ? -1
                   : snprintf(reader->database, sizeof reader->database, "%s%s%s%s%s", name,
                              is_served ? "/" : "", is_served ? place->address.name : "",
                              is_main ? "" : "#", is_main ? "" : ref);
    if (size < 0 || (size_t)size >= sizeof reader->database) {
        (void)copse_failure(call, COPSE_LIMIT, NULL, "'%s' has no name to be remembered by",
                            place->name);
        return false;
    }
    reader->key.database = reader->database;
    return true;
}

bool copse_reader_open(copse_reader *reader, copse_place *place)
{
    copse_call *call = place->call;
    reader->call = call;
    copse_status status = copse_os_posix_new(&call->env, &reader->os, &call->err);
    if (status != COPSE_OK) {
        (void)copse_failure_of(call, status, "the system");
        return false;
    }
    return reader_name_database(reader, place) &&
           copse_state_folder(call, "watch", reader->folder, sizeof reader->folder);
}

void copse_reader_close(copse_reader *reader)
{
    reader->os = copse_os_free(reader->os);
}

const char *copse_reader_hint(const copse_reader *reader)
{
    return copse_options_knows(&reader->call->options, "--since")
               ? "--since REVISION, --all or --mark-read begins anew"
               : "`copse mark-read` begins anew";
}

bool copse_reader_load(copse_reader *reader, bool *ret_found)
{
    copse_call *call = reader->call;
    copse_status status = copse_watch_state_read(&call->env, reader->os, reader->folder,
                                                 &reader->key, &reader->state, &call->err);
    if (status != COPSE_OK && status != COPSE_NOT_FOUND) {
        (void)copse_failure(call, status, copse_reader_hint(reader),
                            "what was seen, in '%s', can't be read: %s", reader->folder,
                            call->err.message);
        return false;
    }
    *ret_found = status == COPSE_OK;
    return true;
}

bool copse_reader_save(copse_reader *reader)
{
    copse_call *call = reader->call;
    copse_status status = copse_watch_state_write(&call->env, reader->os, reader->folder,
                                                  &reader->key, &reader->state, &call->err);
    if (status != COPSE_OK) {
        (void)copse_failure_of(call, status, "what was seen can't be kept in '%s'", reader->folder);
    }
    return status == COPSE_OK;
}

bool copse_reader_mark(copse_reader *reader, const copse_cid *head)
{
    reader->state = (copse_watch_state){.seen = *head};
    return copse_reader_save(reader);
}
