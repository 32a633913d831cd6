/* copse tree get, scan, count, rank, nth, root.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "command.h"
#include "failure.h"
#include "place.h"
#include "range.h"
#include "text.h"

#include <copse/cursor.h>
#include <copse/dag_cbor.h>

/* An open tree, with what it stands on. */
typedef struct tree_read {
    copse_call *call;
    copse_place place;
    copse_tree *tree;
    const char *name;
} tree_read;

/* Opens the tree that --ref names in the place that is the first argument. */
static bool tree_read_open(tree_read *read, copse_call *call)
{
    *read = (tree_read){.call = call, .name = copse_place_ref(call)};
    if (!copse_place_open(&read->place, call, COPSE_LOCAL_READ)) {
        return false;
    }
    if (!copse_place_tree(&read->place, read->name, &read->tree)) {
        copse_place_close(&read->place);
        return false;
    }
    return true;
}

/* Ends a read with the status of its last call: reports what is no OK. */
static int tree_read_close(tree_read *read, copse_status status)
{
    int code =
        status == COPSE_OK ? COPSE_EXIT_OK : copse_place_failure(&read->place, status, read->name);
    read->tree = copse_tree_close(read->tree);
    copse_place_close(&read->place);
    return code;
}

/* ---- get ---- */

static const copse_option tree_get_options[] = {
    COPSE_OPTION_TREE,
    {"--raw", NULL, COPSE_OPTION_FLAG, "exactly the bytes of the value, no line's end", 0},
    COPSE_OPTION_HEX,
    COPSE_OPTION_JSON,
    COPSE_OPTIONS_PEERS,
    {NULL, NULL, COPSE_OPTION_FLAG, NULL, 0},
};

static copse_status tree_get_print(copse_call *call, copse_bytes key, copse_bytes value)
{
    copse_output *out = &call->output;
    copse_cbor_reader reader;
    copse_cbor_item item;
    if (copse_options_has(&call->options, "--raw")) {
        copse_cbor_reader_init_lax(&reader, value);
        copse_status status = copse_cbor_next(&reader, &item, &call->err);
        if (status == COPSE_OK) {
            bool content = item.kind == COPSE_CBOR_BYTES || item.kind == COPSE_CBOR_TEXT;
            copse_output_raw(out, content ? item.bytes : value);
        }
        return status;
    }
    if (out->json) {
        return copse_output_entry(out, key, value, &call->err);
    }
    copse_status status = copse_output_value(out, value, &call->err);
    copse_output_format(out, "\n");
    return status;
}

static int tree_get_run(copse_call *call)
{
    tree_read read;
    copse_buf buf;
    copse_bytes key;
    copse_bytes value;
    bool missing = false;
    copse_status status;
    copse_buf_init(&buf, &call->env, (size_t)1 << 20);
    if (!copse_key_parse(call, call->options.arguments[1], &buf, &key)) {
        copse_buf_release(&buf);
        return COPSE_EXIT_USAGE;
    }
    if (!tree_read_open(&read, call)) {
        copse_buf_release(&buf);
        return COPSE_EXIT_FAILED;
    }
    do {
        status = copse_tree_get(read.tree, key, &value, &call->err);
    } while (copse_place_fetch(&read.place, status));
    if (status == COPSE_OK) {
        status = tree_get_print(call, key, value);
    } else if (status == COPSE_NOT_FOUND) {
        missing = true;
        status = COPSE_OK;
        (void)copse_failure(call, COPSE_NOT_FOUND,
                            "`copse tree scan STORE --from KEY --limit 3` "
                            "shows what is near",
                            "%s has no key '%s'", read.name, call->options.arguments[1]);
    }
    copse_buf_release(&buf);
    int code = tree_read_close(&read, status);
    return missing ? COPSE_EXIT_FAILED : code;
}

const copse_command copse_command_tree_get = {
    .name = "tree get",
    .arguments = "STORE KEY",
    .summary = "Print the value of a key",
    .details =
        "A key that is not there is exit code 1. Control characters and bytes that are no\n"
        "UTF-8 are shown as \\t, \\n, \\\\ and \\xNN; --raw and --hex show the exact bytes.\n",
    .options = tree_get_options,
    .examples = "copse tree get fruit.db apple\n"
                "copse tree get photos.db 2024/lake.jpg --raw >lake.jpg\n"
                "copse tree get fruit.db --hex 6170706c65",
    .run = tree_get_run,
};

