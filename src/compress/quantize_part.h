/* quantize_part.h - what a quantization has done so far, on disk beside its output, so that the
 * same call can go on there: to the same bytes.
 *
 * OUT.bantam-part is the file under way. OUT.bantam-part.state says how much of it counts, and
 * holds what the rest needs: types that were chosen, weights of columns, and the states of the
 * calibration texts at the layer that is next. It is replaced whole, when ten seconds or more
 * have passed since the last time, and says whose it is: which files were read, as they were,
 * with which options and texts, by which version.
 */
#ifndef BNT_COMPRESS_QUANTIZE_PART_H
#define BNT_COMPRESS_QUANTIZE_PART_H
#include "bantam/bantam.h"
#include "base/digest.h"
#include "base/map.h"

struct bnt_quantizer;

/* What was under way. */
typedef enum bnt_part_stage {
    BNT_PART_PRICES, /* what each matrix alone costs in few bits, for a budget */
    BNT_PART_INPUTS, /* weights of columns, layer by layer */
    BNT_PART_TENSORS /* the file */
} bnt_part_stage;

typedef struct bnt_part {
    char *path, *state_path; /* owns */
    uint64_t identity;
    bantam_error refused; /* why a part that lies there is not gone on with; status 0: none */

    /* What was found; stage PRICES and no tensors where nothing was. */
    bnt_map *map; /* owns: of the state; NULL: nothing was found */
    bnt_part_stage stage;
    uint32_t next_layer;
    uint64_t n_done, data_bytes; /* tensors in the file, and their end in it */
    const uint8_t *states;       /* borrows from map: (n_states) little-endian floats */
    uint64_t n_states;

    /* What is being made. */
    bool saved;        /* a state is on disk and can be gone on with */
    bnt_digest digest; /* of the file's first `digested` bytes */
    uint64_t digested;
    uint64_t saved_ns, cost_ns; /* when the last state was saved, and how long that took */
} bnt_part;

/* Names for out, and whose they are; the quantizer has its plan and texts. A zeroed part is a
 * valid closed one. head: digest of what stands before the tensors. */
bantam_status bnt_part_init(struct bnt_quantizer *q, const char *out, uint64_t head,
                            bantam_error *err);
/* Takes over what lies on disk, into part and steps of the plan, where it is whole and ours;
 * else says in part.refused why not. BANTAM_ERR_NOMEM only. */
bantam_status bnt_part_find(struct bnt_quantizer *q, bantam_error *err);
/* What was refused is no more: its place is taken. */
void bnt_part_clear(const bnt_part *p);
/* Into the states of the calibration; they stay as they are where none were kept. The map is
 * closed. */
void bnt_part_take_states(struct bnt_quantizer *q);

/* Keeps what is done, where that is due: n_done tensors are written, the texts stand before
 * q->next_layer. with_states: they do. */
bantam_status bnt_part_save(struct bnt_quantizer *q, bnt_part_stage stage, size_t n_done,
                            bool with_states, bantam_error *err);
/* After the end: removes what lies on disk unless there is a state and the status is one of
 * those after which going on makes sense. */
void bnt_part_end(struct bnt_quantizer *q, bantam_status status);

#endif
