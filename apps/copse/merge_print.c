/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "merge_print.h"

#include "index_fields.h"

enum { MERGE_PRINT_CONFLICTS_MAX = 20 };

/* ---- Conflicts ---- */

/* Whether both sides have it, with policies that differ. */
static bool merge_print_is_of_policies(const copse_database_conflict *conflict)
{
    const copse_collection *ours = conflict->our_collection;
    const copse_collection *theirs = conflict->their_collection;
    return ours != NULL && theirs != NULL &&
           (ours->merge != theirs->merge || ours->tombstone_days != theirs->tombstone_days ||
            ours->is_signed != theirs->is_signed);
}

static void merge_print_collection_json(copse_output *out, const char *name,
                                        const copse_collection *collection)
{
    if (collection != NULL) {
        copse_output_begin_member(out, name);
        copse_output_text_bytes(out, "primary_key", collection->primary_key);
        copse_output_text(out, "merge", copse_merge_policy_name(collection->merge));
        copse_output_number(out, "tombstone_days", collection->tombstone_days);
        copse_output_bool(out, "signed", collection->is_signed);
        copse_output_end_member(out);
    }
}

static copse_status merge_print_json(copse_call *call, const copse_database_conflict *conflict)
{
    static const char *const kinds[] = {"collection", "index", "document"};
    const copse_bytes sides[3] = {conflict->base, conflict->ours, conflict->theirs};
    static const char *const names[3] = {"base", "ours", "theirs"};
    copse_output *out = &call->output;
    copse_status status = COPSE_OK;
    copse_output_begin(out);
    copse_output_text(out, "conflict", kinds[conflict->what]);
    copse_output_text_bytes(out, "collection", conflict->collection);
    merge_print_collection_json(out, "ours", conflict->our_collection);
    merge_print_collection_json(out, "theirs", conflict->their_collection);
    if (conflict->what == COPSE_CONFLICT_INDEX) {
        copse_output_text_bytes(out, "index", conflict->index);
    }
    if (conflict->what == COPSE_CONFLICT_DOCUMENT) {
        status = copse_output_ext_json(out, "_id", conflict->id, &call->err);
    }
    for (size_t i = 0; i < 3 && status == COPSE_OK; i++) {
        if (sides[i].len > 0) {
            status = copse_output_ext_json(out, names[i], sides[i], &call->err);
        }
    }
    copse_output_end(out);
    return status;
}

static const char *merge_print_reason(const copse_database_conflict *conflict)
{
    return conflict->ours.len == 0     ? "deleted here, changed there"
           : conflict->theirs.len == 0 ? "changed here, deleted there"
           : conflict->base.len == 0   ? "made on both sides, differently"
                                       : "the same field was changed on both sides";
}

/* "lww, signed (deletions kept for 30 days)". */
static void merge_print_policy(copse_output *out, const copse_collection *collection)
{
    copse_output_format(out, "%s%s", copse_merge_policy_name(collection->merge),
                        collection->is_signed ? ", signed" : "");
    if (collection->tombstone_days > 0) {
        copse_output_format(out, " (deletions kept for %u days)",
                            (unsigned)collection->tombstone_days);
    }
}

static void merge_print_collection(copse_output *out, const copse_database_conflict *conflict)
{
    const copse_collection *ours = conflict->our_collection;
    const copse_collection *theirs = conflict->their_collection;
    if (merge_print_is_of_policies(conflict)) {
        copse_output_format(out, "its policy is ");
        merge_print_policy(out, ours);
        copse_output_format(out, " here, ");
        merge_print_policy(out, theirs);
        copse_output_format(out, " there");
    } else if ((ours == NULL) != (theirs == NULL)) {
        copse_output_format(out, "%s",
                            ours == NULL ? "dropped here, changed there"
                                         : "changed here, dropped there");
    } else {
        copse_output_format(out, "dropped, made or changed on both sides");
    }
}

static copse_status merge_print_line(copse_call *call, const copse_database_conflict *conflict)
{
    copse_output *out = &call->output;
    copse_status status = COPSE_OK;
    copse_output_raw(out, copse_bytes_of_text("conflict\t"));
    copse_output_bytes(out, conflict->collection);
    copse_output_raw(out, copse_bytes_of_text("\t"));
    switch (conflict->what) {
    case COPSE_CONFLICT_COLLECTION:
        merge_print_collection(out, conflict);
        break;
    case COPSE_CONFLICT_INDEX:
        copse_output_bytes(out, conflict->index);
        copse_output_raw(out, copse_bytes_of_text("\tan index that differs on both sides"));
        break;
    case COPSE_CONFLICT_DOCUMENT:
        status = copse_output_value_ext_json(out, conflict->id, &call->err);
        copse_output_format(out, "\t%s", merge_print_reason(conflict));
        break;
    }
    copse_output_raw(out, copse_bytes_of_text("\n"));
    return status;
}

copse_status copse_merge_print_conflict(copse_merge_print *print,
                                        const copse_database_conflict *conflict)
{
    copse_call *call = print->call;
    print->conflicts++;
    print->of_catalogue += conflict->what != COPSE_CONFLICT_DOCUMENT;
    print->of_policies += merge_print_is_of_policies(conflict);
    if (call->output.json) {
        return merge_print_json(call, conflict);
    }
    return print->conflicts <= MERGE_PRINT_CONFLICTS_MAX ? merge_print_line(call, conflict)
                                                         : COPSE_OK;
}

