/* SPDX-License-Identifier: Apache-2.0 */
/* Where `coffer serve` keeps things when nobody says: the store's directory and the unlock key's file. */
#ifndef COFFER_CMD_SERVE_PATHS_H
#define COFFER_CMD_SERVE_PATHS_H

#include "base/arena.h"
#include "cmd/command.h"

#define SYSTEM_KEYS "/etc/coffer"

/* /var/lib/coffer for the system's own server (started as root), else $XDG_DATA_HOME/coffer or ~/.local/share/coffer.
 * NUL-terminated. */
MUST_CHECK err_t default_data_directory(struct arena *, bool system, const char **ret, struct error *);

/* SYSTEM_KEYS/STORE-ID.key for that one, else $XDG_CONFIG_HOME/coffer/STORE-ID.key or ~/.config/coffer/STORE-ID.key. */
MUST_CHECK err_t default_unlock_file(
    struct arena *, bool system, const char *store_id, const char **ret, struct error *);

/* The path of --unlock file:PATH. Other schemes are ERR_BAD_REQUEST with what is known. */
MUST_CHECK err_t unlock_file_of(const char *option, const char **ret, struct error *);

/* "127.0.0.1:6443", "[::1]:6443", ":6443" (every address) into numeric host (in the arena) and port. */
MUST_CHECK err_t parse_listen(
    struct arena *, const char *listen, const char **ret_address, uint16_t *ret_port, struct error *);

/* Every file that the options of these rows name: OPTION_FILE and OPTION_FILES. An array in the arena; NULL when there
 * is no memory. */
MUST_CHECK const char *const *files_of_options(
    struct arena *, const struct command_option *rows, size_t row_count, const void *options, size_t *ret_count);

#endif
