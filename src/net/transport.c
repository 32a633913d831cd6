/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <copse/sys/transport.h>

#include <stddef.h>

copse_transport *copse_transport_free(copse_transport *transport)
{
    if (transport != NULL) {
        transport->ops->free(transport);
    }
    return NULL;
}
