/* A folder on the real disk for a test.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_TEMP_FOLDER_H
#define COPSE_TESTS_TEMP_FOLDER_H

enum { TEMP_FOLDER_SIZE = 256 };

/** Makes an empty folder in $TMPDIR or /tmp and writes its path; fails the test if it can't. */
void temp_folder_make(char ret_path[TEMP_FOLDER_SIZE]);

/** Removes the folder with all that is in it. */
void temp_folder_remove(const char *path);

#endif
