/* copse key new, list, export, import: the keys that names and commits are signed with. A secret
 * key is never printed; what leaves this folder is the sealed file.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "command.h"
#include "failure.h"
#include "file_io.h"
#include "keys.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEY_NAME_END ".key"
#define KEY_OPTION_NO_PASSPHRASE                                                                   \
    {                                                                                              \
        "--no-passphrase", NULL, COPSE_OPTION_FLAG,                                                \
            "seal the key with nothing: whoever has the file has the key", 0                       \
    }

/* A line NAME TAB DID TAB IPNS NAME. */
static void key_print(copse_call *call, copse_bytes name, const copse_public_key *key)
{
    copse_output *out = &call->output;
    char did[COPSE_KEY_TEXT_SIZE_MAX];
    char ipns[COPSE_KEY_TEXT_SIZE_MAX];
    (void)copse_public_key_to_did(key, did);
    (void)copse_public_key_to_name(key, ipns);
    if (out->json) {
        copse_output_begin(out);
        copse_output_text_bytes(out, "key", name);
        copse_output_text(out, "did", did);
        copse_output_text(out, "ipns", ipns);
        copse_output_end(out);
    } else {
        copse_output_bytes(out, name);
        copse_output_format(out, "\t%s\t%s\n", did, ipns);
    }
}

/* ---- new ---- */

static const copse_option key_new_options[] = {
    KEY_OPTION_NO_PASSPHRASE,
    COPSE_OPTION_PASSPHRASE_FILE,
    COPSE_OPTION_JSON,
    {NULL, NULL, COPSE_OPTION_FLAG, NULL, 0},
};

/* Seals with the passphrase that the user gives, or with --no-passphrase with none: then trying one
 * costs nothing, since it protects nothing. */
static bool key_seal(copse_call *call, const char *name, const copse_key *key, copse_buf *ret_file)
{
    char what[128];
    copse_passphrase passphrase = {0};
    copse_key_file_cost cost;
    copse_key_file_cost_init(&cost);
    if (copse_options_has(&call->options, "--no-passphrase") &&
        copse_options_has(&call->options, "--passphrase-file")) {
        (void)copse_failure_usage(call, "either --passphrase-file or --no-passphrase");
        return false;
    }
    (void)snprintf(what, sizeof what, "the key '%.100s'", name);
    if (copse_options_has(&call->options, "--no-passphrase")) {
        cost = (copse_key_file_cost){.passes = 1, .memory_kib = 8};
    } else if (!copse_passphrase_read(call, what, true, &passphrase)) {
        return false;
    }
    copse_status status = copse_key_file_seal(&call->env, key, copse_passphrase_view(&passphrase),
                                              &cost, ret_file, &call->err);
    copse_passphrase_wipe(&passphrase);
    if (status != COPSE_OK) {
        (void)copse_keys_failure(call, status, what);
    }
    return status == COPSE_OK;
}

/* Seals the key, and keeps it under the name that is the first argument. */
static int key_keep(copse_call *call, const copse_key *key)
{
    const char *name = call->options.arguments[0];
    char path[COPSE_KEYS_PATH_SIZE];
    copse_buf file;
    if (!copse_keys_path(call, name, path)) {
        return COPSE_EXIT_USAGE;
    }
    if (access(path, F_OK) == 0) { /* before somebody thinks of a passphrase */
        return copse_failure(call, COPSE_CONFLICT, "`copse key list` shows the keys that there are",
                             "there is a key '%s' already", name);
    }
    copse_buf_init(&file, &call->env, COPSE_KEY_FILE_SIZE_BYTES_MAX);
    bool kept =
        key_seal(call, name, key, &file) && copse_keys_write(call, path, copse_buf_view(&file));
    copse_buf_release(&file);
    if (kept) {
        key_print(call, copse_bytes_of_text(name), copse_key_public(key));
    }
    return kept ? COPSE_EXIT_OK : COPSE_EXIT_FAILED;
}

static int key_new_run(copse_call *call)
{
    copse_key *key = NULL;
    copse_status status = copse_key_new(&call->env, &key, &call->err);
    int code = status == COPSE_OK ? key_keep(call, key)
                                  : copse_keys_failure(call, status, "no key was made");
    copse_key_free(key);
    return code;
}

