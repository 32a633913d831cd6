/* copse tree prove and verify.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "command.h"
#include "failure.h"
#include "file_io.h"
#include "local.h"
#include "range.h"
#include "text.h"

#include <copse/proof.h>

enum { TREE_PROVE_PIECE_SIZE = 1 << 16 };

/* The question that both sides ask: the keys behind the first `skip` arguments, or a range. */
typedef struct tree_question {
    copse_proof_query query;
    copse_range range;
    copse_buf text; /* of the keys */
    copse_buf keys; /* of copse_bytes */
} tree_question;

static void tree_question_release(tree_question *question)
{
    copse_range_release(&question->range);
    copse_buf_release(&question->text);
    copse_buf_release(&question->keys);
}

static bool tree_question_add_key(copse_call *call, tree_question *question, const char *word)
{
    copse_bytes key;
    if (!copse_key_parse(call, word, &question->text, &key)) {
        return false;
    }
    /* The text may still move: the pointer is set when all keys are there. */
    copse_bytes placed = {NULL, key.len};
    if (copse_buf_append(&question->keys, (copse_bytes){(const uint8_t *)&placed, sizeof placed}) !=
        COPSE_OK) {
        (void)copse_failure(call, COPSE_NOMEM, NULL, "too many keys");
        return false;
    }
    return true;
}

static bool tree_question_init(copse_call *call, tree_question *question, size_t skip)
{
    const copse_options *options = &call->options;
    size_t count = options->arguments_count - skip;
    *question = (tree_question){.query = {.kind = COPSE_PROOF_RANGE}};
    if (!copse_range_init(&question->range, call)) {
        return false;
    }
    copse_buf_init(&question->text, &call->env, (size_t)16 << 20);
    copse_buf_init(&question->keys, &call->env, (size_t)16 << 20);
    bool windowed =
        copse_options_has(options, "--limit") || copse_options_has(options, "--reverse");
    if (count > 0 && (windowed || copse_range_is_given(call))) {
        (void)copse_failure_usage(call, "name either keys or a range, not both");
        tree_question_release(question);
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!tree_question_add_key(call, question, options->arguments[skip + i])) {
            tree_question_release(question);
            return false;
        }
    }
    copse_proof_query *query = &question->query;
    copse_bytes *keys = (copse_bytes *)(void *)question->keys.ptr;
    for (size_t i = 0, at = 0; i < count; at += keys[i++].len) {
        keys[i].ptr = question->text.ptr + at;
    }
    query->kind = count > 0 ? COPSE_PROOF_KEYS : COPSE_PROOF_RANGE;
    query->keys = keys;
    query->keys_count = count;
    query->from = question->range.from;
    query->to = copse_range_to(&question->range);
    query->limit = copse_options_number(options, "--limit", UINT64_MAX);
    query->reverse = copse_options_has(options, "--reverse");
    return true;
}

/* ---- prove ---- */

static const copse_option tree_prove_options[] = {
    {"--output", "FILE.car", COPSE_OPTION_TEXT, "where the proof goes; - is stdout (needed)", 'o'},
    COPSE_OPTION_TREE,
    COPSE_OPTIONS_RANGE,
    COPSE_OPTIONS_WINDOW,
    COPSE_OPTION_HEX,
    COPSE_OPTION_JSON,
    {NULL, NULL, COPSE_OPTION_FLAG, NULL, 0},
};

static void tree_prove_report(copse_call *call, const char *name, const copse_tree *tree,
                              const copse_proof_stats *stats)
{
    copse_output *out = &call->output;
    char text[COPSE_CID_TEXT_SIZE_MAX];
    char size[COPSE_TEXT_NUMBER_SIZE];
    if (out->json) {
        copse_output_begin(out);
        copse_output_cid(out, "root", copse_tree_root(tree));
        copse_output_text(out, "file", name);
        copse_output_number(out, "blocks", stats->blocks);
        copse_output_number(out, "bytes", stats->size_bytes);
        copse_output_end(out);
        return;
    }
    copse_note(call, "copse: the proof takes %llu blocks, %s; who has the root %s can check it:",
               (unsigned long long)stats->blocks, copse_text_of_size(stats->size_bytes, size),
               copse_cid_show(copse_tree_root(tree), text));
    copse_note(call, "       copse tree verify %s %s …with the same keys or range", name, text);
}

