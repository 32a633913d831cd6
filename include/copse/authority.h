/* Authority: who may do what in a database, by what its creator and those after it said.
 *
 * The creator may do everything. Others may do what a chain of grants gives them: the first by the
 * creator, each further one by whom the one before it made admin, at most COPSE_AUTHORITY_CHAIN_MAX
 * in all. A grant is out of the chain when it has expired, or when it was revoked: by the creator,
 * by who gave it, or by who gave a grant before it in the chain.
 *
 *     copse_authority_new(&env, &identity, &authority, &err);
 *     copse_authority_add(authority, encoded, &err);              for each statement
 *     copse_authority_can(authority, &question, &answer, &err);
 *     if (answer.verdict != COPSE_AUTHORITY_YES) {
 *         printf("refused: %s\n", answer.reason);
 *     }
 *
 * An authority belongs to one thread. The rules exactly: docs/formats/authority.md.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_AUTHORITY_H
#define COPSE_AUTHORITY_H

#include <copse/identity.h>
#include <copse/statement.h>

COPSE_EXTERN_C_BEGIN

/** Grants in the longest chain that counts. */
#define COPSE_AUTHORITY_CHAIN_MAX 8
/** Statements of one authority, and rights in all its grants and grants in all its revocations. */
#define COPSE_AUTHORITY_STATEMENTS_MAX 4096
#define COPSE_AUTHORITY_ITEMS_MAX 8192
/** Characters of the longest reason, with the NUL. */
#define COPSE_AUTHORITY_REASON_SIZE_MAX 320

typedef struct copse_authority copse_authority;

/** What is asked, of somebody who signed a commit. A revocation names a last commit: what that came
 * from still counts. Whether the judged commit is among it goes into the two lists, which borrow;
 * of last commits in neither it is not known. */
typedef struct copse_authority_question {
    copse_public_key who;
    copse_right right;
    copse_bytes collection;    /**< Empty: in all of the database. */
    uint64_t time_ms;          /**< The later of the commit's time and the clock. */
    const copse_cid *reaching; /**< Last commits that are the judged one, or came from it. */
    size_t reaching_count;
    const copse_cid *others; /**< Last commits that are not, and did not. */
    size_t others_count;
} copse_authority_question;

typedef enum copse_authority_verdict {
    COPSE_AUTHORITY_NO,
    COPSE_AUTHORITY_UP_TO, /**< If the judged commit is `last`, or `last` came from it. */
    COPSE_AUTHORITY_YES
} copse_authority_verdict;

typedef struct copse_authority_answer {
    copse_authority_verdict verdict;
    copse_cid last; /**< UP_TO; else zeroed. */
    /** For people, about `who`: "has no grant", "has a grant that expired 2027-01-01T00:00:00Z". */
    char reason[COPSE_AUTHORITY_REASON_SIZE_MAX];
} copse_authority_answer;

/** Makes the authority of a database about which nobody has said anything: the creator may do
 * everything. `identity` is copied; `env` must outlive it. CORRUPT: the identity is not signed by
 * its creator. NOMEM. */
COPSE_API COPSE_MUST_USE copse_status copse_authority_new(const copse_env *env,
                                                          const copse_identity *identity,
                                                          copse_authority **ret_authority,
                                                          copse_err *err);

/** Frees the authority. NULL is allowed. Returns NULL. */
COPSE_API copse_authority *copse_authority_free(copse_authority *authority);

/** Adds a statement, in any order; one that is there adds nothing. `encoded` is copied. CORRUPT: it
 * is none, or not well signed. DENIED: it is about another database. LIMIT: more than
 * COPSE_AUTHORITY_STATEMENTS_MAX or _ITEMS_MAX. NOMEM. On failure nothing is added. */
COPSE_API COPSE_MUST_USE copse_status copse_authority_add(copse_authority *authority,
                                                          copse_bytes encoded, copse_err *err);

/** Adds all statements about `to` of a row (copse_statement_row_union) that can be added; those
 * that are CORRUPT or DENIED are passed over. CORRUPT: the row is no list. LIMIT, NOMEM: those
 * before are added. */
COPSE_API COPSE_MUST_USE copse_status copse_authority_add_row(copse_authority *authority,
                                                              const copse_public_key *to,
                                                              copse_bytes row, copse_err *err);

/** Answers a question. UP_TO: find out whether `last` came from the judged commit, put it into one
 * of the lists, and ask again: in the end it is YES or NO, after as many questions as there are
 * revocations at most. Costs a walk over the grants. MISUSE: there is no such right. */
COPSE_API COPSE_MUST_USE copse_status copse_authority_can(copse_authority *authority,
                                                          const copse_authority_question *question,
                                                          copse_authority_answer *ret_answer,
                                                          copse_err *err);

COPSE_EXTERN_C_END

#endif
