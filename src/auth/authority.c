/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "auth/authority.h"

#include "base/alloc.h"
#include "base/err.h"
#include "value/ext_json_date.h"

#include <stdio.h>
#include <string.h>

/* ---- Making --------------------------------------------------------------------------------- */

copse_status copse_authority_new(const copse_env *env, const copse_identity *identity,
                                 copse_authority **ret_authority, copse_err *err)
{
    copse_status status = copse_identity_verify(env, identity, err);
    if (status != COPSE_OK) {
        return status;
    }
    copse_authority *authority = copse_alloc_zeroed(env, sizeof *authority);
    copse_public_key *creator = copse_alloc(env, sizeof *creator);
    if (authority == NULL || creator == NULL) {
        copse_free(env, authority, sizeof *authority);
        copse_free(env, creator, sizeof *creator);
        return COPSE_ERR_NOMEM(err);
    }
    *creator = identity->creator;
    authority->env = env;
    authority->identity = *identity;
    authority->persons = creator;
    authority->persons_count = 1;
    authority->persons_capacity = 1;
    copse_arena_init(&authority->arena, env);
    *ret_authority = authority;
    return COPSE_OK;
}

copse_authority *copse_authority_free(copse_authority *authority)
{
    if (authority != NULL) {
        const copse_env *env = authority->env;
        copse_arena_release(&authority->arena);
        copse_free_array(env, authority->persons, authority->persons_capacity,
                         sizeof *authority->persons);
        copse_free_array(env, authority->statements, authority->statements_capacity,
                         sizeof *authority->statements);
        copse_free_array(env, authority->grants, authority->grants_capacity,
                         sizeof *authority->grants);
        copse_free_array(env, authority->links, authority->links_capacity,
                         sizeof *authority->links);
        copse_free_array(env, authority->revocations, authority->revocations_capacity,
                         sizeof *authority->revocations);
        copse_free_array(env, authority->queue, authority->queue_capacity,
                         sizeof *authority->queue);
        copse_free(env, authority, sizeof *authority);
    }
    return NULL;
}

static bool authority_grow(copse_authority *authority, void **array, size_t *capacity, size_t need,
                           size_t size)
{
    return copse_array_grow(authority->env, array, capacity, need, size);
}

/* Room for what a statement adds, so that adding it can't fail half-way. */
static bool authority_reserve(copse_authority *authority, size_t links, size_t revocations)
{
    void *persons = authority->persons;
    void *statements = authority->statements;
    void *grants = authority->grants;
    void *linked = authority->links;
    void *queue = authority->queue;
    void *revoked = authority->revocations;
    bool grown =
        authority_grow(authority, &persons, &authority->persons_capacity,
                       authority->persons_count + 2, sizeof *authority->persons) &&
        authority_grow(authority, &statements, &authority->statements_capacity,
                       authority->statements_count + 1, sizeof *authority->statements) &&
        authority_grow(authority, &grants, &authority->grants_capacity, authority->grants_count + 1,
                       sizeof *authority->grants) &&
        authority_grow(authority, &linked, &authority->links_capacity,
                       authority->links_count + links, sizeof *authority->links) &&
        authority_grow(authority, &queue, &authority->queue_capacity,
                       authority->links_count + links, sizeof *authority->queue) &&
        authority_grow(authority, &revoked, &authority->revocations_capacity,
                       authority->revocations_count + revocations, sizeof *authority->revocations);
    authority->persons = persons;
    authority->statements = statements;
    authority->grants = grants;
    authority->links = linked;
    authority->queue = queue;
    authority->revocations = revoked;
    return grown;
}

size_t copse_authority_find_person(const copse_authority *authority, const copse_public_key *key)
{
    for (size_t i = 0; i < authority->persons_count; i++) {
        if (copse_public_key_equal(&authority->persons[i], key)) {
            return i;
        }
    }
    return COPSE_AUTHORITY_NONE;
}

