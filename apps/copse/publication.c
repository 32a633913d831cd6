/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "publication.h"

#include "failure.h"
#include "text.h"

#include <stdio.h>
#include <string.h>

bool copse_publication_open_key(copse_publication *publication, copse_call *call,
                                const char *key_name)
{
    *publication = (copse_publication){.call = call, .key_name = key_name};
    if (!copse_keys_open(call, key_name, &publication->key)) {
        copse_publication_close(publication);
        return false;
    }
    return true;
}

void copse_publication_close(copse_publication *publication)
{
    copse_publisher_close(publication->publisher);
    copse_os_free(publication->os);
    copse_key_free(publication->key);
    *publication = (copse_publication){.call = NULL};
}

/* The folder and the name of the key's file, without what its name ends with. */
static bool publication_place(const copse_publication *publication,
                              char ret_folder[COPSE_KEYS_PATH_SIZE],
                              char ret_name[COPSE_KEYS_PATH_SIZE])
{
    static const char suffix[] = ".key";
    if (!copse_keys_path(publication->call, publication->key_name, ret_folder)) {
        return false;
    }
    char *slash = strrchr(ret_folder, '/'); /* a path has one, or is in the folder of keys */
    (void)snprintf(ret_name, COPSE_KEYS_PATH_SIZE, "%s", slash + 1);
    slash[slash == ret_folder ? 1 : 0] = '\0';
    size_t len = strlen(ret_name);
    if (len > strlen(suffix) && strcmp(ret_name + len - strlen(suffix), suffix) == 0) {
        ret_name[len - strlen(suffix)] = '\0';
    }
    return true;
}

/* An option that is a time; 0: it wasn't given. */
static bool publication_time(copse_call *call, const char *option, uint64_t *ret_ms)
{
    const char *text = copse_options_text(&call->options, option, NULL);
    *ret_ms = 0;
    if (text != NULL && (!copse_text_to_ms(text, ret_ms) || *ret_ms == 0)) {
        (void)copse_failure_usage(call, "%s takes a time, such as 90s, 5m, 48h or 7d", option);
        return false;
    }
    return true;
}

bool copse_publication_begin(copse_publication *publication,
                             copse_status (*head)(void *ctx, copse_cid *ret_head, copse_err *err),
                             void *ctx)
{
    copse_call *call = publication->call;
    char folder[COPSE_KEYS_PATH_SIZE];
    char name[COPSE_KEYS_PATH_SIZE];
    copse_publisher_options options = {
        .folder = folder,
        .name = name,
        .key = publication->key,
        .head = head,
        .ctx = ctx,
    };
    if (!publication_place(publication, folder, name) ||
        !publication_time(call, "--validity", &options.validity_ms) ||
        !publication_time(call, "--ttl", &options.ttl_ms)) {
        return false;
    }
    copse_status status = copse_os_posix_new(&call->env, &publication->os, &call->err);
    if (status == COPSE_OK) {
        options.os = publication->os;
        status = copse_publisher_open(&call->env, &options, &publication->publisher, &call->err);
    }
    if (status == COPSE_MISUSE) {
        (void)copse_failure_usage(call, "%s", call->err.message);
    } else if (status != COPSE_OK) {
        (void)copse_failure_of(call, status, "nothing can be published under '%s'",
                               publication->key_name);
    }
    return status == COPSE_OK;
}

copse_status copse_publication_record(copse_publication *publication, copse_bytes *ret_record,
                                      copse_ipns_record *ret_said, copse_err *err)
{
    return copse_publisher_record(publication->publisher, ret_record, ret_said, err);
}
