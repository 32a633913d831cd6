/* copse writers: who may write a database that has a creator.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "command.h"
#include "documents.h"
#include "failure.h"
#include "keys.h"
#include "past.h"
#include "writers.h"

#include <copse/revision.h>
#include <copse/writers.h>

#include <stdio.h>
#include <string.h>

#define WRITERS_DAY_MS UINT64_C(86400000)

enum { WRITERS_DAYS_MAX = 36500 };

static const copse_option writers_add_options[] = {
    {"--can", "RIGHT", COPSE_OPTION_LIST,
     "\"insert COLL\", \"write COLL\" or \"admin COLL\"; without COLL: in all; several times", 0},
    {"--expires", "WHEN", COPSE_OPTION_TEXT, "30d: so many days from now; or a date, 2027-01-31",
     0},
    COPSE_OPTION_REF,
    COPSE_OPTIONS_COMMIT,
    COPSE_OPTION_DURABILITY,
    COPSE_OPTION_JSON,
    COPSE_OPTIONS_PEERS,
    {NULL, NULL, COPSE_OPTION_FLAG, NULL, 0},
};

static const copse_option writers_remove_options[] = {
    {"--last", "COMMIT", COPSE_OPTION_TEXT,
     "what was written up to this commit still counts; without it nothing does", 0},
    COPSE_OPTION_REF,
    COPSE_OPTIONS_COMMIT,
    COPSE_OPTION_DURABILITY,
    COPSE_OPTION_JSON,
    COPSE_OPTIONS_PEERS,
    {NULL, NULL, COPSE_OPTION_FLAG, NULL, 0},
};

/* A call of add or remove. */
typedef struct writers_call {
    copse_call *call;
    char did[COPSE_KEY_TEXT_SIZE_MAX]; /* of statement.to */
    copse_statement statement;
    copse_cid name; /* of the statement, once it was made */
} writers_call;

/* ---- the command line ---- */

/* The key that the second argument names: a did:key, or a key of this user. */
static bool writers_read_key(writers_call *self)
{
    copse_call *call = self->call;
    const char *name = call->options.arguments[1];
    copse_public_key *to = &self->statement.to;
    char path[COPSE_KEYS_PATH_SIZE];
    copse_buf file;
    bool good;
    if (strncmp(name, "did:", 4) == 0) {
        good = copse_public_key_from_did(copse_bytes_of_text(name), to, &call->err) == COPSE_OK;
        if (!good) {
            (void)copse_failure(call, COPSE_CORRUPT, "`copse key list` shows the did:key of keys",
                                "'%.100s' is no key: %s", name, call->err.message);
        }
    } else {
        copse_buf_init(&file, &call->env, SIZE_MAX);
        good = copse_keys_path(call, name, path) && copse_keys_read(call, path, &file, to);
        copse_buf_release(&file);
    }
    if (good) {
        (void)copse_public_key_to_did(to, self->did);
    }
    return good;
}

/* The rights of --can. */
static bool writers_read_can(writers_call *self)
{
    copse_call *call = self->call;
    copse_statement *statement = &self->statement;
    const char *text;
    while ((text = copse_options_nth(&call->options, "--can", statement->items_count)) != NULL) {
        const char *space = strchr(text, ' ');
        size_t len = space != NULL ? (size_t)(space - text) : strlen(text);
        if (statement->items_count == COPSE_STATEMENT_ITEMS_MAX) {
            (void)copse_failure_usage(call, "--can may be given %d times",
                                      COPSE_STATEMENT_ITEMS_MAX);
            return false;
        }
        copse_capability *can = &statement->can[statement->items_count++];
        if (!copse_right_find((copse_bytes){(const uint8_t *)text, len}, &can->right) ||
            (space != NULL && space[1] == '\0')) {
            (void)copse_failure_usage(call,
                                      "--can is \"insert COLL\", \"write COLL\" or \"admin COLL\", "
                                      "and not '%s'",
                                      text);
            return false;
        }
        can->collection = copse_bytes_of_text(space != NULL ? space + 1 : "");
    }
    if (statement->items_count == 0) {
        (void)copse_failure_usage(call, "--can says what the key may do");
    }
    return statement->items_count > 0;
}