static int tree_prove_write(copse_call *call, copse_local *local, const char *tree_name,
                            const tree_question *question, const char *file_name)
{
    copse_tree *tree = NULL;
    copse_file_output file = {0};
    copse_proof_stats stats;
    int code = COPSE_EXIT_FAILED;
    if (!copse_local_tree(local, tree_name, &tree)) {
        return COPSE_EXIT_FAILED;
    }
    if (copse_file_output_open(&file, call, file_name)) {
        copse_status status = copse_proof_write(tree, &question->query,
                                                copse_file_output_sink(&file), &stats, &call->err);
        if (status == COPSE_LIMIT) {
            (void)copse_failure_of(call, status, "ask for less at a time");
        } else if (status != COPSE_OK) {
            (void)copse_local_failure(local, status, "the proof");
        } else if (copse_file_output_finish(&file)) {
            tree_prove_report(call, file_name, tree, &stats);
            code = COPSE_EXIT_OK;
        }
    }
    copse_file_output_release(&file);
    tree = copse_tree_close(tree);
    return code;
}

static int tree_prove_run(copse_call *call)
{
    tree_question question;
    copse_local local;
    const char *file = copse_options_text(&call->options, "--output", NULL);
    const char *name = copse_options_text(&call->options, "--ref", COPSE_REF_DEFAULT);
    int code = COPSE_EXIT_FAILED;
    if (file == NULL) {
        return copse_failure_usage(call, "say where the proof goes: -o FILE.car");
    }
    if (!tree_question_init(call, &question, 1)) {
        return COPSE_EXIT_USAGE;
    }
    if (copse_local_open(&local, call, call->options.arguments[0], COPSE_LOCAL_READ)) {
        code = tree_prove_write(call, &local, name, &question, file);
        copse_local_close(&local);
    }
    tree_question_release(&question);
    return code;
}

const copse_command copse_command_tree_prove = {
    .name = "tree prove",
    .arguments = "STORE [KEY...]",
    .summary = "Write a proof of keys, or of a range, to a CAR file",
    .details =
        "The proof holds the blocks that the answer touches, and no other. Whoever knows the\n"
        "root can check it without the store: that the values are right, that absent keys are\n"
        "absent, and that nothing in the range was left out.\n",
    .options = tree_prove_options,
    .examples = "copse tree prove fruit.db apple grape -o fruit.car\n"
                "copse tree prove fruit.db --prefix user/ -o users.car\n"
                "copse tree verify fruit.car $(copse tree root fruit.db) apple grape",
    .run = tree_prove_run,
};

/* ---- verify ---- */

static const copse_option tree_verify_options[] = {
    COPSE_OPTIONS_RANGE,
    COPSE_OPTIONS_WINDOW,
    COPSE_OPTION_HEX,
    COPSE_OPTION_JSON,
    {NULL, NULL, COPSE_OPTION_FLAG, NULL, 0},
};

typedef struct tree_verify {
    copse_call *call;
    uint64_t present;
    uint64_t absent;
} tree_verify;

/* A present key is KEY TAB VALUE, an absent one KEY alone. */
static copse_status tree_verify_row(void *ctx, const copse_proof_row *row, copse_err *err)
{
    tree_verify *verify = ctx;
    copse_output *out = &verify->call->output;
    if (row->present) {
        verify->present++;
        return copse_output_entry(out, row->key, row->value, err);
    }
    verify->absent++;
    if (out->json) {
        copse_output_begin(out);
        copse_output_key(out, "key", row->key);
        copse_output_bool(out, "absent", true);
        copse_output_end(out);
    } else {
        copse_output_bytes(out, row->key);
        copse_output_format(out, "\n");
    }
    return COPSE_OK;
}

