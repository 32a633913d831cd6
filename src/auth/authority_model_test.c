/* Random authorities against the rules as they are written, by trying all chains.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/authority.h>

#include "support/authority_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { MODEL_RUNS = 150, MODEL_PERSONS = 6, MODEL_STATEMENTS = 18, MODEL_COMMITS = 3 };

/* One statement, as it was made. */
typedef struct model_statement {
    bool is_grant;
    size_t by;
    size_t to;
    copse_right right;
    const char *collection;
    uint64_t expires_ms;
    size_t grant; /* that is revoked */
    uint8_t last; /* 0: none */
} model_statement;

typedef struct authority_model {
    authority_world world;
    model_statement statements[MODEL_STATEMENTS];
    uint64_t seed;
    bool reached[MODEL_COMMITS + 1]; /* which last commits are, from the judged one */
} authority_model;

/* ---- The rules ---- */

static bool model_revokes(const authority_model *model, const model_statement *revocation,
                          size_t grant)
{
    return !revocation->is_grant && revocation->grant == grant &&
           revocation->to == model->statements[grant].to &&
           !(revocation->last > 0 && model->reached[revocation->last]);
}

/* Whether a chain, the first of whose grants is the last in it, holds. */
static bool model_holds(const authority_model *model, const size_t *chain, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t expires_ms = model->statements[chain[i]].expires_ms;
        if (expires_ms > 0 && expires_ms < AUTHORITY_WORLD_TIME) {
            return false;
        }
        for (size_t r = 0; r < MODEL_STATEMENTS; r++) {
            const model_statement *revocation = &model->statements[r];
            bool is_above = revocation->by == 0;
            for (size_t above = i; above < count; above++) {
                is_above = is_above || model->statements[chain[above]].by == revocation->by;
            }
            if (is_above && model_revokes(model, revocation, chain[i])) {
                return false;
            }
        }
    }
    return true;
}

static bool model_covers(const char *collection, const char *asked)
{
    return collection[0] == '\0' || strcmp(collection, asked) == 0;
}

/* Whether `who` has the right by a chain of whose grants the last `count` are given. */
static bool model_can(const authority_model *model, size_t who, copse_right right,
                      const char *collection, size_t *chain, size_t count)
{
    if (who == 0) {
        return model_holds(model, chain, count);
    }
    for (size_t i = 0; i < MODEL_STATEMENTS && count < COPSE_AUTHORITY_CHAIN_MAX; i++) {
        const model_statement *grant = &model->statements[i];
        bool is_new = true;
        for (size_t j = 0; j < count; j++) {
            is_new = is_new && chain[j] != i; /* a longer way to what a shorter one gives */
        }
        if (is_new && grant->is_grant && grant->to == who && grant->right >= right &&
            model_covers(grant->collection, collection)) {
            chain[count] = i;
            if (model_can(model, grant->by, COPSE_RIGHT_ADMIN, grant->collection, chain,
                          count + 1)) {
                return true;
            }
        }
    }
    return false;
}

/* ---- Random statements ---- */

static size_t model_below(authority_model *model, size_t bound)
{
    return (size_t)test_random_below(&model->seed, bound);
}

static void model_add(authority_model *model, size_t number)
{
    static const char *const collections[] = {"", "a", "b"};
    model_statement *made = &model->statements[number];
    copse_statement statement;
    bool is_grant = number < 4 || model_below(model, 4) > 0;
    *made =
        (model_statement){.is_grant = is_grant,
                          .by = model_below(model, 3) == 0 ? 0 : model_below(model, MODEL_PERSONS),
                          .to = 1 + model_below(model, MODEL_PERSONS - 1),
                          .right = (copse_right)(COPSE_RIGHT_ADMIN - model_below(model, 5) / 3),
                          .collection = collections[model_below(model, 3)]};
    if (is_grant) {
        made->expires_ms = model_below(model, 8) == 0 ? AUTHORITY_WORLD_TIME - 1 : 0;
        statement = authority_world_grant_of(&model->world, made->to, made->right, made->collection,
                                             made->expires_ms);
    } else {
        made->grant = model_below(model, number);
        while (!model->statements[made->grant].is_grant) {
            made->grant--;
        }
        made->to = model_below(model, 8) == 0 ? made->to : model->statements[made->grant].to;
        made->last = (uint8_t)model_below(model, MODEL_COMMITS + 1);
        statement = authority_world_revocation_of(&model->world, made->to, made->grant, made->last);
    }
    statement.time_ms = number;
    assert_int_equal(authority_world_make(&model->world, made->by, &statement), number);
}

