/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/merge_audit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include <copse/database_check.h>
#include <copse/diff.h>
#include <copse/merge_base.h>

#include "index/key_space.h"
#include "support/merge_contents.h"

/* ---- One commit ------------------------------------------------------------------------------ */

static copse_status audit_found(void *ctx, const copse_database_defect *defect, copse_err *err)
{
    (void)err;
    merge_world_fail(ctx, "check: %s: %s", copse_database_defect_name(defect->kind),
                     defect->message);
}

void merge_audit_check(merge_world *world, size_t commit, copse_store *store)
{
    const copse_database_check_options options = {.found = audit_found, .found_ctx = world};
    copse_database_check_stats stats;
    copse_err err = {0};
    merge_world_must(
        world,
        copse_database_check(&world->archive_env, store != NULL ? store : world->archive,
                             &world->log->commits[commit].tree, &options, &stats, &err),
        "a check", &err);
    world->counts[MERGE_COUNT_CHECKS]++;
}

static void audit_reaches(merge_world *world, size_t from, size_t to)
{
    const merge_commit *commits = world->log->commits;
    copse_merge_base *search = NULL;
    const copse_cid *bases = NULL;
    size_t count = 0;
    copse_err err = {0};
    copse_status status = copse_merge_base_new(&world->archive_env, world->archive_source,
                                               &commits[from].cid, &commits[to].cid, &search, &err);
    if (status == COPSE_OK) {
        status = copse_merge_base_find(search, &bases, &count, &err);
    }
    merge_world_must(world, status, "looking for a commit", &err);
    if (count != 1 || !copse_cid_equal(&bases[0], &commits[to].cid)) {
        merge_world_fail(world, "a write's commit is not in the head's past");
    }
    copse_merge_base_free(search);
}

void merge_audit_loser(merge_world *world, size_t commit)
{
    const merge_log *log = world->log;
    merge_contents contents;
    size_t write = log->writes_count > 0 ? merge_world_below(world, log->writes_count) : 0;
    if (log->writes_count == 0 || !merge_log_has_seen(log, commit, write) ||
        !log->writes[write].after.is_there) {
        return;
    }
    const merge_write *lost = &log->writes[write];
    merge_contents_of(world, commit, lost->collection, &contents);
    if (merge_document_same(&contents.documents[lost->id], &lost->after)) {
        return;
    }
    audit_reaches(world, commit, lost->commit);
    merge_contents_of(world, lost->commit, lost->collection, &contents);
    if (!merge_document_same(&contents.documents[lost->id], &lost->after)) {
        merge_world_fail(world, "%s %d: write %zu is not in its commit",
                         merge_collection_name(lost->collection), lost->id, write);
    }
    world->counts[MERGE_COUNT_FOUND_LOSERS]++;
}

/* ---- Two trees ------------------------------------------------------------------------------- */

typedef copse_status (*audit_prefix_fn)(copse_buf *buf, copse_bytes collection);

/* The rows of one kind are the same. */
static void audit_same_rows(merge_world *world, copse_tree *const trees[2],
                            merge_collection collection, audit_prefix_fn prefix, const char *what)
{
    copse_buf range;
    copse_diff *diff = NULL;
    copse_change change;
    copse_err err = {0};
    copse_buf_init(&range, &world->archive_env, SIZE_MAX);
    assert_int_equal(prefix(&range, copse_bytes_of_text(merge_collection_name(collection))),
                     COPSE_OK);
    size_t size = range.len;
    assert_int_equal(copse_key_write_range_end(&range, 0), COPSE_OK);
    const copse_bytes end = {range.ptr + size, range.len - size};
    const copse_diff_options options = {.from = {range.ptr, size}, .to = &end};
    copse_status status = copse_diff_new(trees[0], trees[1], &options, &diff, &err);
    status = status == COPSE_OK ? copse_diff_next(diff, &change, &err) : status;
    if (status == COPSE_OK) {
        merge_world_fail(world, "%s: %s: row %c of %d differs", what,
                         merge_collection_name(collection), change.key.ptr[size - 2],
                         change.key.ptr[change.key.len - 1]);
    }
    merge_world_must(world, status == COPSE_END ? COPSE_OK : status, what, &err);
    copse_diff_free(diff);
    copse_buf_release(&range);
}

