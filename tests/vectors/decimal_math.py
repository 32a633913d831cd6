#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Writes decimal_math.tsv: sums, products, quotients, remainders and roundings of decimal128
numbers, by Python's decimal module (libmpdec) in the context of decimal128.
Columns: operation, a, b, result. The result of a rounding is at the exponent b."""
import decimal
import random

CONTEXT = decimal.Context(prec=34, rounding=decimal.ROUND_HALF_EVEN, Emin=-6143, Emax=6144,
                          clamp=1, traps=[])
ROUNDINGS = {"half-even": decimal.ROUND_HALF_EVEN, "down": decimal.ROUND_DOWN,
             "floor": decimal.ROUND_FLOOR, "ceiling": decimal.ROUND_CEILING}
rng = random.Random(1)


def text(value):
    if value.is_nan():
        return "NaN"
    return str(value)


def number():
    kind = rng.randrange(20)
    if kind == 0:
        return decimal.Decimal(rng.choice(["NaN", "Infinity", "-Infinity", "0", "-0", "0E+6111",
                                           "-0E-6176", "1E-6176", "9.999999999999999999999999999999999E+6144"]))
    digits = rng.choice([1, 2, 5, 17, 18, 33, 34, 34])
    coefficient = rng.choice([rng.randrange(10 ** digits), 10 ** (digits - 1), 10 ** digits - 1,
                              5 * 10 ** (digits - 1)])
    exponent = rng.choice([rng.randrange(-3, 4), rng.randrange(-40, 41), rng.randrange(-6176, 6112)])
    sign = rng.choice(["", "-"])
    return CONTEXT.create_decimal(f"{sign}{coefficient}E{exponent}")


def near(a):
    """A number whose sum with `a` is near an edge of rounding."""
    if not a.is_finite() or rng.randrange(3) != 0:
        return number()
    shift = rng.randrange(-40, 41)
    exponent = min(max(a.as_tuple().exponent + shift, -6176), 6111)
    return CONTEXT.create_decimal(f"{rng.choice(['', '-'])}{rng.choice([1, 5, 49, 50, 51, 9])}E{exponent}")


rows = []
for i in range(1600):
    a = number()
    b = near(a)
    rows.append(("+", text(a), text(b), text(CONTEXT.add(a, b))))
    if i % 2 == 0:
        rows.append(("*", text(a), text(b), text(CONTEXT.multiply(a, b))))
        rows.append(("/", text(a), text(b), text(CONTEXT.divide(a, b))))
    if i % 2 == 1 and a.is_finite() and b.is_finite() and b != 0 and abs(a.adjusted() - b.adjusted()) < 4000:
        wide = decimal.Context(prec=9000, Emin=-20000, Emax=20000, traps=[])
        rest = wide.remainder(a, b)
        rows.append(("%", text(a), text(b), text(CONTEXT.create_decimal(rest))))
    if a.is_finite() and a.as_tuple().exponent < 6000:
        name = rng.choice(sorted(ROUNDINGS))
        exponent = a.as_tuple().exponent + rng.randrange(1, 40)
        wide = decimal.Context(prec=100, Emin=-20000, Emax=20000, rounding=ROUNDINGS[name], traps=[])
        rounded = wide.quantize(a, decimal.Decimal(f"1E{exponent}"))
        rows.append((name, text(a), str(exponent), text(rounded)))
with open(__file__.replace(".py", ".tsv"), "w", encoding="ascii") as out:
    for row in rows:
        out.write("\t".join(row) + "\n")
