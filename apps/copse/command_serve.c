/* copse serve: hands databases out over HTTP.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "command.h"
#include "failure.h"
#include "open_files.h"
#include "serve_config.h"
#include "serve_database.h"
#include "serve_limits.h"
#include "serve_log.h"
#include "serve_names.h"
#include "serve_notify.h"
#include "serve_workers.h"
#include "text.h"

#include <copse/server.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SERVE_DATABASES_MAX = 256,
    SERVE_ADDRESS_SIZE = 64,
    SERVE_PORT_DEFAULT = 4180,
    SERVE_URL_SIZE = 512,
    SERVE_OPEN_FILES = 64, /* for a process, and as many for a database: what is no connection */
    SERVE_CONNECTIONS_MIN = 16
};

static const copse_option serve_options[] = {
    {"--listen", "ADDRESS:PORT", COPSE_OPTION_TEXT,
     "where to listen (127.0.0.1:4180); port 0: a free one", 0},
    {"--ref", "NAME", COPSE_OPTION_TEXT, "the ref that is the head, instead of main", 0},
    {"--config", "FILE", COPSE_OPTION_TEXT, "read settings from a file, below those given here", 0},
    {"--announce", "ADDRESS", COPSE_OPTION_LIST,
     "tell peers to come here: http(s)://HOST[:PORT] or a multiaddr", 0},
    {"--limit", "NAME=VALUE", COPSE_OPTION_LIST,
     "set a limit: connections=1000, memory=512M, idle-time=30s, …", 0},
    {"--processes", "N", COPSE_OPTION_TEXT, "serve with N processes; auto: one a processor", 0},
    {"--trust-proxy", "ADDRESS", COPSE_OPTION_LIST,
     "believe this proxy whom it speaks for (X-Forwarded-For, Forwarded)", 0},
    {"--log", "json|text", COPSE_OPTION_CHOICE, "tell of each request on stderr", 0},
    {"--verbose", NULL, COPSE_OPTION_FLAG, "the same as --log text", 'v'},
    COPSE_OPTIONS_SERVE_NAMES,
    COPSE_OPTION_JSON,
    {NULL, NULL, COPSE_OPTION_FLAG, NULL, 0},
};

typedef struct serve {
    copse_call *call;
    char address[SERVE_ADDRESS_SIZE];
    uint16_t port;
    size_t processes;
    const copse_serve_worker *worker; /* NULL: this process is alone */
    copse_server *server;
    copse_serve_config config;
    copse_serve_log log;
    copse_serve_names names;
    copse_serve_database *databases;
    size_t databases_count;
} serve;

/* What the signals stop: a handler gets nothing else. Set while the server runs. */
static copse_server *volatile serve_running;

static void serve_on_signal(int number)
{
    (void)number;
    copse_server_stop(serve_running);
}

static void serve_stop(void *server)
{
    copse_server_stop(server);
}

static bool serve_catch_signals(void)
{
    struct sigaction stop = {.sa_handler = serve_on_signal};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    return sigaction(SIGINT, &stop, NULL) == 0 && sigaction(SIGTERM, &stop, NULL) == 0 &&
           sigaction(SIGPIPE, &ignore, NULL) == 0;
}

/* Reads "ADDRESS:PORT", "[ADDRESS]:PORT", ":PORT", "PORT" or "ADDRESS". */
static bool serve_parse_listen(serve *self, const char *text)
{
    const char *colon = strrchr(text, ':');
    bool bracketed = text[0] == '[' && strchr(text, ']') != NULL;
    bool port_only = colon == NULL && strspn(text, "0123456789") == strlen(text);
    const char *start = bracketed ? text + 1 : text;
    const char *end = bracketed   ? strchr(text, ']')
                      : port_only ? text
                      : colon     ? colon
                                  : text + strlen(text);
    const char *port = port_only ? text : colon != NULL && colon >= end ? colon + 1 : "";
    uint64_t number = SERVE_PORT_DEFAULT;
    size_t len = (size_t)(end - start);
    if ((port[0] != '\0' && !copse_text_to_count(port, &number)) || number > UINT16_MAX ||
        len >= sizeof self->address) {
        return false;
    }
    (void)snprintf(self->address, sizeof self->address, "%.*s", (int)len,
                   len > 0 ? start : "127.0.0.1");
    if (len == 0) {
        (void)snprintf(self->address, sizeof self->address, "127.0.0.1");
    }
    self->port = (uint16_t)number;
    return true;
}

