/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <copse/head_frontier.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "history/commit.h"
#include "support/authority_world.h"
#include "support/commit_world.h"
#include "support/want_supply.h"

enum {
    FRONTIER_COMMITS = 40,
    FRONTIER_KEYS = 3,
    FRONTIER_NOBODY = FRONTIER_KEYS, /* the signer of what is unsigned or forged */
    FRONTIER_AUTOMATIC,
    FRONTIER_FORGED = 8, /* and a key's number */
    FRONTIER_WIDTH = COPSE_COMMIT_PARENTS_MAX
};

typedef struct frontier_world {
    commit_world commits;
    copse_key *keys[FRONTIER_KEYS];
    uint32_t serial;              /* so that no two commits of layers are the same */
    int makers[FRONTIER_COMMITS]; /* who made commits.cids[n]: a key's number, or as above */
} frontier_world;

static void frontier_init(frontier_world *world)
{
    commit_world_init(&world->commits);
    world->serial = 0;
    for (size_t i = 0; i < FRONTIER_KEYS; i++) {
        world->keys[i] = authority_world_key(&world->commits.test.env, i);
        assert_non_null(world->keys[i]);
    }
}

static void frontier_release(frontier_world *world)
{
    for (size_t i = 0; i < FRONTIER_KEYS; i++) {
        copse_key_free(world->keys[i]);
    }
    commit_world_release(&world->commits);
}

static copse_cid frontier_put(frontier_world *world, const copse_cid *parents, size_t count,
                              int maker, const char *message)
{
    copse_commit commit;
    copse_commit_signature signature;
    if (maker == FRONTIER_AUTOMATIC) {
        assert_int_equal(copse_commit_merge(&world->commits.test.env, world->commits.source,
                                            commit_world_tree(), parents, count, &commit, NULL),
                         COPSE_OK);
        return commit_world_put(&world->commits, &commit);
    }
    commit = commit_world_next(&world->commits, parents, count);
    commit.message = copse_bytes_of_text(message);
    if (maker != FRONTIER_NOBODY) {
        assert_int_equal(copse_commit_sign(&world->commits.test.env, &commit,
                                           world->keys[maker % FRONTIER_FORGED], &signature, NULL),
                         COPSE_OK);
        signature.bytes[5] ^= maker >= FRONTIER_FORGED ? 1 : 0;
    }
    return commit_world_put(&world->commits, &commit);
}

/* Finds the frontier; blocks that are wanted come one by one from `fetched_from`. */
static copse_status frontier_find(const copse_env *env, copse_source *source,
                                  copse_store *fetched_from, const copse_cid *ours,
                                  const copse_cid *theirs, copse_head_frontier_commit *ret_commits,
                                  size_t *ret_count, copse_err *err)
{
    copse_head_frontier *frontier = NULL;
    const copse_head_frontier_commit *commits = NULL;
    copse_status status = copse_head_frontier_new(env, source, ours, theirs, &frontier, err);
    while (status == COPSE_OK || status == COPSE_WANT) {
        status = copse_head_frontier_find(frontier, &commits, ret_count, err);
        if (status != COPSE_WANT) {
            break;
        }
        (void)want_supply_some(source, fetched_from, 1);
    }
    for (size_t i = 0; status == COPSE_OK && i < *ret_count && ret_commits != NULL; i++) {
        ret_commits[i] = commits[i];
    }
    copse_head_frontier_free(frontier);
    return status;
}

/* Fails unless the frontier is these commits of `cids`, ended by -1. */
static void frontier_expect(frontier_world *world, const copse_cid *ours, const copse_cid *theirs,
                            const copse_cid *cids, const int *expected)
{
    copse_head_frontier_commit commits[FRONTIER_COMMITS];
    size_t count = 0;
    copse_err err = {0};
    assert_int_equal(frontier_find(&world->commits.test.env, world->commits.source, NULL, ours,
                                   theirs, commits, &count, &err),
                     COPSE_OK);
    for (size_t i = 0; i < count; i++) {
        assert_true(expected[i] >= 0);
        assert_true(copse_cid_equal(&commits[i].cid, &cids[expected[i]]));
    }
    assert_int_equal(expected[count], -1);
}

