/* How fast SHA-256 and SHA-512 are. Compare with `openssl speed -evp sha256 -bytes 4096` on the
 * same machine. Prints the best of many short rounds.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "crypto/hash.h"

#include <stdio.h>
#include <time.h>

enum { BENCH_ROUNDS = 300, BENCH_BYTES_A_ROUND = 1 << 20 };

static double bench_seconds(void)
{
    struct timespec now;
    (void)timespec_get(&now, TIME_UTC);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* Nanoseconds for one hash of `size` bytes. */
static double bench_hash(void (*hash)(copse_bytes, uint8_t *), size_t size)
{
    static uint8_t data[1 << 16];
    uint8_t digest[COPSE_SHA2_512_SIZE_BYTES];
    double best = 1e9;
    size_t count = BENCH_BYTES_A_ROUND / (size + 256);
    for (int round = 0; round < BENCH_ROUNDS; round++) {
        double start = bench_seconds();
        for (size_t i = 0; i < count; i++) {
            hash((copse_bytes){data, size}, digest);
            data[0] = digest[0]; /* each waits for the one before */
        }
        double taken = (bench_seconds() - start) / (double)count;
        best = taken < best ? taken : best;
    }
    return best * 1e9;
}

int main(void)
{
    static const size_t sizes[] = {32, 64, 256, 1024, 4096, 16384, 65536};
    (void)printf("%8s  %10s %10s  %10s %10s\n", "bytes", "sha256 ns", "MB/s", "sha512 ns", "MB/s");
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        double sha256 = bench_hash(copse_sha2_256, sizes[i]);
        double sha512 = bench_hash(copse_sha2_512, sizes[i]);
        (void)printf("%8zu  %10.1f %10.0f  %10.1f %10.0f\n", sizes[i], sha256,
                     (double)sizes[i] * 1e3 / sha256, sha512, (double)sizes[i] * 1e3 / sha512);
    }
    return 0;
}
