/* copse tree put and delete: single changes, retried if somebody else moved the ref meanwhile.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "command.h"
#include "failure.h"
#include "local.h"
#include "range.h"

#include <copse/batch.h>
#include <copse/dag_cbor.h>
#include <copse/dag_json.h>

enum { TREE_WRITE_TRIES_MAX = 100 };

/* Applies the batch to what the ref is now. CONFLICT: it moved meanwhile. Other failures are
 * reported. */
static copse_status tree_write_once(copse_local *local, const char *ref, copse_batch *batch,
                                    copse_cid *ret_root)
{
    copse_call *call = local->call;
    copse_tree *tree = NULL;
    copse_tree *changed = NULL;
    copse_cid before;
    if (!copse_local_tree_of_ref(local, ref, &before, &tree)) {
        return COPSE_MISUSE;
    }
    copse_status status = copse_tree_apply(tree, batch, local->store, &changed, NULL, &call->err);
    if (status == COPSE_OK) {
        *ret_root = *copse_tree_root(changed);
        if (before.size == 0 || !copse_cid_equal(&before, ret_root)) {
            status = copse_local_move_ref(local, ref, &before, ret_root);
        }
    } else {
        (void)copse_local_failure(local, status, ref);
    }
    changed = copse_tree_close(changed);
    tree = copse_tree_close(tree);
    return status;
}

static int tree_write(copse_call *call, copse_batch *batch, copse_local_mode mode)
{
    copse_local local;
    copse_cid root;
    const char *ref = copse_options_text(&call->options, "--ref", COPSE_REF_DEFAULT);
    copse_status status = COPSE_CONFLICT;
    if (!copse_local_check_ref_name(call, ref)) {
        return COPSE_EXIT_USAGE;
    }
    if (!copse_local_open(&local, call, call->options.arguments[0], mode)) {
        return COPSE_EXIT_FAILED;
    }
    for (int i = 0; i < TREE_WRITE_TRIES_MAX && status == COPSE_CONFLICT; i++) {
        status = copse_pack_db_refresh(local.db, &call->err);
        if (status != COPSE_OK) {
            (void)copse_failure_of(call, status, "'%s'", local.path);
            break;
        }
        status = tree_write_once(&local, ref, batch, &root);
    }
    if (status == COPSE_CONFLICT) {
        (void)copse_failure(call, status, "run the command again",
                            "others moved '%s' %d times meanwhile; nothing was changed", ref,
                            TREE_WRITE_TRIES_MAX);
    } else if (status == COPSE_OK) {
        copse_output_cid_line(&call->output, "root", &root);
    }
    copse_local_close(&local);
    return status == COPSE_OK ? COPSE_EXIT_OK : COPSE_EXIT_FAILED;
}

/* Makes the batch, lets `fill` put the command line into it, applies it. `fill` returns an exit
 * code and reports. */
static int tree_write_run(copse_call *call, int (*fill)(copse_call *call, copse_batch *batch),
                          copse_local_mode mode)
{
    copse_batch *batch = NULL;
    copse_status status = copse_batch_new(&call->env, &batch, &call->err);
    int code = status == COPSE_OK ? fill(call, batch) : copse_failure_of(call, status, "writing");
    if (code == COPSE_EXIT_OK) {
        code = tree_write(call, batch, mode);
    }
    batch = copse_batch_free(batch);
    return code;
}

/* ---- put ---- */

static const copse_option tree_put_options[] = {
    COPSE_OPTION_REF,
    {"--dag-json", NULL, COPSE_OPTION_FLAG, "values are DAG-JSON, not byte strings", 0},
    COPSE_OPTION_HEX,
    COPSE_OPTION_DURABILITY,
    COPSE_OPTION_JSON,
    {NULL, NULL, COPSE_OPTION_FLAG, NULL, 0},
};

static int tree_put_pair(copse_call *call, copse_batch *batch, const char *key_text,
                         const char *value_text, copse_buf *buf)
{
    copse_bytes key;
    copse_bytes value;
    copse_status status = COPSE_OK;
    copse_buf encoded;
    copse_buf_truncate(buf, 0);
    if (!copse_key_parse(call, key_text, buf, &key)) {
        return COPSE_EXIT_USAGE;
    }
    size_t key_len = key.len;
    copse_buf_init(&encoded, &call->env, call->env.limits.block_size_bytes_max);
    if (copse_options_has(&call->options, "--dag-json")) {
        status = copse_dag_json_to_cbor(&call->env, copse_bytes_of_text(value_text), &encoded,
                                        &call->err);
    } else if (!copse_key_parse(call, value_text, buf, &value)) {
        return COPSE_EXIT_USAGE;
    } else {
        status = copse_cbor_write_bytes(&encoded, value);
        call->err = (copse_err){0};
    }
    if (status == COPSE_OK) {
        status = copse_batch_put(batch, (copse_bytes){buf->ptr, key_len}, copse_buf_view(&encoded),
                                 &call->err);
    }
    copse_buf_release(&encoded);
    return status == COPSE_OK ? COPSE_EXIT_OK
                              : copse_failure_of(call, status, "the entry '%s'", key_text);
}

