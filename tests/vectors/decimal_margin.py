#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Proves D3 of src/value/decimal_wide.h: how near a decimal of many bits comes to one of 120.

    python3 tests/vectors/decimal_margin.py     (seconds)

Let v = c * 10^q with c below 2^113. Doubling c doubles v and changes no bit, so let c be from 2^112
on; then 5^q * c has one of two sizes in bits, and its distance to the nearest multiple of 2^t, which
is a step of its 120th bit, is |c * a - n| steps for a = 5^q / 2^t and some integer n. For c below a
denominator d of a convergent of a, |c * a - n| is more than 1 / (2 * d) (Khinchin, Theorems 13 and 15),
whatever n. Decimals of 320 bits and less are exact and need no proof.
"""
from fractions import Fraction

COEFFICIENT_BITS, KEPT_BITS, WIDE_BITS = 113, 120, 320


def denominator_above(numerator, denominator, least):
    """The first denominator of a convergent that is `least` or more; None: the number has none."""
    before, now = 1, 0
    while denominator:
        quotient, rest = divmod(numerator, denominator)
        before, now = now, quotient * now + before
        if now >= least:
            return now
        numerator, denominator = denominator, rest
    return None


def floor_log2(value):
    bits = value.numerator.bit_length() - value.denominator.bit_length()
    return bits if value >= Fraction(2) ** bits else bits - 1


def main():
    worst = 0
    for q in range(-6176, 6112):
        power = Fraction(5) ** q
        least = floor_log2(power) + COEFFICIENT_BITS - 1  # of the highest bit of power * c
        if q >= 0 and power.numerator.bit_length() + COEFFICIENT_BITS <= WIDE_BITS:
            continue
        for highest in (least, least + 1):
            step = Fraction(2) ** (highest - (KEPT_BITS - 1))
            a = power / step
            d = denominator_above(a.numerator, a.denominator, 2**COEFFICIENT_BITS)
            if d is None:
                # c * a is a multiple of 1 / denominator; an integer only if 5^-q divides c
                d = a.denominator
            worst = max(worst, d.bit_length())
    print(f"the distance is more than 2^-{worst + 1} steps of the bit {KEPT_BITS},")
    print(f"so more than the 2^-{worst + 1 + KEPT_BITS}th part of the decimal")


if __name__ == "__main__":
    main()
