/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "static_site.h"

#include "failure.h"
#include "file_io.h"
#include "text.h"

#include <copse/dag_cbor.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- Folders and files ---- */

static bool static_site_fail(copse_static_site *site, const char *path)
{
    copse_call *call = site->call;
    call->err = (copse_err){.status = COPSE_IO, .os_errno = errno};
    (void)snprintf(call->err.message, sizeof call->err.message, "%s", strerror(errno));
    (void)copse_failure_of(call, COPSE_IO, "'%s' can't be written", path);
    return false;
}

static bool static_site_path(copse_static_site *site, char ret_path[PATH_MAX], const char *format,
                             ...) COPSE_PRINTF(3, 4);

/* Writes a path below the folder. */
static bool static_site_path(copse_static_site *site, char ret_path[PATH_MAX], const char *format,
                             ...)
{
    va_list args;
    int len = snprintf(ret_path, PATH_MAX, "%s/", site->folder);
    if (len > 0 && len < PATH_MAX) {
        va_start(args, format);
        int more = vsnprintf(ret_path + len, (size_t)(PATH_MAX - len), format, args);
        va_end(args);
        len = more < 0 ? more : len + more;
    }
    if (len < 0 || len >= PATH_MAX) {
        errno = ENAMETOOLONG;
        return static_site_fail(site, site->folder);
    }
    return true;
}

/* Makes a folder below the site's, "" for itself. */
static bool static_site_make_folder(copse_static_site *site, const char *name)
{
    char path[PATH_MAX];
    return static_site_path(site, path, "%s", name) &&
           (mkdir(path, 0777) == 0 || errno == EEXIST || static_site_fail(site, path));
}

/* Writes a small file. */
static bool static_site_write_file(copse_static_site *site, const char *path, copse_bytes bytes)
{
    copse_file_output file;
    bool done = copse_file_output_open(&file, site->call, path);
    if (done) {
        copse_car_sink sink = copse_file_output_sink(&file);
        if (sink.write(sink.ctx, bytes, &site->call->err) != COPSE_OK) {
            (void)copse_failure_of(site->call, COPSE_IO, "'%s'", path);
            done = false;
        }
    }
    done = done && copse_file_output_finish(&file);
    copse_file_output_release(&file);
    return done;
}

/* ---- Planning ---- */

/* copse_car_layout_observer.step */
static copse_status static_site_step(void *ctx, const copse_car_layout_stats *stats, copse_err *err)
{
    copse_static_site *site = ctx;
    (void)err;
    site->stats = *stats;
    if (stats->written_bytes == 0) {
        copse_progress_phase(&site->progress, site->call, "planned", stats->payload_bytes, 0);
    } else {
        copse_progress_phase(&site->progress, site->call, "written", stats->written_bytes,
                             stats->payload_bytes);
    }
    return COPSE_OK;
}

/* Plans the head, its tree, and what is before it if that is wanted. */
static copse_status static_site_plan(copse_static_site *site, copse_car_layout *layout)
{
    copse_err *err = &site->call->err;
    copse_status status = COPSE_OK;
    if (site->tree.size > 0) {
        status = copse_car_layout_add(layout, &site->head, true, err);
    }
    if (status == COPSE_OK) {
        status = copse_car_layout_add(layout, site->tree.size > 0 ? &site->tree : &site->head,
                                      false, err);
    }
    return status == COPSE_OK && site->with_history
               ? copse_car_layout_add(layout, &site->head, false, err)
               : status;
}

/* ---- As a CAR ---- */

static bool static_site_write_car(copse_static_site *site, copse_car_layout *layout)
{
    char path[PATH_MAX];
    copse_file_output file = {.name = NULL};
    struct stat info;
    bool done = static_site_path(site, path, "%s.car", site->name) &&
                copse_file_output_open(&file, site->call, path);
    if (done) {
        copse_status status =
            copse_car_layout_write(layout, copse_file_output_sink(&file), &site->call->err);
        if (status != COPSE_OK) {
            (void)copse_progress_end(&site->progress);
            (void)copse_failure_of(site->call, status, "'%s' can't be written", path);
            done = false;
        }
    }
    done = done && copse_file_output_finish(&file);
    copse_file_output_release(&file);
    site->file_bytes = done && stat(path, &info) == 0 ? (uint64_t)info.st_size : 0;
    return done;
}

/* ---- As a file for each block ---- */

/* Writes the bytes of `path`, which isn't there, beside it first. */
static bool static_site_put_file(const char *path, copse_bytes bytes)
{
    char beside[PATH_MAX + 8];
    (void)snprintf(beside, sizeof beside, "%s.new", path);
    FILE *stream = fopen(beside, "wb");
    bool done = stream != NULL && (bytes.len == 0 || fwrite(bytes.ptr, bytes.len, 1, stream) == 1);
    done = stream != NULL && fclose(stream) == 0 && done;
    done = done && rename(beside, path) == 0;
    if (!done && stream != NULL) {
        int saved = errno;
        (void)unlink(beside);
        errno = saved;
    }
    return done;
}

