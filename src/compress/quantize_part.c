/* quantize_part.c - see quantize_part.h. The state is
 *
 *     "BNTQPART"  magic
 *     u32         version of this layout
 *     u32         stage
 *     u64         identity of the quantization
 *     u64 u64     tensors that are done; bytes of OUT.bantam-part that count
 *     u64         their digest
 *     u32 u32     the next layer; number of tensors
 *     u64         number of floats at the end
 *     each tensor: u32 type, u32 number of weights; f64 error, energy, loss, price; u64 inputs
 *             that the weights are a mean over; f32 (weights)
 *     f32         states of the texts
 *     u64         digest of all that stands before it
 *
 * little-endian. It is read as strangers' bytes are: sizes are held against the plan, which is
 * that of the model at hand, and nothing is allocated by a number that stands in the file.
 */
#include "compress/quantize_part.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cursor.h"
#include "base/digest_file.h"
#include "base/mem.h"
#include "compress/quantize_parts.h"
#include "quant/tile.h"

enum { VERSION = 1, SHARE = 20 /* saving takes at most one part in so many of the time */ };

static const char MAGIC[8] = "BNTQPART";
static const double USUAL_SECONDS = 10.0;
static const double NS = 1e9;

/* ---- whose it is ------------------------------------------------------------------------- */

static void put_u64(bnt_digest *d, uint64_t value)
{
    uint8_t bytes[8];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(value >> 8 * i);
    }
    bnt_digest_put(d, bytes, sizeof bytes);
}

static void put_name(bnt_digest *d, const char *name)
{
    bnt_digest_put(d, name, strlen(name) + 1);
}

/* Files as they are now: another size, time or place is another source. */
static void put_source(bnt_digest *d, const bnt_archive *archive)
{
    for (size_t i = 0; i < bnt_archive_n_files(archive); i++) {
        bnt_map_stamp stamp = {0};
        bnt_map_stamp_of(bnt_archive_file_map(archive, i), &stamp);
        put_u64(d, stamp.size);
        put_u64(d, stamp.inode);
        put_u64(d, stamp.modified_ns);
    }
}

static void put_step(bnt_digest *d, const bnt_quantize_step *step)
{
    put_name(d, step->tensor->name);
    put_u64(d, (uint64_t)step->tensor->type->id);
    put_u64(d, (uint64_t)step->to->id);
    put_u64(d, step->chosen);
    if (!step->weights) return;
    bnt_digest_put(d, step->weights, step->tensor->dims[0] * sizeof *step->weights);
}

static uint64_t identify(const bnt_quantizer *q, uint64_t head)
{
    const bantam_rotation *const r = q->options.rotation;
    bnt_digest d;

    bnt_digest_init(&d);
    put_u64(&d, BANTAM_VERSION_MAJOR << 16 | BANTAM_VERSION_MINOR << 8 | BANTAM_VERSION_PATCH);
    put_u64(&d, head);
    put_u64(&d, q->method);
    put_u64(&d, q->options.budget_bytes);
    put_u64(&d, q->options.embedding != NULL);
    put_u64(&d, q->options.output != NULL);
    put_u64(&d, r ? 1 + r->seed : 0);
    put_u64(&d, r ? r->n_seeds : 0);
    put_u64(&d, r && r->down);
    put_source(&d, q->source.archive);
    for (size_t i = 0; i < q->plan.n_steps; i++) {
        put_step(&d, &q->plan.steps[i]);
    }
    put_u64(&d, q->text.sequence);
    bnt_digest_put(&d, q->text.tokens, q->text.n_tokens * sizeof *q->text.tokens);
    return bnt_digest_end(&d);
}

static char *with_ending(const char *path, const char *ending)
{
    const size_t n = strlen(path), more = strlen(ending);
    char *const both = bnt_alloc(n + more + 1);
    if (!both) return NULL;
    memcpy(both, path, n);
    memcpy(both + n, ending, more + 1);
    return both;
}

