/* copse publish: a database handed to those who read it while nobody serves it.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "command.h"
#include "failure.h"
#include "name_record.h"
#include "serve_database.h"
#include "static_site.h"

#include <string.h>

static const copse_option publish_options[] = {
    {"--static", "DIR", COPSE_OPTION_TEXT, "write files that any web server can host", 0},
    {"--blocks", NULL, COPSE_OPTION_FLAG, "a file for each block instead of one CAR", 0},
    {"--history", NULL, COPSE_OPTION_FLAG, "with all that was before", 0},
    {"--name", "NAME", COPSE_OPTION_TEXT, "its name there; else that of the folder DB", 0},
    COPSE_OPTIONS_NAME_RECORD,
    COPSE_OPTION_TREE,
    COPSE_OPTION_PROGRESS,
    COPSE_OPTION_JSON,
    {NULL, NULL, COPSE_OPTION_FLAG, NULL, 0},
};

/* The name: one segment of a path, which can stand in a file and in a URL. */
static bool publish_name(copse_call *call, char ret_name[COPSE_SERVED_NAME_SIZE_BYTES_MAX + 1])
{
    const char *name = copse_options_text(&call->options, "--name", NULL);
    const char *path = name != NULL ? name : call->options.arguments[0];
    bool is_name = name == NULL ? copse_serve_database_name(path, ret_name)
                                : strlen(name) <= COPSE_SERVED_NAME_SIZE_BYTES_MAX;
    if (is_name && name != NULL) {
        (void)strcpy(ret_name, name);
    }
    for (const char *at = ret_name; is_name && *at != '\0'; at++) {
        is_name = (unsigned char)*at >= ' ' && strchr("/\\\"", *at) == NULL;
    }
    if (!is_name || ret_name[0] == '\0' || ret_name[0] == '.') {
        (void)copse_failure_usage(call, "'%s' is no name for a file: --name gives one", path);
        return false;
    }
    return true;
}

/* The record of the name comes after the files that it leads to, and is for what is in them. */
static bool publish_record(copse_name_record *record, copse_local *local, const copse_cid *head)
{
    const copse_options *options = &local->call->options;
    const char *folder = copse_options_text(options, "--static", NULL);
    char cid[COPSE_CID_TEXT_SIZE_MAX];
    const char *ref = folder != NULL ? copse_cid_show(head, cid)
                                     : copse_options_text(options, "--ref", COPSE_REF_DEFAULT);
    return copse_name_record_make(record, local, ref) && copse_name_record_give(record, folder);
}

static bool publish_all(copse_call *call, copse_local *local, const char *name)
{
    const char *folder = copse_options_text(&call->options, "--static", NULL);
    bool has_key = copse_options_has(&call->options, "--key");
    copse_static_site site;
    copse_name_record record = {.local = NULL};
    copse_cid head;
    bool done = copse_local_resolve(
                    local, copse_options_text(&call->options, "--ref", COPSE_REF_DEFAULT), &head) &&
                (folder == NULL || copse_static_site_write(&site, local, folder, name, &head)) &&
                (!has_key || publish_record(&record, local, &head));
    if (done && call->output.json) {
        copse_output_begin(&call->output);
    }
    if (done && folder != NULL) {
        copse_static_site_report(&site);
    }
    if (done && has_key) {
        copse_name_record_report(&record);
    }
    if (done && call->output.json) {
        copse_output_end(&call->output);
    }
    copse_name_record_close(&record);
    return done;
}

static int publish_run(copse_call *call)
{
    char name[COPSE_SERVED_NAME_SIZE_BYTES_MAX + 1];
    copse_local local;
    bool has_key = copse_options_has(&call->options, "--key");
    if (!has_key && !copse_options_has(&call->options, "--static")) {
        return copse_failure_usage(call, "where to? --static DIR writes files, --key KEY makes a "
                                         "record of its name");
    }
    if (!has_key &&
        (copse_options_has(&call->options, "--to") || copse_options_has(&call->options, "--out"))) {
        return copse_failure_usage(call, "--to and --out are for a record: --key KEY signs it");
    }
    if (!publish_name(call, name)) {
        return COPSE_EXIT_USAGE;
    }
    /* The index of a CAR is sorted in memory, and the whole of it is wanted. */
    call->env.limits.sort_memory_bytes_max = SIZE_MAX / 4;
    if (!copse_local_open(&local, call, call->options.arguments[0], COPSE_LOCAL_READ)) {
        return COPSE_EXIT_FAILED;
    }
    bool done = publish_all(call, &local, name);
    copse_local_close(&local);
    return done ? COPSE_EXIT_OK : COPSE_EXIT_FAILED;
}

const copse_command copse_command_publish = {
    .name = "publish",
    .arguments = "DB",
    .summary = "Write a database as files for any web server, or a record of its name",
    .details =
        "With --static, DIR/NAME.car is a CAR with an index, laid out so that\n"
        "`copse find URL/NAME.car` reads by Range requests only what it needs; any IPFS tool\n"
        "reads it too. With --blocks each block is a file, DIR/ipfs/CID, and DIR/copse/v1/NAME\n"
        "the head: then DIR is asked as a peer is, block by block. Either way DIR/NAME.json says\n"
        "what is there.\n"
        "Files are replaced when they are whole: readers find the old database or the new one.\n"
        "The database as it is now is written; with --history its past too.\n"
        "With --key, a signed record says that the name of KEY stands for the database as it is\n"
        "now: --out writes it, --to hands it to peers that take records, and with --static it\n"
        "is DIR/ipns/NAME. It is valid for --validity; `copse serve --publish` makes new ones.\n",
    .options = publish_options,
    .examples = "copse publish blog.copse --static www\n"
                "copse publish blog.copse --key blog --to http://127.0.0.1:4180\n"
                "copse find https://example.org/blog.car posts '{\"author\":\"mafintosh\"}'",
    .run = publish_run,
};