/* The position of a person, who is added if new. */
static size_t authority_add_person(copse_authority *authority, const copse_public_key *key)
{
    size_t at = copse_authority_find_person(authority, key);
    if (at == COPSE_AUTHORITY_NONE) {
        at = authority->persons_count++;
        authority->persons[at] = *key;
    }
    return at;
}

/* A revocation holds for the grant that it names if both are about the same person. */
static void authority_join(copse_authority *authority, copse_authority_grant *grant,
                           size_t revocation)
{
    copse_authority_revocation *joined = &authority->revocations[revocation];
    if (grant->to == joined->to && copse_cid_equal(&grant->cid, &joined->grant)) {
        joined->next = grant->revocations;
        grant->revocations = revocation;
    }
}

/* Puts the links of the newest grant behind all whose grants have lesser CIDs (A4). The names of
 * their collections are in the arena. */
static void authority_add_links(copse_authority *authority, const copse_statement *statement)
{
    size_t grant = authority->grants_count - 1;
    size_t count = statement->items_count;
    size_t at = authority->links_count;
    while (at > 0 && copse_cid_compare(&authority->grants[authority->links[at - 1].grant].cid,
                                       &authority->grants[grant].cid) > 0) {
        at--;
    }
    copse_authority_link *links = &authority->links[at];
    memmove(links + count, links, (authority->links_count - at) * sizeof *links);
    for (size_t i = 0; i < count; i++) {
        links[i] = (copse_authority_link){.grant = grant, .can = statement->can[i]};
    }
    authority->links_count += count;
}

static void authority_add_grant(copse_authority *authority, const copse_statement *statement,
                                const copse_cid *cid)
{
    copse_authority_grant *grant = &authority->grants[authority->grants_count++];
    *grant = (copse_authority_grant){.cid = *cid,
                                     .by = authority_add_person(authority, &statement->by),
                                     .to = authority_add_person(authority, &statement->to),
                                     .expires_ms = statement->expires_ms,
                                     .revocations = COPSE_AUTHORITY_NONE};
    authority_add_links(authority, statement);
    for (size_t i = 0; i < authority->revocations_count; i++) {
        authority_join(authority, grant, i);
    }
}

static void authority_add_revocation(copse_authority *authority, const copse_statement *statement)
{
    size_t by = authority_add_person(authority, &statement->by);
    size_t to = authority_add_person(authority, &statement->to);
    for (size_t i = 0; i < statement->items_count; i++) {
        size_t at = authority->revocations_count++;
        authority->revocations[at] = (copse_authority_revocation){.grant = statement->grants[i],
                                                                  .last = statement->last,
                                                                  .by = by,
                                                                  .to = to,
                                                                  .next = COPSE_AUTHORITY_NONE};
        for (size_t j = 0; j < authority->grants_count; j++) {
            authority_join(authority, &authority->grants[j], at);
        }
    }
}

/* Adds a statement that is in order, and new. */
static copse_status authority_add_new(copse_authority *authority, copse_statement *statement,
                                      const copse_cid *cid, copse_err *err)
{
    bool is_grant = statement->kind == COPSE_STATEMENT_GRANT;
    size_t count = statement->items_count;
    if (authority->statements_count >= COPSE_AUTHORITY_STATEMENTS_MAX ||
        count + (is_grant ? authority->links_count : authority->revocations_count) >
            COPSE_AUTHORITY_ITEMS_MAX) {
        return COPSE_ERR(err, COPSE_LIMIT, "more statements than an authority holds");
    }
    if (!authority_reserve(authority, is_grant ? count : 0, is_grant ? 0 : count)) {
        return COPSE_ERR_NOMEM(err);
    }
    for (size_t i = 0; is_grant && i < count; i++) {
        copse_capability *can = &statement->can[i];
        can->collection = copse_arena_dup(&authority->arena, can->collection);
        if (can->collection.ptr == NULL) {
            return COPSE_ERR_NOMEM(err);
        }
    }
    authority->statements[authority->statements_count++] = *cid;
    if (is_grant) {
        authority_add_grant(authority, statement, cid);
    } else {
        authority_add_revocation(authority, statement);
    }
    return COPSE_OK;
}

