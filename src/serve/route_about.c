/* GET /, /health, /metrics: what a server says about itself.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "serve/compress.h"
#include "serve/negotiate.h"
#include "serve/reply.h"
#include "serve/service.h"

#include <copse/dag_cbor.h>
#include <copse/dag_json.h>

#include <stdio.h>

enum { ABOUT_SIZE_BYTES_MAX = 4 << 20 };

static copse_status about_text(copse_buf *buf, const char *text)
{
    return copse_buf_append(buf, copse_bytes_of_text(text));
}

/* Hands over what was written, or the failure to write it. */
static void about_answer(copse_service *service, const copse_http_request *request,
                         copse_status status, const char *type, copse_buf *buf,
                         copse_http_answer *answer)
{
    copse_reply_header(answer, "Cache-Control", "no-cache");
    if (status == COPSE_OK) {
        copse_reply_buf(service->env, answer, type, buf);
        copse_compress_answer(service->env, request, answer);
    } else {
        copse_buf_release(buf);
        copse_reply_failure(service->env, answer, status, &(copse_err){.message = ""});
    }
}

/* ---- For programs ---- */

/* {"databases":[{"head":link,"name":text,"name-key":text},…],"software":text}; head is null where
 * there is none, name-key absent where it is published under no name. */
static copse_status about_database_cbor(copse_service *service, const copse_served *served,
                                        copse_buf *buf)
{
    copse_cid head;
    copse_cid tree;
    char key[COPSE_KEY_TEXT_SIZE_MAX];
    bool has_key = served->record != NULL;
    copse_status status = copse_cbor_write_map(buf, 2u + has_key);
    if (status == COPSE_OK) {
        status = copse_cbor_write_text(buf, copse_bytes_of_text("head"));
    }
    if (status == COPSE_OK) {
        status = copse_service_head(service, served, &head, &tree, NULL) == COPSE_OK
                     ? copse_cbor_write_link(buf, (copse_bytes){head.bytes, head.size})
                     : copse_cbor_write_null(buf);
    }
    if (status == COPSE_OK) {
        status = copse_cbor_write_text(buf, copse_bytes_of_text("name"));
    }
    if (status == COPSE_OK) {
        status = copse_cbor_write_text(buf, copse_bytes_of_text(served->name));
    }
    if (status == COPSE_OK && has_key) {
        status = copse_cbor_write_text(buf, copse_bytes_of_text("name-key"));
    }
    if (status == COPSE_OK && has_key) {
        (void)copse_public_key_to_name(&served->key, key);
        status = copse_cbor_write_text(buf, copse_bytes_of_text(key));
    }
    return status;
}

static copse_status about_write_json(copse_service *service, copse_buf *buf)
{
    copse_buf cbor;
    copse_buf_init(&cbor, service->env, ABOUT_SIZE_BYTES_MAX);
    copse_status status = copse_cbor_write_map(&cbor, 2);
    if (status == COPSE_OK) {
        status = copse_cbor_write_text(&cbor, copse_bytes_of_text("software"));
    }
    if (status == COPSE_OK) {
        status = copse_cbor_write_text(&cbor, copse_bytes_of_text("copse " COPSE_VERSION));
    }
    if (status == COPSE_OK) {
        status = copse_cbor_write_text(&cbor, copse_bytes_of_text("databases"));
    }
    if (status == COPSE_OK) {
        status = copse_cbor_write_array(&cbor, service->databases.count);
    }
    for (size_t i = 0; status == COPSE_OK && i < service->databases.count; i++) {
        status = about_database_cbor(service, &service->databases.items[i], &cbor);
    }
    if (status == COPSE_OK) {
        status = copse_dag_json_from_cbor(service->env, copse_buf_view(&cbor), COPSE_CBOR_STRICT,
                                          buf, NULL);
    }
    if (status == COPSE_OK) {
        status = copse_buf_append_byte(buf, '\n');
    }
    copse_buf_release(&cbor);
    return status;
}

/* ---- For people ---- */

/* A name as text of HTML, also in a quoted attribute. */
static copse_status about_escape(copse_buf *buf, const char *text)
{
    copse_status status = COPSE_OK;
    for (; status == COPSE_OK && *text != '\0'; text++) {
        switch (*text) {
        case '&':
            status = about_text(buf, "&amp;");
            break;
        case '<':
            status = about_text(buf, "&lt;");
            break;
        case '"':
            status = about_text(buf, "&quot;");
            break;
        default:
            status = copse_buf_append_byte(buf, (uint8_t)*text);
            break;
        }
    }
    return status;
}