/* "30d", or a date. */
static bool writers_read_expires(writers_call *self)
{
    copse_call *call = self->call;
    const char *text = copse_options_text(&call->options, "--expires", NULL);
    copse_revision revision;
    uint64_t days = 0;
    if (text == NULL) {
        return true;
    }
    size_t digits = strspn(text, "0123456789");
    if (digits > 0 && digits <= 5 && strcmp(text + digits, "d") == 0) {
        for (size_t i = 0; i < digits; i++) {
            days = days * 10 + (uint64_t)(text[i] - '0');
        }
    }
    if (days > 0 && days <= WRITERS_DAYS_MAX) {
        self->statement.expires_ms = self->statement.time_ms + days * WRITERS_DAY_MS;
        return true;
    }
    if (copse_revision_parse(copse_bytes_of_text(text), &revision, NULL) == COPSE_OK &&
        revision.kind == COPSE_REVISION_TIME && revision.back == 0) {
        self->statement.expires_ms = revision.time_ms;
        return true;
    }
    (void)copse_failure_usage(call,
                              "--expires is a number of days up to %d, 30d, or a date, "
                              "2027-01-31, and not '%s'",
                              WRITERS_DAYS_MAX, text);
    return false;
}

/* ---- changing ---- */

/* Signs the statement and adds it. */
static int writers_state(writers_call *self, copse_documents *documents, copse_write *write)
{
    copse_call *call = self->call;
    const copse_author *author = copse_documents_author(documents);
    const copse_identity *identity = copse_writers_identity(documents);
    copse_buf encoded;
    if (author == NULL || identity == NULL) {
        return COPSE_EXIT_FAILED;
    }
    if (author->key == NULL) {
        return copse_failure(call, COPSE_DENIED, "--key KEY names it",
                             "who may write is said with a key");
    }
    self->statement.database = identity->cid;
    copse_buf_init(&encoded, &call->env, SIZE_MAX);
    copse_status status = copse_statement_make(author->key, &self->statement, &encoded, &call->err);
    if (status == COPSE_OK) {
        copse_statement_cid(copse_buf_view(&encoded), &self->name);
        status = copse_write_add_statement(write, copse_buf_view(&encoded), &call->err);
    }
    copse_buf_release(&encoded);
    return status == COPSE_OK ? COPSE_EXIT_OK
                              : copse_failure_of(call, status, "nothing was changed");
}

static int writers_add_fill(void *ctx, copse_documents *documents, copse_write *write)
{
    return writers_state(ctx, documents, write);
}

/* Collects the grants of a row that the key has. */
static copse_status writers_collect(void *ctx, const copse_public_key *to, copse_bytes row,
                                    copse_err *err)
{
    writers_call *self = ctx;
    copse_bytes statements[COPSE_STATEMENT_ROW_MAX];
    copse_statement statement;
    size_t count = 0;
    if (!copse_public_key_equal(to, &self->statement.to)) {
        return COPSE_OK;
    }
    copse_status status = copse_statement_row_read(&self->call->env, row, statements, &count, err);
    for (size_t i = 0; i < count && status == COPSE_OK; i++) {
        if (copse_statement_decode(&self->call->env, statements[i], &statement, NULL) == COPSE_OK &&
            statement.kind == COPSE_STATEMENT_GRANT) {
            copse_statement_cid(statements[i],
                                &self->statement.grants[self->statement.items_count++]);
        }
    }
    return status;
}

static int writers_remove_fill(void *ctx, copse_documents *documents, copse_write *write)
{
    writers_call *self = ctx;
    copse_call *call = self->call;
    const char *last = copse_options_text(&call->options, "--last", NULL);
    copse_status status;
    if (copse_writers_identity(documents) == NULL ||
        (last != NULL &&
         !copse_past_resolve(&documents->place, &documents->head, last, &self->statement.last))) {
        return COPSE_EXIT_FAILED;
    }
    do {
        self->statement.items_count = 0;
        status = copse_writers_walk(documents->database, writers_collect, self, &call->err);
    } while (copse_place_fetch(&documents->place, status));
    if (status != COPSE_OK) {
        return copse_documents_failure(documents, status, "nothing was changed");
    }
    if (self->statement.items_count == 0) {
        return copse_failure(call, COPSE_NOT_FOUND, "`copse writers list DB` shows who has some",
                             "%s has no grants in '%s'", self->did, documents->place.name);
    }
    return writers_state(self, documents, write);
}

