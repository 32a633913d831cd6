/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <copse/value.h>

#include "base/err.h"
#include "base/loadstore.h"

#include <string.h>

copse_status copse_object_id_new(const copse_env *env, uint8_t ret_id[12], copse_err *err)
{
    if (env->clock == NULL || env->random == NULL) {
        return COPSE_ERR(err, COPSE_MISUSE, "a new ObjectId needs a clock and a random source");
    }
    uint8_t random[8];
    copse_status status = env->random(env->random_ctx, random, sizeof random);
    if (status != COPSE_OK) {
        return COPSE_ERR(err, status, "no random bytes for a new ObjectId");
    }
    copse_store_u32be(ret_id, (uint32_t)(env->clock(env->clock_ctx) / 1000));
    memcpy(ret_id + 4, random, sizeof random);
    return COPSE_OK;
}