/* Feeds the file to the verifier. False: reported. */
static bool tree_verify_file(copse_call *call, copse_proof_verifier *verifier, const char *name)
{
    static uint8_t piece[TREE_PROVE_PIECE_SIZE];
    copse_input input;
    size_t got = 1;
    copse_status status = COPSE_OK;
    bool read = copse_input_open(&input, call, name);
    if (!read) {
        return false;
    }
    while (read && status == COPSE_OK && got > 0) {
        read = copse_input_read(&input, piece, sizeof piece, &got);
        if (read) {
            status =
                got > 0 ? copse_proof_verifier_feed(verifier, (copse_bytes){piece, got}, &call->err)
                        : copse_proof_verifier_finish(verifier, &call->err);
        }
    }
    copse_input_close(&input);
    if (status == COPSE_CORRUPT) {
        (void)copse_failure(call, status,
                            "the rows printed above, if any, are in the tree; nothing says that "
                            "they are all",
                            "'%s' is refused: %s", name, call->err.message);
    } else if (status != COPSE_OK) {
        (void)copse_failure_of(call, status, "'%s' can't be verified", name);
    }
    return read && status == COPSE_OK;
}

static int tree_verify_question(copse_call *call, const copse_cid *root,
                                const tree_question *question)
{
    tree_verify verify = {.call = call};
    copse_proof_verifier *verifier = NULL;
    char present[COPSE_TEXT_NUMBER_SIZE];
    char absent[COPSE_TEXT_NUMBER_SIZE];
    copse_status status = copse_proof_verifier_new(&call->env, root, &question->query,
                                                   tree_verify_row, &verify, &verifier, &call->err);
    if (status != COPSE_OK) {
        return copse_failure_of(call, status, "the proof can't be verified");
    }
    bool good = tree_verify_file(call, verifier, call->options.arguments[0]);
    verifier = copse_proof_verifier_free(verifier);
    if (!good) {
        return COPSE_EXIT_FAILED;
    }
    if (call->output.json) {
        copse_output_begin(&call->output);
        copse_output_bool(&call->output, "verified", true);
        copse_output_number(&call->output, "present", verify.present);
        copse_output_number(&call->output, "absent", verify.absent);
        copse_output_end(&call->output);
    } else if (copse_output_flush(&call->output)) {
        copse_note(call, "copse: verified: %s present, %s absent; this is all of the answer",
                   copse_text_of_count(verify.present, present),
                   copse_text_of_count(verify.absent, absent));
    }
    return COPSE_EXIT_OK;
}

static int tree_verify_run(copse_call *call)
{
    tree_question question;
    copse_cid root;
    const char *text = call->options.arguments[1];
    if (copse_cid_from_text(copse_bytes_of_text(text), &root, &call->err) != COPSE_OK) {
        return copse_failure(
            call, COPSE_MISUSE,
            "ROOT comes from somebody you trust; `copse tree root STORE` prints it",
            "'%s' is not a CID: %s", text, call->err.message);
    }
    if (!tree_question_init(call, &question, 2)) {
        return COPSE_EXIT_USAGE;
    }
    int code = tree_verify_question(call, &root, &question);
    tree_question_release(&question);
    return code;
}

const copse_command copse_command_tree_verify = {
    .name = "tree verify",
    .arguments = "FILE.car ROOT [KEY...]",
    .summary = "Check a proof against a root, and print what it proves",
    .details =
        "Needs no store. Keys and range must be those of `copse tree prove`. Prints KEY TAB\n"
        "VALUE for what is there, KEY alone for a key that is not. Exit code 1: the proof is\n"
        "wrong, in any bit.\n",
    .options = tree_verify_options,
    .examples = "copse tree verify fruit.car bafyreib… apple grape\n"
                "copse tree verify users.car bafyreib… --prefix user/",
    .run = tree_verify_run,
};
