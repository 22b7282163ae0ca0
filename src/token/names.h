/* names.h - from token texts to ids.
 *
 * A fixed number of slots of 16 bytes. A short text lies in its slot, so that finding it, or
 * finding that it is absent, is one look at memory; of a longer one the slot holds the place.
 * The hash is keyed with a secret of the table's own, so that no file can choose texts that
 * collide.
 */
#ifndef BNT_TOKEN_NAMES_H
#define BNT_TOKEN_NAMES_H
#include "bantam/bantam.h"

/* A zeroed table is a valid empty one. */
typedef struct bnt_name_table {
    struct bnt_name_slot *slots; /* owns; (mask + 1) */
    uint32_t mask;
    uint32_t longest; /* bytes of the longest text */
    uint64_t secret;
} bnt_name_table;

/* Room for n texts, at most 2^30. */
bantam_status bnt_names_init(bnt_name_table *names, uint32_t n, bantam_error *err);
void bnt_names_deinit(bnt_name_table *names);
size_t bnt_names_bytes(const bnt_name_table *names); /* memory it holds */

/* Adds texts with their ids, in order, and leaves out those that are empty, longer than
 * BNT_MAX_TOKEN_BYTES, or there already; of the last it returns the number. No more of them
 * than there is room for. The texts are borrowed until the table is closed. */
size_t bnt_names_put(bnt_name_table *names, const bantam_text *texts, const uint32_t *ids,
                     size_t n);

/* The id of exactly this text, or BANTAM_NO_TOKEN. */
uint32_t bnt_names_find(const bnt_name_table *names, const char *data, size_t size);
/* The same for many texts: faster, because the table is read for some of them at once. */
void bnt_names_find_all(const bnt_name_table *names, const bantam_text *texts, size_t n,
                        uint32_t *ids);

#endif
