/* copse policy: how a collection's documents are merged.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "command.h"
#include "documents.h"
#include "failure.h"
#include "past.h"

#include <stdio.h>

#define POLICY_DAY_MS UINT64_C(86400000)

enum { POLICY_TEXT_SIZE = 80 };

static const copse_option policy_options[] = {
    {"--tombstone-days", "N", COPSE_OPTION_COUNT,
     "how long deletions are kept at least; 0: for ever (the default)", 0},
    {"--forget", NULL, COPSE_OPTION_FLAG, "forget the deletions that are older than that", 0},
    {"--signed", NULL, COPSE_OPTION_FLAG,
     "lww: only signed documents, from the first on; makes the collection", 0},
    COPSE_OPTION_REF,
    COPSE_OPTIONS_COMMIT,
    COPSE_OPTION_DURABILITY,
    COPSE_OPTION_JSON,
    COPSE_OPTIONS_PEERS,
    {NULL, NULL, COPSE_OPTION_FLAG, NULL, 0},
};

typedef struct policy_call {
    copse_call *call;
    const char *name; /* the collection's */
    copse_merge_policy merge;
    uint32_t tombstone_days;
    bool has_merge; /* one was named */
    bool is_signed;
    bool makes_collection;
    bool forgets;
    uint64_t forgotten;    /* so many deletions */
    uint64_t forgotten_ms; /* those from before then, by now or long since; 0: none */
} policy_call;

static bool policy_has_versions(const policy_call *self)
{
    return self->merge == COPSE_MERGE_LWW || self->merge == COPSE_MERGE_FIELD_WISE;
}

/* Whether the collection is made: --signed must come before the first document. */
static bool policy_makes_collection(const policy_call *self, copse_documents *documents)
{
    char near[COPSE_DOCUMENTS_NAME_SIZE];
    return self->has_merge && copse_options_has(&self->call->options, "--signed") &&
           copse_database_collection(documents->database, copse_bytes_of_text(self->name)) ==
               NULL &&
           copse_documents_near_name(documents, self->name, near)[0] == '\0';
}

/* Fills in what was not asked for as it is. False: the collection isn't there; reported. */
static bool policy_complete(policy_call *self, copse_documents *documents)
{
    const copse_options *options = &self->call->options;
    copse_collection collection = {.merge = COPSE_MERGE_THREE_WAY};
    self->makes_collection = policy_makes_collection(self, documents);
    if (!self->makes_collection) {
        const copse_collection *found = copse_documents_collection(documents, self->name);
        if (found == NULL) {
            return false;
        }
        collection = *found;
    }
    self->merge = self->has_merge ? self->merge : collection.merge;
    self->is_signed = collection.is_signed || copse_options_has(options, "--signed");
    self->forgotten_ms = collection.forgotten_ms;
    uint32_t days = policy_has_versions(self) ? collection.tombstone_days : 0;
    self->tombstone_days = (uint32_t)copse_options_number(options, "--tombstone-days", days);
    return true;
}

