/* A transport whose one server has one file, http://files/blog.car, and gives ranges of it; or does
 * something else. Time is virtual, and passes only where nothing comes.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_FILE_TRANSPORT_H
#define COPSE_TESTS_FILE_TRANSPORT_H

#include <copse/sys/transport.h>

#include <stdbool.h>

extern const char *const file_transport_url;

typedef enum file_fault {
    FILE_SOUND,
    FILE_REFUSES,      /**< Answers `at` as the status. */
    FILE_AWAY,         /**< There is no connection. */
    FILE_IGNORES,      /**< Gives all of the file, with 200. */
    FILE_HIDES_SIZE,   /**< Says no total size. */
    FILE_SHIFTS,       /**< Gives the bytes one further on, and says so. */
    FILE_SHIFTS_MUTE,  /**< Gives these, and says nothing. */
    FILE_SAYS_NOTHING, /**< Says no range. */
    FILE_CUTS,         /**< Bodies end at `at`, as if they were whole. */
    FILE_BREAKS,       /**< Connections break there. */
    FILE_STALLS,       /**< Nothing more comes from there on. */
    FILE_PADS,         /**< Bodies go on behind their end. */
    FILE_FLIPS,        /**< The byte `at` of each body is another one. */
    FILE_REPLACED,     /**< From request `at` on it is `other`. */
    FILE_FAULTS
} file_fault;

typedef struct file_transport {
    copse_transport base;
    copse_bytes file;
    copse_bytes other;
    file_fault fault;
    size_t at;
    bool once; /* the fault is over after the first request that met it */
    bool without_etags;
    uint64_t piece_ms;   /* that each 10,000 bytes take */
    size_t running_most; /* requests at once */
    size_t met;          /* requests that met the fault */
    uint64_t now_ms;
    uint64_t id_last;
    copse_transport_stats stats;
    struct file_request *first;
} file_transport;

/** A sound server of `file`, which must stay. Its memory is the test's: nothing fails. */
void file_transport_init(file_transport *transport, copse_bytes file);

/** Requests under way. */
size_t file_transport_running(const file_transport *transport);

#endif
