/* What differs between compilers and kinds of build. The only public header with `#if` in it.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_COMPILER_H
#define COPSE_COMPILER_H

#if defined(__GNUC__) || defined(__clang__)
/** Marks a function of the public API; everything else is hidden in the shared library. */
#define COPSE_API __attribute__((visibility("default")))
/** The caller must look at the returned status. */
#define COPSE_MUST_USE __attribute__((warn_unused_result))
/** printf-like argument checking: positions of the format and of its first argument, from 1. */
#define COPSE_PRINTF(at, first) __attribute__((__format__(__printf__, at, first)))
#else
#define COPSE_API
#define COPSE_MUST_USE
#define COPSE_PRINTF(at, first)
#endif

#ifdef __cplusplus
#define COPSE_EXTERN_C_BEGIN extern "C" {
#define COPSE_EXTERN_C_END }
#else
#define COPSE_EXTERN_C_BEGIN
#define COPSE_EXTERN_C_END
#endif

#endif