static int policy_fill(void *ctx, copse_documents *documents, copse_write *write)
{
    policy_call *self = ctx;
    copse_call *call = self->call;
    copse_bytes name = copse_bytes_of_text(self->name);
    if (!policy_complete(self, documents)) {
        return COPSE_EXIT_FAILED;
    }
    if (!policy_has_versions(self) && (self->forgets || self->tombstone_days > 0)) {
        return copse_failure(call, COPSE_MISUSE,
                             "--tombstone-days and --forget are about collections that are merged "
                             "lww or field-wise",
                             "'%s' is merged %s, which knows of no deletions", self->name,
                             copse_merge_policy_name(self->merge));
    }
    if (self->forgets && self->tombstone_days == 0) {
        return copse_failure(call, COPSE_MISUSE, "--tombstone-days N says for how long",
                             "the deletions of '%s' are kept for ever", self->name);
    }
    copse_status status = COPSE_OK;
    if (self->makes_collection) {
        status = copse_write_create_collection(write, name, copse_bytes_of_text("_id"),
                                               COPSE_DOCUMENTS_INLINE, &call->err);
    }
    if (status == COPSE_OK) {
        status = copse_write_set_merge(write, name, self->merge, self->tombstone_days, &call->err);
    }
    if (status == COPSE_OK && self->is_signed) {
        status = copse_write_set_signed(write, name, &call->err);
    }
    if (status == COPSE_OK && self->forgets) {
        uint64_t now_ms = call->env.clock(call->env.clock_ctx);
        uint64_t kept_ms = self->tombstone_days * POLICY_DAY_MS;
        uint64_t before_ms = now_ms > kept_ms ? now_ms - kept_ms : 0;
        self->forgotten_ms = before_ms > self->forgotten_ms ? before_ms : self->forgotten_ms;
        status = copse_write_forget_deleted(write, name, before_ms, &call->err);
    }
    return status == COPSE_OK ? COPSE_EXIT_OK
                              : copse_failure_of(call, status, "nothing was changed");
}

/* "lww, signed, deletions are kept for 30 days". */
static const char *policy_show(const policy_call *self, char ret_text[POLICY_TEXT_SIZE])
{
    const char *name = copse_merge_policy_name(self->merge);
    const char *is_signed = self->is_signed ? ", signed" : "";
    char days[POLICY_TEXT_SIZE / 2];
    if (self->tombstone_days > 0) {
        (void)snprintf(ret_text, POLICY_TEXT_SIZE, "%s%s, deletions are kept for %s", name,
                       is_signed,
                       copse_documents_plural(self->tombstone_days, "day", days, sizeof days));
    } else {
        (void)snprintf(ret_text, POLICY_TEXT_SIZE, "%s%s%s", name, is_signed,
                       policy_has_versions(self) ? ", deletions are kept" : "");
    }
    return ret_text;
}

static void policy_describe(void *ctx, const copse_write_stats *stats, char *ret_message,
                            size_t size)
{
    const policy_call *self = ctx;
    char text[POLICY_TEXT_SIZE];
    char count[64];
    if (self->forgets) {
        (void)snprintf(ret_message, size, "forget %s of %s",
                       copse_documents_plural(stats->forgotten, "deletion", count, sizeof count),
                       self->name);
    } else {
        (void)snprintf(ret_message, size, "policy of %s: %s", self->name, policy_show(self, text));
    }
}

static void policy_print(const policy_call *self, const copse_documents *documents)
{
    copse_output *out = &self->call->output;
    char text[POLICY_TEXT_SIZE];
    char time[COPSE_PAST_TIME_SIZE];
    char count[64];
    bool has_forgotten = self->forgotten_ms > 0;
    if (out->json) {
        copse_output_begin(out);
        copse_output_text(out, "collection", self->name);
        copse_output_text(out, "merge", copse_merge_policy_name(self->merge));
        copse_output_number(out, "tombstone_days", self->tombstone_days);
        copse_output_bool(out, "signed", self->is_signed);
        if (has_forgotten) {
            copse_output_text(out, "forgotten_before", copse_past_time(self->forgotten_ms, time));
        }
        if (self->forgets) {
            copse_output_number(out, "forgotten", self->forgotten);
        }
        copse_documents_print_head(documents);
        copse_output_end(out);
        return;
    }
    copse_output_format(out, "%s: %s\n", self->name, policy_show(self, text));
    if (has_forgotten) {
        copse_output_format(out, "deletions from before %s are forgotten\n",
                            copse_past_time(self->forgotten_ms, time));
    }
    if (self->forgets) {
        copse_output_format(
            out, "forgot %s\n",
            copse_documents_plural(self->forgotten, "deletion", count, sizeof count));
    }
    if (self->makes_collection) {
        (void)copse_output_flush(out);
        copse_note(self->call, "copse: made the collection '%s'", self->name);
    }
}

