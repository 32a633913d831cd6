/* copse tree merge.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "command.h"
#include "failure.h"
#include "local.h"

#include <copse/merge.h>

static const copse_option tree_merge_options[] = {
    {"--ref", "NAME", COPSE_OPTION_TEXT, "the ref to move to the merged tree", 0},
    {"--ours", NULL, COPSE_OPTION_FLAG, "where both changed a key, take it from A", 0},
    {"--theirs", NULL, COPSE_OPTION_FLAG, "where both changed a key, take it from B", 0},
    {"--hex", NULL, COPSE_OPTION_FLAG, "print keys and values in hexadecimal", 0},
    COPSE_OPTION_DURABILITY,
    COPSE_OPTION_JSON,
    {NULL, NULL, COPSE_OPTION_FLAG, NULL, 0},
};

typedef struct tree_merge {
    copse_call *call;
    copse_local local;
    copse_tree *trees[3]; /* base, a, b */
    bool decides;         /* --ours or --theirs */
    uint64_t conflicts;
} tree_merge;

static copse_status tree_merge_print(tree_merge *merge, const copse_conflict *conflict,
                                     copse_err *err)
{
    copse_output *out = &merge->call->output;
    copse_status status = COPSE_OK;
    if (!out->json) {
        copse_output_bytes(out, conflict->key);
        copse_output_format(out, "\n");
        return COPSE_OK;
    }
    copse_output_begin(out);
    copse_output_key(out, "conflict", conflict->key);
    status = copse_output_item(out, "base", conflict->base, err);
    if (status == COPSE_OK) {
        status = copse_output_item(out, "a", conflict->ours, err);
    }
    if (status == COPSE_OK) {
        status = copse_output_item(out, "b", conflict->theirs, err);
    }
    copse_output_end(out);
    return status;
}

/* Without --ours and --theirs every conflict is printed, and the merge is thrown away afterwards:
 * what was put and not committed is dropped when the store is closed. */
static copse_status tree_merge_decide(void *ctx, const copse_conflict *conflict,
                                      copse_resolution *ret_resolution, copse_err *err)
{
    tree_merge *merge = ctx;
    copse_status status = merge->decides ? COPSE_OK : tree_merge_print(merge, conflict, err);
    bool theirs = copse_options_has(&merge->call->options, "--theirs");
    merge->conflicts++;
    *ret_resolution = (copse_resolution){.kind = theirs ? COPSE_TAKE_THEIRS : COPSE_TAKE_OURS};
    return status;
}

/* Makes the merged tree durable, under its ref if one is named. */
static int tree_merge_commit(tree_merge *merge, const copse_cid *before, const copse_cid *root)
{
    copse_call *call = merge->call;
    const char *ref = copse_options_text(&call->options, "--ref", NULL);
    copse_status status = COPSE_OK;
    if (ref == NULL) {
        status = copse_store_flush(merge->local.store, &call->err);
        if (status != COPSE_OK) {
            return copse_failure_of(call, status, "the merged tree can't be written");
        }
    } else if (!copse_local_check_replaceable(&merge->local, ref, before)) {
        return COPSE_EXIT_FAILED;
    } else if (before->size == 0 || !copse_cid_equal(before, root)) {
        status = copse_local_move_ref(&merge->local, ref, before, root);
    }
    if (status == COPSE_CONFLICT) {
        return copse_failure(
            call, status, "merge again with what it is now",
            "'%s' was moved, or the store collected, meanwhile; nothing was written", ref);
    }
    if (status == COPSE_OK) {
        copse_output_cid_line(&call->output, "root", root);
    }
    return status == COPSE_OK ? COPSE_EXIT_OK : COPSE_EXIT_FAILED;
}

static int tree_merge_trees(tree_merge *merge, const copse_cid *before)
{
    copse_call *call = merge->call;
    copse_tree *merged = NULL;
    copse_status status =
        copse_merge3(merge->trees[0], merge->trees[1], merge->trees[2], tree_merge_decide, merge,
                     merge->local.store, &merged, NULL, &call->err);
    int code = COPSE_EXIT_FAILED;
    if (status != COPSE_OK) {
        (void)copse_local_failure(&merge->local, status, "the three trees");
    } else if (merge->conflicts > 0 && !merge->decides) {
        (void)copse_failure(call, COPSE_CONFLICT,
                            "`--ours` takes them from A, `--theirs` from B; or change one side",
                            "%llu %s changed on both sides, differently; nothing was written",
                            (unsigned long long)merge->conflicts,
                            merge->conflicts == 1 ? "key" : "keys");
    } else {
        code = tree_merge_commit(merge, before, copse_tree_root(merged));
    }
    merged = copse_tree_close(merged);
    return code;
}

/* The ref that --ref names, as it is before the trees are read. */
static bool tree_merge_before(tree_merge *merge, copse_cid *ret_before)
{
    copse_call *call = merge->call;
    const char *ref = copse_options_text(&call->options, "--ref", NULL);
    *ret_before = (copse_cid){0};
    if (ref == NULL) {
        return true;
    }
    copse_status status =
        copse_refs_get(merge->local.refs, copse_bytes_of_text(ref), ret_before, &call->err);
    if (status != COPSE_OK && status != COPSE_NOT_FOUND) {
        (void)copse_failure_of(call, status, "the ref '%s' can't be read", ref);
        return false;
    }
    return true;
}

static int tree_merge_run(copse_call *call)
{
    tree_merge merge = {.call = call};
    copse_cid before;
    bool ours = copse_options_has(&call->options, "--ours");
    bool theirs = copse_options_has(&call->options, "--theirs");
    const char *ref = copse_options_text(&call->options, "--ref", COPSE_REF_DEFAULT);
    char **names = call->options.arguments;
    int code = COPSE_EXIT_FAILED;
    if (ours && theirs) {
        return copse_failure_usage(call, "--ours and --theirs can't stand together");
    }
    if (!copse_local_check_ref_name(call, ref)) {
        return COPSE_EXIT_USAGE;
    }
    merge.decides = ours || theirs;
    if (!copse_local_open(&merge.local, call, names[0], COPSE_LOCAL_WRITE)) {
        return COPSE_EXIT_FAILED;
    }
    if (tree_merge_before(&merge, &before) &&
        copse_local_tree(&merge.local, names[1], &merge.trees[0]) &&
        copse_local_tree(&merge.local, names[2], &merge.trees[1]) &&
        copse_local_tree(&merge.local, names[3], &merge.trees[2])) {
        code = tree_merge_trees(&merge, &before);
    }
    for (size_t i = 0; i < 3; i++) {
        merge.trees[i] = copse_tree_close(merge.trees[i]);
    }
    copse_local_close(&merge.local);
    return code;
}

const copse_command copse_command_tree_merge = {
    .name = "tree merge",
    .arguments = "STORE BASE A B",
    .summary = "Merge what changed from BASE to A and from BASE to B",
    .details =
        "BASE, A and B are refs or root CIDs. Prints the root of the merged tree, and moves\n"
        "the ref that --ref names to it. Keys that both sides changed differently are\n"
        "conflicts: they are printed, the exit code is 1, and nothing is written.\n",
    .options = tree_merge_options,
    .examples = "copse refs set fruit.db base main     # before the two branches part\n"
                "copse tree merge fruit.db base main next --ref main\n"
                "copse tree merge fruit.db base main next --ref main --theirs",
    .run = tree_merge_run,
};
