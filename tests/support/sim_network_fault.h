/* What goes wrong in a simulated network: the links' faults, and what peers do instead of
 * answering.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_SIM_NETWORK_FAULT_H
#define COPSE_TESTS_SIM_NETWORK_FAULT_H

#include "support/sim_exchange.h"

typedef enum sim_fault {
    /* Of a link: by its own chances (sim_link). */
    SIM_FAULT_LOST,      /**< A part came late, since it had to be sent again. */
    SIM_FAULT_BROKEN,    /**< A connection broke. */
    SIM_FAULT_OVERTAKEN, /**< An answer came before one that was asked for earlier. */
    SIM_FAULT_PARTED,    /**< There was no way to the peer for a while. */
    /* Of a peer: slow, away, unwilling. */
    SIM_FAULT_STALLED,    /**< Silent for seconds, then goes on. */
    SIM_FAULT_STUCK,      /**< Silent for ever. */
    SIM_FAULT_VANISHED,   /**< Gone in the middle, with all connections, for a while or for ever. */
    SIM_FAULT_BUSY,       /**< 503 with Retry-After. */
    SIM_FAULT_THROTTLED,  /**< 429 with Retry-After. */
    SIM_FAULT_GATEWAY,    /**< 404: has none of the pages of Copse. */
    SIM_FAULT_OTHER_PLAN, /**< Answers by a plan that nobody else would choose, but right. */
    /* Of a peer: lies. */
    SIM_FAULT_WRONG_BYTES,  /**< Of a block in a CAR. */
    SIM_FAULT_WRONG_BLOCK,  /**< In place of another in a CAR. */
    SIM_FAULT_TRUNCATED,    /**< A body that ends too early, as if it were whole. */
    SIM_FAULT_PADDED,       /**< More behind its end. */
    SIM_FAULT_BOMB,         /**< A body without an end. */
    SIM_FAULT_OLD_HEAD,     /**< Of a database. */
    SIM_FAULT_WRONG_ROOT,   /**< Copse-Root names another. */
    SIM_FAULT_OTHER_QUERY,  /**< Is answered. */
    SIM_FAULT_WRONG_PLAN,   /**< In an answer. */
    SIM_FAULT_MOVED_BLOCK,  /**< Blocks of a CAR in another order. */
    SIM_FAULT_LACKED_BLOCK, /**< A block left out of a CAR. */
    SIM_FAULT_ADDED_BLOCK,  /**< One that nobody asked for. */
    SIM_FAULT_GARBAGE,      /**< What is none of what was asked for. */
    SIM_FAULT_WRONG_RAW,    /**< Wrong bytes of a plain gateway. */
    SIM_FAULT_COUNT
} sim_fault;

/** The bit of a fault in a set. */
#define SIM_FAULT_BIT(fault) (UINT64_C(1) << (fault))

/** Sets. */
#define SIM_FAULTS_AWAY                                                                            \
    (SIM_FAULT_BIT(SIM_FAULT_STALLED) | SIM_FAULT_BIT(SIM_FAULT_STUCK) |                           \
     SIM_FAULT_BIT(SIM_FAULT_VANISHED) | SIM_FAULT_BIT(SIM_FAULT_BUSY) |                           \
     SIM_FAULT_BIT(SIM_FAULT_THROTTLED) | SIM_FAULT_BIT(SIM_FAULT_GATEWAY))
#define SIM_FAULTS_LIES (SIM_FAULT_BIT(SIM_FAULT_COUNT) - SIM_FAULT_BIT(SIM_FAULT_WRONG_BYTES))

/** The fault in a word. Static. */
const char *sim_fault_name(sim_fault fault);

/** Whether it can be of an answer to this page. */
bool sim_fault_fits(sim_fault fault, sim_page page);

/** What a peer lies with. */
typedef struct sim_liar {
    copse_service *service;
    copse_refs *refs;          /**< Where its head is, "main"; NULL: no old heads. */
    const copse_cid *old_head; /**< Likewise. */
    const copse_env *env;      /**< For what is made up. */
    uint64_t *random;
} sim_liar;

/** Has the exchange answered with a lie or a refusal, and says in fault_in_head and fault_from
 * where that shows. False: it could not be, and the answer is as it should. */
bool sim_fault_answer(sim_fault fault, const sim_liar *liar, sim_exchange *exchange);

#endif