static int policy_write(policy_call *self, copse_documents *documents)
{
    copse_write_stats stats = {.forgotten = 0};
    const copse_documents_change change = {
        .fill = policy_fill,
        .describe = policy_describe,
        .ctx = self,
        .depends = true,
    };
    int code = copse_documents_write(documents, &change, &stats);
    self->forgotten = stats.forgotten;
    return code;
}

/* Reads the command line. False: reported. */
static bool policy_parse(policy_call *self, bool *ret_changes)
{
    copse_call *call = self->call;
    const copse_options *options = &call->options;
    uint64_t days = copse_options_number(options, "--tombstone-days", 0);
    self->name = options->arguments[1];
    self->forgets = copse_options_has(options, "--forget");
    self->has_merge = options->arguments_count > 2;
    if (self->has_merge &&
        !copse_merge_policy_find(copse_bytes_of_text(options->arguments[2]), &self->merge)) {
        (void)copse_failure_usage(call,
                                  "a policy is three-way, union, lww or field-wise, and not '%s'",
                                  options->arguments[2]);
        return false;
    }
    if (days > COPSE_TOMBSTONE_DAYS_MAX) {
        (void)copse_failure_usage(call, "--tombstone-days is at most %d", COPSE_TOMBSTONE_DAYS_MAX);
        return false;
    }
    bool is_signed = copse_options_has(options, "--signed");
    if (is_signed && self->has_merge && self->merge != COPSE_MERGE_LWW) {
        (void)copse_failure_usage(call, "--signed goes with lww, and not with %s",
                                  copse_merge_policy_name(self->merge));
        return false;
    }
    *ret_changes = self->has_merge || self->forgets || is_signed ||
                   copse_options_has(options, "--tombstone-days");
    return true;
}

static int policy_run(copse_call *call)
{
    policy_call self = {.call = call};
    copse_documents documents;
    bool changes;
    if (!policy_parse(&self, &changes)) {
        return COPSE_EXIT_USAGE;
    }
    if (!copse_documents_open(&documents, call, changes ? COPSE_LOCAL_WRITE : COPSE_LOCAL_READ)) {
        return COPSE_EXIT_FAILED;
    }
    int code = changes                              ? policy_write(&self, &documents)
               : policy_complete(&self, &documents) ? COPSE_EXIT_OK
                                                    : COPSE_EXIT_FAILED;
    if (code == COPSE_EXIT_OK) {
        policy_print(&self, &documents);
    }
    copse_documents_close(&documents);
    return code;
}

const copse_command copse_command_policy = {
    .name = "policy",
    .arguments = "DB COLL [POLICY]",
    .summary = "Show or set how a collection's documents are merged",
    .details =
        "  three-way    what each side changed goes together; what both changed differently is a\n"
        "               conflict (the default)\n"
        "  union        the documents of both sides; nothing is deleted\n"
        "  lww          of each document, what was written last\n"
        "  field-wise   of each field, what was written last; a deletion stands until\n"
        "               the document is inserted again\n"
        "\n"
        "All but three-way merge without a conflict, and without a common past. For lww and\n"
        "field-wise each document that is written from now on has a version: when, and by whom;\n"
        "another policy takes the versions away. So has one that was deleted, so that old copies\n"
        "don't bring it back. --forget forgets the deletions that are older than\n"
        "--tombstone-days; from then on a copy that was not merged for longer is refused.\n"
        "\n"
        "With --signed, who writes a document of an lww collection signs it with his --key, so\n"
        "that nobody who passes it on can change it, or put words into another's mouth. That is\n"
        "for databases with a creator (copse init --creator), before the first document, and\n"
        "stays until the collection is dropped.\n",
    .options = policy_options,
    .examples = "copse policy blog.copse posts\n"
                "copse policy blog.copse posts field-wise --tombstone-days 90\n"
                "copse policy blog.copse posts --forget\n"
                "copse policy blog.copse letters lww --signed",
    .run = policy_run,
};
