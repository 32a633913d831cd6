/* The keys of this user: a folder of key files.
 *
 * Functions that return bool have reported their failure when it is false.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_APPS_KEYS_H
#define COPSE_APPS_KEYS_H

#include "command.h"
#include "passphrase.h"

#include <copse/key_file.h>

/** Room for a path of a key file. */
#define COPSE_KEYS_PATH_SIZE 4096

/** Writes the path of the folder: $COPSE_KEYS, else $XDG_CONFIG_HOME/copse/keys, else
 * ~/.config/copse/keys. */
bool copse_keys_folder(copse_call *call, char ret_path[COPSE_KEYS_PATH_SIZE]);

/** Writes the path of the file of the key `name`: in the folder, or `name` itself if there is a
 * slash in it. */
bool copse_keys_path(copse_call *call, const char *name, char ret_path[COPSE_KEYS_PATH_SIZE]);

/** Opens a key for signing, as the user names it. The passphrase comes from where
 * copse_passphrase_read takes it; a key that was made without one needs none. Free the key. */
bool copse_keys_open(copse_call *call, const char *name, copse_key **ret_key);

/** Reports call->err, which a call on a key file that returned `status` filled, behind what it was
 * about: "the key 'blog'". Returns COPSE_EXIT_FAILED. */
int copse_keys_failure(copse_call *call, copse_status status, const char *what);

/** Appends a key file to `buf`; others than the user must not be able to read it. `ret_key`: the
 * public key that it names. */
bool copse_keys_read(copse_call *call, const char *path, copse_buf *buf, copse_public_key *ret_key);

/** Writes a key file that is not there yet, for the user alone, and the folder that it is in, and
 * returns when it is safe from a loss of power. */
bool copse_keys_write(copse_call *call, const char *path, copse_bytes file);

#endif
