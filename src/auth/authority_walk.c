/* The walk that finds a chain of grants from the creator to somebody.
 *
 *   A1  A link (one right of a grant) is the next of a chain if the link before it makes its `by`
 *       admin, in its collection or in all. The creator's own links begin chains. No chain has more
 *       than COPSE_AUTHORITY_CHAIN_MAX links.
 *   A2  No link of a chain has expired, or was revoked by the creator, or by who gave it or a link
 *       before it in that chain: unless the last commit of the revocation was reached from the
 *       judged one. So who is out of a chain has no say in it.
 *   A3  Somebody may do what the last link of any chain says. With a revocation less, or one more
 *       whose last commit was reached, nobody may do less.
 *   A4  The order in which statements came changes nothing: links stand in the order of the CIDs
 *       of their grants.
 *
 * First, breadth first from the creator, the shortest chain of each link is found by what is
 * against a link wherever it stands: its end, and revocations by the creator and by who gave it.
 * Then, from the links that would be enough upwards, a chain is looked for that nobody in it has
 * broken. Only revocations of grants by others, by who stands above them, can make this go back; so
 * that nobody can make it go on for ever, it takes at most AUTHORITY_STEPS_MAX steps, and then has
 * found none.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "auth/authority.h"

enum { AUTHORITY_CREATOR = 0, AUTHORITY_STEPS_MAX = 65536 };

/* ---- Revocations ---------------------------------------------------------------------------- */

/* What is asked, and how. */
typedef struct authority_case {
    copse_authority *authority;
    const copse_authority_question *question;
    bool trusts;   /* last commits of which nothing is known were reached */
    bool forgives; /* nothing expires, and nothing is revoked */
} authority_case;

static bool authority_holds(const copse_cid *cids, size_t count, const copse_cid *cid)
{
    for (size_t i = 0; i < count; i++) {
        if (copse_cid_equal(&cids[i], cid)) {
            return true;
        }
    }
    return false;
}

/* Whether nothing is known about the revocation's last commit. */
static bool authority_is_open(const copse_authority_revocation *revocation,
                              const copse_authority_question *question)
{
    return revocation->last.size > 0 &&
           !authority_holds(question->reaching, question->reaching_count, &revocation->last) &&
           !authority_holds(question->others, question->others_count, &revocation->last);
}

/* Whether a revocation counts, if by the right person (A2). */
static bool authority_counts(const authority_case *asked,
                             const copse_authority_revocation *revocation)
{
    const copse_authority_question *question = asked->question;
    if (revocation->last.size == 0) {
        return true;
    }
    return authority_is_open(revocation, question)
               ? !asked->trusts
               : !authority_holds(question->reaching, question->reaching_count, &revocation->last);
}

static const copse_authority_grant *authority_grant_of(const copse_authority *authority,
                                                       size_t link)
{
    return &authority->grants[authority->links[link].grant];
}

/* The first revocation of the grant of `link` by one of two persons that counts, or NONE. */
static size_t authority_find_revocation(const authority_case *asked, size_t link, size_t a,
                                        size_t b)
{
    const copse_authority *authority = asked->authority;
    size_t at = authority_grant_of(authority, link)->revocations;
    for (; at != COPSE_AUTHORITY_NONE; at = authority->revocations[at].next) {
        const copse_authority_revocation *revocation = &authority->revocations[at];
        if ((revocation->by == a || revocation->by == b) && authority_counts(asked, revocation)) {
            return at;
        }
    }
    return COPSE_AUTHORITY_NONE;
}

/* ---- From the creator ----------------------------------------------------------------------- */

