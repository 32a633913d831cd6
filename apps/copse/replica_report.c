/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "replica_report.h"

#include "documents.h"
#include "text.h"

#include <stdio.h>

static void replica_report_json(const copse_replica *replica, const copse_cid *head, bool moved)
{
    copse_output *out = &replica->call->output;
    const copse_origin *origin = replica->origin;
    char url[512];
    copse_output_begin(out);
    copse_output_text(out, "origin", copse_origin_show(origin, url, sizeof url));
    copse_output_cid(out, "head", head);
    copse_output_bool(out, "moved", moved);
    copse_output_bool(out, "sparse", copse_origin_is_sparse(origin));
    if (origin->is_fork) {
        if (!origin->is_partial) {
            copse_output_number(out, "commits", replica->commits);
        }
    } else if (origin->filter.ptr != NULL) {
        copse_output_number(out, "documents", replica->documents);
    } else {
        copse_output_number(out, "entries", replica->stats.entries);
        copse_output_number(out, "entries_same", replica->stats.entries_same);
    }
    copse_peers_print(&replica->peers);
    copse_output_end(out);
}

void copse_replica_report(const copse_replica *replica, const char *verb, const copse_cid *head,
                          bool moved)
{
    copse_output *out = &replica->call->output;
    const copse_origin *origin = replica->origin;
    copse_remote_stats stats = copse_remote_get_stats(replica->peers.remote);
    char url[512];
    char count[64];
    char blocks[64];
    char rounds[64];
    char size[COPSE_TEXT_NUMBER_SIZE];
    if (out->json) {
        replica_report_json(replica, head, moved);
        return;
    }
    if (origin->is_fork && origin->is_partial) {
        (void)snprintf(count, sizeof count, "its head");
    } else if (origin->is_fork) {
        (void)copse_documents_plural(replica->commits, "commit", count, sizeof count);
    } else if (origin->filter.ptr != NULL) {
        (void)copse_documents_plural(replica->documents, "document", count, sizeof count);
    } else {
        (void)snprintf(count, sizeof count, "%s %s",
                       copse_text_of_count(replica->stats.entries, size),
                       replica->stats.entries == 1 ? "entry" : "entries");
    }
    copse_output_format(out, "%s %s: %s; fetched %s, ", verb,
                        copse_origin_show(origin, url, sizeof url), count,
                        copse_documents_plural(stats.blocks, "block", blocks, sizeof blocks));
    copse_output_format(
        out, "%s, in %s\n", copse_text_of_size(stats.block_bytes, size),
        copse_documents_plural(stats.round_trips, "round trip", rounds, sizeof rounds));
}
