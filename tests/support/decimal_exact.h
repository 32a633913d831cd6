/* The number of a decimal by exact arithmetic with thousands of bits: slow, and sure.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_SUPPORT_DECIMAL_EXACT_H
#define COPSE_SUPPORT_DECIMAL_EXACT_H

#include "value/value_number.h"

/** As copse_number_of_decimal, of a finite decimal that is not zero. */
copse_number decimal_exact_number(const copse_decimal *decimal);

#endif