/* Whether `link` may be number `length` of a chain, wherever that comes from. */
static bool authority_put(const authority_case *asked, size_t link, size_t length)
{
    copse_authority_link *put = &asked->authority->links[link];
    const copse_authority_grant *grant = authority_grant_of(asked->authority, link);
    if (!asked->forgives) {
        if (grant->expires_ms > 0 && grant->expires_ms < asked->question->time_ms) {
            return false;
        }
        put->revoked_by = authority_find_revocation(asked, link, AUTHORITY_CREATOR, grant->by);
    }
    put->is_too_far = length > COPSE_AUTHORITY_CHAIN_MAX;
    if (put->revoked_by != COPSE_AUTHORITY_NONE || put->is_too_far) {
        return false;
    }
    put->length = length;
    return true;
}

/* A1 */
static bool authority_may_grant(const copse_capability *admin, const copse_capability *can)
{
    return admin->right == COPSE_RIGHT_ADMIN &&
           (admin->collection.len == 0 || copse_bytes_equal(admin->collection, can->collection));
}

/* Puts all links that are in no chain yet and may stand behind `above` into the queue. */
static size_t authority_extend(const authority_case *asked, size_t above, size_t queued)
{
    copse_authority *authority = asked->authority;
    bool is_first = above == COPSE_AUTHORITY_NONE;
    const copse_authority_link *before = is_first ? NULL : &authority->links[above];
    size_t by = is_first ? AUTHORITY_CREATOR : authority->grants[before->grant].to;
    size_t length = is_first ? 1 : before->length + 1;
    for (size_t i = 0; i < authority->links_count; i++) {
        const copse_authority_link *link = &authority->links[i];
        if (link->length == 0 && authority->grants[link->grant].by == by &&
            (is_first || authority_may_grant(&before->can, &link->can)) &&
            authority_put(asked, i, length)) {
            authority->queue[queued++] = i;
        }
    }
    return queued;
}

static void authority_measure(const authority_case *asked)
{
    copse_authority *authority = asked->authority;
    for (size_t i = 0; i < authority->links_count; i++) {
        copse_authority_link *link = &authority->links[i];
        link->length = 0;
        link->revoked_by = COPSE_AUTHORITY_NONE;
        link->is_too_far = false;
    }
    size_t queued = authority_extend(asked, COPSE_AUTHORITY_NONE, 0);
    for (size_t at = 0; at < queued; at++) {
        size_t above = authority->queue[at];
        if (authority->links[above].can.right == COPSE_RIGHT_ADMIN) {
            queued = authority_extend(asked, above, queued);
        }
    }
}

/* ---- Up to the creator ---------------------------------------------------------------------- */

/* Whether who gave `link` has revoked no link of the chain below it. */
static bool authority_stands(const authority_case *asked, size_t link,
                             const copse_authority_chain *chain)
{
    size_t by = authority_grant_of(asked->authority, link)->by;
    for (size_t i = 0; i < chain->count; i++) {
        size_t revocation = authority_find_revocation(asked, chain->links[i], by, by);
        if (revocation != COPSE_AUTHORITY_NONE) {
            asked->authority->links[chain->links[i]].revoked_by = revocation;
            return false;
        }
    }
    return true;
}

/* Puts `link` on top of the chain, unless somebody in it revoked one below. */
static bool authority_push(const authority_case *asked, size_t link, size_t *steps,
                           copse_authority_chain *chain)
{
    if (*steps == 0 || !authority_stands(asked, link, chain)) {
        return false;
    }
    --*steps;
    chain->links[chain->count++] = link;
    return true;
}

/* The next link, from number `from` on, that may stand above the top of the chain; or NONE. */
static size_t authority_find_above(const authority_case *asked, const copse_authority_chain *chain,
                                   size_t from)
{
    const copse_authority *authority = asked->authority;
    size_t top = chain->links[chain->count - 1];
    size_t by = authority_grant_of(authority, top)->by;
    for (size_t i = from; i < authority->links_count; i++) {
        const copse_authority_link *above = &authority->links[i];
        if (above->length > 0 && above->length + chain->count <= COPSE_AUTHORITY_CHAIN_MAX &&
            authority->grants[above->grant].to == by &&
            authority_may_grant(&above->can, &authority->links[top].can)) {
            return i;
        }
    }
    return COPSE_AUTHORITY_NONE;
}

