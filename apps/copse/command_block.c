/* copse block get, put, stat; copse cid.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "command.h"
#include "failure.h"
#include "file_io.h"
#include "local.h"

#include <copse/dag_cbor.h>
#include <copse/dag_json.h>
#include <copse/dag_walk.h>

#include <stdio.h>
#include <string.h>

static bool block_parse_cid(copse_call *call, const char *text, copse_cid *ret_cid)
{
    if (copse_cid_from_text(copse_bytes_of_text(text), ret_cid, &call->err) == COPSE_OK) {
        return true;
    }
    (void)copse_failure(call, COPSE_MISUSE, "a CID looks like bafyrei… (or Qm…), in one case",
                        "'%s' is not a CID: %s", text, call->err.message);
    return false;
}

static bool block_find(copse_local *local, const char *text, const copse_cid *cid,
                       copse_block **ret_block)
{
    copse_call *call = local->call;
    copse_status status = copse_store_get(local->store, cid, ret_block, &call->err);
    if (status == COPSE_NOT_FOUND) {
        (void)copse_failure(call, status, "`copse tree root STORE` prints the CID to begin with",
                            "the block %s is not in '%s'", text, local->path);
    } else if (status != COPSE_OK) {
        (void)copse_failure_of(call, status, "the block %s can't be read", text);
    }
    return status == COPSE_OK;
}

static const char *block_codec_name(uint64_t codec)
{
    switch (codec) {
    case COPSE_CODEC_RAW:
        return "raw";
    case COPSE_CODEC_DAG_PB:
        return "dag-pb";
    case COPSE_CODEC_DAG_CBOR:
        return "dag-cbor";
    case COPSE_CODEC_LIBP2P_KEY:
        return "libp2p-key";
    case COPSE_CODEC_DAG_JSON:
        return "dag-json";
    default:
        return "unknown";
    }
}

/* ---- get ---- */

static const copse_option block_get_options[] = {
    {"--output", "dag-json|raw|hex", COPSE_OPTION_CHOICE,
     "how to print it; dag-json if the block is DAG-CBOR, else raw", 0},
    COPSE_OPTION_JSON,
    {NULL, NULL, COPSE_OPTION_FLAG, NULL, 0},
};

/* The parts of a path behind a CID, one after the other. */
static bool block_path_next(const char **path, copse_bytes *ret_part)
{
    while (**path == '/') {
        (*path)++;
    }
    size_t len = strcspn(*path, "/");
    *ret_part = (copse_bytes){(const uint8_t *)*path, len};
    *path += len;
    return len > 0;
}

static bool block_path_index(copse_bytes part, uint64_t *ret_index)
{
    uint64_t index = 0;
    for (size_t i = 0; i < part.len; i++) {
        if (part.ptr[i] < '0' || part.ptr[i] > '9' || i > 17) {
            return false;
        }
        index = index * 10 + (uint64_t)(part.ptr[i] - '0');
    }
    *ret_index = index;
    return true;
}

/* Moves the reader to one part of a path: a map's key or an array's index. */
static copse_status block_path_step(copse_cbor_reader *reader, copse_bytes part, copse_err *err)
{
    copse_cbor_reader ahead = *reader;
    copse_cbor_item item;
    uint64_t index = 0;
    copse_status status = copse_cbor_next(&ahead, &item, err);
    if (status == COPSE_OK && item.kind == COPSE_CBOR_ARRAY && block_path_index(part, &index)) {
        return copse_cbor_find_index(reader, index, err);
    }
    return status == COPSE_OK ? copse_cbor_find_key(reader, part, err) : status;
}