const copse_command copse_command_key_new = {
    .name = "key new",
    .arguments = "NAME",
    .summary = "Make a key that names and commits are signed with",
    .details =
        "Prints NAME, the did:key (an author is named by it) and the IPNS name (a database is\n"
        "published under it). The secret stays in NAME.key of $COPSE_KEYS, or of\n"
        "~/.config/copse/keys, sealed with a passphrase; without that, nobody can bring it back.\n",
    .options = key_new_options,
    .examples = "copse key new blog\n"
                "copse key new ci --passphrase-file /run/secrets/copse\n"
                "copse key new test --no-passphrase",
    .run = key_new_run,
};

/* ---- list ---- */

static const copse_option key_list_options[] = {
    COPSE_OPTION_JSON,
    {NULL, NULL, COPSE_OPTION_FLAG, NULL, 0},
};

static int key_list_is_key(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);
    size_t end_len = sizeof KEY_NAME_END - 1;
    return len > end_len && entry->d_name[0] != '.' &&
           strcmp(entry->d_name + len - end_len, KEY_NAME_END) == 0;
}

static bool key_list_one(copse_call *call, const char *folder, const char *file_name)
{
    char path[COPSE_KEYS_PATH_SIZE + 256];
    copse_public_key key;
    copse_buf file;
    copse_buf_init(&file, &call->env, COPSE_KEY_FILE_SIZE_BYTES_MAX);
    (void)snprintf(path, sizeof path, "%s/%s", folder, file_name);
    bool good = copse_keys_read(call, path, &file, &key);
    copse_buf_release(&file);
    if (good) {
        copse_bytes name = copse_bytes_of_text(file_name);
        name.len -= sizeof KEY_NAME_END - 1;
        key_print(call, name, &key);
    }
    return good;
}

static int key_list_run(copse_call *call)
{
    char folder[COPSE_KEYS_PATH_SIZE];
    struct dirent **entries = NULL;
    int code = COPSE_EXIT_OK;
    if (!copse_keys_folder(call, folder)) {
        return COPSE_EXIT_FAILED;
    }
    int count = scandir(folder, &entries, key_list_is_key, alphasort);
    if (count < 0 && errno != ENOENT) {
        return copse_failure(call, COPSE_IO, NULL, "'%s' can't be read: %s", folder,
                             strerror(errno));
    }
    for (int i = 0; i < count; i++) {
        if (!key_list_one(call, folder, entries[i]->d_name)) {
            code = COPSE_EXIT_FAILED;
        }
        free(entries[i]);
    }
    free(entries);
    return code;
}

const copse_command copse_command_key_list = {
    .name = "key list",
    .arguments = "",
    .summary = "Print the keys: NAME TAB did:key TAB IPNS name a line",
    .options = key_list_options,
    .examples = "copse key list",
    .run = key_list_run,
};

/* ---- export ---- */

static const copse_option key_export_options[] = {
    {"--to", "FILE", COPSE_OPTION_TEXT, "write to FILE, which must not be there, for you alone", 0},
    {NULL, NULL, COPSE_OPTION_FLAG, NULL, 0},
};

static int key_export_write(copse_call *call, copse_bytes file)
{
    const char *to = copse_options_text(&call->options, "--to", NULL);
    if (to != NULL) {
        return copse_keys_write(call, to, file) ? COPSE_EXIT_OK : COPSE_EXIT_FAILED;
    }
    if (isatty(STDOUT_FILENO)) {
        return copse_failure(call, COPSE_MISUSE, "--to FILE writes it to a file",
                             "a key file is not for a terminal");
    }
    copse_output_raw(&call->output, file);
    return COPSE_EXIT_OK;
}

static int key_export_run(copse_call *call)
{
    char path[COPSE_KEYS_PATH_SIZE];
    copse_public_key key;
    copse_buf file;
    int code = COPSE_EXIT_FAILED;
    copse_buf_init(&file, &call->env, COPSE_KEY_FILE_SIZE_BYTES_MAX);
    if (copse_keys_path(call, call->options.arguments[0], path) &&
        copse_keys_read(call, path, &file, &key)) {
        code = key_export_write(call, copse_buf_view(&file));
    }
    copse_buf_release(&file);
    return code;
}