/* Finds a chain that ends in `link`, into one that is empty: depth first. */
static bool authority_climb(const authority_case *asked, size_t link, size_t *steps,
                            copse_authority_chain *chain)
{
    size_t tried[COPSE_AUTHORITY_CHAIN_MAX] = {0}; /* of each: as many of those above it */
    (void)authority_push(asked, link, steps, chain);
    while (chain->count > 0) {
        size_t top = chain->count - 1;
        if (authority_grant_of(asked->authority, chain->links[top])->by == AUTHORITY_CREATOR) {
            return true;
        }
        size_t above = authority_find_above(asked, chain, tried[top]);
        if (above == COPSE_AUTHORITY_NONE) {
            chain->count = top;
            tried[top] = 0;
        } else {
            tried[top] = above + 1;
            (void)authority_push(asked, above, steps, chain);
        }
    }
    return false;
}

bool copse_authority_is_enough(const copse_authority *authority, const copse_authority_link *link,
                               size_t who, const copse_authority_question *question)
{
    return authority->grants[link->grant].to == who && link->can.right >= question->right &&
           (link->can.collection.len == 0 ||
            copse_bytes_equal(link->can.collection, question->collection));
}

bool copse_authority_walk(copse_authority *authority, size_t who,
                          const copse_authority_question *question, bool trusts,
                          copse_authority_chain *ret_chain)
{
    authority_case asked = {.authority = authority, .question = question, .trusts = trusts};
    size_t steps = AUTHORITY_STEPS_MAX;
    bool found = false;
    authority_measure(&asked);
    ret_chain->count = 0;
    for (size_t length = 1; length <= COPSE_AUTHORITY_CHAIN_MAX && !found; length++) {
        for (size_t i = 0; i < authority->links_count && !found; i++) {
            const copse_authority_link *link = &authority->links[i];
            found = link->length == length &&
                    copse_authority_is_enough(authority, link, who, question) &&
                    authority_climb(&asked, i, &steps, ret_chain);
        }
    }
    return found;
}

/* Whether `person` is the creator, or gave a link of the chain from number `from` upwards. */
static bool authority_is_above(const copse_authority *authority, const copse_authority_chain *chain,
                               size_t from, size_t person)
{
    bool is_above = person == AUTHORITY_CREATOR;
    for (size_t i = from; i < chain->count && !is_above; i++) {
        is_above = authority_grant_of(authority, chain->links[i])->by == person;
    }
    return is_above;
}

size_t copse_authority_find_open(const copse_authority *authority,
                                 const copse_authority_chain *chain,
                                 const copse_authority_question *question)
{
    for (size_t i = 0; i < chain->count; i++) {
        size_t at = authority_grant_of(authority, chain->links[i])->revocations;
        for (; at != COPSE_AUTHORITY_NONE; at = authority->revocations[at].next) {
            if (authority_is_open(&authority->revocations[at], question) &&
                authority_is_above(authority, chain, i, authority->revocations[at].by)) {
                return at;
            }
        }
    }
    return COPSE_AUTHORITY_NONE;
}

/* ---- Who could ever grant ------------------------------------------------------------------- */

void copse_authority_find_admins(copse_authority *authority)
{
    const authority_case asked = {.authority = authority, .forgives = true};
    authority_measure(&asked);
}

bool copse_authority_was_admin(const copse_authority *authority, const copse_public_key *who)
{
    size_t person = copse_authority_find_person(authority, who);
    bool was_admin = person == AUTHORITY_CREATOR;
    for (size_t i = 0; i < authority->links_count && !was_admin; i++) {
        const copse_authority_link *link = &authority->links[i];
        was_admin = link->length > 0 && link->can.right == COPSE_RIGHT_ADMIN &&
                    authority->grants[link->grant].to == person;
    }
    return was_admin;
}
