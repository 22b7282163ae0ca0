/* config_read.h - the two readers of a bnt_config, and what they share. Only config*.c include
 * it.
 *
 * A reader gets a config with every default filled in and writes what the file states. It may
 * leave nonsense: config.c checks the whole afterwards.
 */
#ifndef BNT_MODEL_CONFIG_READ_H
#define BNT_MODEL_CONFIG_READ_H
#include "model/arch.h"

bantam_status bnt_config_from_gguf(bnt_config *c, const bnt_archive *archive,
                                   bantam_error *err);
bantam_status bnt_config_from_json(bnt_config *c, const bnt_archive *archive,
                                   bantam_error *err);

/* Layers, width and heads: readers ask before they divide by them or count with them. */
bantam_status bnt_config_check_sizes(const bnt_config *c, bantam_error *err);

/* Marks the layers that a window holds for where the file names none of them: as the known
 * model has it, else all. */
void bnt_config_spread_window(bnt_config *c);

#endif
