/* Honest peers that write one database with a creator and take each other's heads, beside machines
 * of others who lie: all of it from one seed.
 *
 * Every machine has a store and a clock of its own, and gets the blocks that it lacks of whoever
 * has them. What honest writers wrote last, and what else may be taken, stands in a model.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_BYZANTINE_WORLD_H
#define COPSE_TESTS_BYZANTINE_WORLD_H

#include <copse/head_merge.h>
#include <copse/statement.h>
#include <copse/write.h>

#include "support/test_env.h"

/** Whose keys there are. The first three are honest, each with a machine. */
typedef enum byzantine_person {
    BYZANTINE_CREATOR,
    BYZANTINE_ANN, /* may write */
    BYZANTINE_BEN, /* may insert notes and letters, and write wiki */
    BYZANTINE_HONEST,
    BYZANTINE_INSERTER = BYZANTINE_HONEST, /* may insert notes, letters and copies */
    BYZANTINE_REVOKED,                     /* could write, up to world->last */
    BYZANTINE_EXPIRED,                     /* could write, until BYZANTINE_EXPIRY_MS */
    BYZANTINE_STRANGER,
    BYZANTINE_CHAIN, /* this one and those behind it: nobody has granted them anything */
    BYZANTINE_CYCLE = BYZANTINE_CHAIN + 9, /* likewise */
    BYZANTINE_PERSONS = BYZANTINE_CYCLE + 3,
    BYZANTINE_NOBODY = BYZANTINE_PERSONS
} byzantine_person;

enum {
    BYZANTINE_LIAR = BYZANTINE_HONEST, /* the machine of all who are not honest */
    BYZANTINE_MACHINES,
    BYZANTINE_KEYS = 12,       /* documents of each honest writer in a collection */
    BYZANTINE_IDS = 4 * 24,    /* of all */
    BYZANTINE_FOREIGN = 3 * 24 /* the first of those who are not honest */
};

#define BYZANTINE_BEGIN_MS UINT64_C(1800000000000)
#define BYZANTINE_EXPIRY_MS (BYZANTINE_BEGIN_MS + 1000)

typedef enum byzantine_collection {
    BYZANTINE_NOTES,   /* three-way, with an index on n */
    BYZANTINE_WIKI,    /* lww, likewise */
    BYZANTINE_LETTERS, /* lww, signed */
    BYZANTINE_COPIES,  /* lww, signed; nobody honest writes it */
    BYZANTINE_COLLECTIONS
} byzantine_collection;

typedef struct byzantine_machine {
    const uint64_t *now_ms; /* of the world */
    int64_t ahead_ms;       /* of that */
    copse_env env;
    copse_store *store;
    copse_source *source;
    copse_node_cache *cache;
    copse_write *write;
    copse_cid head;
} byzantine_machine;

typedef struct byzantine_world {
    test_env test;
    uint64_t seed;
    uint64_t random;
    uint64_t random_bytes;
    uint64_t now_ms;
    const char *doing; /* for whoever reads that it failed */
    bool is_told;      /* all that happens is printed */
    copse_key *keys[BYZANTINE_PERSONS];
    copse_identity identity;
    byzantine_machine machines[BYZANTINE_MACHINES];
    copse_cid granted;                               /* the commit before the revocation */
    copse_cid last;                                  /* the last commit by REVOKED that counts */
    int model[BYZANTINE_COLLECTIONS][BYZANTINE_IDS]; /* the value of n; -1: no document */
    int fresh;                                       /* a value that was never there */
} byzantine_world;

/** How a head was taken. */
typedef struct byzantine_outcome {
    copse_status status; /* of the merge; OK: it came to its end */
    copse_head_merge_kind kind;
    bool is_form_wrong;
    uint64_t refused;
    uint64_t held_until_ms;
    char reasons[4096]; /* of refusals, and of the failure, a line each */
} byzantine_outcome;

void byzantine_world_init(byzantine_world *world, uint64_t seed, bool is_told);

/** Fails the test if an allocation is left. */
void byzantine_world_release(byzantine_world *world);

uint64_t byzantine_below(byzantine_world *world, uint64_t bound);

/** Prints what happens, if that is_told. */
COPSE_PRINTF(2, 3) void byzantine_say(byzantine_world *world, const char *format, ...);

/** Says the seed and what was being done, and fails the test. */
COPSE_PRINTF(2, 3) _Noreturn void byzantine_fail(byzantine_world *world, const char *format, ...);

/** Fails unless it is OK. */
void byzantine_must(byzantine_world *world, copse_status status, const copse_err *err);

copse_bytes byzantine_collection_name(byzantine_collection collection);

enum { BYZANTINE_DOCUMENT_SIZE_MAX = 16 };

/** {"n": n, "_id": id}: gives its length. */
size_t byzantine_document(int id, int n, uint8_t ret_document[BYZANTINE_DOCUMENT_SIZE_MAX]);

/* ---- What a machine does. All blocks that it lacks are fetched. ------------------------------ */

byzantine_machine *byzantine_liar(byzantine_world *world);

/** Fetches a block of whoever has it; fails the test if nobody has. */
void byzantine_fetch_one(byzantine_world *world, byzantine_machine *machine, const copse_cid *cid);

/** Whether `status` is WANT; what is wanted is then there. */
bool byzantine_fetch(byzantine_world *world, byzantine_machine *machine, copse_status status);

/** Opens the tree of a commit. */
copse_tree *byzantine_open(byzantine_world *world, byzantine_machine *machine,
                           const copse_cid *commit);

/** Adds a document to the machine's write. */
void byzantine_put(byzantine_world *world, byzantine_machine *machine,
                   byzantine_collection collection, int id, int n);

/** Adds a statement by a person to the machine's write; its name. */
copse_cid byzantine_state(byzantine_world *world, byzantine_machine *machine, byzantine_person by,
                          copse_statement *statement);

/** A grant of one right. */
copse_statement byzantine_grant(const byzantine_world *world, byzantine_person to,
                                copse_right right, const char *collection);

/** Applies the machine's write to a tree, which is closed, and opens what comes of it. `is_forced`:
 * whatever rights there are, and without versions. */
copse_tree *byzantine_apply(byzantine_world *world, byzantine_machine *machine,
                            byzantine_person person, bool is_forced, copse_tree *tree);

/** Fills in a commit of a tree. */
copse_commit byzantine_next(byzantine_world *world, byzantine_machine *machine,
                            const copse_cid *tree, const copse_cid *parents, size_t count);

/** Puts a commit, signed by a person or by nobody. */
copse_cid byzantine_put_commit(byzantine_world *world, byzantine_machine *machine,
                               copse_commit *commit, byzantine_person person);

/** Closes a tree, and commits it on `parent`. */
copse_cid byzantine_commit(byzantine_world *world, byzantine_machine *machine,
                           byzantine_person person, copse_tree *tree, const copse_cid *parent);

/** Hears of a head, and takes what it may. */
byzantine_outcome byzantine_hear(byzantine_world *world, byzantine_machine *machine,
                                 const copse_cid *theirs);

/* ---- The honest ------------------------------------------------------------------------------ */

/** The creator makes the database, grants rights, and revokes those of REVOKED, who wrote a note
 * before; all machines have it. Then so much time passes that those of EXPIRED are over. */
void byzantine_found_database(byzantine_world *world);

/** Some honest writer writes a document. */
void byzantine_write(byzantine_world *world);

/** Everybody honest hears of everybody's head until nobody has a new one. Then they have one head;
 * what the model says, and no more, is in it; and a check of it finds nothing. */
void byzantine_settle(byzantine_world *world);

#endif