/* ---- By example ------------------------------------------------------------------------------ */

/* R1: the picture in the header. */
static void test_runs_of_signers(void **state)
{
    (void)state;
    enum { OURS, A1, A2, B1, A3, C1, C2, MERGED };
    frontier_world world;
    copse_cid c[MERGED + 1];
    frontier_init(&world);
    c[OURS] = frontier_put(&world, NULL, 0, 0, "ours");
    c[A1] = frontier_put(&world, &c[OURS], 1, 0, "a1");
    c[A2] = frontier_put(&world, &c[A1], 1, 0, "a2");
    c[B1] = frontier_put(&world, &c[A2], 1, 1, "b1");
    c[A3] = frontier_put(&world, &c[B1], 1, 0, "a3");
    c[C1] = frontier_put(&world, &c[A2], 1, 2, "c1");
    c[C2] = frontier_put(&world, &c[C1], 1, 2, "c2");
    const copse_cid heads[2] = {c[A3], c[C2]};
    c[MERGED] = frontier_put(&world, heads, 2, FRONTIER_AUTOMATIC, "");
    bool a3_first = copse_cid_compare(&c[A3], &c[C2]) < 0; /* R2: of one generation */
    frontier_expect(&world, &c[OURS], &c[MERGED], c,
                    (const int[]){A2, B1, a3_first ? A3 : C2, a3_first ? C2 : A3, -1});
    frontier_expect(&world, &c[B1], &c[A3], c, (const int[]){A3, -1});
    frontier_expect(&world, &c[A3], &c[C2], c, (const int[]){C2, -1});
    frontier_expect(&world, &c[A3], &c[MERGED], c, (const int[]){C2, -1});
    frontier_expect(&world, &c[MERGED], &c[A3], c, (const int[]){-1});
    frontier_expect(&world, &c[A3], &c[A3], c, (const int[]){-1});
    /* Whoever has all that it was merged of has all. */
    const copse_cid other[2] = {c[MERGED], c[OURS]};
    copse_cid again = frontier_put(&world, other, 2, FRONTIER_AUTOMATIC, "");
    frontier_expect(&world, &c[MERGED], &again, c, (const int[]){-1});
    frontier_release(&world);
}

/* R5 */
static void test_what_nobody_signed(void **state)
{
    (void)state;
    enum { OURS, FORGED, PLAIN, SIGNED, HIDDEN, TOP };
    frontier_world world;
    copse_cid c[TOP + 1];
    copse_head_frontier_commit commits[4];
    size_t count = 0;
    frontier_init(&world);
    const copse_env *env = &world.commits.test.env;
    c[OURS] = frontier_put(&world, NULL, 0, 0, "ours");
    c[FORGED] = frontier_put(&world, &c[OURS], 1, FRONTIER_FORGED + 1, "in the name of another");
    c[PLAIN] = frontier_put(&world, &c[FORGED], 1, FRONTIER_NOBODY, "unsigned");
    c[SIGNED] = frontier_put(&world, &c[PLAIN], 1, 2, "signed");
    c[HIDDEN] = frontier_put(&world, &c[SIGNED], 1, FRONTIER_FORGED + 1, "built on");
    c[TOP] = frontier_put(&world, &c[HIDDEN], 1, 1, "by whom it pretends to be");
    frontier_expect(&world, &c[OURS], &c[FORGED], c, (const int[]){FORGED, -1});
    frontier_expect(&world, &c[OURS], &c[PLAIN], c, (const int[]){PLAIN, -1});
    frontier_expect(&world, &c[OURS], &c[TOP], c, (const int[]){PLAIN, SIGNED, TOP, -1});
    frontier_expect(&world, &c[SIGNED], &c[HIDDEN], c, (const int[]){HIDDEN, -1});
    assert_int_equal(
        frontier_find(env, world.commits.source, NULL, &c[OURS], &c[TOP], commits, &count, NULL),
        COPSE_OK);
    assert_int_equal(commits[0].kind, COPSE_HEAD_UNSIGNED);
    assert_int_equal(commits[1].kind, COPSE_HEAD_SIGNED);
    assert_true(copse_public_key_equal(&commits[1].signer, copse_key_public(world.keys[2])));
    assert_int_equal(
        frontier_find(env, world.commits.source, NULL, &c[OURS], &c[FORGED], commits, &count, NULL),
        COPSE_OK);
    assert_int_equal(commits[0].kind, COPSE_HEAD_FORGED);
    frontier_release(&world);
}

