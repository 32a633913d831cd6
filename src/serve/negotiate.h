/* Which form of a block or DAG a request asks for, as the IPFS trustless gateway says.
 *
 * The query wins over Accept: `format`, `car-version`, `car-order`, `car-dups`. Of several types in
 * Accept the one with the greatest weight wins, of equal ones the first.
 *
 * Source: https://specs.ipfs.tech/http-gateways/trustless-gateway/
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_SERVE_NEGOTIATE_H
#define COPSE_SERVE_NEGOTIATE_H

#include "proto/http_request.h"

typedef enum copse_form {
    COPSE_FORM_NONE, /**< None was named. */
    COPSE_FORM_RAW,
    COPSE_FORM_CAR,
    COPSE_FORM_CODEC,  /**< The block as it is, by the name of its codec: blocks of others are not
                            converted to it. */
    COPSE_FORM_OTHER,  /**< One that is known, but not served. */
    COPSE_FORM_UNKNOWN /**< `format` is no form at all. */
} copse_form;

/** What a block is sent as. Static storage. */
typedef struct copse_media {
    copse_form form;
    const char *format; /**< As the query calls it. */
    const char *type;
    const char *suffix;   /**< Of file names. */
    uint64_t codec;       /**< FORM_CODEC: of blocks that are this. */
    uint64_t codec_plain; /**< Another one; or the same. */
    bool is_inline;       /**< A browser may show it. */
} copse_media;

typedef struct copse_car_wish {
    bool is_known;   /**< Version, order and dups are such as are served. */
    bool duplicates; /**< A block is sent wherever it is linked. */
} copse_car_wish;

typedef struct copse_negotiated {
    copse_form form;
    const copse_media *media; /**< RAW, CAR, CODEC. */
    bool by_accept;           /**< Only Accept named the form. */
    copse_car_wish car;
} copse_negotiated;

void copse_negotiate(const copse_http_request *request, copse_negotiated *ret_negotiated);

/** Whether Accept names exactly this type, with a weight above 0. */
bool copse_negotiate_accepts(const copse_http_request *request, const char *type);

#endif
