/* What an authority holds, and the walk over its grants.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_AUTH_AUTHORITY_H
#define COPSE_AUTH_AUTHORITY_H

#include "base/arena.h"

#include <copse/authority.h>

/** No position in an array of the authority. */
#define COPSE_AUTHORITY_NONE SIZE_MAX

typedef struct copse_authority_grant {
    copse_cid cid;
    size_t by; /**< Persons. */
    size_t to;
    uint64_t expires_ms; /**< 0: it doesn't. */
    size_t revocations;  /**< The first of its own, or NONE. */
} copse_authority_grant;

/** One right of a grant, and what the last walk found out about it. */
typedef struct copse_authority_link {
    size_t grant;
    copse_capability can;
    size_t length;     /**< Of the shortest chain that ends in it; 0: it is in none. */
    size_t revoked_by; /**< The revocation that keeps it from chains, or NONE. */
    bool is_too_far;   /**< A chain that it would have been the next of was full. */
} copse_authority_link;

/** One grant of a revocation. */
typedef struct copse_authority_revocation {
    copse_cid grant;
    copse_cid last; /**< Zeroed: none. */
    size_t by;      /**< Persons. */
    size_t to;
    size_t next; /**< Of the same grant, or NONE. */
} copse_authority_revocation;

struct copse_authority {
    const copse_env *env;
    copse_identity identity;
    copse_arena arena;     /* names of collections */
    copse_cid *statements; /* the names of all that were added */
    size_t statements_count;
    size_t statements_capacity;
    copse_public_key *persons; /* number 0 is the creator */
    size_t persons_count;
    size_t persons_capacity;
    copse_authority_grant *grants;
    size_t grants_count;
    size_t grants_capacity;
    copse_authority_link *links; /* sorted by the CIDs of their grants (A4) */
    size_t links_count;
    size_t links_capacity;
    copse_authority_revocation *revocations;
    size_t revocations_count;
    size_t revocations_capacity;
    size_t *queue; /* of a walk: as large as links */
    size_t queue_capacity;
};

/** The position of a person, or NONE. */
size_t copse_authority_find_person(const copse_authority *authority, const copse_public_key *key);

/** A chain, from the last link up to the creator's. */
typedef struct copse_authority_chain {
    size_t links[COPSE_AUTHORITY_CHAIN_MAX];
    size_t count;
} copse_authority_chain;

/** Finds a chain that ends in a right of `who` which is enough for the question (A1, A2). Last
 * commits that are in neither list of it count as reached from the judged commit if `trusts` is
 * true, and as not if it is false. False: there is none; the links say what is against them. */
bool copse_authority_walk(copse_authority *authority, size_t who,
                          const copse_authority_question *question, bool trusts,
                          copse_authority_chain *ret_chain);

/** Whether a right of `who` would be enough for the question, had it a chain. */
bool copse_authority_is_enough(const copse_authority *authority, const copse_authority_link *link,
                               size_t who, const copse_authority_question *question);

/** The first revocation that breaks `chain` if its last commit, which is in neither list of the
 * question, was not reached. NONE: there is none. */
size_t copse_authority_find_open(const copse_authority *authority,
                                 const copse_authority_chain *chain,
                                 const copse_authority_question *question);

/** Finds out who could ever grant something: who is in a chain of grants (A1) as admin, whatever
 * has expired or was revoked since. What anybody else says will never count. */
void copse_authority_find_admins(copse_authority *authority);

/** Whether somebody is the creator, or one of those; valid from copse_authority_find_admins until
 * something is added or asked. */
bool copse_authority_was_admin(const copse_authority *authority, const copse_public_key *who);

#endif
