/* Warm reads of a native peer of workload W1: all 10,000 gets and 1,000 scans of 100 rows are run
 * until everything they touch is in memory, and then timed. Compiled with
 * -DPEER_SOURCE='"native/lmdb.c"' or the like; the peer's own main is renamed.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#define main peer_main
#include PEER_SOURCE
#undef main

enum { WARM_ROUNDS = 5 };

int main(int argc, char **argv)
{
    char path[300];
    if (argc < 4) {
        (void)fprintf(stderr, "usage: %s peer N folder\n", argv[0]);
        return 2;
    }
    long n = atol(argv[2]);
    PEER = argv[1];
    N = n;
    VARIANT = strchr(PEER, '+') != NULL ? strchr(PEER, '+') + 1 : "";
    (void)snprintf(path, sizeof path, "data/kv-%ld.bin", n);
    unsigned char *kv = slurp(path, (size_t)n * RL);
    (void)snprintf(path, sizeof path, "data/plan-%ld.bin", n);
    unsigned char *plan = slurp(path, 292000);
    (void)snprintf(path, sizeof path, "%s/%s-warm-%d", argv[3], argv[1], getpid());
    fresh(path);
    db_open(path);
    db_load(kv, n);
    db_close();
    db_open(path);
    double get = 1e9;
    double scan = 1e9;
    long rows = 0;
    for (int round = 0; round < WARM_ROUNDS; round++) {
        double start = now();
        long found = db_gets(plan, 10000);
        double seconds = now() - start;
        get = seconds < get ? seconds : get;
        if (found != 10000) {
            row("ERROR_gets", (double)found, "found");
        }
        start = now();
        rows = db_scans(plan + 160000, 1000, 100);
        seconds = now() - start;
        scan = seconds < scan ? seconds : scan;
    }
    row("get_warm", get * 1e6 / 10000, "us/op");
    row("scan_warm", (double)rows / scan, "rows/s");
    db_close();
    (void)snprintf(path, sizeof path, "rm -rf %s/%s-warm-%d", argv[3], argv[1], getpid());
    return system(path) != 0;
}
