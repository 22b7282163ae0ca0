/* checkpoint.c - the file that a run continues from.
 *
 *     "BNTTRAIN"  magic
 *     u32         version
 *     u32         number of parameters
 *     u64         identity of the run
 *     u64         steps done
 *     u64         steps of the whole run
 *     f64         seconds that they took
 *     u32         losses that count, u32 0
 *     f64 (50)    the last losses
 *     u64 (n)     weights of each parameter
 *     f32 (all)   weights, parameter by parameter
 *     f32 (all)   first averages
 *     f32 (all)   second averages
 *     notes       as many bytes as the run's caller has
 *     u64         digest of all that stands before it
 *
 * Little-endian. The size follows from the net, so that no number in the file is one to
 * allocate by.
 */
#include "train/checkpoint.h"

#include "base/cursor.h"
#include "base/digest_file.h"
#include "base/map.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static const char MAGIC[8] = "BNTTRAIN";

enum { HEAD = 8 + 4 + 4 + 8 + 8 + 8 + 8 + 4 + 4 + 8 * BNT_RECENT_LOSSES };

static uint64_t file_size(const bnt_net *net, const bnt_optimizer *o,
                          const bnt_run_state *state)
{
    return HEAD + BNT_DIGEST_BYTES + (uint64_t)state->note_bytes +
           (uint64_t)bnt_net_n_params(net) * 8 + (uint64_t)o->n_weights * 3 * sizeof(float);
}

/* ---- writing ---- */

static void put_head(bnt_digest_file *f, uint64_t identity, const bnt_net *net,
                     const bnt_run_state *state)
{
    bnt_digest_file_put(f, MAGIC, sizeof MAGIC);
    bnt_digest_file_put_u32(f, BNT_CHECKPOINT_VERSION);
    bnt_digest_file_put_u32(f, (uint32_t)bnt_net_n_params(net));
    bnt_digest_file_put_u64(f, identity);
    bnt_digest_file_put_u64(f, state->step);
    bnt_digest_file_put_u64(f, state->steps);
    bnt_digest_file_put_f64(f, state->seconds);
    bnt_digest_file_put_u32(f, state->n_losses);
    bnt_digest_file_put_u32(f, 0);
    for (size_t i = 0; i < BNT_RECENT_LOSSES; i++) {
        bnt_digest_file_put_f64(f, state->losses[i]);
    }
}

bantam_status bnt_checkpoint_save(const char *path, uint64_t identity, const bnt_net *net,
                                  const bnt_optimizer *o, const bnt_run_state *state,
                                  bantam_error *err)
{
    const size_t n_params = bnt_net_n_params(net);
    bnt_digest_file f;
    const bantam_status status = bnt_digest_file_begin(&f, path, err);

    if (status) return status;
    put_head(&f, identity, net, state);
    for (size_t i = 0; i < n_params; i++) {
        bnt_digest_file_put_u64(&f, bnt_net_param(net, i)->n);
    }
    for (size_t i = 0; i < n_params && !bnt_save_failed(f.save); i++) {
        const bnt_param *const p = bnt_net_param(net, i);
        bnt_digest_file_put(&f, p->w, p->n * sizeof *p->w);
    }
    bnt_digest_file_put(&f, o->m, o->n_weights * sizeof *o->m);
    bnt_digest_file_put(&f, o->v, o->n_weights * sizeof *o->v);
    if (state->note_bytes) bnt_digest_file_put(&f, state->notes, state->note_bytes);
    return bnt_digest_file_commit(&f, err);
}

/* ---- reading ---- */

static bantam_status check_start(bnt_cursor *c, bantam_error *err)
{
    const uint8_t *const magic = bnt_cursor_take(c, sizeof MAGIC);

    if (!magic || memcmp(magic, MAGIC, sizeof MAGIC) != 0) {
        return bnt_fail(err, BANTAM_ERR_FORMAT, "not a checkpoint of a training run");
    }
    const uint32_t version = bnt_cursor_u32(c);
    if (version == BNT_CHECKPOINT_VERSION || c->failed) return BANTAM_OK;
    return bnt_fail(err, BANTAM_ERR_UNSUPPORTED,
                    "checkpoint: expected version %d, found %" PRIu32, BNT_CHECKPOINT_VERSION,
                    version);
}

static bantam_status check_whole(bnt_cursor *c, uint64_t size, const bnt_net *net,
                                 const bnt_optimizer *o, const bnt_run_state *state,
                                 bantam_error *err)
{
    const bantam_status status = check_start(c, err);

    if (status) return status;
    const uint32_t n_params = bnt_cursor_u32(c);
    if (!c->failed && n_params != bnt_net_n_params(net)) {
        return bnt_fail(err, BANTAM_ERR_INVALID,
                        "checkpoint of another model: expected %zu parameters, found %" PRIu32,
                        bnt_net_n_params(net), n_params);
    }
    if (size != file_size(net, o, state)) {
        return bnt_fail(err, BANTAM_ERR_FORMAT,
                        "checkpoint: expected %" PRIu64 " bytes, found %" PRIu64
                        ": cut short, or of another model",
                        file_size(net, o, state), size);
    }
    if (bnt_digest_file_is_whole(c->start, (size_t)size)) return BANTAM_OK;
    return bnt_fail(err, BANTAM_ERR_FORMAT, "checkpoint: damaged, its digest is wrong");
}

