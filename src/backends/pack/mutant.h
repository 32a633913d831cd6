/* Places that a mutant build takes out, to prove that the crash tests would notice.
 *
 * A build with -DCOPSE_MUTANT=n leaves out the one sync or test of number n; every other build
 * compiles the check away. tools/test-mutants builds one variant each, in which
 * pack_crash_test.c (500 seeds) or pack_tail_test.c must fail.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_BACKENDS_PACK_MUTANT_H
#define COPSE_BACKENDS_PACK_MUTANT_H

#include "base/compiler.h"

#include <stdbool.h>

/** The sites. A sync site is passed to copse_pack_io_sync or copse_pack_io_sync_dir. */
typedef enum copse_pack_site {
    COPSE_PACK_SITE_NONE,
    /* syncs */
    COPSE_PACK_SITE_COMMIT,      /* the journal, before a commit is acknowledged */
    COPSE_PACK_SITE_SEAL,        /* a journal that ends, before the next begins */
    COPSE_PACK_SITE_JOURNAL,     /* a new journal, before it gets its name */
    COPSE_PACK_SITE_JOURNAL_DIR, /* the folder, before a new journal is used */
    COPSE_PACK_SITE_PACK,        /* a new pack, before it gets its name */
    COPSE_PACK_SITE_PACK_DIR,    /* the folder, before a frame names a new pack */
    COPSE_PACK_SITE_FORMAT,      /* `format`, before it gets its name */
    COPSE_PACK_SITE_FORMAT_DIR,  /* the folder, before the store is said to be made */
    COPSE_PACK_SITE_PARENT_DIR,  /* the folder that the store's is in, before it is made */
    COPSE_PACK_SITE_YOUNG_DIR,   /* the folder, before the first commit in a journal */
    COPSE_PACK_SITE_OLD_JOURNAL, /* a journal that a writer ended who died, before the next */
    COPSE_PACK_SITE_ALL,         /* what was written with durability off: files, journal, folder */
    COPSE_PACK_SITE_CUT,         /* the journal, after its torn tail was cut off */
    COPSE_PACK_SITE_ASIDE,       /* a tail that is put aside, before it gets its name */
    COPSE_PACK_SITE_ASIDE_DIR,   /* the folder, before that tail is cut off */
    /* tests */
    COPSE_PACK_SITE_CHECKSUM, /* a frame's checksum */
    COPSE_PACK_SITE_CHAIN,    /* that a frame follows the one before it */
    COPSE_PACK_SITE_KEEP,     /* that a tail is put aside at all */
    COPSE_PACK_SITE_WITNESS,  /* the empty frame behind the last commit (J4) */
    COPSE_PACK_SITE_COUNT
} copse_pack_site;

/** Whether this build takes `site` out. */
COPSE_INLINE bool copse_pack_mutant(copse_pack_site site)
{
    return COPSE_MUTANT != 0 && COPSE_MUTANT == (int)site;
}

#endif
