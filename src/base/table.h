/* table.h - a hash table from bytes to numbers.
 *
 * Keys are borrowed until the table is closed. The hash is keyed with a per-process secret, so
 * that no file can choose colliding keys.
 */
#ifndef BNT_BASE_TABLE_H
#define BNT_BASE_TABLE_H
#include "bantam/bantam.h"

#define BNT_TABLE_NONE UINT32_MAX

/* A number that no file can know, for the hash of a table; another one with each call. */
uint64_t bnt_table_secret(void);

/* A zeroed table is a valid empty one. */
typedef struct bnt_table {
    struct bnt_table_slot *slots; /* owns */
    size_t n_slots, n_used;
    uint64_t secret;
} bnt_table;

/* Room for n entries without growing. */
bantam_status bnt_table_init(bnt_table *table, size_t n, bantam_error *err);
void bnt_table_deinit(bnt_table *table);

/* Adds key unless it is there; *found gets the value it has then, or BNT_TABLE_NONE where it is
 * new. value is below UINT32_MAX. Grows as needed. */
bantam_status bnt_table_put(bnt_table *table, bantam_text key, uint32_t value, uint32_t *found,
                            bantam_error *err);
/* BNT_TABLE_NONE where key is absent. */
uint32_t bnt_table_find(const bnt_table *table, bantam_text key);

#endif