/* Opens a database and adds it to the server. */
static bool serve_add(serve *self, const char *path)
{
    copse_call *call = self->call;
    copse_serve_database *database = &self->databases[self->databases_count];
    if (!copse_serve_database_open(database, call, path)) {
        return false;
    }
    self->databases_count++;
    if (!copse_serve_names_join(&self->names, database, call->options.arguments_count == 1)) {
        return false;
    }
    copse_served served = copse_serve_database_served(database);
    copse_status status = copse_server_add(self->server, &served, &call->err);
    if (status == COPSE_CONFLICT) {
        (void)copse_failure(call, status, "databases are served by the names of their folders",
                            "'%s': %s", path, call->err.message);
    } else if (status != COPSE_OK) {
        (void)copse_failure_of(call, status, "'%s'", path);
    }
    return status == COPSE_OK;
}

static void serve_url(const serve *self, char ret_url[SERVE_URL_SIZE])
{
    bool v6 = strchr(self->address, ':') != NULL;
    (void)snprintf(ret_url, SERVE_URL_SIZE, "http://%s%s%s:%u", v6 ? "[" : "", self->address,
                   v6 ? "]" : "", (unsigned)copse_server_port(self->server));
}

/* The name that a database is published under. */
static const char *serve_name_key(const copse_serve_database *database,
                                  char ret_text[COPSE_KEY_TEXT_SIZE_MAX])
{
    (void)copse_public_key_to_name(copse_key_public(database->publication->key), ret_text);
    return ret_text;
}

/* Tells where it is, before the first request. */
static void serve_announce(serve *self)
{
    copse_output *out = &self->call->output;
    char name_key[COPSE_KEY_TEXT_SIZE_MAX];
    char url[SERVE_URL_SIZE];
    serve_url(self, url);
    if (out->json) {
        copse_output_begin(out);
        copse_output_text(out, "url", url);
        copse_output_begin_array(out, "databases");
    }
    for (size_t i = 0; i < self->databases_count; i++) {
        const copse_serve_database *database = &self->databases[i];
        if (out->json) {
            copse_output_begin_member(out, NULL);
            copse_output_text(out, "name", database->name);
            copse_output_text(out, "path", database->path);
            if (database->publication != NULL) {
                copse_output_text(out, "name_key", serve_name_key(database, name_key));
            }
            copse_output_end_member(out);
        } else {
            copse_output_format(out, "%s/copse/v1/%s\n", url, database->name);
            if (database->publication != NULL) {
                copse_output_format(out, "ipns://%s\n", serve_name_key(database, name_key));
            }
        }
    }
    if (out->json) {
        copse_output_end_array(out);
        copse_output_end(out);
    } else {
        copse_note(self->call, "Try: curl %s/copse/v1/%s   Ctrl-C stops.", url,
                   self->databases[0].name);
    }
    (void)copse_output_flush(out);
    (void)copse_serve_notify("READY=1");
}

/* Gathers the values of a list; returns how many. */
static size_t serve_gather(const copse_call *call, const char *name,
                           const char *ret_values[COPSE_OPTIONS_LIST_MAX])
{
    size_t count = 0;
    const char *value = NULL;
    while ((value = copse_options_nth(&call->options, name, count)) != NULL) {
        ret_values[count++] = value;
    }
    return count;
}