static void writers_describe(void *ctx, const copse_write_stats *stats, char *ret_message,
                             size_t size)
{
    const writers_call *self = ctx;
    char rights[COPSE_WRITERS_RIGHTS_SIZE];
    (void)stats;
    if (self->statement.kind == COPSE_STATEMENT_GRANT) {
        copse_writers_show_rights(&self->statement, rights, sizeof rights);
        (void)snprintf(ret_message, size, "grant %s: %s", self->did, rights);
    } else {
        (void)snprintf(ret_message, size, "revoke the grants of %s", self->did);
    }
}

/* Makes the statement, and prints what was made. */
static int writers_change(writers_call *self,
                          int (*fill)(void *ctx, copse_documents *documents, copse_write *write))
{
    copse_call *call = self->call;
    copse_output *out = &call->output;
    copse_documents documents;
    copse_write_stats stats = {.inserted = 0};
    const copse_documents_change change = {
        .fill = fill,
        .describe = writers_describe,
        .ctx = self,
        .depends = true,
    };
    char message[COPSE_WRITERS_RIGHTS_SIZE + COPSE_KEY_TEXT_SIZE_MAX + 32];
    if (!copse_documents_open(&documents, call, COPSE_LOCAL_WRITE)) {
        return COPSE_EXIT_FAILED;
    }
    int code = copse_documents_write(&documents, &change, &stats);
    if (code == COPSE_EXIT_OK && out->json) {
        copse_output_begin(out);
        copse_output_text(out, "key", self->did);
        copse_output_cid(out, "statement", &self->name);
        copse_documents_print_head(&documents);
        copse_output_end(out);
    } else if (code == COPSE_EXIT_OK) {
        writers_describe(self, &stats, message, sizeof message);
        copse_output_format(out, "%s\n", message);
    }
    copse_documents_close(&documents);
    return code;
}

static int writers_add_run(copse_call *call)
{
    writers_call self = {.call = call, .statement = {.kind = COPSE_STATEMENT_GRANT}};
    self.statement.time_ms = call->env.clock(call->env.clock_ctx);
    if (!writers_read_can(&self) || !writers_read_expires(&self)) {
        return COPSE_EXIT_USAGE;
    }
    return writers_read_key(&self) ? writers_change(&self, writers_add_fill) : COPSE_EXIT_FAILED;
}

static int writers_remove_run(copse_call *call)
{
    writers_call self = {.call = call, .statement = {.kind = COPSE_STATEMENT_REVOCATION}};
    self.statement.time_ms = call->env.clock(call->env.clock_ctx);
    return writers_read_key(&self) ? writers_change(&self, writers_remove_fill) : COPSE_EXIT_FAILED;
}

const copse_command copse_command_writers_add = {
    .name = "writers add",
    .arguments = "DB KEY",
    .summary = "Let a key write a database that has a creator",
    .details =
        "KEY is a did:key:…, or one of `copse key list`. Its rights, each in one collection or,\n"
        "without COLL, in all:\n"
        "  insert   to add documents, and change none\n"
        "  write    to add, change and delete documents\n"
        "  admin    to write, to make and change collections and indexes, and to let others\n"
        "\n"
        "The creator may do everything. The grant is signed with --key: by the creator, or by\n"
        "who is admin there. It stands in the database and goes wherever copies of that go.\n",
    .options = writers_add_options,
    .examples = "copse writers add blog.copse ann --can \"write posts\" --key blog\n"
                "copse writers add blog.copse ann --can \"insert posts\" --can \"write tags\" "
                "--expires 30d --key blog\n"
                "copse writers add blog.copse ann --can admin --expires 2027-01-31 --key blog",
    .run = writers_add_run,
};

const copse_command copse_command_writers_remove = {
    .name = "writers remove",
    .arguments = "DB KEY",
    .summary = "Take back all that a key was granted",
    .details =
        "The revocation is signed with --key: by the creator, by who gave the grants, or by who\n"
        "is admin of their collections. With --last, what the key wrote up to that commit still\n"
        "counts; a later grant counts again.\n",
    .options = writers_remove_options,
    .examples = "copse writers remove blog.copse ann --key blog\n"
                "copse writers remove blog.copse ann --last HEAD --key blog",
    .run = writers_remove_run,
};
