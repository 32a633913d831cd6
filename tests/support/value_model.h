/* The order of values, written a second time for tests.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_VALUE_MODEL_H
#define COPSE_TESTS_VALUE_MODEL_H

#include <copse/value.h>

/** The order of two values, by code that shares nothing with the library's: numbers by their
 * decimal digits, written out. Slow. Fails the test (cmocka) on what is no value. */
int value_model_compare(copse_bytes a, copse_bytes b);

#endif