/* ---- Against the definition ------------------------------------------------------------------ */

/* What the definition needs to know of a random history. Sets of commits are bits. */
typedef struct frontier_model {
    uint64_t reached[FRONTIER_COMMITS]; /* what it is, or comes from */
    uint64_t parents[FRONTIER_COMMITS];
    int signers[FRONTIER_COMMITS];
    size_t runs[FRONTIER_COMMITS]; /* the last commit of the run that it is of */
    uint64_t generations[FRONTIER_COMMITS];
} frontier_model;

static void frontier_grow(frontier_world *world, frontier_model *model, uint64_t *seed)
{
    memset(model, 0, sizeof *model);
    for (size_t n = 0; n < FRONTIER_COMMITS; n++) {
        size_t back[3];
        copse_cid parents[3];
        char message[24];
        size_t count = 0;
        for (size_t tries = n > 0 ? 1 + test_random_below(seed, 3) : 0; tries > 0; tries--) {
            size_t at = n - 1 - test_random_below(seed, n < 6 ? n : 6);
            bool is_new = (count < 1 || back[0] != at) && (count < 2 || back[1] != at);
            back[count] = at;
            count += is_new;
        }
        model->reached[n] = UINT64_C(1) << n;
        for (size_t i = 0; i < count; i++) {
            parents[i] = world->commits.cids[back[i]];
            model->reached[n] |= model->reached[back[i]];
            model->parents[n] |= UINT64_C(1) << back[i];
            if (model->generations[n] <= model->generations[back[i]]) {
                model->generations[n] = model->generations[back[i]] + 1;
            }
        }
        uint64_t kind = test_random_below(seed, 10);
        int key = (int)test_random_below(seed, FRONTIER_KEYS);
        world->makers[n] = count > 1 && kind < 6 ? FRONTIER_AUTOMATIC
                           : kind == 7           ? FRONTIER_NOBODY
                           : kind == 8           ? FRONTIER_FORGED + key
                                                 : key;
        (void)snprintf(message, sizeof message, "%zu", n);
        world->commits.cids[n] = frontier_put(world, parents, count, world->makers[n], message);
    }
}

/* The run by `signer` that all commits in `fresh` are of that were made on commit n; NULL: there is
 * none. */
static const size_t *frontier_find_run(const frontier_world *world, const frontier_model *model,
                                       uint64_t fresh, size_t n, int signer)
{
    const size_t *run = NULL;
    for (size_t k = n + 1; k < FRONTIER_COMMITS; k++) {
        if ((fresh >> k & 1) == 0 || (model->parents[k] >> n & 1) == 0) {
            continue;
        }
        if (world->makers[k] == FRONTIER_AUTOMATIC || model->signers[k] != signer ||
            (run != NULL && *run != model->runs[k])) {
            return NULL;
        }
        run = &model->runs[k];
    }
    return run;
}

/* Fills in who signed what, and the runs, of the commits in `fresh`. */
static void frontier_attribute(const frontier_world *world, frontier_model *model, uint64_t fresh)
{
    for (size_t n = FRONTIER_COMMITS; n-- > 0;) {
        int maker = world->makers[n];
        bool is_forged = maker >= FRONTIER_FORGED;
        int claimed = is_forged ? maker - FRONTIER_FORGED : maker;
        const size_t *run = frontier_find_run(world, model, fresh, n, claimed);
        bool is_believed = !is_forged || run != NULL;
        model->signers[n] = is_believed ? claimed : FRONTIER_NOBODY;
        if (!is_believed) {
            run = frontier_find_run(world, model, fresh, n, FRONTIER_NOBODY);
        }
        model->runs[n] = run != NULL ? *run : n;
    }
}

