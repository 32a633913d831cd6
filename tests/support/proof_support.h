/* Proofs for tests: written into memory, verified against the entries of a fixture.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_PROOF_SUPPORT_H
#define COPSE_TESTS_PROOF_SUPPORT_H

#include <copse/buf.h>
#include <copse/proof.h>

#include "support/tree_fixture.h"

/** A query with room for its own bytes. */
typedef struct proof_support_query {
    copse_proof_query query;
    copse_bytes keys[12];
    copse_bytes to;
    uint8_t bytes[14][16];
} proof_support_query;

/** A random query: of keys, some of them present; or of a range, small, large, open or empty, with
 * and without a limit, either way. About one in three keys is absent. */
void proof_support_random_query(uint64_t *random, const tree_fixture *fixture,
                                proof_support_query *ret_query);

/** A sink into `buf`. */
copse_car_sink proof_support_sink(copse_buf *buf);

/** Writes the proof over the fixture's tree; fails the test if it can't. `buf` is set up here. */
copse_proof_stats proof_support_write(const tree_fixture *fixture, const copse_proof_query *query,
                                      copse_buf *buf);

/** Verifies `proof` and, row by row, that the fixture gives the same answer: a wrong row fails the
 * test. COPSE_OK also says that all rows came. */
copse_status proof_support_verify(const tree_fixture *fixture, const copse_proof_query *query,
                                  copse_bytes proof, copse_err *err);

/** The number of rows that the fixture has for `query`. */
uint64_t proof_support_rows(const tree_fixture *fixture, const copse_proof_query *query);

/** The place of a section in a proof. */
typedef struct proof_support_section {
    size_t offset;
    size_t size;
    copse_cid cid;
} proof_support_section;

/** The sections of a proof; the first begins where the header ends. At most `max`. */
size_t proof_support_sections(const copse_env *env, copse_bytes proof,
                              proof_support_section *ret_sections, size_t max);

#endif