static int serve_listen(serve *self)
{
    copse_call *call = self->call;
    const char *announced[COPSE_OPTIONS_LIST_MAX];
    const char *proxies[COPSE_OPTIONS_LIST_MAX];
    const char *log = copse_options_text(&call->options, "--log", NULL);
    copse_server_options options = {
        .address = self->address,
        .port = self->worker != NULL ? self->worker->port : self->port,
        .shares_port = self->worker != NULL,
        .shared_counts = self->worker != NULL ? self->worker->shared : NULL,
        .servers_count = self->worker != NULL ? self->worker->count : 0,
        .server_number = self->worker != NULL ? self->worker->number : 0,
        .proxies = proxies,
        .announce = announced,
        .accepts_records = copse_options_has(&call->options, "--accept-records"),
    };
    options.proxies_count = serve_gather(call, "--trust-proxy", proxies);
    options.announce_count = serve_gather(call, "--announce", announced);
    self->log = (copse_serve_log){&call->env, log != NULL && strcmp(log, "json") == 0};
    if (log != NULL || copse_options_has(&call->options, "--verbose")) {
        options.log = copse_serve_log_request;
        options.log_ctx = &self->log;
    }
    copse_status status = copse_server_new(&call->env, &options, &self->server, &call->err);
    if (status == COPSE_OK) {
        return COPSE_EXIT_OK;
    }
    if (status == COPSE_MISUSE) {
        return copse_failure_usage(call, "%s", call->err.message);
    }
    return copse_failure(call, status,
                         status == COPSE_IO || status == COPSE_DENIED
                             ? "another program may have it, or it is none of this machine: "
                               "--listen ADDRESS:PORT names another"
                             : NULL,
                         "%s:%u: %s", self->address, (unsigned)self->port, call->err.message);
}

static int serve_all(serve *self)
{
    copse_call *call = self->call;
    int code = serve_listen(self);
    for (size_t i = 0; code == COPSE_EXIT_OK && i < call->options.arguments_count; i++) {
        code = serve_add(self, call->options.arguments[i]) ? COPSE_EXIT_OK : COPSE_EXIT_FAILED;
    }
    if (code == COPSE_EXIT_OK &&
        (!copse_serve_names_check(&self->names) || !copse_serve_names_relay(call, self->server))) {
        code = COPSE_EXIT_FAILED;
    }
    if (code != COPSE_EXIT_OK) {
        return code;
    }
    serve_running = self->server;
    if (!serve_catch_signals()) {
        return copse_failure(call, COPSE_IO, NULL, "signals can't be caught");
    }
    if (self->worker == NULL || (self->worker->number == 0 && self->worker->is_new)) {
        serve_announce(self);
    }
    if (self->worker != NULL && !copse_serve_worker_ready(self->worker, serve_stop, self->server)) {
        return copse_failure(call, COPSE_IO, NULL, "the worker can't watch its parent");
    }
    copse_status status = copse_server_run(self->server, &call->err);
    return status == COPSE_OK ? COPSE_EXIT_OK : copse_failure_of(call, status, "the server");
}

static void serve_close(serve *self)
{
    (void)signal(SIGINT, SIG_DFL);
    (void)signal(SIGTERM, SIG_DFL);
    self->server = copse_server_free(self->server);
    for (size_t i = 0; i < self->databases_count; i++) {
        copse_serve_database_close(&self->databases[i]);
    }
    free(self->databases);
    copse_serve_names_close(&self->names);
    copse_serve_config_release(&self->config);
}

/* Makes room for the connections among the files that may be open, or takes fewer. */
static void serve_settle_connections(serve *self)
{
    copse_call *call = self->call;
    size_t *max = &call->env.limits.http_connections_max;
    size_t others = SERVE_OPEN_FILES * (1 + call->options.arguments_count);
    size_t files = copse_open_files_raise(*max + others);
    if (files < *max + others) {
        size_t left =
            files > others + SERVE_CONNECTIONS_MIN ? files - others : (size_t)SERVE_CONNECTIONS_MIN;
        copse_note(call,
                   "at most %zu connections instead of %zu: the system lets a process open %zu "
                   "files (ulimit -n, or LimitNOFILE= of systemd)",
                   left, *max, files);
        *max = left;
    }
}