void merge_audit_same(merge_world *world, const copse_cid *a, const copse_cid *b, const char *what)
{
    static const audit_prefix_fn prefixes[3] = {copse_key_write_documents, copse_key_write_versions,
                                                copse_key_write_conflicts};
    const copse_cid *roots[2] = {a, b};
    copse_tree *trees[2] = {NULL, NULL};
    copse_err err = {0};
    for (size_t i = 0; i < 2; i++) {
        merge_world_must(world, copse_tree_open(world->archive_cache, roots[i], &trees[i], &err),
                         what, &err);
    }
    for (merge_collection at = MERGE_UNION; at < MERGE_COLLECTIONS; at++) {
        for (size_t kind = 0; kind < 3; kind++) {
            audit_same_rows(world, trees, at, prefixes[kind], what);
        }
    }
    copse_tree_close(trees[0]);
    copse_tree_close(trees[1]);
}

/* ---- Merges ---------------------------------------------------------------------------------- */

void merge_audit_swapped(merge_world *world, const merge_request *request,
                         const merge_outcome *outcome)
{
    const merge_request swapped = {
        .ours = request->theirs, .theirs = request->ours, .conflicts = request->conflicts};
    merge_outcome back;
    copse_err err = {0};
    merge_world_must(world, merge_world_merge(world, NULL, &swapped, &back, &err),
                     "the merge the other way round", &err);
    if (back.refusals_count != outcome->refusals_count || back.kind != outcome->kind ||
        back.bases != outcome->bases || !copse_cid_equal(&back.commit, &outcome->commit)) {
        merge_audit_same(world, &back.tree, &outcome->tree, "the other way round");
        merge_world_fail(world, "the merge the other way round is another one");
    }
    world->counts[MERGE_COUNT_SWAPPED]++;
}

void merge_audit_refused(merge_world *world, const merge_request *request)
{
    const merge_request swapped = {.ours = request->theirs,
                                   .theirs = request->ours,
                                   .conflicts = request->conflicts,
                                   .is_base_lost = request->is_base_lost};
    merge_outcome back;
    copse_err err = {0};
    copse_status status = merge_world_merge(world, NULL, &swapped, &back, &err);
    if (status != COPSE_CONFLICT) {
        merge_world_fail(world, "a merge that was refused is %s the other way round",
                         copse_status_name(status));
    }
}

/* A commit on its way through several merges, which the log does not have. */
typedef struct audit_head {
    copse_cid commit;
    copse_cid tree;
} audit_head;

static audit_head audit_head_of(const merge_world *world, size_t commit)
{
    return (audit_head){world->log->commits[commit].cid, world->log->commits[commit].tree};
}

/* False: the catalogue refuses it, or one has forgotten what the other may not know of. */
static bool audit_merge(merge_world *world, const audit_head *ours, const audit_head *theirs,
                        audit_head *ret_merged)
{
    const merge_request request = {
        .ours = ours->commit, .theirs = theirs->commit, .conflicts = COPSE_MERGE_CONFLICTS_RECORD};
    merge_outcome outcome;
    copse_err err = {0};
    copse_status status = merge_world_merge(world, NULL, &request, &outcome, &err);
    if (status == COPSE_CONFLICT) {
        return false;
    }
    merge_world_must(world, status, "a merge in some order", &err);
    *ret_merged = outcome.kind == COPSE_HEAD_MERGE_MADE ? (audit_head){outcome.commit, outcome.tree}
                  : outcome.kind == COPSE_HEAD_MERGE_FORWARD ? *theirs
                                                             : *ours;
    return outcome.refusals_count == 0;
}