static bool authority_has(const copse_authority *authority, const copse_cid *cid)
{
    for (size_t i = 0; i < authority->statements_count; i++) {
        if (copse_cid_equal(&authority->statements[i], cid)) {
            return true;
        }
    }
    return false;
}

copse_status copse_authority_add(copse_authority *authority, copse_bytes encoded, copse_err *err)
{
    copse_statement statement;
    copse_cid cid;
    copse_statement_cid(encoded, &cid);
    if (authority_has(authority, &cid)) {
        return COPSE_OK;
    }
    copse_status status = copse_statement_decode(authority->env, encoded, &statement, err);
    if (status == COPSE_OK && !copse_cid_equal(&statement.database, &authority->identity.cid)) {
        status = COPSE_ERR(err, COPSE_DENIED, "the statement is about another database");
    }
    if (status == COPSE_OK) {
        status = copse_statement_verify(authority->env, &statement, err);
    }
    return status == COPSE_OK ? authority_add_new(authority, &statement, &cid, err) : status;
}

copse_status copse_authority_add_row(copse_authority *authority, const copse_public_key *to,
                                     copse_bytes row, copse_err *err)
{
    copse_bytes statements[COPSE_STATEMENT_ROW_MAX];
    size_t count = 0;
    copse_status status = copse_statement_row_read(authority->env, row, statements, &count, err);
    for (size_t i = 0; i < count && status == COPSE_OK; i++) {
        copse_statement statement;
        if (copse_statement_decode(authority->env, statements[i], &statement, NULL) == COPSE_OK &&
            copse_public_key_equal(&statement.to, to)) {
            status = copse_authority_add(authority, statements[i], err);
        }
        if (status == COPSE_CORRUPT || status == COPSE_DENIED) {
            status = COPSE_OK;
        }
    }
    return status;
}

/* ---- Reasons -------------------------------------------------------------------------------- */

/* Where a right is, with the right: "write in posts". */
static void authority_say_right(const copse_authority_question *question, char *ret_text,
                                size_t size)
{
    const char *right = copse_right_name(question->right);
    if (question->collection.len == 0) {
        (void)snprintf(ret_text, size, "%s in the whole database", right);
    } else {
        (void)snprintf(ret_text, size, "%s in %.*s", right, (int)question->collection.len,
                       (const char *)question->collection.ptr);
    }
}

static void authority_say_revoked(const copse_authority *authority, size_t revocation,
                                  char *ret_text, size_t size)
{
    const copse_authority_revocation *by = &authority->revocations[revocation];
    char did[COPSE_KEY_TEXT_SIZE_MAX];
    char last[COPSE_CID_TEXT_SIZE_MAX];
    (void)copse_public_key_to_did(&authority->persons[by->by], did);
    if (by->last.size == 0) {
        (void)snprintf(ret_text, size, "was revoked by %s", did);
    } else {
        (void)copse_cid_to_text(&by->last, COPSE_BASE32, last);
        (void)snprintf(ret_text, size, "was revoked by %s with the last commit %s", did, last);
    }
}

