/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "serve/negotiate.h"

static bool negotiate_is(copse_bytes text, const char *name)
{
    return copse_http_name_equal(text, copse_bytes_of_text(name));
}

/* ---- Forms ---- */

static const struct negotiate_type {
    const char *format;
    const char *type;
    copse_form form;
} negotiate_types[] = {
    {"raw", "application/vnd.ipld.raw", COPSE_FORM_RAW},
    {"car", "application/vnd.ipld.car", COPSE_FORM_CAR},
    {"dag-cbor", "application/vnd.ipld.dag-cbor", COPSE_FORM_OTHER},
    {"dag-json", "application/vnd.ipld.dag-json", COPSE_FORM_OTHER},
    {"cbor", "application/cbor", COPSE_FORM_OTHER},
    {"json", "application/json", COPSE_FORM_OTHER},
    {"tar", "application/x-tar", COPSE_FORM_OTHER},
    {"ipns-record", "application/vnd.ipfs.ipns-record", COPSE_FORM_OTHER},
};

enum { NEGOTIATE_TYPES_COUNT = sizeof negotiate_types / sizeof negotiate_types[0] };

static copse_form negotiate_format(copse_bytes format)
{
    for (size_t i = 0; i < NEGOTIATE_TYPES_COUNT; i++) {
        if (negotiate_is(format, negotiate_types[i].format)) {
            return negotiate_types[i].form;
        }
    }
    return COPSE_FORM_UNKNOWN;
}

static copse_form negotiate_type(copse_bytes type)
{
    for (size_t i = 0; i < NEGOTIATE_TYPES_COUNT; i++) {
        if (negotiate_is(type, negotiate_types[i].type)) {
            return negotiate_types[i].form;
        }
    }
    return COPSE_FORM_NONE;
}

/* The form that Accept wants most; *ret_element is its element, with parameters. */
static copse_form negotiate_accept(const copse_http_request *request, copse_bytes *ret_element)
{
    copse_form best = COPSE_FORM_NONE;
    unsigned best_rank = 0;
    copse_bytes list;
    copse_bytes element;
    for (size_t i = 0; copse_http_request_header(request, "accept", i, &list); i++) {
        while (copse_http_list_next(&list, &element)) {
            copse_bytes rest = element;
            copse_bytes type;
            unsigned weight = copse_http_element_weight(element);
            copse_form form =
                copse_http_parts_next(&rest, &type) ? negotiate_type(type) : COPSE_FORM_NONE;
            bool served = form == COPSE_FORM_RAW || form == COPSE_FORM_CAR;
            /* What is served goes before whatever isn't. */
            unsigned rank =
                weight > 0 && form != COPSE_FORM_NONE ? weight + (served ? 1000 : 0) : 0;
            if (rank > best_rank) {
                best = form;
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
    copse_form accepted = negotiate_accept(request, &element);
    bool named = copse_http_request_parameter(request, "format", &format);
    *ret_negotiated = (copse_negotiated){
        .form = named ? negotiate_format(format) : accepted,
        .by_accept = !named,
    };
    if (accepted != COPSE_FORM_CAR) {
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