/* What a run was made on (R4); FRONTIER_COMMITS: not one commit. */
static size_t frontier_find_base(const frontier_world *world, const frontier_model *model,
                                 uint64_t fresh, size_t last)
{
    size_t n = last;
    for (;;) {
        uint64_t parents = model->parents[n];
        if (parents == 0 || (parents & (parents - 1)) != 0) {
            return FRONTIER_COMMITS;
        }
        for (n = 0; (parents >> n & 1) == 0; n++) {
        }
        bool is_of_run = (fresh >> n & 1) != 0 && world->makers[n] != FRONTIER_AUTOMATIC &&
                         model->runs[n] == last;
        if (!is_of_run) {
            return n;
        }
    }
}

static bool frontier_stands_before(const frontier_world *world, const frontier_model *model,
                                   size_t a, size_t b)
{
    return model->generations[a] != model->generations[b]
               ? model->generations[a] < model->generations[b]
               : copse_cid_compare(&world->commits.cids[a], &world->commits.cids[b]) < 0;
}

/* R1 to R5 of what was found; returns how many commits that is. */
static size_t frontier_compare(frontier_world *world, frontier_model *model, size_t ours,
                               size_t theirs, const copse_head_frontier_commit *found, size_t count)
{
    uint64_t fresh = model->reached[theirs] & ~model->reached[ours];
    uint64_t merged = model->reached[ours];
    uint64_t expected = 0;
    uint64_t seen = 0;
    size_t last = 0;
    frontier_attribute(world, model, fresh);
    for (size_t n = 0; n < FRONTIER_COMMITS; n++) {
        bool is_in =
            (fresh >> n & 1) != 0 && world->makers[n] != FRONTIER_AUTOMATIC && model->runs[n] == n;
        expected |= (uint64_t)is_in << n;
    }
    for (size_t i = 0; i < count; i++) {
        size_t n = 0;
        while (!copse_cid_equal(&world->commits.cids[n], &found[i].cid)) {
            n++;
        }
        assert_true(i == 0 || frontier_stands_before(world, model, last, n)); /* R2 */
        assert_int_equal(found[i].kind == COPSE_HEAD_SIGNED, model->signers[n] != FRONTIER_NOBODY);
        size_t base = frontier_find_base(world, model, fresh, n);
        assert_int_equal(found[i].base.size > 0, base < FRONTIER_COMMITS); /* R4 */
        assert_true(base == FRONTIER_COMMITS ||
                    copse_cid_equal(&found[i].base, &world->commits.cids[base]));
        for (size_t k = 0; k < FRONTIER_COMMITS; k++) { /* R3 */
            assert_true((model->reached[n] >> k & 1) == 0 || (merged >> k & 1) != 0 ||
                        world->makers[k] == FRONTIER_AUTOMATIC ||
                        model->signers[k] == model->signers[n]);
        }
        merged |= model->reached[n];
        seen |= UINT64_C(1) << n;
        last = n;
    }
    assert_true(seen == expected); /* R1 */
    for (size_t k = 0; k < FRONTIER_COMMITS; k++) {
        assert_true(((fresh & ~merged) >> k & 1) == 0 || world->makers[k] == FRONTIER_AUTOMATIC);
    }
    return count;
}

static void test_random_histories(void **state)
{
    (void)state;
    size_t sizes[4] = {0};
    for (uint64_t seed = 1; seed <= 10; seed++) {
        uint64_t random = seed;
        frontier_world world;
        frontier_model model;
        frontier_init(&world);
        frontier_grow(&world, &model, &random);
        const copse_env *env = &world.commits.test.env;
        for (size_t i = 0; i < 12; i++) {
            size_t ours = test_random_below(&random, FRONTIER_COMMITS);
            size_t theirs = FRONTIER_COMMITS - 1 - test_random_below(&random, 12);
            copse_head_frontier_commit found[2][FRONTIER_COMMITS];
            size_t counts[2] = {0, 0};
            copse_source *sparse = NULL;
            const copse_cid *cids = world.commits.cids;
            memset(found, 0, sizeof found);
            assert_int_equal(frontier_find(env, world.commits.source, NULL, &cids[ours],
                                           &cids[theirs], found[0], &counts[0], NULL),
                             COPSE_OK);
            assert_int_equal(copse_source_new(env, NULL, &sparse, NULL), COPSE_OK);
            assert_int_equal(frontier_find(env, sparse, world.commits.store, &cids[ours],
                                           &cids[theirs], found[1], &counts[1], NULL),
                             COPSE_OK);
            copse_source_free(sparse);
            assert_int_equal(counts[0], counts[1]);
            assert_memory_equal(found[0], found[1], counts[0] * sizeof found[0][0]);
            size_t count = frontier_compare(&world, &model, ours, theirs, found[0], counts[0]);
            sizes[count < 3 ? count : 3]++;
        }
        frontier_release(&world);
    }
    assert_true(sizes[0] > 3 && sizes[1] > 3 && sizes[2] > 3 && sizes[3] > 20);
}