/* If a link stands at the reader, goes on at the block behind it. */
static bool block_follow(copse_local *local, copse_block **block, copse_cbor_reader *reader)
{
    copse_cbor_reader ahead = *reader;
    copse_cbor_item item;
    copse_cid cid;
    char text[COPSE_CID_TEXT_SIZE_MAX];
    copse_block *next = NULL;
    if (copse_cbor_next(&ahead, &item, NULL) != COPSE_OK || item.kind != COPSE_CBOR_LINK ||
        copse_cid_from_bytes(item.bytes, &cid, NULL) != COPSE_OK) {
        return true;
    }
    if (!block_find(local, copse_cid_show(&cid, text), &cid, &next)) {
        return false;
    }
    (void)copse_block_unref(*block);
    *block = next;
    copse_cbor_reader_init_lax(reader, copse_block_data(next));
    return true;
}

/* Walks `path` from the block on, through links; *ret_part is what it ends at, in *block. */
static bool block_resolve(copse_local *local, copse_block **block, const char *path,
                          copse_bytes *ret_part)
{
    copse_call *call = local->call;
    copse_cbor_reader reader;
    copse_bytes part;
    *ret_part = copse_block_data(*block);
    if (*path == '\0') {
        return true;
    }
    copse_cbor_reader_init_lax(&reader, *ret_part);
    while (block_path_next(&path, &part)) {
        if (!block_follow(local, block, &reader)) {
            return false;
        }
        copse_status status = block_path_step(&reader, part, &call->err);
        if (status != COPSE_OK) {
            (void)copse_failure(call, COPSE_NOT_FOUND, "without the path you see what there is",
                                "there is no '%.*s' on the path", (int)part.len,
                                (const char *)part.ptr);
            return false;
        }
    }
    copse_status status = copse_cbor_take(&reader, ret_part, &call->err);
    if (status != COPSE_OK) {
        (void)copse_failure_of(call, status, "the path");
    }
    return status == COPSE_OK;
}

static int block_print(copse_call *call, const copse_block *block, bool whole, copse_bytes data)
{
    copse_output *out = &call->output;
    copse_cid_parts parts;
    copse_buf json;
    copse_cid_split(copse_block_cid(block), &parts);
    bool cbor = parts.codec == COPSE_CODEC_DAG_CBOR;
    const char *form =
        copse_options_text(&call->options, "--output", cbor || out->json ? "dag-json" : "raw");
    if (strcmp(form, "dag-json") != 0 || (!cbor && out->json)) {
        bool hex = strcmp(form, "hex") == 0;
        if (out->json) {
            out->hex = hex;
            copse_output_begin(out);
            copse_output_cid(out, "cid", whole ? copse_block_cid(block) : NULL);
            copse_output_key(out, "data", data);
            copse_output_end(out);
        } else if (hex) {
            out->hex = true;
            copse_output_bytes(out, data);
            copse_output_format(out, "\n");
        } else {
            copse_output_raw(out, data);
        }
        return COPSE_EXIT_OK;
    }
    if (!cbor) {
        return copse_failure(call, COPSE_MISUSE, "use --output raw or hex",
                             "a %s block has no DAG-JSON form", block_codec_name(parts.codec));
    }
    copse_buf_init(&json, &call->env, call->env.limits.json_size_bytes_max);
    copse_status status =
        copse_dag_json_from_cbor(&call->env, data, COPSE_CBOR_LAX, &json, &call->err);
    if (status == COPSE_OK) {
        copse_output_raw(out, copse_buf_view(&json));
        copse_output_format(out, "\n");
    }
    copse_buf_release(&json);
    return status == COPSE_OK ? COPSE_EXIT_OK : copse_failure_of(call, status, "as DAG-JSON");
}

static int block_get_run(copse_call *call)
{
    copse_local local;
    copse_cid cid;
    char text[COPSE_CID_TEXT_SIZE_MAX + 1];
    copse_block *block = NULL;
    copse_bytes part;
    const char *word = call->options.arguments[1];
    size_t len = strcspn(word, "/");
    int code = COPSE_EXIT_FAILED;
    (void)snprintf(text, sizeof text, "%.*s", (int)(len < sizeof text ? len : sizeof text), word);
    if (!block_parse_cid(call, text, &cid)) {
        return COPSE_EXIT_FAILED;
    }
    if (!copse_local_open(&local, call, call->options.arguments[0], COPSE_LOCAL_READ)) {
        return COPSE_EXIT_FAILED;
    }
    if (block_find(&local, text, &cid, &block) &&
        block_resolve(&local, &block, word + len, &part)) {
        code = block_print(call, block, word[len] == '\0', part);
    }
    block = copse_block_unref(block);
    copse_local_close(&local);
    return code;
}

