/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "serve/negotiate.h"

#include <copse/cid.h>

static bool negotiate_is(copse_bytes text, const char *name)
{
    return copse_http_name_equal(text, copse_bytes_of_text(name));
}

/* ---- Forms ---- */

enum { NEGOTIATE_CODEC_CBOR = 0x51, NEGOTIATE_CODEC_JSON = 0x0200 };

static const copse_media negotiate_media[] = {
    {COPSE_FORM_RAW, "raw", "application/vnd.ipld.raw", "bin", 0, 0, false},
    {COPSE_FORM_CAR, "car", "application/vnd.ipld.car", "car", 0, 0, false},
    {COPSE_FORM_CODEC, "dag-cbor", "application/vnd.ipld.dag-cbor", "cbor", COPSE_CODEC_DAG_CBOR,
     COPSE_CODEC_DAG_CBOR, false},
    {COPSE_FORM_CODEC, "dag-json", "application/vnd.ipld.dag-json", "json", COPSE_CODEC_DAG_JSON,
     COPSE_CODEC_DAG_JSON, true},
    {COPSE_FORM_CODEC, "cbor", "application/cbor", "cbor", COPSE_CODEC_DAG_CBOR,
     NEGOTIATE_CODEC_CBOR, false},
    {COPSE_FORM_CODEC, "json", "application/json", "json", COPSE_CODEC_DAG_JSON,
     NEGOTIATE_CODEC_JSON, true},
    {COPSE_FORM_OTHER, "tar", "application/x-tar", "", 0, 0, false},
    {COPSE_FORM_OTHER, "ipns-record", "application/vnd.ipfs.ipns-record", "", 0, 0, false},
};

enum { NEGOTIATE_MEDIA_COUNT = sizeof negotiate_media / sizeof negotiate_media[0] };

static const copse_media *negotiate_format(copse_bytes format)
{
    for (size_t i = 0; i < NEGOTIATE_MEDIA_COUNT; i++) {
        if (negotiate_is(format, negotiate_media[i].format)) {
            return &negotiate_media[i];
        }
    }
    return NULL;
}

static const copse_media *negotiate_type(copse_bytes type)
{
    for (size_t i = 0; i < NEGOTIATE_MEDIA_COUNT; i++) {
        if (negotiate_is(type, negotiate_media[i].type)) {
            return &negotiate_media[i];
        }
    }
    return NULL;
}

/* What Accept wants most; *ret_element is its element, with parameters. NULL: nothing that is
 * known. */
static const copse_media *negotiate_accept(const copse_http_request *request,
                                           copse_bytes *ret_element)
{
    const copse_media *best = NULL;
    unsigned best_rank = 0;
    copse_bytes list;
    copse_bytes element;
    for (size_t i = 0; copse_http_request_header(request, "accept", i, &list); i++) {
        while (copse_http_list_next(&list, &element)) {
            copse_bytes rest = element;
            copse_bytes type;
            unsigned weight = copse_http_element_weight(element);
            const copse_media *media =
                copse_http_parts_next(&rest, &type) ? negotiate_type(type) : NULL;
            /* What every block has goes before what it may not have. */
            bool sure =
                media != NULL && (media->form == COPSE_FORM_RAW || media->form == COPSE_FORM_CAR);
            unsigned rank = weight > 0 && media != NULL ? weight + (sure ? 1000 : 0) : 0;
            if (rank > best_rank) {
                best = media;
                best_rank = rank;
                *ret_element = element;
            }
        }
    }
    return best;
}

/* ---- CARs ---- */

/* A parameter of a CAR: from the query, else from the element of Accept. Empty: not given. */
static copse_bytes negotiate_parameter(const copse_http_request *request, copse_bytes element,
                                       const char *in_query, const char *in_accept)
{
    copse_bytes value = {NULL, 0};
    copse_bytes part;
    if (copse_http_request_parameter(request, in_query, &value)) {
        return value;
    }
    while (copse_http_parts_next(&element, &part)) {
        if (copse_http_part_value(part, in_accept, &value)) {
            break;
        }
    }
    return value;
}

static void negotiate_car(const copse_http_request *request, copse_bytes element,
                          copse_car_wish *ret_wish)
{
    copse_bytes version = negotiate_parameter(request, element, "car-version", "version");
    copse_bytes order = negotiate_parameter(request, element, "car-order", "order");
    copse_bytes dups = negotiate_parameter(request, element, "car-dups", "dups");
    ret_wish->duplicates = negotiate_is(dups, "y");
    ret_wish->is_known =
        (version.len == 0 || negotiate_is(version, "1")) &&
        (order.len == 0 || negotiate_is(order, "dfs") || negotiate_is(order, "unk")) &&
        (dups.len == 0 || negotiate_is(dups, "n") || ret_wish->duplicates);
}

void copse_negotiate(const copse_http_request *request, copse_negotiated *ret_negotiated)
{
    copse_bytes format;
    copse_bytes element = {NULL, 0};
    const copse_media *accepted = negotiate_accept(request, &element);
    bool named = copse_http_request_parameter(request, "format", &format);
    const copse_media *media = named ? negotiate_format(format) : accepted;
    *ret_negotiated = (copse_negotiated){
        .form = media != NULL ? media->form
                : named       ? COPSE_FORM_UNKNOWN
                              : COPSE_FORM_NONE,
        .media = media,
        .by_accept = !named,
    };
    if (accepted == NULL || accepted->form != COPSE_FORM_CAR) {
        element.len = 0;
    }
    negotiate_car(request, element, &ret_negotiated->car);
}

bool copse_negotiate_accepts(const copse_http_request *request, const char *type)
{
    copse_bytes list;
    copse_bytes element;
    for (size_t i = 0; copse_http_request_header(request, "accept", i, &list); i++) {
        while (copse_http_list_next(&list, &element)) {
            copse_bytes rest = element;
            copse_bytes name;
            if (copse_http_parts_next(&rest, &name) && negotiate_is(name, type) &&
                copse_http_element_weight(element) > 0) {
                return true;
            }
        }
    }
    return false;
}
