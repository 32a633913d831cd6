/* A few persons who give each other rights in a database, for tests. Each call fails the test
 * (cmocka) that can't do what it says.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_AUTHORITY_WORLD_H
#define COPSE_TESTS_AUTHORITY_WORLD_H

#include <copse/authority.h>

#include "support/test_env.h"

enum {
    AUTHORITY_WORLD_PERSONS = 12,
    AUTHORITY_WORLD_STATEMENTS_MAX = 96,
    AUTHORITY_WORLD_TIME = 1800000
};

/* Persons, of whom number 0 made the database, and what they said. */
typedef struct authority_world {
    test_env test;
    copse_key *keys[AUTHORITY_WORLD_PERSONS];
    copse_identity identity;
    copse_buf statements[AUTHORITY_WORLD_STATEMENTS_MAX];
    size_t statements_count;
    copse_authority *authority;
    copse_authority_answer answer; /* the last one */
} authority_world;

/** The key whose seed is 32 times number + 1; NULL: no memory. */
copse_key *authority_world_key(const copse_env *env, size_t number);

/** A CID that a commit might have; of number 0, none. */
copse_cid authority_world_commit(uint8_t number);

void authority_world_init(authority_world *world);
void authority_world_release(authority_world *world);

/** Statements of one right, or one grant, about person `to`; `last` is for authority_world_commit.
 */
copse_statement authority_world_grant_of(const authority_world *world, size_t to, copse_right right,
                                         const char *collection, uint64_t expires_ms);
copse_statement authority_world_revocation_of(const authority_world *world, size_t to, size_t grant,
                                              uint8_t last);

/** Has person `by` sign a statement, and keeps it; returns its number. */
size_t authority_world_make(authority_world *world, size_t by, const copse_statement *statement);

/** A statement that was kept. */
copse_bytes authority_world_statement(const authority_world *world, size_t number);

/** Makes a statement, and adds it to the authority. */
size_t authority_world_add(authority_world *world, size_t by, const copse_statement *statement);
size_t authority_world_grant(authority_world *world, size_t by, size_t to, copse_right right,
                             const char *collection);
size_t authority_world_revoke(authority_world *world, size_t by, size_t to, size_t grant,
                              uint8_t last);

/** Asks at AUTHORITY_WORLD_TIME, with no commit known; the answer is kept. */
copse_authority_verdict authority_world_ask(authority_world *world, size_t who, copse_right right,
                                            const char *collection);

/** As authority_world_ask; the answer must be this, its reason hold `reason`. */
void authority_world_expect(authority_world *world, size_t who, copse_right right,
                            const char *collection, copse_authority_verdict verdict,
                            const char *reason);

#endif