const copse_command copse_command_block_get = {
    .name = "block get",
    .arguments = "STORE CID",
    .summary = "Print a block, or what stands at a path in it: CID/0/name",
    .details =
        "DAG-CBOR is printed as DAG-JSON, other blocks as they are. A path goes through maps\n"
        "by key, through arrays by index, and through links.\n",
    .options = block_get_options,
    .examples = "copse block get fruit.db $(copse tree root fruit.db)\n"
                "copse block get fruit.db $(copse tree root fruit.db)/1/0\n"
                "copse block get fruit.db bafyreib… --output raw >block.cbor",
    .run = block_get_run,
};

/* ---- put ---- */

static const copse_option block_put_options[] = {
    {"--codec", "dag-cbor|raw", COPSE_OPTION_CHOICE, "what the block is; dag-cbor if not given", 0},
    {"--input", "dag-json|dag-cbor|raw", COPSE_OPTION_CHOICE,
     "what FILE holds; dag-json if not given, and raw for --codec raw", 0},
    {"--strict", NULL, COPSE_OPTION_FLAG, "DAG-CBOR must be strict: the default", 0},
    {"--lax", NULL, COPSE_OPTION_FLAG, "take DAG-CBOR that others wrote loosely, as it is", 0},
    COPSE_OPTION_DURABILITY,
    COPSE_OPTION_JSON,
    {NULL, NULL, COPSE_OPTION_FLAG, NULL, 0},
};

/* Makes the block of what FILE holds. False: reported. */
static bool block_put_make(copse_call *call, const char *file, copse_bytes input,
                           copse_block **ret_block)
{
    const copse_options *options = &call->options;
    bool raw = strcmp(copse_options_text(options, "--codec", "dag-cbor"), "raw") == 0;
    const char *form = copse_options_text(options, "--input", raw ? "raw" : "dag-json");
    bool cbor = strcmp(form, "dag-cbor") == 0;
    copse_buf encoded;
    copse_status status = COPSE_OK;
    copse_cbor_mode mode = copse_options_has(options, "--lax") ? COPSE_CBOR_LAX : COPSE_CBOR_STRICT;
    copse_buf_init(&encoded, &call->env, call->env.limits.block_size_bytes_max);
    if (!raw && cbor) {
        status = copse_dag_cbor_check(input, &call->env.limits, mode, &call->err);
    } else if (!raw) {
        status = copse_dag_json_to_cbor(&call->env, input, &encoded, &call->err);
        input = copse_buf_view(&encoded);
    }
    if (status == COPSE_OK) {
        status = copse_block_of_data(&call->env, raw ? COPSE_CODEC_RAW : COPSE_CODEC_DAG_CBOR,
                                     input, ret_block, &call->err);
    }
    copse_buf_release(&encoded);
    if (status == COPSE_CORRUPT) {
        const char *hint = cbor && mode == COPSE_CBOR_STRICT
                               ? "--lax takes what other programs wrote"
                               : "--input says what FILE holds, --codec raw takes any bytes";
        (void)copse_failure(call, status, hint, "'%s' is not %s: %s", file, form,
                            call->err.message);
    } else if (status != COPSE_OK) {
        (void)copse_failure_of(call, status, "'%s'", file);
    }
    return status == COPSE_OK;
}

static bool block_put_store(copse_call *call, const char *path, copse_block *block)
{
    copse_local local;
    if (!copse_local_open(&local, call, path, COPSE_LOCAL_CREATE)) {
        return false;
    }
    copse_status status = copse_store_put(local.store, &block, 1, &call->err);
    if (status == COPSE_OK) {
        status = copse_store_flush(local.store, &call->err);
    }
    if (status != COPSE_OK) {
        (void)copse_failure_of(call, status, "the block can't be written to '%s'", path);
    }
    copse_local_close(&local);
    return status == COPSE_OK;
}