/* Reads how many processes serve. False: it is no number of them. */
static bool serve_settle_processes(serve *self)
{
    const char *text = copse_options_text(&self->call->options, "--processes", "1");
    uint64_t count = copse_serve_workers_auto();
    if (strcmp(text, "auto") != 0 &&
        (!copse_text_to_count(text, &count) || count == 0 || count > COPSE_SERVE_WORKERS_MAX)) {
        (void)copse_failure_usage(self->call, "--processes takes 1 to %d, or auto",
                                  COPSE_SERVE_WORKERS_MAX);
        return false;
    }
    if (count > 1 && copse_options_has(&self->call->options, "--accept-records")) {
        (void)copse_failure_usage(self->call, "--accept-records is for one process: others would "
                                              "not know what one was given");
        return false;
    }
    self->processes = (size_t)count;
    return true;
}

/* Reads the file of settings and what command line and file say. False: reported. */
static bool serve_settle(serve *self)
{
    copse_call *call = self->call;
    char problem[256];
    const char *text = copse_options_text(&call->options, "--config", NULL);
    if (text != NULL && !copse_serve_config_read(&self->config, call, text)) {
        return false;
    }
    call->output.json = copse_options_has(&call->options, "--json");
    for (size_t i = 0; (text = copse_options_nth(&call->options, "--limit", i)) != NULL; i++) {
        if (!copse_serve_limits_set(&call->env.limits, text, problem, sizeof problem)) {
            (void)copse_failure_usage(call, "%s", problem);
            return false;
        }
    }
    text = copse_options_text(&call->options, "--listen", "127.0.0.1:4180");
    if (!serve_parse_listen(self, text)) {
        (void)copse_failure_usage(call, "'%s' is no ADDRESS:PORT", text);
    } else if (call->options.arguments_count == 0) {
        (void)copse_failure_usage(call, "DB is missing");
    } else if (call->options.arguments_count > SERVE_DATABASES_MAX) {
        (void)copse_failure_usage(call, "at most %d databases at once", SERVE_DATABASES_MAX);
    } else if (serve_settle_processes(self)) {
        serve_settle_connections(self);
        return copse_serve_names_open(&self->names, call);
    }
    return false;
}

/* Serves alone, or as a worker. */
static int serve_work(void *ctx, const copse_serve_worker *worker)
{
    serve *self = ctx;
    self->worker = worker;
    self->databases = calloc(self->call->options.arguments_count, sizeof *self->databases);
    int code = self->databases == NULL
                   ? copse_failure(self->call, COPSE_NOMEM, NULL, "out of memory")
                   : serve_all(self);
    serve_close(self);
    return code;
}

static int serve_run(copse_call *call)
{
    serve self = {.call = call};
    if (!serve_settle(&self)) {
        serve_close(&self);
        return COPSE_EXIT_FAILED;
    }
    if (self.processes == 1) {
        return serve_work(&self, NULL);
    }
    int code =
        copse_serve_workers_run(call, self.processes, copse_server_counts_size(self.processes),
                                self.address, self.port, serve_work, &self);
    serve_close(&self);
    return code;
}

const copse_command copse_command_serve = {
    .name = "serve",
    .arguments = "[DB...]",
    .summary = "Hand databases out over HTTP, read-only",
    .details =
        "A DB is a folder, or a CAR file. Each is served under its name without .copse or .car:\n"
        "its head at /copse/v1/NAME, and every block of it at /ipfs/CID, as an IPFS trustless\n"
        "gateway does.\n"
        "With --publish a database has a name too, ipns://k51…, that only its key can give: the\n"
        "record that says what its head is is made anew when the head moves.\n"
        "What others commit meanwhile is seen. Anyone who can reach the address can read all of\n"
        "it. Stops at SIGINT or SIGTERM, when the answers that run are sent.\n",
    .options = serve_options,
    .examples = "copse serve blog.copse\n"
                "copse serve blog.copse archive.copse --listen 0.0.0.0:8080 --verbose",
    .run = serve_run,
};