/* Why a link that would be enough has no chain. */
static void authority_say_link(const copse_authority *authority, const copse_authority_link *link,
                               const copse_authority_question *question, char *ret_text,
                               size_t size)
{
    const copse_authority_grant *grant = &authority->grants[link->grant];
    char did[COPSE_KEY_TEXT_SIZE_MAX];
    char date[COPSE_EXT_JSON_DATE_TEXT_SIZE_MAX];
    if (link->revoked_by != COPSE_AUTHORITY_NONE) {
        authority_say_revoked(authority, link->revoked_by, ret_text, size);
    } else if (grant->expires_ms > 0 && grant->expires_ms < question->time_ms) {
        size_t len = copse_ext_json_date_write((int64_t)grant->expires_ms, date);
        (void)snprintf(ret_text, size, "has a grant that expired %.*s", (int)len, date);
    } else if (link->is_too_far) {
        (void)snprintf(ret_text, size, "has a grant whose chain is too long: more than %d",
                       COPSE_AUTHORITY_CHAIN_MAX);
    } else if (link->length > 0) {
        (void)snprintf(ret_text, size, "has a grant with more broken chains than are looked at");
    } else {
        (void)copse_public_key_to_did(&authority->persons[grant->by], did);
        (void)snprintf(ret_text, size, "has a grant by %s, who may not give it", did);
    }
}

/* Says why a walk gave `who` nothing; of several links that would be enough, of the last one. */
static void authority_say_no(const copse_authority *authority, size_t who,
                             const copse_authority_question *question, char *ret_text, size_t size)
{
    char right[2 * COPSE_STATEMENT_COLLECTION_SIZE_BYTES_MAX];
    bool has_grant = false;
    for (size_t i = authority->links_count; i-- > 0;) {
        const copse_authority_link *link = &authority->links[i];
        has_grant = has_grant || authority->grants[link->grant].to == who;
        if (copse_authority_is_enough(authority, link, who, question)) {
            authority_say_link(authority, link, question, ret_text, size);
            return;
        }
    }
    if (!has_grant) {
        (void)snprintf(ret_text, size, "has no grant");
    } else {
        authority_say_right(question, right, sizeof right);
        (void)snprintf(ret_text, size, "has no grant for this: %s", right);
    }
}

static void authority_say_yes(const copse_authority *authority, size_t link, char *ret_text,
                              size_t size)
{
    char did[COPSE_KEY_TEXT_SIZE_MAX];
    (void)copse_public_key_to_did(
        &authority->persons[authority->grants[authority->links[link].grant].by], did);
    (void)snprintf(ret_text, size, "has a grant by %s", did);
}

/* ---- Answering ------------------------------------------------------------------------------ */

/* Answers for somebody who is not the creator. */
static void authority_answer(copse_authority *authority, size_t who,
                             const copse_authority_question *question,
                             copse_authority_answer *ret_answer)
{
    copse_authority_chain chain;
    if (copse_authority_walk(authority, who, question, false, &chain)) {
        ret_answer->verdict = COPSE_AUTHORITY_YES;
        authority_say_yes(authority, chain.links[0], ret_answer->reason, sizeof ret_answer->reason);
        return;
    }
    authority_say_no(authority, who, question, ret_answer->reason, sizeof ret_answer->reason);
    if (!copse_authority_walk(authority, who, question, true, &chain)) {
        return;
    }
    size_t open = copse_authority_find_open(authority, &chain, question);
    if (open != COPSE_AUTHORITY_NONE) { /* none: the first walk took too many steps */
        ret_answer->verdict = COPSE_AUTHORITY_UP_TO;
        ret_answer->last = authority->revocations[open].last;
        authority_say_revoked(authority, open, ret_answer->reason, sizeof ret_answer->reason);
    }
}

copse_status copse_authority_can(copse_authority *authority,
                                 const copse_authority_question *question,
                                 copse_authority_answer *ret_answer, copse_err *err)
{
    copse_authority_answer answer = {.verdict = COPSE_AUTHORITY_NO};
    size_t who = copse_authority_find_person(authority, &question->who);
    if (question->right < COPSE_RIGHT_INSERT || question->right > COPSE_RIGHT_ADMIN) {
        return COPSE_ERR(err, COPSE_MISUSE, "there is no such right");
    }
    if (who == 0) {
        answer.verdict = COPSE_AUTHORITY_YES;
        (void)snprintf(answer.reason, sizeof answer.reason, "made the database");
    } else {
        authority_answer(authority, who, question, &answer);
    }
    *ret_answer = answer;
    return COPSE_OK;
}
