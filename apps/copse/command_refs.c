/* copse refs list, set, delete.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "command.h"
#include "failure.h"
#include "local.h"

#include <string.h>

enum { REFS_TRIES_MAX = 100 };

/* ---- list ---- */

static const copse_option refs_list_options[] = {
    COPSE_OPTION_JSON,
    {NULL, NULL, COPSE_OPTION_FLAG, NULL, 0},
};

static copse_status refs_list_print(void *ctx, copse_bytes name, const copse_cid *cid,
                                    copse_err *err)
{
    copse_call *call = ctx;
    copse_output *out = &call->output;
    char text[COPSE_CID_TEXT_SIZE_MAX];
    (void)err;
    if (out->json) {
        copse_output_begin(out);
        copse_output_key(out, "ref", name);
        copse_output_cid(out, "cid", cid);
        copse_output_end(out);
    } else {
        copse_output_bytes(out, name);
        copse_output_format(out, "\t%s\n", copse_cid_show(cid, text));
    }
    return COPSE_OK;
}

static int refs_list_run(copse_call *call)
{
    copse_local local;
    if (!copse_local_open(&local, call, call->options.arguments[0], COPSE_LOCAL_READ)) {
        return COPSE_EXIT_FAILED;
    }
    copse_status status = copse_refs_iterate(local.refs, refs_list_print, call, &call->err);
    int code = status == COPSE_OK ? COPSE_EXIT_OK
                                  : copse_failure_of(call, status, "the refs of '%s'", local.path);
    copse_local_close(&local);
    return code;
}

const copse_command copse_command_refs_list = {
    .name = "refs list",
    .arguments = "STORE",
    .summary = "Print the refs and the CIDs they name, NAME TAB CID a line",
    .options = refs_list_options,
    .examples = "copse refs list fruit.db",
    .run = refs_list_run,
};

/* ---- set and delete ---- */

static const copse_option refs_set_options[] = {
    COPSE_OPTION_DURABILITY,
    COPSE_OPTION_JSON,
    {NULL, NULL, COPSE_OPTION_FLAG, NULL, 0},
};

/* Moves the ref to `cid`, whatever it is now. */
static int refs_move(copse_call *call, copse_local *local, const char *ref, const copse_cid *cid)
{
    copse_status status = COPSE_CONFLICT;
    for (int i = 0; i < REFS_TRIES_MAX && status == COPSE_CONFLICT; i++) {
        copse_cid before;
        status = copse_local_ref_now(local, ref, &before);
        if (status == COPSE_OK) {
            status = copse_refs_swap(local->refs, copse_bytes_of_text(ref),
                                     before.size > 0 ? &before : NULL, cid, &call->err);
        }
    }
    return status == COPSE_OK ? COPSE_EXIT_OK
                              : copse_failure_of(call, status, "the ref '%s' can't be moved", ref);
}

static int refs_set_run(copse_call *call)
{
    copse_local local;
    copse_cid cid;
    bool present = false;
    const char *ref = call->options.arguments[1];
    const char *name = call->options.arguments[2];
    int code = COPSE_EXIT_FAILED;
    if (!copse_local_check_ref_name(call, ref)) {
        return COPSE_EXIT_USAGE;
    }
    if (!copse_local_open(&local, call, call->options.arguments[0], COPSE_LOCAL_WRITE)) {
        return COPSE_EXIT_FAILED;
    }
    if (copse_local_resolve(&local, name, &cid)) {
        copse_status status = copse_store_has(local.store, &cid, &present, &call->err);
        if (status != COPSE_OK) {
            (void)copse_failure_of(call, status, "'%s'", name);
        } else if (!present) {
            (void)copse_failure(call, COPSE_NOT_FOUND, "import it first, or `copse block put`",
                                "the block %s is not in '%s'", name, local.path);
        } else {
            code = refs_move(call, &local, ref, &cid);
        }
    }
    if (code == COPSE_EXIT_OK) {
        copse_output_cid_line(&call->output, "cid", &cid);
    }
    copse_local_close(&local);
    return code;
}

const copse_command copse_command_refs_set = {
    .name = "refs set",
    .arguments = "STORE NAME REF|CID",
    .summary = "Make a ref, or move it: a branch costs nothing",
    .details = "What no ref leads to is dropped by `copse gc`. Prints the CID.\n",
    .options = refs_set_options,
    .examples = "copse refs set fruit.db next main          # a branch of main\n"
                "copse refs set fruit.db main bafyreib…     # back to an earlier root",
    .run = refs_set_run,
};

static int refs_delete_run(copse_call *call)
{
    copse_local local;
    if (!copse_local_open(&local, call, call->options.arguments[0], COPSE_LOCAL_WRITE)) {
        return COPSE_EXIT_FAILED;
    }
    int code = copse_local_delete_ref(&local, call->options.arguments[1]);
    copse_local_close(&local);
    return code;
}

const copse_command copse_command_refs_delete = {
    .name = "refs delete",
    .arguments = "STORE NAME",
    .summary = "Take a ref away; its blocks stay until `copse gc`",
    .details = "Says what it was, so that it can be undone. main stays.\n",
    .options = refs_set_options,
    .examples = "copse refs delete fruit.db next",
    .run = refs_delete_run,
};