/* Whether these bytes are what is in the file. After a crash of the machine a file that was not
 * synced may have its size and not its bytes. */
static bool static_site_has_file(const char *path, copse_bytes bytes)
{
    uint8_t piece[16384];
    struct stat info;
    FILE *stream = fopen(path, "rb");
    bool has =
        stream != NULL && fstat(fileno(stream), &info) == 0 && (uint64_t)info.st_size == bytes.len;
    for (size_t at = 0; has && at < bytes.len;) {
        size_t left = bytes.len - at;
        size_t size = left < sizeof piece ? left : sizeof piece;
        has = fread(piece, size, 1, stream) == 1 && memcmp(piece, bytes.ptr + at, size) == 0;
        at += size;
    }
    if (stream != NULL) {
        (void)fclose(stream);
    }
    return has;
}

/* The visitor of copse_car_layout_visit. */
static copse_status static_site_put_block(void *ctx, copse_block *block, copse_err *err)
{
    copse_static_site *site = ctx;
    char path[PATH_MAX];
    char cid[COPSE_CID_TEXT_SIZE_MAX];
    copse_bytes data = copse_block_data(block);
    (void)err;
    (void)copse_cid_to_text(copse_block_cid(block), COPSE_BASE32, cid);
    if (!static_site_path(site, path, "ipfs/%s", cid)) {
        return COPSE_IO;
    }
    site->stats.written_bytes += data.len;
    copse_progress_phase(&site->progress, site->call, "written", site->stats.written_bytes,
                         site->stats.block_bytes);
    if (static_site_has_file(path, data)) {
        return COPSE_OK;
    }
    site->files_written++;
    site->files_bytes += data.len;
    if (!static_site_put_file(path, data)) {
        (void)copse_progress_end(&site->progress);
        (void)static_site_fail(site, path);
        return COPSE_IO;
    }
    return COPSE_OK;
}

/* The head as a peer gives it (docs/formats/http.md). */
static copse_status static_site_encode_head(const copse_static_site *site, copse_buf *buf)
{
    const copse_bytes name = copse_bytes_of_text(site->name);
    bool has_tree = site->tree.size > 0;
    copse_status status = copse_cbor_write_map(buf, has_tree ? 3 : 2);
    if (status == COPSE_OK) {
        status = copse_cbor_write_text(buf, copse_bytes_of_text("head"));
    }
    if (status == COPSE_OK) {
        status = copse_cbor_write_link(buf, (copse_bytes){site->head.bytes, site->head.size});
    }
    if (status == COPSE_OK) {
        status = copse_cbor_write_text(buf, copse_bytes_of_text("name"));
    }
    if (status == COPSE_OK) {
        status = copse_cbor_write_text(buf, name);
    }
    if (status == COPSE_OK && has_tree) {
        status = copse_cbor_write_text(buf, copse_bytes_of_text("tree"));
        status = status == COPSE_OK
                     ? copse_cbor_write_link(buf, (copse_bytes){site->tree.bytes, site->tree.size})
                     : status;
    }
    return status;
}

static bool static_site_write_head(copse_static_site *site)
{
    char path[PATH_MAX];
    copse_buf buf;
    copse_buf_init(&buf, &site->call->env, SIZE_MAX);
    bool done = static_site_make_folder(site, "copse") &&
                static_site_make_folder(site, "copse/v1") &&
                static_site_path(site, path, "copse/v1/%s", site->name);
    if (done && static_site_encode_head(site, &buf) != COPSE_OK) {
        done = false;
        (void)copse_failure_of(site->call, COPSE_NOMEM, "the head can't be written");
    }
    done = done && static_site_write_file(site, path, copse_buf_view(&buf));
    copse_buf_release(&buf);
    return done;
}

