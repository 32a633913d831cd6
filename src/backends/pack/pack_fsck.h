/* The inside of a check: what pack_fsck.c finds, and pack_repair.c and pack_fsck_tails.c mend.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_BACKENDS_PACK_PACK_FSCK_H
#define COPSE_BACKENDS_PACK_PACK_FSCK_H

#include "backends/pack/pack_db.h"

#include <copse/pack_maintenance.h>

/** A file of the folder, and whether something is wrong with it. */
typedef struct copse_fsck_file {
    char name[COPSE_PACK_NAME_SIZE_MAX];
    copse_pack_name id;
    bool is_damaged;
} copse_fsck_file;

typedef struct copse_fsck {
    const copse_env *env;
    copse_os *os;
    copse_pack_io io;
    const copse_pack_fsck_options *options;
    copse_pack_fsck_stats stats;
    copse_fsck_file *files; /* of the folder: journals by generation, then the others */
    size_t files_count;
    size_t files_capacity;
} copse_fsck;

/** Reports a finding. `cid` NULL: about no block. */
COPSE_MUST_USE copse_status copse_fsck_report(copse_fsck *fsck, copse_pack_finding_kind kind,
                                              const char *file, uint64_t offset,
                                              const copse_cid *cid, copse_err *err,
                                              const char *message);

/** Reports a ref that stands in `file` and that nothing proves. */
COPSE_MUST_USE copse_status copse_fsck_report_ref(copse_fsck *fsck, const char *file,
                                                  uint64_t offset, const copse_item *item,
                                                  copse_err *err);

/** Lists the folder's files anew. */
COPSE_MUST_USE copse_status copse_fsck_list(copse_fsck *fsck, copse_err *err);

/** Makes a new generation out of all that is good. The caller has both locks. */
COPSE_MUST_USE copse_status copse_fsck_repair(copse_fsck *fsck, copse_err *err);

/** Commits again what proves itself in the tails that are put aside, that of the journal in use
 * too: pack_fsck_tails.c. */
COPSE_MUST_USE copse_status copse_fsck_take_tails(copse_fsck *fsck, copse_err *err);

#endif