static bantam_status read_head(bnt_cursor *c, uint64_t identity, const bnt_net *net,
                               bnt_run_state *state, bantam_error *err)
{
    if (bnt_cursor_u64(c) != identity) {
        return bnt_fail(err, BANTAM_ERR_INVALID,
                        "checkpoint of another run: model, data or settings differ");
    }
    state->step = bnt_cursor_u64(c);
    state->steps = bnt_cursor_u64(c);
    state->seconds = bnt_cursor_f64(c);
    state->n_losses = bnt_cursor_u32(c);
    (void)bnt_cursor_u32(c);
    for (size_t i = 0; i < BNT_RECENT_LOSSES; i++) {
        state->losses[i] = bnt_cursor_f64(c);
    }
    const bool sound = state->step <= state->steps && state->n_losses <= BNT_RECENT_LOSSES &&
                       state->n_losses <= state->step && state->seconds >= 0.0 &&
                       isfinite(state->seconds);
    if (!sound) return bnt_fail(err, BANTAM_ERR_FORMAT, "checkpoint: its counts make no sense");
    for (size_t i = 0; i < bnt_net_n_params(net); i++) {
        const bnt_param *const p = bnt_net_param(net, i);
        const uint64_t n = bnt_cursor_u64(c);
        if (n == p->n) continue;
        return bnt_fail(err, BANTAM_ERR_INVALID,
                        "checkpoint of another model: %s: expected %zu weights, found %" PRIu64,
                        p->name, p->n, n);
    }
    return BANTAM_OK;
}

/* The size has been checked: as many floats are there. */
static void read_floats(bnt_cursor *c, float *out, size_t n)
{
    const uint8_t *const from = bnt_cursor_take(c, (uint64_t)n * sizeof *out);

    if (from && n) memcpy(out, from, n * sizeof *out);
}

static bantam_status load(const bnt_map *map, uint64_t identity, const bnt_net *net,
                          const bnt_optimizer *o, bnt_run_state *state, bantam_error *err)
{
    bnt_cursor c = bnt_cursor_on(bnt_map_data(map), bnt_map_size(map));
    bnt_run_state found = {.notes = state->notes, .note_bytes = state->note_bytes};

    bantam_status status = check_whole(&c, bnt_map_size(map), net, o, state, err);
    if (!status) status = read_head(&c, identity, net, &found, err);
    if (status) return status;
    for (size_t i = 0; i < bnt_net_n_params(net); i++) {
        const bnt_param *const p = bnt_net_param(net, i);
        read_floats(&c, p->w, p->n);
    }
    read_floats(&c, o->m, o->n_weights);
    read_floats(&c, o->v, o->n_weights);
    const uint8_t *const notes = bnt_cursor_take(&c, state->note_bytes);
    if (notes && state->note_bytes) memcpy(state->notes, notes, state->note_bytes);
    if (bnt_map_check(map)) {
        return bnt_fail(err, BANTAM_ERR_IO, "checkpoint: the file was cut while it was read");
    }
    *state = found;
    return BANTAM_OK;
}

bantam_status bnt_checkpoint_load(const char *path, uint64_t identity, const bnt_net *net,
                                  const bnt_optimizer *o, bnt_run_state *state,
                                  bantam_error *err)
{
    bnt_map *map;
    bantam_status status = bnt_map_open(&map, path, err);

    if (status) return status;
    status = load(map, identity, net, o, state, err);
    bnt_map_close(map);
    return status ? bnt_fail_within(err, status, "%s: ", path) : BANTAM_OK;
}

bantam_status bnt_checkpoint_peek(const char *path, uint64_t *step, uint64_t *steps,
                                  bantam_error *err)
{
    bnt_map *map;
    bantam_status status = bnt_map_open(&map, path, err);

    *step = *steps = 0;
    if (status) return status;
    bnt_cursor c = bnt_cursor_on(bnt_map_data(map), bnt_map_size(map));
    status = check_start(&c, err);
    (void)bnt_cursor_take(&c, 4 + 8);
    const uint64_t found[] = {bnt_cursor_u64(&c), bnt_cursor_u64(&c)};
    if (!status && (c.failed || found[0] > found[1])) {
        status = bnt_fail(err, BANTAM_ERR_FORMAT, "checkpoint: cut short, or damaged");
    }
    bnt_map_close(map);
    if (status) return bnt_fail_within(err, status, "%s: ", path);
    *step = found[0];
    *steps = found[1];
    return BANTAM_OK;
}