static bool static_site_write_blocks(copse_static_site *site, copse_car_layout *layout)
{
    if (!static_site_make_folder(site, "ipfs")) {
        return false;
    }
    int folder = open(site->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    copse_status status =
        copse_car_layout_visit(layout, static_site_put_block, site, &site->call->err);
    bool done = status == COPSE_OK;
    if (!done && status != COPSE_IO) {
        (void)copse_progress_end(&site->progress);
        (void)copse_failure_of(site->call, status, "the blocks can't be written");
    }
    /* All blocks are on the disk before the head names them. */
    if (done && (folder < 0 || syncfs(folder) != 0)) {
        done = static_site_fail(site, site->folder);
    }
    if (folder >= 0) {
        (void)close(folder);
    }
    return done && static_site_write_head(site);
}

/* ---- What is in it ---- */

/* Writes NAME.json. Names are those of refs and folders: no quote or backslash is in them. */
static bool static_site_write_json(copse_static_site *site)
{
    char path[PATH_MAX];
    char file[PATH_MAX];
    char text[PATH_MAX + 512];
    char head[COPSE_CID_TEXT_SIZE_MAX];
    char tree[COPSE_CID_TEXT_SIZE_MAX];
    bool has_tree = site->tree.size > 0;
    (void)snprintf(file, sizeof file, site->as_blocks ? "ipfs/" : "%s.car", site->name);
    int len = snprintf(
        text, sizeof text,
        "{\"name\":\"%s\",\"head\":{\"/\":\"%s\"}%s%s%s,\"%s\":\"%s\","
        "\"count\":%" PRIu64 ",\"bytes\":%" PRIu64 "}\n",
        site->name, copse_cid_show(&site->head, head), has_tree ? ",\"tree\":{\"/\":\"" : "",
        has_tree ? copse_cid_show(&site->tree, tree) : "", has_tree ? "\"}" : "",
        site->as_blocks ? "blocks" : "car", file, site->stats.blocks, site->stats.block_bytes);
    return len > 0 && (size_t)len < sizeof text &&
           static_site_path(site, path, "%s.json", site->name) &&
           static_site_write_file(site, path, (copse_bytes){(const uint8_t *)text, (size_t)len});
}

/* ---- All of it ---- */

static bool static_site_write_layout(copse_static_site *site, copse_car_layout *layout)
{
    copse_call *call = site->call;
    copse_status status = static_site_plan(site, layout);
    bool done = status == COPSE_OK;
    if (status == COPSE_NOT_FOUND) {
        (void)copse_progress_end(&site->progress);
        (void)copse_failure(call, COPSE_WANT, "`copse pull` fetches what a sparse clone lacks",
                            "it can't be published: %s", call->err.message);
    } else if (status != COPSE_OK) {
        (void)copse_progress_end(&site->progress);
        (void)copse_failure_of(call, status, "it can't be published");
    }
    done = done && (site->as_blocks ? static_site_write_blocks(site, layout)
                                    : static_site_write_car(site, layout));
    (void)copse_progress_end(&site->progress);
    return done && static_site_write_json(site);
}

/* The tree of the head, if it is a commit. */
static bool static_site_read_head(copse_static_site *site, copse_local *local)
{
    char text[COPSE_CID_TEXT_SIZE_MAX];
    copse_commit commit;
    copse_block *block = NULL;
    copse_status status = copse_local_commit(local, &site->head, &commit, &block);
    if (status != COPSE_OK) {
        (void)copse_local_failure(local, status, copse_cid_show(&site->head, text));
        return false;
    }
    site->tree = block != NULL ? commit.tree : (copse_cid){.size = 0};
    copse_block_unref(block);
    return true;
}

bool copse_static_site_write(copse_static_site *site, copse_local *local, const char *folder,
                             const char *name, const copse_cid *head)
{
    copse_call *call = local->call;
    const copse_car_layout_observer observer = {static_site_step, site};
    copse_car_layout *layout = NULL;
    *site = (copse_static_site){.call = call,
                                .folder = folder,
                                .name = name,
                                .as_blocks = copse_options_has(&call->options, "--blocks"),
                                .with_history = copse_options_has(&call->options, "--history"),
                                .head = *head};
    if (!static_site_make_folder(site, "") || !static_site_read_head(site, local)) {
        return false;
    }
    copse_progress_init(&site->progress, call, "planned", 0, "B");
    copse_status status =
        copse_car_layout_new(&call->env, local->store, &site->head, &observer, &layout, &call->err);
    bool done = status == COPSE_OK && static_site_write_layout(site, layout);
    if (status != COPSE_OK) {
        (void)copse_failure_of(call, status, "it can't be published");
    }
    (void)copse_progress_end(&site->progress);
    copse_car_layout_free(layout);
    return done;
}

void copse_static_site_report(const copse_static_site *site)
{
    copse_output *out = &site->call->output;
    char blocks[COPSE_TEXT_NUMBER_SIZE];
    char size[COPSE_TEXT_NUMBER_SIZE];
    char written[COPSE_TEXT_NUMBER_SIZE];
    if (out->json) {
        copse_output_text(out, "folder", site->folder);
        copse_output_text(out, "name", site->name);
        copse_output_cid(out, "head", &site->head);
        copse_output_number(out, "blocks", site->stats.blocks);
        copse_output_number(out, "block_bytes", site->stats.block_bytes);
        copse_output_number(out, site->as_blocks ? "files_written" : "file_bytes",
                            site->as_blocks ? site->files_written : site->file_bytes);
        return;
    }
    (void)copse_text_of_count(site->stats.blocks, blocks);
    if (site->as_blocks) {
        copse_output_format(out, "published %s/copse/v1/%s: %s blocks, %s; %s of them new\n",
                            site->folder, site->name, blocks,
                            copse_text_of_size(site->stats.block_bytes, size),
                            copse_text_of_count(site->files_written, written));
    } else {
        copse_output_format(out, "published %s/%s.car: %s blocks, %s\n", site->folder, site->name,
                            blocks, copse_text_of_size(site->file_bytes, size));
    }
}