/* Adds all, in random order (A4). */
static void model_fill(authority_model *model)
{
    size_t order[MODEL_STATEMENTS];
    for (size_t i = 0; i < MODEL_STATEMENTS; i++) {
        size_t at = model_below(model, i + 1);
        model_add(model, i);
        order[i] = order[at];
        order[at] = i;
    }
    for (size_t i = 0; i < MODEL_STATEMENTS; i++) {
        assert_int_equal(copse_authority_add(model->world.authority,
                                             authority_world_statement(&model->world, order[i]),
                                             NULL),
                         COPSE_OK);
    }
}

/* ---- Comparing ---- */

/* Asks until the answer is certain. */
static bool model_ask(authority_model *model, size_t who, copse_right right, const char *collection,
                      size_t *questions)
{
    copse_cid lists[2][MODEL_COMMITS];
    copse_authority_question question = {.who = *copse_key_public(model->world.keys[who]),
                                         .right = right,
                                         .collection = copse_bytes_of_text(collection),
                                         .time_ms = AUTHORITY_WORLD_TIME,
                                         .others = lists[0],
                                         .reaching = lists[1]};
    for (;;) {
        copse_authority_answer answer;
        assert_int_equal(copse_authority_can(model->world.authority, &question, &answer, NULL),
                         COPSE_OK);
        assert_true(answer.reason[0] != '\0');
        ++*questions;
        if (answer.verdict != COPSE_AUTHORITY_UP_TO) {
            return answer.verdict == COPSE_AUTHORITY_YES;
        }
        uint8_t last = 1;
        while (last <= MODEL_COMMITS) {
            copse_cid cid = authority_world_commit(last);
            if (copse_cid_equal(&cid, &answer.last)) {
                break;
            }
            last++;
        }
        assert_in_range(last, 1, MODEL_COMMITS);
        assert_in_range(question.others_count + question.reaching_count, 0, MODEL_COMMITS - 1);
        size_t *count = model->reached[last] ? &question.reaching_count : &question.others_count;
        lists[model->reached[last]][(*count)++] = answer.last;
    }
}

static void test_random_authorities(void **state)
{
    (void)state;
    static const char *const collections[] = {"", "a", "b"};
    size_t asked = 0;
    size_t allowed = 0;
    size_t questions = 0;
    for (uint64_t seed = 1; seed <= MODEL_RUNS; seed++) {
        authority_model model = {.seed = seed};
        authority_world_init(&model.world);
        model_fill(&model);
        for (uint8_t i = 1; i <= MODEL_COMMITS; i++) {
            model.reached[i] = model_below(&model, 2) == 0;
        }
        for (size_t i = 0; i < 9 * (MODEL_PERSONS - 1); i++) {
            size_t chain[COPSE_AUTHORITY_CHAIN_MAX];
            size_t who = 1 + i / 9;
            copse_right right = (copse_right)(i % 3);
            const char *collection = collections[i / 3 % 3];
            bool can = model_can(&model, who, right, collection, chain, 0);
            if (model_ask(&model, who, right, collection, &questions) != can) {
                fail_msg("seed %d: %zu, %s in '%s'", (int)seed, who, copse_right_name(right),
                         collection);
            }
            asked++;
            allowed += can;
        }
        authority_world_release(&model.world);
    }
    print_message("%zu of %zu allowed, %zu questions\n", allowed, asked, questions);
    assert_in_range(allowed, asked * 3 / 10, asked * 7 / 10);
    assert_in_range(questions, asked * 102 / 100, asked * 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_authorities),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
