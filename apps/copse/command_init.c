/* copse init: an empty database.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "command.h"
#include "documents.h"
#include "failure.h"

#include <stdio.h>

static const copse_option init_options[] = {
    {"--ref", "NAME", COPSE_OPTION_TEXT, "the head's name, instead of main", 0},
    {"--creator", "KEY", COPSE_OPTION_TEXT, "make it a database of this key, which signs it", 0},
    COPSE_OPTION_PASSPHRASE_FILE,
    COPSE_OPTION_DURABILITY,
    COPSE_OPTION_JSON,
    {NULL, NULL, COPSE_OPTION_FLAG, NULL, 0},
};

/* With a creator, the database begins with what that key signs. */
static int init_create(copse_documents *documents, copse_write *write)
{
    copse_call *call = documents->call;
    copse_identity identity;
    copse_status status =
        copse_identity_new(&call->env, documents->author.key, &identity, &call->err);
    if (status == COPSE_OK) {
        status = copse_write_create_database(write, &identity, &call->err);
    }
    return status == COPSE_OK ? COPSE_EXIT_OK
                              : copse_failure_of(call, status, "the database can't be made");
}

static int init_fill(void *ctx, copse_documents *documents, copse_write *write)
{
    copse_call *call = ctx;
    const char *creator = copse_options_text(&call->options, "--creator", NULL);
    if (documents->head.size == 0) {
        return creator != NULL ? init_create(documents, write) : COPSE_EXIT_OK;
    }
    return copse_failure(call, COPSE_CONFLICT, "--ref NAME makes another one beside it",
                         "'%s' has a database '%s' already; nothing was changed",
                         documents->place.local.path, documents->ref);
}

static void init_describe(void *ctx, const copse_write_stats *stats, char *ret_message, size_t size)
{
    (void)ctx;
    (void)stats;
    (void)snprintf(ret_message, size, "make the database");
}

static int init_documents(copse_call *call, copse_documents *documents)
{
    copse_write_stats stats;
    const copse_documents_change change = {
        .fill = init_fill,
        .describe = init_describe,
        .ctx = call,
        .depends = true,
    };
    int code = copse_documents_write(documents, &change, &stats);
    if (code == COPSE_EXIT_OK && call->output.json) {
        copse_output_begin(&call->output);
        copse_output_text(&call->output, "ref", documents->ref);
        copse_documents_print_head(documents);
        copse_output_end(&call->output);
    }
    return code;
}

static copse_status init_count_ref(void *ctx, copse_bytes name, const copse_cid *cid,
                                   copse_err *err)
{
    (void)name;
    (void)cid;
    (void)err;
    ++*(size_t *)ctx;
    return COPSE_OK;
}

/* Whether there is nothing in the store but what an interrupted init leaves. */
static bool init_is_empty(copse_documents *documents)
{
    size_t refs = 0;
    copse_status status = copse_refs_iterate(documents->place.local.refs, init_count_ref, &refs,
                                             &documents->call->err);
    return status == COPSE_OK && refs == 0;
}

static int init_run(copse_call *call)
{
    copse_documents documents;
    int code = COPSE_EXIT_FAILED;
    if (!copse_documents_open(&documents, call, COPSE_LOCAL_CREATE)) {
        return COPSE_EXIT_FAILED;
    }
    if (documents.head.size > 0 || copse_options_has(&call->options, "--ref") ||
        init_is_empty(&documents)) {
        code = init_documents(call, &documents);
    } else {
        (void)copse_failure(call, COPSE_CONFLICT, "--ref NAME makes a database in it",
                            "'%s' is a store already; nothing was changed",
                            documents.place.local.path);
    }
    copse_documents_close(&documents);
    return code;
}

const copse_command copse_command_init = {
    .name = "init",
    .arguments = "DB",
    .summary = "Make an empty database",
    .details =
        "DB is a folder, which is made; or a store that is there, in which --ref NAME makes a\n"
        "database of its own beside the others. `copse refs set DB NAME main` makes a copy of\n"
        "main instead, which costs nothing.\n"
        "\n"
        "With --creator the database has an identity, and its creator says who may write it. KEY\n"
        "is one of `copse key list`; it signs the first commit too.\n",
    .options = init_options,
    .examples = "copse init blog.copse\n"
                "copse init blog.copse --ref drafts\n"
                "copse init blog.copse --creator blog",
    .run = init_run,
};
