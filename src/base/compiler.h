/* What differs between compilers and kinds of build, for the inside of the library.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_BASE_COMPILER_H
#define COPSE_BASE_COMPILER_H

#include <copse/compiler.h>

#if defined(__GNUC__) || defined(__clang__)
#define COPSE_LIKELY(condition) __builtin_expect(!!(condition), 1)
#define COPSE_UNLIKELY(condition) __builtin_expect(!!(condition), 0)
#define COPSE_PREFETCH(address) __builtin_prefetch(address)
/** Zero bits above the highest set one of a uint64_t that is not 0. */
#define COPSE_LEADING_ZEROS(value) __builtin_clzll(value)
#define COPSE_INLINE static inline __attribute__((always_inline))
#define COPSE_NOINLINE __attribute__((noinline))
#define COPSE_UNUSED __attribute__((unused))
/** 128-bit integers: chunk boundaries, decimals, sums of integers of 65 bits. */
__extension__ typedef unsigned __int128 copse_u128;
__extension__ typedef __int128 copse_i128;
#else
#error "Copse needs gcc or clang (128-bit integers)"
#endif

/** 1 in builds where an arena forwards each object to the allocator, so that AddressSanitizer and
 * valgrind see each. */
#if defined(NDEBUG)
#define COPSE_ARENA_FORWARDS 0
#else
#define COPSE_ARENA_FORWARDS 1
#endif

/** Which durability check this build leaves out, to prove that the crash tests see it; 0: none.
 * See backends/pack/mutant.h. */
#ifndef COPSE_MUTANT
#define COPSE_MUTANT 0
#endif

#endif
