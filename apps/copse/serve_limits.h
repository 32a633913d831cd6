/* The limits of `copse serve` that can be set: by `--limit NAME=VALUE`, and by their names in a
 * file of settings.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_APPS_SERVE_LIMITS_H
#define COPSE_APPS_SERVE_LIMITS_H

#include <copse/env.h>

#include <stdbool.h>

/** The name of number `index`, from 0; NULL: there are fewer. */
const char *copse_serve_limits_name(size_t index);

/** Sets the limit that `text`, "NAME=VALUE", names. False: it makes no sense; `ret_problem` has one
 * line that says why. */
bool copse_serve_limits_set(copse_limits *limits, const char *text, char *ret_problem,
                            size_t problem_size);

#endif