/* ---- scan ---- */

static const copse_option tree_scan_options[] = {
    COPSE_OPTION_TREE,
    COPSE_OPTIONS_RANGE,
    COPSE_OPTIONS_WINDOW,
    COPSE_OPTION_HEX,
    COPSE_OPTION_JSON,
    COPSE_OPTIONS_PEERS,
    {NULL, NULL, COPSE_OPTION_FLAG, NULL, 0},
};

static copse_status tree_scan_entries(tree_read *read, copse_cursor *cursor, uint64_t limit)
{
    copse_call *call = read->call;
    bool reverse = copse_options_has(&call->options, "--reverse");
    copse_status status = COPSE_OK;
    for (uint64_t i = 0; i < limit && !call->output.failed; i++) {
        do {
            status = reverse ? copse_cursor_prev(cursor, &call->err)
                             : copse_cursor_next(cursor, &call->err);
        } while (copse_place_fetch(&read->place, status));
        if (status == COPSE_OK) {
            status = copse_output_entry(&call->output, copse_cursor_key(cursor),
                                        copse_cursor_value(cursor), &call->err);
        }
        if (status != COPSE_OK) {
            break;
        }
    }
    return status == COPSE_END ? COPSE_OK : status;
}

static int tree_scan_run(copse_call *call)
{
    tree_read read;
    copse_range range;
    copse_cursor *cursor = NULL;
    uint64_t limit = copse_options_number(&call->options, "--limit", UINT64_MAX);
    if (!copse_range_init(&range, call)) {
        return COPSE_EXIT_USAGE;
    }
    if (!tree_read_open(&read, call)) {
        copse_range_release(&range);
        return COPSE_EXIT_FAILED;
    }
    copse_status status = copse_cursor_new(read.tree, &cursor, &call->err);
    if (status == COPSE_OK) {
        copse_cursor_set_limit(cursor, limit == UINT64_MAX ? 0 : limit);
        status = copse_cursor_set_range(cursor, range.from, copse_range_to(&range), &call->err);
    }
    if (status == COPSE_OK) {
        status = tree_scan_entries(&read, cursor, limit);
    }
    cursor = copse_cursor_free(cursor);
    copse_range_release(&range);
    return tree_read_close(&read, status);
}

const copse_command copse_command_tree_scan = {
    .name = "tree scan",
    .arguments = "STORE",
    .summary = "Print entries in key order, KEY TAB VALUE a line",
    .details =
        "Control characters, backslashes and bytes that are no UTF-8 are shown as \\t, \\n,\n"
        "\\\\ and \\xNN. With --hex, `copse tree load --hex` reads the output back exactly.\n",
    .options = tree_scan_options,
    .examples = "copse tree scan fruit.db\n"
                "copse tree scan fruit.db --from b --to p\n"
                "copse tree scan fruit.db --prefix user/ --limit 10 --reverse --json",
    .run = tree_scan_run,
};

/* ---- count ---- */

static const copse_option tree_count_options[] = {
    COPSE_OPTION_TREE, COPSE_OPTIONS_RANGE, COPSE_OPTION_HEX,
    COPSE_OPTION_JSON, COPSE_OPTIONS_PEERS, {NULL, NULL, COPSE_OPTION_FLAG, NULL, 0},
};

static int tree_count_run(copse_call *call)
{
    tree_read read;
    copse_range range;
    uint64_t count = 0;
    if (!copse_range_init(&range, call)) {
        return COPSE_EXIT_USAGE;
    }
    if (!tree_read_open(&read, call)) {
        copse_range_release(&range);
        return COPSE_EXIT_FAILED;
    }
    copse_status status;
    do {
        status = copse_tree_range_count(read.tree, range.from, copse_range_to(&range), &count,
                                        &call->err);
    } while (copse_place_fetch(&read.place, status));
    if (status == COPSE_OK) {
        copse_output_number_line(&call->output, "count", count);
    }
    copse_range_release(&range);
    return tree_read_close(&read, status);
}

const copse_command copse_command_tree_count = {
    .name = "tree count",
    .arguments = "STORE",
    .summary = "Print the number of entries, in all or in a range",
    .details = "Reads two paths of the tree, however many entries the range has.\n",
    .options = tree_count_options,
    .examples = "copse tree count fruit.db\n"
                "copse tree count fruit.db --prefix user/",
    .run = tree_count_run,
};