void copse_merge_print_end(const copse_merge_print *print)
{
    if (!print->call->output.json && print->conflicts > MERGE_PRINT_CONFLICTS_MAX) {
        copse_output_format(&print->call->output, "… and %llu more\n",
                            (unsigned long long)(print->conflicts - MERGE_PRINT_CONFLICTS_MAX));
    }
}

/* ---- Numbers ---- */

void copse_merge_print_stats(copse_output *out, const copse_database_merge_stats *stats)
{
    if (out->json) {
        copse_output_number(out, "inserted", stats->inserted);
        copse_output_number(out, "replaced", stats->replaced);
        copse_output_number(out, "merged", stats->merged);
        copse_output_number(out, "deleted", stats->deleted);
        return;
    }
    copse_output_format(out, "%llu inserted, %llu replaced, %llu merged by fields, %llu deleted\n",
                        (unsigned long long)stats->inserted, (unsigned long long)stats->replaced,
                        (unsigned long long)stats->merged, (unsigned long long)stats->deleted);
}

/* ---- Indexes that are not built ---- */

/* An index that a merge left not built. */
typedef struct merge_print_index {
    const copse_collection *collection;
    const copse_index_definition *index;
    copse_bytes fields;
    bool was_built;
} merge_print_index;

static void merge_print_index_json(copse_output *out, const merge_print_index *index)
{
    copse_output_begin_member(out, NULL);
    copse_output_text_bytes(out, "collection", index->collection->name);
    copse_output_text_bytes(out, "index", index->index->name);
    copse_output_text_bytes(out, "fields", index->fields);
    copse_output_bool(out, "unique", index->index->unique);
    copse_output_bool(out, "was_built", index->was_built);
    copse_output_end_member(out);
}

/* "index users.mail came not built: `copse index DB users mail` builds it". */
static void merge_print_index_line(copse_output *out, const merge_print_index *index,
                                   const char *place, const char *ref)
{
    copse_output_format(out, "index ");
    copse_output_bytes(out, index->collection->name);
    copse_output_format(out, ".");
    copse_output_bytes(out, index->index->name);
    copse_output_format(out, " %s: `copse index %s ",
                        index->was_built ? "is not built any more" : "came not built", place);
    copse_output_bytes(out, index->collection->name);
    copse_output_format(out, " ");
    copse_output_bytes(out, index->fields);
    copse_output_format(
        out, "%s%s` builds it%s\n", ref != NULL ? " --ref " : "", ref != NULL ? ref : "",
        index->index->unique ? "; until then nobody sees to it that its values are unique" : "");
}

/* The index of this name; NULL: there is none. */
static const copse_index_definition *merge_print_find_index(const copse_collection *collection,
                                                            copse_bytes name)
{
    for (size_t i = 0; collection != NULL && i < collection->indexes_count; i++) {
        if (copse_bytes_equal(collection->indexes[i].name, name)) {
            return &collection->indexes[i];
        }
    }
    return NULL;
}

/* Takes the next index of `merged` that is not built, and is so in `before` not yet. False: there
 * is none. */
static bool merge_print_next_index(const copse_database *before, const copse_database *merged,
                                   size_t at[2], merge_print_index *ret_index)
{
    size_t count = 0;
    const copse_collection *collections = copse_database_collections(merged, &count);
    for (; at[0] < count; at[0]++, at[1] = 0) {
        const copse_collection *collection = &collections[at[0]];
        while (at[1] < collection->indexes_count) {
            const copse_index_definition *index = &collection->indexes[at[1]++];
            const copse_index_definition *old = merge_print_find_index(
                copse_database_collection(before, collection->name), index->name);
            if (index->is_unbuilt && (old == NULL || !old->is_unbuilt)) {
                *ret_index = (merge_print_index){collection, index, {NULL, 0}, old != NULL};
                return true;
            }
        }
    }
    return false;
}

copse_status copse_merge_print_unbuilt(copse_call *call, const copse_database *before,
                                       const copse_database *merged, const char *place,
                                       const char *ref)
{
    copse_output *out = &call->output;
    copse_buf fields;
    copse_status status = COPSE_OK;
    size_t at[2] = {0, 0};
    merge_print_index index;
    copse_buf_init(&fields, &call->env, SIZE_MAX);
    if (out->json) {
        copse_output_begin_array(out, "unbuilt");
    }
    while (status == COPSE_OK && merge_print_next_index(before, merged, at, &index)) {
        copse_buf_truncate(&fields, 0);
        status = copse_index_fields_write(index.index, &fields);
        index.fields = copse_buf_view(&fields);
        if (status == COPSE_OK && out->json) {
            merge_print_index_json(out, &index);
        } else if (status == COPSE_OK) {
            merge_print_index_line(out, &index, place, ref);
        }
    }
    if (out->json) {
        copse_output_end_array(out);
    }
    copse_buf_release(&fields);
    return status;
}