bantam_status bnt_part_init(bnt_quantizer *q, const char *out, uint64_t head, bantam_error *err)
{
    bnt_part *const p = &q->part;

    p->identity = identify(q, head);
    p->saved_ns = bnt_clock_ns();
    bnt_digest_init(&p->digest);
    p->path = with_ending(out, ".bantam-part");
    p->state_path = with_ending(out, ".bantam-part.state");
    if (p->path && p->state_path) return BANTAM_OK;
    return bnt_fail(err, BANTAM_ERR_NOMEM, "%s: out of memory for a name", out);
}

/* ---- reading ----------------------------------------------------------------------------- */

typedef struct head {
    uint64_t identity, data_digest;
    uint32_t version, n_steps;
} head;

static bantam_status read_head(bnt_part *p, bnt_cursor *c, head *h, bantam_error *err)
{
    const uint8_t *const magic = bnt_cursor_take(c, sizeof MAGIC);
    const bool ours = magic && memcmp(magic, MAGIC, sizeof MAGIC) == 0;

    h->version = bnt_cursor_u32(c);
    p->stage = (bnt_part_stage)bnt_cursor_u32(c);
    h->identity = bnt_cursor_u64(c);
    p->n_done = bnt_cursor_u64(c);
    p->data_bytes = bnt_cursor_u64(c);
    h->data_digest = bnt_cursor_u64(c);
    p->next_layer = bnt_cursor_u32(c);
    h->n_steps = bnt_cursor_u32(c);
    p->n_states = bnt_cursor_u64(c);
    if (c->failed || !ours) return bnt_fail(err, BANTAM_ERR_FORMAT, "not a state of ours");
    if (h->version != VERSION || h->identity != p->identity) {
        return bnt_fail(err, BANTAM_ERR_INVALID,
                        "it belongs to another source, other options or another version");
    }
    return BANTAM_OK;
}

/* Types that a step can be given: those that something encodes. */
static const bnt_type *read_type(uint32_t id)
{
    const bnt_type *const type = bnt_type_find(id);
    if (!type || bnt_tile_is_private(type)) return NULL;
    return type->tile || type->encode || type->encode_for ? type : NULL;
}

static bantam_status take_weights(bnt_quantize_step *step, bnt_cursor *c, bantam_error *err)
{
    const size_t n = (size_t)step->tensor->dims[0];
    bnt_free(step->weights);
    step->weights = bnt_calloc(n, sizeof *step->weights);
    if (!step->weights) return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for weights");
    for (size_t i = 0; i < n; i++) {
        step->weights[i] = bnt_cursor_f32(c);
    }
    return BANTAM_OK;
}

/* Reads what is said of a step; into the step only with `take`. */
static bantam_status read_step(bnt_quantize_step *step, bnt_cursor *c, bool typed, bool take,
                               bantam_error *err)
{
    const bnt_type *const type = read_type(bnt_cursor_u32(c));
    const uint32_t n_weights = bnt_cursor_u32(c);
    bnt_quantize_step found = *step;

    found.error = bnt_cursor_f64(c);
    found.energy = bnt_cursor_f64(c);
    found.loss = bnt_cursor_f64(c);
    found.price = bnt_cursor_f64(c);
    found.n_inputs = bnt_cursor_u64(c);
    if (!type || (n_weights && n_weights != step->tensor->dims[0])) {
        return bnt_fail(err, BANTAM_ERR_FORMAT, "tensor %s: it does not fit the model",
                        step->tensor->name);
    }
    if (!take) {
        bnt_cursor_take(c, (uint64_t)n_weights * sizeof(float));
        return BANTAM_OK;
    }
    *step = found;
    if (typed && type != step->to) bnt_quantize_assign(step, type);
    return n_weights ? take_weights(step, c, err) : BANTAM_OK;
}

static bantam_status read_steps(bnt_quantizer *q, bnt_cursor *c, bool take, bantam_error *err)
{
    const bool typed = q->part.stage > BNT_PART_PRICES;
    bantam_status status = BANTAM_OK;
    for (size_t i = 0; !status && i < q->plan.n_steps; i++) {
        status = read_step(&q->plan.steps[i], c, typed, take, err);
    }
    return status;
}