/* ---- rank and nth ---- */

static const copse_option tree_rank_options[] = {
    COPSE_OPTION_TREE,
    COPSE_OPTION_HEX,
    COPSE_OPTION_JSON,
    COPSE_OPTIONS_PEERS,
    {NULL, NULL, COPSE_OPTION_FLAG, NULL, 0},
};

static int tree_rank_run(copse_call *call)
{
    tree_read read;
    copse_buf buf;
    copse_bytes key;
    uint64_t rank = 0;
    copse_buf_init(&buf, &call->env, (size_t)1 << 20);
    if (!copse_key_parse(call, call->options.arguments[1], &buf, &key)) {
        copse_buf_release(&buf);
        return COPSE_EXIT_USAGE;
    }
    if (!tree_read_open(&read, call)) {
        copse_buf_release(&buf);
        return COPSE_EXIT_FAILED;
    }
    copse_status status;
    do {
        status = copse_tree_rank(read.tree, key, &rank, &call->err);
    } while (copse_place_fetch(&read.place, status));
    if (status == COPSE_OK) {
        copse_output_number_line(&call->output, "rank", rank);
    }
    copse_buf_release(&buf);
    return tree_read_close(&read, status);
}

const copse_command copse_command_tree_rank = {
    .name = "tree rank",
    .arguments = "STORE KEY",
    .summary = "Print how many keys are below KEY",
    .details = "KEY itself need not be there. Reads one path of the tree.\n",
    .options = tree_rank_options,
    .examples = "copse tree rank fruit.db lemon",
    .run = tree_rank_run,
};

static int tree_nth_run(copse_call *call)
{
    tree_read read;
    uint64_t index = 0;
    copse_bytes key;
    copse_bytes value;
    bool missing = false;
    if (!copse_text_to_count(call->options.arguments[1], &index)) {
        return copse_failure_usage(call, "N should be a number from 0, not '%s'",
                                   call->options.arguments[1]);
    }
    if (!tree_read_open(&read, call)) {
        return COPSE_EXIT_FAILED;
    }
    copse_status status;
    do {
        status = copse_tree_nth(read.tree, index, &key, &value, &call->err);
    } while (copse_place_fetch(&read.place, status));
    if (status == COPSE_OK) {
        status = copse_output_entry(&call->output, key, value, &call->err);
    } else if (status == COPSE_NOT_FOUND) {
        uint64_t count = 0;
        char number[COPSE_TEXT_NUMBER_SIZE];
        missing = true;
        status = copse_tree_count(read.tree, &count, &call->err);
        (void)copse_failure(call, COPSE_NOT_FOUND, "entries are numbered from 0",
                            "%s has no entry %s: it has %s", read.name, call->options.arguments[1],
                            copse_text_of_count(count, number));
    }
    int code = tree_read_close(&read, status);
    return missing ? COPSE_EXIT_FAILED : code;
}

const copse_command copse_command_tree_nth = {
    .name = "tree nth",
    .arguments = "STORE N",
    .summary = "Print entry number N in key order, from 0",
    .details = "Reads one path of the tree.\n",
    .options = tree_rank_options,
    .examples = "copse tree nth fruit.db 0     # the first\n"
                "copse tree nth fruit.db 1000",
    .run = tree_nth_run,
};

/* ---- root ---- */

static const copse_option tree_root_options[] = {
    COPSE_OPTION_TREE,
    COPSE_OPTION_JSON,
    COPSE_OPTIONS_PEERS,
    {NULL, NULL, COPSE_OPTION_FLAG, NULL, 0},
};

static int tree_root_run(copse_call *call)
{
    tree_read read;
    if (!tree_read_open(&read, call)) {
        return COPSE_EXIT_FAILED;
    }
    copse_output_cid_line(&call->output, "root", copse_tree_root(read.tree));
    return tree_read_close(&read, COPSE_OK);
}

const copse_command copse_command_tree_root = {
    .name = "tree root",
    .arguments = "STORE",
    .summary = "Print the CID of the root: the name of the content",
    .details = "Equal entries have an equal root, whatever the order they were written in.\n",
    .options = tree_root_options,
    .examples = "copse tree root fruit.db\n"
                "copse tree root fruit.db --ref next",
    .run = tree_root_run,
};
