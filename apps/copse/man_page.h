/* Manual pages, made of the same texts as the help: roff for man(1), in ASCII.
 *
 *     copse help --man copse-find | man -l -
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_APPS_MAN_PAGE_H
#define COPSE_APPS_MAN_PAGE_H

#include "help.h"

/** Prints the page `name`: "copse", or "copse-" and a command with dashes for its spaces. False:
 * there is none. */
bool copse_man_page_print(copse_output *out, const copse_command_group *groups, const char *name);

#endif