/* The file's first bytes are those that were digested; goes on from what is known. */
static bool digest_to(bnt_part *p, uint64_t end)
{
    bnt_map *map = NULL;
    if (end == p->digested) return true;
    if (end < p->digested || bnt_map_open(&map, p->path, NULL)) return false;
    const bool enough = bnt_map_size(map) >= end;
    if (enough) {
        bnt_digest_put(&p->digest, bnt_map_data(map) + p->digested,
                       (size_t)(end - p->digested));
        p->digested = end;
    }
    const bool whole = enough && !bnt_map_check(map);
    bnt_map_close(map);
    return whole;
}

static bantam_status read_state(bnt_quantizer *q, bantam_error *err)
{
    bnt_part *const p = &q->part;
    const size_t size = bnt_map_size(p->map);
    bnt_cursor c = bnt_cursor_on(bnt_map_data(p->map), size);
    head h;

    if (size < BNT_DIGEST_BYTES || !bnt_digest_file_is_whole(bnt_map_data(p->map), size)) {
        return bnt_fail(err, BANTAM_ERR_FORMAT, "it is damaged");
    }
    bantam_status status = read_head(p, &c, &h, err);
    if (status) return status;
    if (h.n_steps != q->plan.n_steps || p->n_done > h.n_steps || p->stage > BNT_PART_TENSORS) {
        return bnt_fail(err, BANTAM_ERR_FORMAT, "it does not fit the model");
    }
    if (!digest_to(p, p->data_bytes) || bnt_digest_end(&p->digest) != h.data_digest) {
        return bnt_fail(err, BANTAM_ERR_FORMAT, "the part it goes with is damaged");
    }
    /* Nothing is taken over before all of it is sound. */
    bnt_cursor again = c;
    status = read_steps(q, &c, false, err);
    if (status) return status;
    const uint64_t left = bnt_cursor_left(&c);
    if (c.failed || left < BNT_DIGEST_BYTES || left % sizeof(float) ||
        (left - BNT_DIGEST_BYTES) / sizeof(float) != p->n_states) {
        return bnt_fail(err, BANTAM_ERR_FORMAT, "it is damaged");
    }
    p->states = c.at;
    return read_steps(q, &again, true, err);
}

static void forget(bnt_part *p)
{
    bnt_map_close(p->map);
    p->map = NULL;
    p->stage = BNT_PART_PRICES;
    p->next_layer = 0;
    p->n_done = p->data_bytes = p->n_states = p->digested = 0;
    p->states = NULL;
    bnt_digest_init(&p->digest);
}

bantam_status bnt_part_find(bnt_quantizer *q, bantam_error *err)
{
    bnt_part *const p = &q->part;
    bantam_error why;

    if (!bnt_file_is_there(p->state_path)) return BANTAM_OK;
    bantam_status status = bnt_map_open(&p->map, p->state_path, &why);
    if (!status) status = read_state(q, &why);
    p->saved = !status;
    if (!status) return BANTAM_OK;
    forget(p);
    if (status == BANTAM_ERR_NOMEM) return bnt_fail(err, status, "%s", why.message);
    p->refused = why;
    return BANTAM_OK;
}

void bnt_part_clear(const bnt_part *p)
{
    if (p->refused.status) unlink(p->state_path);
}

void bnt_part_take_states(bnt_quantizer *q)
{
    bnt_part *const p = &q->part;
    bnt_walk *const w = &q->calibration.walk;
    const size_t n = (size_t)w->n_tokens * q->model->config.n_embd;

    if (p->n_states == n) {
        bnt_cursor c = bnt_cursor_on(p->states, n * sizeof(float));
        for (size_t i = 0; i < n; i++) {
            w->states[i] = bnt_cursor_f32(&c);
        }
    }
    bnt_map_close(p->map);
    p->map = NULL;
    p->states = NULL;
}

/* ---- writing ----------------------------------------------------------------------------- */

static bool is_due(const bnt_quantizer *q)
{
    const double wanted = q->options.checkpoint_seconds;
    const double seconds = wanted > 0.0 ? wanted : USUAL_SECONDS;
    const double passed = (double)(bnt_clock_ns() - q->part.saved_ns);
    const double least = SHARE * (double)q->part.cost_ns;
    return passed >= seconds * NS && (passed >= least || wanted > 0.0);
}

