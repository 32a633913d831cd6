/* Content-Disposition: under which name a browser saves an answer.
 *
 * Source: https://specs.ipfs.tech/http-gateways/path-gateway/, RFC 6266, RFC 8187
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_SERVE_DISPOSITION_H
#define COPSE_SERVE_DISPOSITION_H

#include "net/http_server.h"

/** Adds the header: the name that the parameter `filename` has, else `name` and `suffix`, with a
 * point between them; "inline" if that is so and `download=true` isn't given, else "attachment".
 * A name outside of ASCII stands there twice, as ASCII with '_' and as UTF-8 in %XX; what would end
 * the header's string becomes '_'. One that is no UTF-8, or too long, is passed over. */
void copse_reply_disposition(const copse_env *env, const copse_http_request *request,
                             bool is_inline, const char *name, const char *suffix,
                             copse_http_answer *answer);

#endif
