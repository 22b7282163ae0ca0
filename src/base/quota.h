/* quota.h - what the system lets this process take: memory, addresses, time of
 * the processor.
 *
 * Each limit is told by its name, with what it allows and what of that is left,
 * so that a refusal can say which one it is.
 */
#ifndef BNT_BASE_QUOTA_H
#define BNT_BASE_QUOTA_H
#include "bantam/bantam.h"

#include <sys/resource.h>

enum { BNT_MAX_QUOTAS = 8 };

typedef struct bnt_quotas {
    uint64_t memory_bytes; /* of the machine; 0: unknown */
    uint32_t cores;        /* that control groups give time of; UINT32_MAX: no limit */
    bantam_memory_limit items[BNT_MAX_QUOTAS];
    size_t n;
} bnt_quotas;

/* Of this process. */
void bnt_quotas_read(bnt_quotas *out);

/* The same from files below a folder as they stand below /, with these limits
 * of addresses and of private memory. */
void bnt_quotas_from(bnt_quotas *out, const char *root, rlim_t addresses, rlim_t private_data);

/* The least that is left under any of them; UINT64_MAX where there is none. */
uint64_t bnt_quotas_left(const bnt_quotas *quotas);

#endif
