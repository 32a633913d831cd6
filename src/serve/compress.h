/* Compresses the body of an answer while it is sent: zstd or gzip, as Accept-Encoding says.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_SERVE_COMPRESS_H
#define COPSE_SERVE_COMPRESS_H

#include "net/http_server.h"

/** Answers that are known to be smaller are not compressed. */
enum { COPSE_COMPRESS_SIZE_BYTES_MIN = 1024 };

/** If the request takes zstd or else gzip, puts a compressor around the answer's body, whose length
 * is then unknown, and says so in the headers; in any case says that the answer varies with
 * Accept-Encoding. Without memory the answer stays as it is. */
void copse_compress_answer(const copse_env *env, const copse_http_request *request,
                           copse_http_answer *answer);

#endif