/* ---- Limits and failures --------------------------------------------------------------------- */

/* A layer of commits, each on all of the one below (NULL: on nothing). */
static void frontier_layer(frontier_world *world, const copse_cid *below, copse_bytes message,
                           copse_cid layer[FRONTIER_WIDTH])
{
    copse_commit commit =
        commit_world_next(&world->commits, below, below != NULL ? FRONTIER_WIDTH : 0);
    commit.skips_count = 0;
    commit.message = message;
    for (size_t i = 0; i < FRONTIER_WIDTH; i++) {
        commit.time_counter = world->serial++;
        layer[i] = commit_world_put(&world->commits, &commit);
    }
}

static void frontier_expect_limit(frontier_world *world, const copse_cid *ours,
                                  const copse_cid *theirs, const char *reason)
{
    test_env test;
    copse_source *source = NULL;
    copse_err err = {0};
    size_t count = 7;
    test_env_init(&test);
    assert_int_equal(copse_source_new(&test.env, world->commits.store, &source, NULL), COPSE_OK);
    assert_int_equal(frontier_find(&test.env, source, NULL, ours, theirs, NULL, &count, &err),
                     COPSE_LIMIT);
    assert_non_null(strstr(err.message, reason));
    assert_int_equal(count, 7);
    assert_true(test.peak_bytes < 50u << 20);
    copse_source_free(source);
    test_env_assert_empty(&test);
}

static void test_giant_graphs_end(void **state)
{
    (void)state;
    frontier_world world;
    copse_cid layers[2][FRONTIER_WIDTH];
    size_t layers_count = COPSE_HEAD_FRONTIER_LINKS_MAX / FRONTIER_WIDTH / FRONTIER_WIDTH + 3;
    frontier_init(&world);
    copse_cid ours = frontier_put(&world, NULL, 0, 0, "ours");
    frontier_layer(&world, NULL, copse_bytes_of_text("giant"), layers[0]);
    for (size_t i = 1; i < layers_count; i++) {
        frontier_layer(&world, layers[(i - 1) % 2], copse_bytes_of_text("giant"), layers[i % 2]);
    }
    frontier_expect_limit(&world, &ours, &layers[(layers_count - 1) % 2][0], "links");
    frontier_release(&world);
}

/* Each commit is said to be by a key that is no point of the curve. */
static void test_too_many_signatures_end(void **state)
{
    (void)state;
    frontier_world world;
    char author[COPSE_KEY_TEXT_SIZE_MAX];
    const uint8_t signature[COPSE_SIGNATURE_SIZE_BYTES] = {0};
    copse_public_key key;
    memset(key.bytes, 0x7e, sizeof key.bytes);
    size_t author_len = copse_public_key_to_did(&key, author);
    frontier_init(&world);
    copse_cid ours = frontier_put(&world, NULL, 0, 0, "ours");
    copse_cid head = ours;
    for (size_t i = 0; i <= COPSE_HEAD_FRONTIER_MAX; i++) {
        copse_commit commit = commit_world_next(&world.commits, &head, 1);
        commit.author = (copse_bytes){(const uint8_t *)author, author_len};
        commit.signature = (copse_bytes){signature, sizeof signature};
        head = commit_world_put(&world.commits, &commit);
    }
    frontier_expect_limit(&world, &ours, &head, "one by one");
    frontier_release(&world);
}