static copse_status about_database_html(copse_service *service, const copse_served *served,
                                        copse_buf *buf)
{
    copse_cid head;
    copse_cid tree;
    char cid[COPSE_CID_TEXT_SIZE_MAX] = "no head yet";
    if (copse_service_head(service, served, &head, &tree, NULL) == COPSE_OK) {
        (void)copse_cid_to_text(&head, COPSE_BASE32, cid);
    }
    copse_status status = about_text(buf, "<li><a href=\"/copse/v1/");
    if (status == COPSE_OK) {
        status = copse_http_percent_encode(copse_bytes_of_text(served->name), buf);
    }
    if (status == COPSE_OK) {
        status = about_text(buf, "\">");
    }
    if (status == COPSE_OK) {
        status = about_escape(buf, served->name);
    }
    if (status == COPSE_OK) {
        status = about_text(buf, "</a> <code>");
    }
    if (status == COPSE_OK) {
        status = about_text(buf, cid);
    }
    return status == COPSE_OK ? about_text(buf, "</code></li>\n") : status;
}

static copse_status about_write_html(copse_service *service, const char *host, copse_buf *buf)
{
    copse_status status = about_text(
        buf, "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>Copse</title>\n"
             "<h1>Databases</h1>\n<ul>\n");
    for (size_t i = 0; status == COPSE_OK && i < service->databases.count; i++) {
        status = about_database_html(service, &service->databases.items[i], buf);
    }
    if (status == COPSE_OK) {
        status = about_text(
            buf, "</ul>\n<p>The head of a database names a tree; every block of it is there by its "
                 "CID, and can be verified against it. What each page takes and gives is in "
                 "Copse's docs/formats/http.md.</p>\n<pre>\ncurl http://");
    }
    if (status == COPSE_OK) {
        status = about_escape(buf, host);
    }
    if (status == COPSE_OK && service->databases.count > 0) {
        status = about_text(buf, "/copse/v1/");
        if (status == COPSE_OK) {
            status = copse_http_percent_encode(
                copse_bytes_of_text(service->databases.items[0].name), buf);
        }
    }
    if (status == COPSE_OK) {
        status = about_text(buf, "\ncurl -O http://");
    }
    if (status == COPSE_OK) {
        status = about_escape(buf, host);
    }
    return status == COPSE_OK ? about_text(buf, "/ipfs/<i>CID</i>?format=car\n</pre>\n<p><a "
                                                "href=\"/health\">health</a>, <a "
                                                "href=\"/metrics\">metrics</a></p>\n</html>\n")
                              : status;
}

void copse_route_index(copse_service *service, const copse_http_request *request,
                       copse_bytes argument, copse_http_answer *answer)
{
    char host[256] = "";
    copse_bytes value;
    copse_buf buf;
    bool html = copse_negotiate_accepts(request, "text/html");
    (void)argument;
    if (copse_http_request_header(request, "host", 0, &value) && value.len < sizeof host) {
        (void)snprintf(host, sizeof host, "%.*s", (int)value.len, (const char *)value.ptr);
    }
    copse_buf_init(&buf, service->env, ABOUT_SIZE_BYTES_MAX);
    copse_status status =
        html ? about_write_html(service, host, &buf) : about_write_json(service, &buf);
    about_answer(service, request, status, html ? "text/html; charset=utf-8" : "application/json",
                 &buf, answer);
}

/* ---- For who runs it ---- */

void copse_route_health(copse_service *service, const copse_http_request *request,
                        copse_bytes argument, copse_http_answer *answer)
{
    (void)request;
    (void)argument;
    for (size_t i = 0; i < service->databases.count; i++) {
        const copse_served *served = &service->databases.items[i];
        copse_cid head;
        copse_cid tree;
        copse_status status = copse_service_head(service, served, &head, &tree, NULL);
        if (status != COPSE_OK && status != COPSE_NOT_FOUND) {
            copse_reply_line(service->env, answer, 503,
                             "the database '%s' can't be read (%s): `copse fsck` it", served->name,
                             copse_status_name(status));
            return;
        }
    }
    copse_reply_line(service->env, answer, 200, "ok");
}

void copse_route_metrics(copse_service *service, const copse_http_request *request,
                         copse_bytes argument, copse_http_answer *answer)
{
    copse_buf buf;
    (void)argument;
    copse_buf_init(&buf, service->env, ABOUT_SIZE_BYTES_MAX);
    copse_status status = copse_service_write_metrics(service, &buf);
    about_answer(service, request, status, "text/plain; version=0.0.4; charset=utf-8", &buf,
                 answer);
}
