/* The settings of `copse serve` in a file.
 *
 *     # a comment, on a line of its own
 *     database = /srv/blog.copse
 *     database = /srv/archive.car
 *     listen = 0.0.0.0:4180
 *     log = json
 *     connections = 1000
 *
 * A line is a name, '=' and a value, up to its end, without the white space around. Names are those
 * of the options without their dashes, of the limits (serve_limits.h), and `database`. What an
 * option takes several times may stand several times; of others the last line counts. The command
 * line goes before the file: for databases all of it.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_APPS_SERVE_CONFIG_H
#define COPSE_APPS_SERVE_CONFIG_H

#include "command.h"

typedef struct copse_serve_config {
    copse_buf text; /* values point into it */
    copse_options options;
    char **databases; /* from malloc */
    size_t databases_count;
} copse_serve_config;

/** Reads the file at `path` and puts it below what call->options has; borrowed by these until the
 * release. False: reported, with file and line. */
bool copse_serve_config_read(copse_serve_config *config, copse_call *call, const char *path);

/** Frees what it holds; a zeroed one is allowed. */
void copse_serve_config_release(copse_serve_config *config);

#endif