static int block_put_run(copse_call *call)
{
    const copse_options *options = &call->options;
    bool store = options->arguments_count > 1;
    const char *file = options->arguments[store ? 1 : 0];
    const char *codec = copse_options_text(options, "--codec", "dag-cbor");
    const char *form = copse_options_text(options, "--input", NULL);
    copse_buf input;
    copse_block *block = NULL;
    if (copse_options_has(options, "--strict") && copse_options_has(options, "--lax")) {
        return copse_failure_usage(call, "--strict and --lax can't stand together");
    }
    if (form != NULL && (strcmp(codec, "raw") == 0) != (strcmp(form, "raw") == 0)) {
        return copse_failure_usage(call, "--codec %s can't be made of --input %s", codec, form);
    }
    copse_buf_init(&input, &call->env, call->env.limits.json_size_bytes_max);
    bool good = copse_input_read_all(call, file, &input);
    if (good && strcmp(codec, "raw") == 0 && input.len > call->env.limits.block_size_bytes_max) {
        (void)copse_failure(call, COPSE_LIMIT, "cut it into several, and link them",
                            "'%s' is %zu bytes long; a block has at most 1 MiB", file, input.len);
        good = false;
    }
    good = good && block_put_make(call, file, copse_buf_view(&input), &block) &&
           (!store || block_put_store(call, options->arguments[0], block));
    if (good) {
        copse_output_cid_line(&call->output, "cid", copse_block_cid(block));
    }
    block = copse_block_unref(block);
    copse_buf_release(&input);
    return good ? COPSE_EXIT_OK : COPSE_EXIT_FAILED;
}

const copse_command copse_command_block_put = {
    .name = "block put",
    .arguments = "[STORE] FILE",
    .summary = "Store a block and print its CID; without STORE, only print it",
    .details =
        "FILE holds DAG-JSON, which becomes a DAG-CBOR block; with --input dag-cbor the block\n"
        "itself, with --codec raw any bytes. No ref leads to the block yet: `copse refs set`\n"
        "keeps it from `copse gc`.\n",
    .options = block_put_options,
    .examples =
        "echo '{\"name\":\"Ada\",\"of\":{\"/\":\"bafkqaaa\"}}' | copse block put notes.db -\n"
        "copse block put lake.jpg --codec raw\n"
        "copse block put notes.db block.cbor --input dag-cbor --lax",
    .run = block_put_run,
};

/* ---- stat ---- */

static const copse_option block_stat_options[] = {
    COPSE_OPTION_JSON,
    {NULL, NULL, COPSE_OPTION_FLAG, NULL, 0},
};

static copse_status block_count_link(void *ctx, const copse_cid *cid)
{
    uint64_t *count = ctx;
    (void)cid;
    (*count)++;
    return COPSE_OK;
}

static void block_stat_print(copse_call *call, const copse_block *block, uint64_t links)
{
    copse_output *out = &call->output;
    copse_cid_parts parts;
    char text[COPSE_CID_TEXT_SIZE_MAX];
    const copse_cid *cid = copse_block_cid(block);
    copse_status verified = copse_block_verify(block, NULL);
    const char *word = verified == COPSE_OK        ? "yes"
                       : verified == COPSE_CORRUPT ? "no, the block is damaged"
                                                   : "not known: another hash";
    copse_cid_split(cid, &parts);
    if (out->json) {
        copse_output_begin(out);
        copse_output_cid(out, "cid", cid);
        copse_output_text(out, "codec", block_codec_name(parts.codec));
        copse_output_number(out, "bytes", copse_block_data(block).len);
        copse_output_number(out, "links", links);
        copse_output_bool(out, "verified", verified == COPSE_OK);
        copse_output_end(out);
        return;
    }
    copse_output_format(out,
                        "cid       %s\ncodec     %s\nbytes     %zu\nlinks     %llu\n"
                        "verified  %s\n",
                        copse_cid_show(cid, text), block_codec_name(parts.codec),
                        copse_block_data(block).len, (unsigned long long)links, word);
}

