/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/check_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static copse_status found_finding(void *ctx, const copse_check_finding *finding, copse_err *err)
{
    (void)err;
    found_list *found = ctx;
    size_t used = strlen(found->text);
    if (found->of_kind[finding->kind]++ == 0) {
        found->first[finding->kind] = *finding->cid;
    }
    found->count++;
    (void)snprintf(found->text + used, sizeof found->text - used, "%s (%s) ",
                   copse_check_kind_name(finding->kind), finding->message);
    return COPSE_OK;
}

static copse_status found_progress(void *ctx, uint64_t done, uint64_t total, copse_err *err)
{
    (void)err;
    found_list *found = ctx;
    assert_true(done >= found->progress_done);
    found->progress_done = done;
    found->progress_total = total;
    return COPSE_OK;
}

found_list check_support_run(const copse_env *env, copse_store *store, const copse_cid *root,
                             copse_tree_stats *ret_stats)
{
    copse_source *source;
    copse_node_cache *cache;
    copse_tree *tree;
    found_list found = {0};
    const copse_check_observer observer = {found_finding, found_progress, &found};
    assert_int_equal(copse_source_new(env, store, &source, NULL), COPSE_OK);
    assert_int_equal(copse_node_cache_new(env, source, &cache, NULL), COPSE_OK);
    assert_int_equal(copse_tree_open(cache, root, &tree, NULL), COPSE_OK);
    assert_int_equal(copse_tree_check(tree, &observer, ret_stats, NULL), COPSE_OK);
    assert_int_equal(ret_stats->findings, found.count);
    copse_tree_close(tree);
    copse_node_cache_free(cache);
    copse_source_free(source);
    return found;
}

void check_support_assert_clean(const found_list *found)
{
    if (found->count != 0) {
        fail_msg("found: %s", found->text);
    }
}

void check_support_assert_found(const found_list *found, copse_check_kind kind,
                                const copse_cid *cid)
{
    if (found->count != 1 || found->of_kind[kind] != 1) {
        fail_msg("%s expected, found: %s", copse_check_kind_name(kind), found->text);
    }
    assert_true(copse_cid_equal(&found->first[kind], cid));
}
