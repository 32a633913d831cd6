/* Peers, as the commands reach them: transport, cache of blocks, and the remote over both.
 *
 * Functions that return bool have reported their failure (failure.h) when it is false.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_APPS_PEERS_H
#define COPSE_APPS_PEERS_H

#include "command.h"
#include "progress.h"

#include <copse/block_cache.h>
#include <copse/remote.h>

/** The options of a command that reads, behind its own ones. --peer may come several times. */
#define COPSE_OPTIONS_PEERS                                                                        \
    {"--peer", "URL", COPSE_OPTION_LIST, "fetch from this peer too, besides $COPSE_PEERS", 0},     \
        {"--offline", NULL, COPSE_OPTION_FLAG, "ask no peer: use what is cached", 0},              \
        {"--cache", "DIR", COPSE_OPTION_TEXT,                                                      \
         "the cache of blocks, instead of $COPSE_CACHE or ~/.cache/copse", 0},                     \
    {                                                                                              \
        "--cache-size", "SIZE", COPSE_OPTION_SIZE, "its bound, at least 1M; 1G if not said", 0     \
    }

/** Stays where it is while it is open. */
typedef struct copse_peers {
    copse_call *call;
    copse_os *os;
    copse_transport *transport; /**< NULL: nobody is asked. */
    copse_block_cache *cache;   /**< NULL: it can't be had; noted. */
    copse_remote *remote;
    bool is_offline; /**< --offline was given. */
    bool is_beside;  /**< Transport and cache are another's. */
    copse_progress progress;
    char label[64];     /**< Of the progress. */
    char *variable;     /**< A copy of $COPSE_PEERS, cut into its URLs; NULL: it isn't used. */
    uint64_t suspects;  /**< Of the last name (copse_remote_name); they were warned of. */
    copse_store *store; /**< Where blocks go; NULL: into the cache. */
    uint64_t flushed;   /**< So many bytes of blocks had come when it was flushed last. */
} copse_peers;

/** Opens them: the peer `first` (NULL: none) and those of --peer; without a first one, those of
 * $COPSE_PEERS too. `store`: where blocks go; it
 * keeps them; NULL: into the cache. No peers at all, or --offline: nobody is asked. On failure
 * `peers` is zeroed. */
bool copse_peers_open(copse_peers *peers, copse_call *call, const char *first, copse_store *store);

/** As copse_peers_open, with any number of first peers. */
bool copse_peers_open_all(copse_peers *peers, copse_call *call, const char *const *firsts,
                          size_t firsts_count, copse_store *store);

/** As copse_peers_open, over the transport and with the cache of `owner`, which is closed later: so
 * that both can be waited for together. */
bool copse_peers_open_beside(copse_peers *peers, copse_call *call, const char *first,
                             const copse_peers *owner);

/** A zeroed one is allowed. */
void copse_peers_close(copse_peers *peers);

/** Reports why blocks, a head or an answer could not be had: the CIDs, each peer that was asked,
 * and what it said. Returns an exit code. */
int copse_peers_failure(copse_peers *peers, copse_status status, const char *what);

/** Whether the block is one of those that the last fetch could not get. */
bool copse_peers_lack(const copse_peers *peers, const copse_cid *cid);

/** From here on, shows progress in blocks and bytes while fetching, if it takes long. */
void copse_peers_show_progress(copse_peers *peers);

/** Wipes the progress that is shown, before anything else is printed. */
void copse_peers_wipe_progress(copse_peers *peers);

/** Prints the members of --explain: blocks_fetched, block_bytes, bytes_fetched, bytes_sent,
 * round_trips, requests, peers, from_cache. */
void copse_peers_print(const copse_peers *peers);

/** Whether there is somebody to ask for a name, or nobody is to be asked. */
bool copse_peers_can_resolve(const copse_peers *peers, const char *address);

/** Asks the peers what a name stands for, `address` being how it was written, and says what the
 * user must know of it: peers that gave what is old or wrong, and that nobody could be asked. */
bool copse_peers_resolve(copse_peers *peers, const copse_public_key *key, const char *address,
                         copse_remote_name *ret_name);

/** Says what the user must know of a name that was resolved otherwise, as one of several: a line
 * that begins with `address`. */
void copse_peers_note_name(copse_peers *peers, const copse_remote_name *name, const char *address);

/** Room for what copse_peers_hear says. */
#define COPSE_PEERS_TROUBLE_SIZE 256

/** As copse_peers_resolve, for who asks time and again: returns the status, reported nowhere but in
 * `ret_trouble`, one line on why no peer gave the record, "" if one did; and warns of a peer only
 * when that is new. */
COPSE_MUST_USE copse_status copse_peers_hear(copse_peers *peers, const copse_public_key *key,
                                             copse_remote_name *ret_name, char *ret_trouble,
                                             size_t size);

/** Says what the user must know of a head: that it is stale, or older than one seen before. */
void copse_peers_note_head(const copse_peers *peers, const char *address);

#endif