static int block_stat_run(copse_call *call)
{
    copse_local local;
    copse_cid cid;
    copse_block *block = NULL;
    uint64_t links = 0;
    const char *text = call->options.arguments[1];
    int code = COPSE_EXIT_FAILED;
    if (!block_parse_cid(call, text, &cid)) {
        return COPSE_EXIT_FAILED;
    }
    if (!copse_local_open(&local, call, call->options.arguments[0], COPSE_LOCAL_READ)) {
        return COPSE_EXIT_FAILED;
    }
    if (block_find(&local, text, &cid, &block)) {
        copse_status status =
            copse_dag_links(&call->env, block, block_count_link, &links, &call->err);
        block_stat_print(call, block, links);
        code = status == COPSE_OK ? COPSE_EXIT_OK
                                  : copse_failure_of(call, status, "the block %s", text);
    }
    block = copse_block_unref(block);
    copse_local_close(&local);
    return code;
}

const copse_command copse_command_block_stat = {
    .name = "block stat",
    .arguments = "STORE CID",
    .summary = "Print size, codec and number of links of a block",
    .options = block_stat_options,
    .examples = "copse block stat fruit.db $(copse tree root fruit.db)",
    .run = block_stat_run,
};

/* ---- cid ---- */

static void cid_print_field(copse_output *out, const char *name, const char *text)
{
    if (out->json) {
        copse_output_text(out, name, text);
    } else {
        copse_output_format(out, "%-9s %s\n", name, text);
    }
}

static int cid_run(copse_call *call)
{
    static const struct {
        const char *name;
        copse_base base;
    } forms[] = {
        {"base32", COPSE_BASE32}, {"base36", COPSE_BASE36}, {"base58btc", COPSE_BASE58BTC}};
    copse_output *out = &call->output;
    copse_cid cid;
    copse_cid_parts parts;
    char text[COPSE_CID_TEXT_SIZE_MAX];
    if (!block_parse_cid(call, call->options.arguments[0], &cid)) {
        return COPSE_EXIT_FAILED;
    }
    copse_cid_split(&cid, &parts);
    if (out->json) {
        copse_output_begin(out);
    }
    (void)snprintf(text, sizeof text, "%llu", (unsigned long long)parts.version);
    cid_print_field(out, "version", text);
    (void)snprintf(text, sizeof text, "%s (0x%llx)", block_codec_name(parts.codec),
                   (unsigned long long)parts.codec);
    cid_print_field(out, "codec", text);
    const char *hash = parts.hash == COPSE_HASH_SHA2_256   ? "sha2-256"
                       : parts.hash == COPSE_HASH_SHA2_512 ? "sha2-512"
                       : parts.hash == COPSE_HASH_IDENTITY ? "identity"
                                                           : "unknown";
    (void)snprintf(text, sizeof text, "%s (0x%llx)", hash, (unsigned long long)parts.hash);
    cid_print_field(out, "hash", text);
    for (size_t i = 0; i < parts.digest.len; i++) {
        (void)snprintf(text + 2 * i, 3, "%02x", parts.digest.ptr[i]);
    }
    text[2 * parts.digest.len] = '\0';
    cid_print_field(out, "digest", text);
    for (size_t i = 0; i < (parts.version == 0 ? 0 : 3); i++) {
        (void)copse_cid_to_text(&cid, forms[i].base, text);
        cid_print_field(out, forms[i].name, text);
    }
    if (out->json) {
        copse_output_end(out);
    }
    return COPSE_EXIT_OK;
}

const copse_command copse_command_cid = {
    .name = "cid",
    .arguments = "CID",
    .summary = "Take a CID apart",
    .options = block_stat_options,
    .examples = "copse cid bafkqaaa",
    .run = cid_run,
};