const copse_command copse_command_key_export = {
    .name = "key export",
    .arguments = "NAME",
    .summary = "Write the sealed file of a key, for `copse key import`",
    .details = "It opens with the passphrase that it has here. Two machines that publish with one\n"
               "key overwrite each other: a key for each is better.\n",
    .options = key_export_options,
    .examples = "copse key export blog --to blog.key",
    .run = key_export_run,
};

/* ---- import ---- */

static const copse_option key_import_options[] = {
    {"--seed-file", "FILE", COPSE_OPTION_TEXT,
     "make the key of the 32 bytes in FILE, an Ed25519 seed, and seal it", 0},
    KEY_OPTION_NO_PASSPHRASE,
    COPSE_OPTION_PASSPHRASE_FILE,
    COPSE_OPTION_JSON,
    {NULL, NULL, COPSE_OPTION_FLAG, NULL, 0},
};

static int key_import_seed(copse_call *call, const char *from)
{
    copse_buf seed;
    copse_key *key = NULL;
    int code = COPSE_EXIT_FAILED;
    copse_buf_init(&seed, &call->env, COPSE_KEY_SEED_SIZE_BYTES);
    /* Room at once: a buffer that grows would leave parts of the seed behind. */
    copse_status status = copse_buf_reserve(&seed, COPSE_KEY_SEED_SIZE_BYTES);
    if (status != COPSE_OK) {
        (void)copse_failure(call, status, NULL, "out of memory");
    } else if (!copse_input_read_all(call, from, &seed)) {
        /* reported */
    } else if (seed.len != COPSE_KEY_SEED_SIZE_BYTES) {
        (void)copse_failure(call, COPSE_CORRUPT, NULL, "'%s' has %zu bytes; a seed has %d", from,
                            seed.len, COPSE_KEY_SEED_SIZE_BYTES);
    } else {
        status = copse_key_from_seed(&call->env, seed.ptr, &key, &call->err);
        code = status == COPSE_OK ? key_keep(call, key)
                                  : copse_keys_failure(call, status, "no key was made");
    }
    copse_key_free(key);
    if (seed.ptr != NULL) {
        explicit_bzero(seed.ptr, seed.cap);
    }
    copse_buf_release(&seed);
    return code;
}

/* The file stays sealed as it is. */
static int key_import_file(copse_call *call, const char *from)
{
    char path[COPSE_KEYS_PATH_SIZE];
    copse_public_key key;
    copse_buf file;
    if (!copse_keys_path(call, call->options.arguments[0], path)) {
        return COPSE_EXIT_USAGE;
    }
    copse_buf_init(&file, &call->env, COPSE_KEY_FILE_SIZE_BYTES_MAX);
    bool good = copse_input_read_all(call, from, &file);
    copse_status status =
        good ? copse_key_file_public(&call->env, copse_buf_view(&file), &key, &call->err)
             : COPSE_OK;
    if (status != COPSE_OK) {
        (void)copse_keys_failure(call, status, from);
    }
    good = good && status == COPSE_OK && copse_keys_write(call, path, copse_buf_view(&file));
    copse_buf_release(&file);
    if (good) {
        key_print(call, copse_bytes_of_text(call->options.arguments[0]), &key);
    }
    return good ? COPSE_EXIT_OK : COPSE_EXIT_FAILED;
}

static int key_import_run(copse_call *call)
{
    const char *seed = copse_options_text(&call->options, "--seed-file", NULL);
    bool has_file = call->options.arguments_count > 1;
    bool seals = copse_options_has(&call->options, "--no-passphrase") ||
                 copse_options_has(&call->options, "--passphrase-file");
    if (has_file == (seed != NULL)) {
        return copse_failure_usage(call, "give a FILE of `copse key export`, or --seed-file");
    }
    if (has_file && seals) {
        return copse_failure_usage(call, "a sealed file keeps its passphrase");
    }
    return has_file ? key_import_file(call, call->options.arguments[1])
                    : key_import_seed(call, seed);
}

const copse_command copse_command_key_import = {
    .name = "key import",
    .arguments = "NAME [FILE]",
    .summary = "Take up a key that was exported, or the seed of one",
    .details = "FILE is what `copse key export` wrote; it keeps its passphrase. Prints what `copse "
               "key new`\n"
               "does.\n",
    .options = key_import_options,
    .examples = "copse key import blog blog.key\n"
                "copse key import old --seed-file seed.bin",
    .run = key_import_run,
};
