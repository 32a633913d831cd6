/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <copse/revision.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define REVISION_CID "bafyreifepiu23okq5zuyvyhsoiazv2icw2van3s7ko6d3ixl5jx2yj2yhu"

typedef struct revision_case {
    const char *text;
    copse_status status;
    copse_revision_kind kind;
    uint64_t back;
    const char *name;
    uint64_t time_ms;
} revision_case;

static const revision_case revision_cases[] = {
    {"HEAD", COPSE_OK, COPSE_REVISION_HEAD, 0, NULL, 0},
    {"HEAD~0", COPSE_OK, COPSE_REVISION_HEAD, 0, NULL, 0},
    {"HEAD~12", COPSE_OK, COPSE_REVISION_HEAD, 12, NULL, 0},
    {"HEAD~18446744073709551609", COPSE_OK, COPSE_REVISION_HEAD, UINT64_C(18446744073709551609),
     NULL, 0},
    {"head", COPSE_OK, COPSE_REVISION_REF, 0, "head", 0},
    {"main", COPSE_OK, COPSE_REVISION_REF, 0, "main", 0},
    {"v1.2-rc~3", COPSE_OK, COPSE_REVISION_REF, 3, "v1.2-rc", 0},
    {"2026", COPSE_OK, COPSE_REVISION_REF, 0, "2026", 0},
    {REVISION_CID, COPSE_OK, COPSE_REVISION_CID, 0, NULL, 0},
    {REVISION_CID "~7", COPSE_OK, COPSE_REVISION_CID, 7, NULL, 0},
    {"1970-01-01", COPSE_OK, COPSE_REVISION_TIME, 0, NULL, 86399999},
    {"1970-01-02T00:00:01Z", COPSE_OK, COPSE_REVISION_TIME, 0, NULL, 86401000},
    {"1970-01-02T01:00:00+01:00~2", COPSE_OK, COPSE_REVISION_TIME, 2, NULL, 86400000},
    {"2026-02-30", COPSE_CORRUPT, 0, 0, NULL, 0},
    {"2026-11-22 10:00", COPSE_CORRUPT, 0, 0, NULL, 0},
    {"1969-12-31", COPSE_CORRUPT, 0, 0, NULL, 0},
    {"", COPSE_CORRUPT, 0, 0, NULL, 0},
    {"~1", COPSE_CORRUPT, 0, 0, NULL, 0},
    {"HEAD~", COPSE_CORRUPT, 0, 0, NULL, 0},
    {"HEAD~x", COPSE_CORRUPT, 0, 0, NULL, 0},
    {"HEAD~1~2", COPSE_OK, COPSE_REVISION_HEAD, 3, NULL, 0},
    {"HEAD~~2", COPSE_CORRUPT, 0, 0, NULL, 0},
    {"HEAD~99999999999999999999", COPSE_CORRUPT, 0, 0, NULL, 0},
};

static void test_texts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof revision_cases / sizeof revision_cases[0]; i++) {
        const revision_case *expected = &revision_cases[i];
        copse_revision revision = {.back = 99};
        copse_err err = {0};
        copse_status status =
            copse_revision_parse(copse_bytes_of_text(expected->text), &revision, &err);
        if (status != expected->status || (status == COPSE_OK && revision.kind != expected->kind)) {
            fail_msg("'%s': %s, kind %d", expected->text, copse_status_name(status),
                     (int)revision.kind);
        }
        if (status != COPSE_OK) {
            assert_int_equal(revision.back, 99);
            assert_true(err.message[0] != '\0');
            continue;
        }
        assert_int_equal(revision.back, expected->back);
        assert_int_equal(revision.time_ms, expected->time_ms);
        assert_true(copse_bytes_equal(
            revision.name, copse_bytes_of_text(expected->name != NULL ? expected->name : "")));
        assert_int_equal(revision.cid.size > 0, expected->kind == COPSE_REVISION_CID);
    }
}

/* A name that is refused, and what the reason says. */
static const struct revision_refused {
    const char *name;
    const char *reason;
} revision_refused[] = {
    {"", "bytes of UTF-8"},
    {"a\nb", "bytes of UTF-8"},
    {"HEAD", "read as a revision"},
    {"a~1", "read as a revision"},
    {"a~0", "read as a revision"},
    {"a~b", "read as a revision"},
    {"~", "read as a revision"},
    {"2026-11-22", "read as a revision"},
    {"2026-11-22T10:00:00Z", "read as a revision"},
    {"2026-11-22-backup", "read as a revision"},
    {REVISION_CID, "read as a revision"},
    {"tags/", "tag"},
    {"tags/v1", "tag"},
    {"origin", "clone"},
    {"origin/main", "clone"},
    {"following", "follow"},
    {"following/http://a/b", "follow"},
    {"dropped-history", "dropped"},
};

static void test_names(void **state)
{
    static const char *const good[] = {"main", "head",       "v1.2-rc", "2026",
                                       "tags", "tag/x",      "origins", "followings",
                                       "a/b",  "Hanoi 河内", "bafyrei"};
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(copse_revision_check_name(copse_bytes_of_text(good[i]), NULL), COPSE_OK);
    }
    for (size_t i = 0; i < sizeof revision_refused / sizeof revision_refused[0]; i++) {
        const struct revision_refused *refused = &revision_refused[i];
        copse_err err = {0};
        if (copse_revision_check_name(copse_bytes_of_text(refused->name), &err) != COPSE_MISUSE ||
            strstr(err.message, refused->reason) == NULL) {
            fail_msg("'%s': %s", refused->name, err.message);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_texts), cmocka_unit_test(test_names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
