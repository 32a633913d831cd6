/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "past.h"

#include "failure.h"

#include <copse/revision.h>

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { PAST_NAME_SIZE = 600 };

/* ---- Names ---- */

bool copse_past_find_name(copse_place *place, copse_bytes name, copse_cid *ret_cid)
{
    char tag[PAST_NAME_SIZE];
    copse_refs *refs = place->local.refs;
    (void)snprintf(tag, sizeof tag, COPSE_REVISION_TAGS "%.*s", (int)name.len,
                   (const char *)name.ptr);
    return refs != NULL &&
           (copse_refs_get(refs, name, ret_cid, NULL) == COPSE_OK ||
            copse_refs_get(refs, copse_bytes_of_text(tag), ret_cid, NULL) == COPSE_OK);
}

static bool past_resolve_name(copse_place *place, copse_bytes name, copse_cid *ret_cid)
{
    char text[PAST_NAME_SIZE];
    (void)snprintf(text, sizeof text, "%.*s", (int)name.len, (const char *)name.ptr);
    return copse_past_find_name(place, name, ret_cid) || copse_place_resolve(place, text, ret_cid);
}

static copse_status past_go_back(copse_place *place, const copse_revision *revision, copse_cid *cid)
{
    copse_call *call = place->call;
    copse_status status = COPSE_OK;
    if (revision->kind == COPSE_REVISION_TIME) {
        do {
            status =
                copse_commit_at(&call->env, place->source, cid, revision->time_ms, cid, &call->err);
        } while (copse_place_fetch(place, status));
    }
    if (status == COPSE_OK && revision->back > 0) {
        do {
            status = copse_commit_ancestor(&call->env, place->source, cid, revision->back, cid,
                                           &call->err);
        } while (copse_place_fetch(place, status));
    }
    return status;
}

bool copse_past_resolve(copse_place *place, const copse_cid *head, const char *text,
                        copse_cid *ret_cid)
{
    copse_call *call = place->call;
    copse_revision revision;
    copse_cid cid = *head;
    copse_status status = copse_revision_parse(copse_bytes_of_text(text), &revision, &call->err);
    if (status != COPSE_OK) {
        (void)copse_failure(call, status,
                            "a revision is HEAD~3, a branch, a tag, a commit's CID, or 2026-11-22",
                            "'%s': %s", text, call->err.message);
        return false;
    }
    if (revision.kind == COPSE_REVISION_CID) {
        cid = revision.cid;
    } else if (revision.kind == COPSE_REVISION_REF &&
               !past_resolve_name(place, revision.name, &cid)) {
        return false;
    }
    status = past_go_back(place, &revision, &cid);
    if (status == COPSE_NOT_FOUND) {
        (void)copse_failure(call, status, "`copse log DB` shows what there is", "'%s': %s", text,
                            call->err.message);
    } else if (status != COPSE_OK) {
        (void)copse_place_failure(place, status, text);
    }
    if (status == COPSE_OK) {
        *ret_cid = cid;
    }
    return status == COPSE_OK;
}

bool copse_past_take_at(copse_place *place, copse_cid *head)
{
    const copse_options *options = &place->call->options;
    const char *at =
        copse_options_knows(options, "--at") ? copse_options_text(options, "--at", NULL) : NULL;
    return at == NULL || copse_past_resolve(place, head, at, head);
}

/* ---- What is there ---- */

static copse_status past_open_tree(copse_past *past, const copse_cid *cid)
{
    copse_place *place = past->place;
    copse_err *err = &place->call->err;
    copse_status status;
    past->cid = *cid;
    status = copse_place_commit(place, cid, &past->commit, &past->block);
    if (status != COPSE_OK) {
        return status;
    }
    do {
        status = copse_tree_open(place->nodes, &past->commit.tree, &past->tree, err);
    } while (copse_place_fetch(place, status));
    return status;
}

bool copse_past_open(copse_past *past, copse_place *place, const copse_cid *cid, const char *name)
{
    *past = (copse_past){.place = place};
    copse_status status = past_open_tree(past, cid);
    while (status == COPSE_OK && past->database == NULL) {
        do {
            status = copse_database_open(past->tree, &past->database, &place->call->err);
        } while (copse_place_fetch(place, status));
    }
    if (status != COPSE_OK) {
        (void)copse_place_failure(place, status, name);
        copse_past_close(past);
    }
    return status == COPSE_OK;
}