void merge_audit_orders(merge_world *world, const size_t commits[3])
{
    audit_head first = {.commit = {.size = 0}};
    for (size_t turn = 0; turn < 3; turn++) {
        const audit_head a = audit_head_of(world, commits[turn]);
        const audit_head b = audit_head_of(world, commits[(turn + 1) % 3]);
        const audit_head c = audit_head_of(world, commits[(turn + 2) % 3]);
        audit_head merged;
        audit_head again;
        if (!audit_merge(world, &a, &b, &merged) || !audit_merge(world, &merged, &c, &merged) ||
            !audit_merge(world, &b, &merged, &again)) {
            return;
        }
        if (!copse_cid_equal(&again.commit, &merged.commit)) {
            merge_world_fail(world, "what was merged is merged again");
        }
        if (turn == 0) {
            first = merged;
        } else {
            merge_audit_same(world, &first.tree, &merged.tree, "three heads in another order");
        }
    }
    world->counts[MERGE_COUNT_ORDERS]++;
}

/* ---- The log --------------------------------------------------------------------------------- */

static void audit_states(merge_world *world, size_t commit, merge_collection collection,
                         merge_state ret_states[MERGE_KEYS_ALL])
{
    for (int id = 0; id < MERGE_KEYS_ALL; id++) {
        ret_states[id] = merge_log_state(world->log, commit, collection, id);
    }
}

/* Whether two commits have seen different things: else a merge leaves what is there. */
static bool audit_differ(const merge_state a[MERGE_KEYS_ALL], const merge_state b[MERGE_KEYS_ALL])
{
    bool differ = false;
    for (int id = 0; id < MERGE_KEYS_ALL && !differ; id++) {
        differ = !merge_document_same(&a[id].document, &b[id].document) ||
                 merge_version_compare(&a[id].latest, &b[id].latest) != 0;
    }
    return differ;
}

static void audit_model_collection(merge_world *world, merge_collection collection,
                                   const merge_state states[MERGE_KEYS_ALL],
                                   const merge_contents *contents)
{
    bool admitted[MERGE_KEYS_ALL];
    merge_log_admit(states, collection, admitted);
    for (int id = 0; id < MERGE_KEYS_ALL; id++) {
        const merge_document nothing = {.is_there = false};
        const merge_document *in = admitted[id] ? &states[id].document : &nothing;
        const merge_document *waiting = admitted[id] ? &nothing : &states[id].document;
        if (!merge_document_same(in, &contents->documents[id]) ||
            !merge_document_same(waiting, &contents->open[id].waiting)) {
            merge_world_fail(
                world, "%s %d: is%s there and%s waiting, a %d n %d; by the log%s and%s, a %d n %d",
                merge_collection_name(collection), id,
                contents->documents[id].is_there ? "" : " not",
                contents->open[id].waiting.is_there ? "" : " not",
                contents->documents[id].fields[MERGE_A], contents->documents[id].fields[MERGE_N],
                in->is_there ? "" : " not", waiting->is_there ? "" : " not",
                states[id].document.fields[MERGE_A], states[id].document.fields[MERGE_N]);
        }
    }
}

static void audit_forgotten(merge_world *world, size_t commit)
{
    merge_view view;
    merge_world_open(world, commit, &view);
    for (merge_collection at = 0; at < MERGE_COLLECTIONS; at++) {
        if (merge_view_collection(&view, at)->forgotten_ms !=
            world->log->commits[commit].forgotten_ms[at]) {
            merge_world_fail(world, "%s: it is not known what was forgotten",
                             merge_collection_name(at));
        }
    }
    merge_view_close(&view);
}

void merge_audit_model(merge_world *world, const size_t sides[2], size_t merged)
{
    audit_forgotten(world, merged);
    for (merge_collection at = MERGE_UNION; at < MERGE_COLLECTIONS; at++) {
        merge_state of_ours[MERGE_KEYS_ALL];
        merge_state of_theirs[MERGE_KEYS_ALL];
        merge_state states[MERGE_KEYS_ALL];
        merge_contents contents;
        audit_states(world, sides[0], at, of_ours);
        audit_states(world, sides[1], at, of_theirs);
        if (audit_differ(of_ours, of_theirs)) {
            audit_states(world, merged, at, states);
            merge_contents_of(world, merged, at, &contents);
            audit_model_collection(world, at, states, &contents);
            world->counts[MERGE_COUNT_MODELLED]++;
        }
    }
}