static int tree_put_fill(copse_call *call, copse_batch *batch)
{
    char **words = call->options.arguments + 1;
    size_t count = call->options.arguments_count - 1;
    copse_buf buf;
    int code = COPSE_EXIT_OK;
    if (count % 2 != 0) {
        return copse_failure_usage(call, "the value of '%s' is missing", words[count - 1]);
    }
    copse_buf_init(&buf, &call->env, (size_t)4 << 20);
    for (size_t i = 0; i < count && code == COPSE_EXIT_OK; i += 2) {
        code = tree_put_pair(call, batch, words[i], words[i + 1], &buf);
    }
    copse_buf_release(&buf);
    return code;
}

static int tree_put_run(copse_call *call)
{
    return tree_write_run(call, tree_put_fill, COPSE_LOCAL_CREATE);
}

const copse_command copse_command_tree_put = {
    .name = "tree put",
    .arguments = "STORE KEY VALUE...",
    .summary = "Set keys to values, in one commit",
    .details =
        "KEY VALUE may be repeated. Prints the new root. The store and the ref are made if\n"
        "they aren't there; a new ref begins empty (`copse refs set` begins one elsewhere).\n"
        "If somebody else moves the ref meanwhile, the change is made to what it is then.\n",
    .options = tree_put_options,
    .examples = "copse tree put fruit.db apple green\n"
                "copse tree put fruit.db plum blue pear yellow --ref next\n"
                "copse tree put fruit.db kiwi '{\"colour\":\"green\",\"grams\":75}' --dag-json",
    .run = tree_put_run,
};

/* ---- delete ---- */

static const copse_option tree_delete_options[] = {
    COPSE_OPTION_REF,        COPSE_OPTIONS_RANGE, COPSE_OPTION_HEX,
    COPSE_OPTION_DURABILITY, COPSE_OPTION_JSON,   {NULL, NULL, COPSE_OPTION_FLAG, NULL, 0},
};

static int tree_delete_keys(copse_call *call, copse_batch *batch)
{
    copse_buf buf;
    copse_status status = COPSE_OK;
    copse_buf_init(&buf, &call->env, (size_t)4 << 20);
    for (size_t i = 1; i < call->options.arguments_count && status == COPSE_OK; i++) {
        copse_bytes key;
        copse_buf_truncate(&buf, 0);
        if (!copse_key_parse(call, call->options.arguments[i], &buf, &key)) {
            copse_buf_release(&buf);
            return COPSE_EXIT_USAGE;
        }
        status = copse_batch_delete(batch, key, &call->err);
    }
    copse_buf_release(&buf);
    return status == COPSE_OK ? COPSE_EXIT_OK : copse_failure_of(call, status, "deleting");
}

static int tree_delete_fill(copse_call *call, copse_batch *batch)
{
    copse_range range;
    bool has_keys = call->options.arguments_count > 1;
    if (has_keys == copse_range_is_given(call)) {
        return copse_failure_usage(call, "name either keys or a range: --from, --to, --prefix");
    }
    if (has_keys) {
        return tree_delete_keys(call, batch);
    }
    if (!copse_range_init(&range, call)) {
        return COPSE_EXIT_USAGE;
    }
    copse_status status =
        copse_batch_delete_range(batch, range.from, copse_range_to(&range), &call->err);
    copse_range_release(&range);
    return status == COPSE_OK ? COPSE_EXIT_OK : copse_failure_of(call, status, "deleting");
}

static int tree_delete_run(copse_call *call)
{
    return tree_write_run(call, tree_delete_fill, COPSE_LOCAL_WRITE);
}

const copse_command copse_command_tree_delete = {
    .name = "tree delete",
    .arguments = "STORE [KEY...]",
    .summary = "Delete keys, or a range of them, in one commit",
    .details = "Keys that are not there are no matter. Prints the new root.\n",
    .options = tree_delete_options,
    .examples = "copse tree delete fruit.db apple plum\n"
                "copse tree delete fruit.db --prefix user/17/",
    .run = tree_delete_run,
};