static void test_large_commits_end(void **state)
{
    (void)state;
    enum { FAT = COPSE_COMMIT_MESSAGE_SIZE_BYTES_MAX };
    static char message[FAT];
    frontier_world world;
    copse_cid layer[FRONTIER_WIDTH];
    copse_cid middle[FRONTIER_WIDTH];
    copse_cid top[FRONTIER_WIDTH];
    memset(message, 'm', FAT);
    frontier_init(&world);
    copse_cid ours = frontier_put(&world, NULL, 0, 0, "ours");
    for (size_t k = 0; k < 5; k++) {
        for (size_t i = 0; i < FRONTIER_WIDTH; i++) {
            frontier_layer(&world, NULL, (copse_bytes){(const uint8_t *)message, FAT}, layer);
            middle[i] = frontier_put(&world, layer, FRONTIER_WIDTH, FRONTIER_NOBODY, "middle");
        }
        top[k] = frontier_put(&world, middle, FRONTIER_WIDTH, FRONTIER_NOBODY, "top");
    }
    copse_cid head = frontier_put(&world, top, 5, FRONTIER_NOBODY, "head");
    frontier_expect_limit(&world, &ours, &head, "bytes");
    frontier_release(&world);
}

static void test_failures(void **state)
{
    (void)state;
    frontier_world world;
    copse_head_frontier *frontier = NULL;
    const copse_head_frontier_commit *commits = NULL;
    size_t count = 0;
    const copse_cid none = {.size = 0};
    copse_cid nowhere;
    frontier_init(&world);
    const copse_env *env = &world.commits.test.env;
    copse_source *source = world.commits.source;
    copse_cid ours = frontier_put(&world, NULL, 0, 0, "ours");
    assert_int_equal(copse_head_frontier_new(env, source, &ours, &none, &frontier, NULL),
                     COPSE_MISUSE);
    copse_cid_of_data(COPSE_CODEC_DAG_CBOR, copse_bytes_of_text("nowhere"), &nowhere);
    assert_int_equal(copse_head_frontier_new(env, source, &ours, &nowhere, &frontier, NULL),
                     COPSE_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(copse_head_frontier_find(frontier, &commits, &count, NULL), COPSE_WANT);
    }
    assert_null(copse_head_frontier_free(frontier));
    /* A generation that its descendants deny: for ever. */
    copse_commit liar = commit_world_next(&world.commits, &ours, 1);
    liar.generation = 7;
    copse_cid high = commit_world_put(&world.commits, &liar);
    liar.parents[0] = high;
    copse_cid head = commit_world_put(&world.commits, &liar);
    assert_int_equal(copse_head_frontier_new(env, source, &ours, &head, &frontier, NULL), COPSE_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(copse_head_frontier_find(frontier, &commits, &count, NULL), COPSE_CORRUPT);
    }
    assert_null(copse_head_frontier_free(frontier));
    frontier_release(&world);
}

/* Every allocation fails in turn. */
static copse_status frontier_sweep(const copse_env *env, void *ctx)
{
    frontier_world *world = ctx;
    copse_source *source = NULL;
    size_t count = 0;
    copse_status status = copse_source_new(env, world->commits.store, &source, NULL);
    if (status == COPSE_OK) {
        status = frontier_find(env, source, NULL, &world->commits.cids[6], &world->commits.cids[18],
                               NULL, &count, NULL);
    }
    assert_true(status != COPSE_OK || count > 2);
    copse_source_free(source);
    return status;
}

static void test_memory_runs_out(void **state)
{
    (void)state;
    frontier_world world;
    frontier_model model;
    uint64_t seed = 3;
    frontier_init(&world);
    frontier_grow(&world, &model, &seed);
    assert_true(test_env_sweep(frontier_sweep, &world, 1000) > 20);
    frontier_release(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_runs_of_signers),
        cmocka_unit_test(test_what_nobody_signed),
        cmocka_unit_test(test_random_histories),
        cmocka_unit_test(test_giant_graphs_end),
        cmocka_unit_test(test_too_many_signatures_end),
        cmocka_unit_test(test_large_commits_end),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