void copse_past_close(copse_past *past)
{
    copse_database_close(past->database);
    copse_tree_close(past->tree);
    copse_block_unref(past->block);
    *past = (copse_past){.place = NULL};
}

/* ---- Printing ---- */

const char *copse_past_time(uint64_t time_ms, char ret_text[COPSE_PAST_TIME_SIZE])
{
    struct tm parts;
    time_t seconds = (time_t)(time_ms / 1000);
    if (gmtime_r(&seconds, &parts) == NULL ||
        strftime(ret_text, COPSE_PAST_TIME_SIZE, "%Y-%m-%d %H:%M:%SZ", &parts) == 0) {
        (void)snprintf(ret_text, COPSE_PAST_TIME_SIZE, "%llu ms", (unsigned long long)time_ms);
    }
    return ret_text;
}

/* Whether it is signed by its author: NULL, "right" or "wrong". */
static const char *past_signature(copse_call *call, const copse_commit *commit)
{
    switch (copse_commit_verify(&call->env, commit, &call->err)) {
    case COPSE_OK:
        return "right";
    case COPSE_NOT_FOUND:
        return NULL;
    default:
        return "wrong";
    }
}

static void past_print_json(copse_call *call, const copse_cid *cid, const copse_commit *commit)
{
    copse_output *out = &call->output;
    const char *signature = past_signature(call, commit);
    copse_output_cid(out, "commit", cid);
    copse_output_cid(out, "tree", &commit->tree);
    copse_output_number(out, "generation", commit->generation);
    copse_output_number(out, "time_ms", commit->time_ms);
    if (commit->author.len > 0) {
        copse_output_text_bytes(out, "author", commit->author);
    }
    if (signature != NULL) {
        copse_output_text(out, "signature", signature);
    }
    copse_output_text_bytes(out, "message", commit->message);
    copse_output_begin_array(out, "parents");
    for (size_t i = 0; i < commit->parents_count; i++) {
        copse_output_cid(out, NULL, &commit->parents[i]);
    }
    copse_output_end_array(out);
}

/* Goes on the line of the time; what is behind its first line stands below, without empty lines. */
static void past_print_message(copse_output *out, copse_bytes message)
{
    const char *before = "  ";
    while (message.len > 0) {
        const uint8_t *end = memchr(message.ptr, '\n', message.len);
        size_t len = end != NULL ? (size_t)(end - message.ptr) : message.len;
        if (len > 0) {
            copse_output_format(out, "%s", before);
            copse_output_bytes(out, (copse_bytes){message.ptr, len});
            before = "\n    ";
        }
        len += end != NULL;
        message.ptr += len;
        message.len -= len;
    }
    copse_output_format(out, "\n");
}

static void past_print_author(copse_call *call, const copse_commit *commit)
{
    const char *signature = past_signature(call, commit);
    bool is_right = signature != NULL && strcmp(signature, "right") == 0;
    copse_output_format(&call->output, is_right ? "  signed by " : "  by ");
    copse_output_bytes(&call->output, commit->author);
    copse_output_format(&call->output,
                        signature != NULL && !is_right ? ": THE SIGNATURE IS WRONG\n" : "\n");
}

void copse_past_print(copse_call *call, const copse_cid *cid, const copse_commit *commit)
{
    copse_output *out = &call->output;
    char text[COPSE_CID_TEXT_SIZE_MAX];
    char time[COPSE_PAST_TIME_SIZE];
    if (out->json) {
        past_print_json(call, cid, commit);
        return;
    }
    copse_output_format(out, "%s\n  %s", copse_cid_show(cid, text),
                        copse_past_time(commit->time_ms, time));
    past_print_message(out, commit->message);
    if (commit->author.len > 0) {
        past_print_author(call, commit);
    }
    for (size_t i = 0; commit->parents_count > 1 && i < commit->parents_count; i++) {
        copse_output_format(out, "  merges %s\n", copse_cid_show(&commit->parents[i], text));
    }
}