static void write_steps(const bnt_quantizer *q, bnt_digest_file *f)
{
    for (size_t i = 0; i < q->plan.n_steps; i++) {
        const bnt_quantize_step *const step = &q->plan.steps[i];
        const size_t n = step->weights ? (size_t)step->tensor->dims[0] : 0;
        bnt_digest_file_put_u32(f, (uint32_t)step->to->id);
        bnt_digest_file_put_u32(f, (uint32_t)n);
        bnt_digest_file_put_f64(f, step->error);
        bnt_digest_file_put_f64(f, step->energy);
        bnt_digest_file_put_f64(f, step->loss);
        bnt_digest_file_put_f64(f, step->price);
        bnt_digest_file_put_u64(f, step->n_inputs);
        if (n) bnt_digest_file_put(f, step->weights, n * sizeof *step->weights);
    }
}

static bantam_status write_state(const bnt_quantizer *q, bnt_part_stage stage, size_t n_done,
                                 bool with_states, bantam_error *err)
{
    const bnt_part *const p = &q->part;
    const bnt_walk *const w = &q->calibration.walk;
    const size_t n = with_states ? (size_t)w->n_tokens * q->model->config.n_embd : 0;
    bnt_digest_file f;
    const bantam_status status = bnt_digest_file_begin(&f, p->state_path, err);

    if (status) return status;
    bnt_digest_file_put(&f, MAGIC, sizeof MAGIC);
    bnt_digest_file_put_u32(&f, VERSION);
    bnt_digest_file_put_u32(&f, (uint32_t)stage);
    bnt_digest_file_put_u64(&f, p->identity);
    bnt_digest_file_put_u64(&f, n_done);
    bnt_digest_file_put_u64(&f, p->digested);
    bnt_digest_file_put_u64(&f, bnt_digest_end(&p->digest));
    bnt_digest_file_put_u32(&f, q->next_layer);
    bnt_digest_file_put_u32(&f, (uint32_t)q->plan.n_steps);
    bnt_digest_file_put_u64(&f, n);
    write_steps(q, &f);
    if (n) bnt_digest_file_put(&f, w->states, n * sizeof *w->states);
    return bnt_digest_file_commit(&f, err);
}

bantam_status bnt_part_save(bnt_quantizer *q, bnt_part_stage stage, size_t n_done,
                            bool with_states, bantam_error *err)
{
    bnt_part *const p = &q->part;

    if (!is_due(q)) return BANTAM_OK;
    const uint64_t begun = bnt_clock_ns();
    if (n_done) {
        const uint64_t end = bnt_gguf_sync(q->w);
        /* The writer's commit tells what went wrong with its file. */
        if (bnt_gguf_writer_failed(q->w)) return BANTAM_ERR_IO;
        if (!digest_to(p, end)) {
            return bnt_fail(err, BANTAM_ERR_IO, "%s: it has changed since it was written",
                            p->path);
        }
    }
    const bantam_status status = write_state(q, stage, n_done, with_states, err);
    if (status) return status;
    if (q->w) bnt_gguf_keep(q->w, true);
    p->saved = true;
    p->saved_ns = bnt_clock_ns();
    p->cost_ns = p->saved_ns - begun;
    return BANTAM_OK;
}

static bool is_worth_keeping(bantam_status status)
{
    return status == BANTAM_ERR_CANCELLED || status == BANTAM_ERR_IO ||
           status == BANTAM_ERR_NOMEM;
}

void bnt_part_end(bnt_quantizer *q, bantam_status status)
{
    bnt_part *const p = &q->part;
    const bool keep = p->saved && is_worth_keeping(status);

    if (q->w) bnt_gguf_keep(q->w, keep);
    bnt_gguf_writer_abort(q->w);
    q->w = NULL;
    if (p->saved && !keep) {
        unlink(p->state_path);
        unlink(p->path);
    }
    bnt_map_close(p->map);
    bnt_free(p->path);
    bnt_free(p->state_path);
    *p = (bnt_part){0};
}
