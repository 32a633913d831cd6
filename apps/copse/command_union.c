/* copse union: files that name databases which are asked as one.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "failure.h"
#include "union_file.h"

#include <stdlib.h>
#include <sys/stat.h>

static const copse_option union_options[] = {
    {"--add", NULL, COPSE_OPTION_FLAG, "add these databases", 0},
    {"--remove", NULL, COPSE_OPTION_FLAG, "take these away", 0},
    {"--list", NULL, COPSE_OPTION_FLAG, "print which there are", 0},
    COPSE_OPTION_JSON,
    {NULL, NULL, COPSE_OPTION_FLAG, NULL, 0},
};

static void union_list(copse_call *call, const copse_union_file *file)
{
    static const char *const kinds[] = {[COPSE_ADDRESS_PATH] = "path",
                                        [COPSE_ADDRESS_URL] = "url",
                                        [COPSE_ADDRESS_NAME] = "name",
                                        [COPSE_ADDRESS_CID] = "cid"};
    copse_output *out = &call->output;
    for (size_t i = 0; i < file->count; i++) {
        const copse_union_entry *entry = &file->entries[i];
        if (out->json) {
            copse_output_begin(out);
            copse_output_text_bytes(out, "address", copse_bytes_of_text(entry->name));
            copse_output_text(out, "kind", kinds[entry->kind]);
            copse_output_end(out);
        } else {
            copse_output_bytes(out, copse_bytes_of_text(entry->name));
            copse_output_raw(out, copse_bytes_of_text("\n"));
        }
    }
}

/* Adds or takes away all that the command names, and writes the union if all could be. */
static int union_change(copse_call *call, copse_union_file *file,
                        bool (*change)(copse_union_file *file, const char *address))
{
    if (call->options.arguments_count < 2) {
        return copse_failure_usage(call, "no ADDRESS is given");
    }
    for (size_t i = 1; i < call->options.arguments_count; i++) {
        if (!change(file, call->options.arguments[i])) {
            return COPSE_EXIT_FAILED;
        }
    }
    return copse_union_file_write(file) ? COPSE_EXIT_OK : COPSE_EXIT_FAILED;
}

static int union_make(copse_call *call, copse_union_file *file)
{
    struct stat info;
    const char *path = call->options.arguments[0];
    *file = (copse_union_file){.call = call, .path = path};
    if (stat(path, &info) == 0) {
        return copse_failure(call, COPSE_CONFLICT, "--add adds to a union, --remove takes away",
                             "there is a '%s' already", path);
    }
    return union_change(call, file, copse_union_file_add);
}

static int union_use(copse_call *call, copse_union_file *file)
{
    const copse_options *options = &call->options;
    bool adds = copse_options_has(options, "--add");
    bool removes = copse_options_has(options, "--remove");
    bool lists = copse_options_has(options, "--list");
    if (adds + removes + lists > 1 || (lists && options->arguments_count > 1)) {
        return copse_failure_usage(call, "only one of --add, --remove and --list can be done");
    }
    if (!adds && !removes && !lists) {
        return union_make(call, file);
    }
    if (!copse_union_file_read(file, call, options->arguments[0])) {
        return COPSE_EXIT_FAILED;
    }
    if (lists) {
        union_list(call, file);
        return COPSE_EXIT_OK;
    }
    return union_change(call, file, adds ? copse_union_file_add : copse_union_file_remove);
}

static int union_run(copse_call *call)
{
    copse_union_file *file = calloc(1, sizeof *file);
    if (file == NULL) {
        return copse_failure(call, COPSE_NOMEM, NULL, "out of memory");
    }
    int code = union_use(call, file);
    copse_union_file_release(file);
    free(file);
    return code;
}

const copse_command copse_command_union = {
    .name = "union",
    .arguments = "FILE [ADDRESS...]",
    .summary = "Name databases that are asked as one",
    .details =
        "Makes a small file that `copse find`, `copse count` and `copse get` take for a database:\n"
        "they ask all that it names, at the same time. An ADDRESS is a folder, a CAR file,\n"
        "http://peer/name, an IPNS name, or a CID.\n",
    .options = union_options,
    .examples = "copse union friends.copse http://127.0.0.1:4180/blog notes.copse k51…\n"
                "copse find friends.copse posts --sort -createdAt --limit 32 --with-source\n"
                "copse union friends.copse --add http://127.0.0.1:4181/blog\n"
                "copse union friends.copse --list",
    .run = union_run,
};
