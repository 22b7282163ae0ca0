/* pack.c - matrices interleaved by all cores, into a file or into memory.
 *
 * What is packed is a list of items, one for each matrix that has an interleaved form, laid one
 * behind the other in the order of weights.h. The pool takes pieces of items. Of the source
 * only the piece at hand is in memory: its pages are given back as soon as it is done, so that
 * packing takes no more than what it makes. Files are pack_cache.c's business, places for them
 * pack_place.c's.
 */
#include "model/pack.h"

#include "base/checked.h"
#include "base/cpu.h"
#include "base/mem.h"
#include "base/pages.h"
#include "base/pool.h"
#include "model/pack_parts.h"
#include "model/weights.h"

#include <inttypes.h>
#include <string.h>

enum {
    PIECE_BYTES = 256 << 10, /* of a task: the second-level cache holds source and result */
    ROUND_BYTES = 16 << 20,  /* between two calls of progress */
    ALONE_BYTES = 1 << 20,   /* threads take as long to start */
    MAX_THREADS = 16         /* more would only wait for memory */
};

struct bnt_pack {
    bnt_map *map; /* owns: the cache file, or */
    void *pages;  /* owns: memory */
    size_t pages_bytes;
    char *path, *note; /* own; may be NULL */
    uint8_t source[32];
};

/* ---- what there is to pack --------------------------------------------------------------- */

/* The interleaved form that a matrix gets, NULL where it stays as it is. */
static const bnt_type *form_of(const bnt_matrix *w)
{
    return w->type->tile ? NULL : bnt_tile_type_of(w->type);
}

static bool add_item(bnt_packing *p, bnt_matrix *w, const bnt_type *type)
{
    bnt_pack_item *const item = &p->items[p->n_items];

    item->matrix = w;
    item->type = type;
    item->n_groups = bnt_matrix_strips(type, w->rows);
    item->offset = p->bytes;
    if (!bnt_type_bytes(type, w->rows, w->columns, &item->bytes) ||
        !bnt_add_u64(p->bytes, item->bytes, &p->bytes) || p->bytes > SIZE_MAX / 2) {
        return false;
    }
    item->group_bytes = bnt_tile_group_bytes(type->tile, w->columns);
    item->task_groups = item->group_bytes < PIECE_BYTES
                            ? (uint32_t)((size_t)PIECE_BYTES / item->group_bytes)
                            : 1;
    item->first_task = p->n_tasks;
    p->n_tasks += (item->n_groups + item->task_groups - 1) / item->task_groups;
    const size_t piece = item->task_groups * item->group_bytes;
    if (piece > p->piece_bytes) p->piece_bytes = piece;
    p->n_items++;
    return true;
}

static bantam_status list_items(bnt_packing *p, bantam_error *err)
{
    bnt_matrix *w;
    size_t n = 0;

    for (size_t i = 0; (w = bnt_weights_at(p->model, i)) != NULL; i++) {
        if (form_of(w)) n++;
    }
    if (!n) return BANTAM_OK;
    p->items = bnt_calloc(n, sizeof *p->items);
    if (!p->items) return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory to pack weights");
    for (size_t i = 0; (w = bnt_weights_at(p->model, i)) != NULL; i++) {
        const bnt_type *const type = form_of(w);
        if (type && !add_item(p, w, type)) {
            return bnt_fail(err, BANTAM_ERR_NOMEM,
                            "packed weights are more than this machine can address");
        }
    }
    return BANTAM_OK;
}

/* ---- the work ---------------------------------------------------------------------------- */

typedef struct run {
    bnt_packing *p;
    bnt_pack_sink sink;
    size_t first;     /* task of this round */
    uint8_t *buffers; /* (threads, piece_bytes) owns; where the sink is a file */
    int *reasons;     /* (threads) owns: errno of a write that failed */
} run;

uint64_t bnt_pack_sample_at(const bnt_pack_item *item, size_t index)
{
    const uint64_t last = item->bytes - BNT_PACK_SAMPLE_BYTES;
    return index == 0 ? 0 : index == 1 ? last / 2 & ~(uint64_t)63 : last;
}

/* Copies the samples that lie in a piece. Groups are multiples of 64 bytes, so that a sample
 * lies in one piece whole. */
static void keep_samples(bnt_pack_item *item, uint64_t begin, const uint8_t *piece, size_t size)
{
    for (size_t i = 0; i < BNT_PACK_SAMPLES; i++) {
        const uint64_t at = bnt_pack_sample_at(item, i);
        if (at < begin || at - begin >= size) continue;
        memcpy(item->samples[i], piece + (at - begin), BNT_PACK_SAMPLE_BYTES);
    }
}

static bnt_pack_item *item_of(const bnt_packing *p, size_t task)
{
    size_t low = 0, high = p->n_items - 1;
    while (low < high) {
        const size_t middle = low + (high - low + 1) / 2;
        if (p->items[middle].first_task <= task) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    return &p->items[low];
}

static void pack_piece(void *context, size_t index, uint32_t thread)
{
    const run *const r = context;
    const size_t task = r->first + index;
    bnt_pack_item *const item = item_of(r->p, task);
    const bnt_matrix *const w = item->matrix;
    const uint32_t group = (uint32_t)(task - item->first_task) * item->task_groups;
    const uint32_t left = item->n_groups - group;
    const uint32_t n = left < item->task_groups ? left : item->task_groups;
    const uint64_t begin = (uint64_t)group * item->group_bytes;
    const size_t size = n * item->group_bytes;
    const uint32_t first_row = group * BNT_TILE_ROWS;
    const uint8_t *const rows = w->data + first_row * w->row_bytes;
    uint32_t rows_left = w->rows - first_row;
    uint8_t *const piece = r->sink.memory ? r->sink.memory + item->offset + begin
                                          : r->buffers + thread * r->p->piece_bytes;

    for (uint32_t g = 0; g < n; g++) {
        const uint32_t n_rows = rows_left < BNT_TILE_ROWS ? rows_left : BNT_TILE_ROWS;
        bnt_tile_interleave(item->type, rows + (size_t)g * BNT_TILE_ROWS * w->row_bytes,
                            w->row_bytes, n_rows, w->columns, piece + g * item->group_bytes);
        rows_left -= n_rows;
    }
    keep_samples(item, begin, piece, size);
    if (!r->sink.memory) {
        const int reason = bnt_save_write_at(
            r->sink.save, r->sink.data_at + item->offset + begin, piece, size);
        if (reason) r->reasons[thread] = reason;
    }
    bnt_archive_release(r->p->model->archive, rows,
                        (size_t)(w->rows - first_row - rows_left) * w->row_bytes);
}

static bool tell(const bnt_packing *p, size_t done_tasks)
{
    const bnt_pack_options *const o = p->options;
    if (!o->progress) return true;
    /* Near enough: tasks are of about one size. */
    const double share = (double)done_tasks / (double)p->n_tasks;
    const uint64_t done =
        done_tasks == p->n_tasks ? p->bytes : (uint64_t)((double)p->bytes * share);
    return o->progress(o->user, done, p->bytes);
}

static bantam_status run_rounds(run *r, bnt_pool *pool, bantam_error *err)
{
    const bnt_packing *const p = r->p;
    const size_t round = ROUND_BYTES / p->piece_bytes + 1;

    while (r->first < p->n_tasks) {
        const size_t left = p->n_tasks - r->first;
        const size_t n = left < round ? left : round;
        bnt_pool_run(pool, pack_piece, r, n);
        r->first += n;
        for (uint32_t t = 0; t < bnt_pool_threads(pool); t++) {
            if (r->reasons[t]) {
                bnt_save_fail(r->sink.save, r->reasons[t]);
                return BANTAM_OK;
            }
        }
        if (r->sink.save) bnt_save_hurry(r->sink.save);
        if (!tell(p, r->first)) return bnt_fail(err, BANTAM_ERR_CANCELLED, "cancelled");
    }
    return bnt_archive_check(p->model->archive, err);
}

/* As many threads as are worth it and can be had. */
static bantam_status open_pool(bnt_pool **out, const bnt_packing *p, bantam_error *err)
{
    uint32_t n = p->bytes < ALONE_BYTES ? 1 : bnt_cpu_cores();
    if (n > MAX_THREADS) n = MAX_THREADS;
    if (n > 1 && bnt_pool_open(out, n, NULL) == BANTAM_OK) return BANTAM_OK;
    return bnt_pool_open(out, 1, err);
}

bantam_status bnt_pack_run(bnt_packing *p, bnt_pack_sink sink, bantam_error *err)
{
    run r = {.p = p, .sink = sink};
    bnt_pool *pool = NULL;

    bantam_status status = open_pool(&pool, p, err);
    if (status) return status;
    const uint32_t n_threads = bnt_pool_threads(pool);
    r.reasons = bnt_calloc(n_threads, sizeof *r.reasons);
    if (!sink.memory) r.buffers = bnt_calloc(n_threads, p->piece_bytes);
    if (!r.reasons || (!sink.memory && !r.buffers)) {
        status = bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory to pack weights");
    } else {
        status = run_rounds(&r, pool, err);
    }
    bnt_free(r.buffers);
    bnt_free(r.reasons);
    bnt_pool_close(pool);
    return status;
}

/* ---- places ------------------------------------------------------------------------------ */

static bantam_status take_path(bnt_pack *pack, bnt_map *map, const char *path,
                               bantam_error *err)
{
    pack->map = map;
    pack->path = bnt_strdup(path, strlen(path));
    if (pack->path) return BANTAM_OK;
    return bnt_fail(err, BANTAM_ERR_NOMEM, "%s: out of memory", path);
}

static bantam_status find_cache(const bnt_packing *p, bnt_pack *pack,
                                const bnt_pack_places *places, bantam_error *err)
{
    for (size_t i = 0; i < places->n; i++) {
        bnt_map *const map = bnt_pack_cache_open(p, places->at[i].path);
        if (!map) continue;
        bnt_pack_place_used(&places->at[i]);
        return take_path(pack, map, places->at[i].path, err);
    }
    return BANTAM_OK;
}

static bantam_status make_cache(bnt_packing *p, bnt_pack *pack, const bnt_pack_places *places,
                                bantam_error *err)
{
    uint64_t data_at;
    const uint64_t bytes = bnt_pack_cache_bytes(p, &data_at);
    bantam_error why = {0};

    for (size_t i = 0; i < places->n; i++) {
        bnt_map *map = NULL;
        if (!bnt_pack_place_ready(&places->at[i], bytes, &why)) continue;
        const bantam_status status =
            bnt_pack_cache_make(p, places->at[i].path, &map, &why, err);
        if (status) return status;
        if (map) return take_path(pack, map, places->at[i].path, err);
    }
    if (places->n) {
        pack->note = bnt_strdup(why.message, strlen(why.message));
        if (!pack->note) return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for a note");
    }
    return BANTAM_OK;
}

static bantam_status use_cache(bnt_packing *p, bnt_pack *pack, bantam_error *err)
{
    bnt_pack_places places;
    const char *const path = bnt_archive_file_path(p->model->archive, 0);

    bantam_status status = bnt_pack_places_find(&places, path, false, err);
    if (!status) status = find_cache(p, pack, &places, err);
    if (!status && !pack->map) status = make_cache(p, pack, &places, err);
    bnt_pack_places_free(&places);
    return status;
}

static bantam_status use_memory(bnt_packing *p, bnt_pack *pack, bantam_error *err)
{
    uint64_t machine, available;

    /* The system would promise more than there is, and end the process when it is touched. */
    bnt_cpu_memory(&machine, &available);
    if (available && p->bytes > available) {
        return bnt_fail(err, BANTAM_ERR_NOMEM,
                        "%" PRIu64 " bytes are needed for packed weights, %" PRIu64
                        " are available",
                        p->bytes, available);
    }
    pack->pages_bytes = (size_t)p->bytes;
    pack->pages = bnt_pages_alloc(pack->pages_bytes);
    if (!pack->pages) {
        return bnt_fail(err, BANTAM_ERR_NOMEM,
                        "out of memory for %" PRIu64 " bytes of packed weights", p->bytes);
    }
    const bnt_pack_sink sink = {.memory = pack->pages};
    return bnt_pack_run(p, sink, err);
}

/* ---- the whole --------------------------------------------------------------------------- */

static void put_in_place(bnt_model *m, bnt_matrix *w, const bnt_type *type, const uint8_t *data,
                         size_t group_bytes)
{
    const uint64_t before = (uint64_t)w->row_bytes * w->rows;
    w->type = type;
    w->data = data;
    w->row_bytes = group_bytes;
    m->weight_bytes += (uint64_t)group_bytes * bnt_matrix_strips(type, w->rows) - before;
}

static void install(const bnt_packing *p, bnt_pack *pack)
{
    bnt_model *const m = p->model;
    uint64_t data_at = 0;
    (void)bnt_pack_cache_bytes(p, &data_at);
    const uint8_t *const data = pack->map ? bnt_map_data(pack->map) + data_at : pack->pages;

    for (size_t i = 0; i < p->n_items; i++) {
        const bnt_pack_item *const item = &p->items[i];
        bnt_matrix *const w = item->matrix;
        bnt_archive_release(m->archive, w->data, w->row_bytes * w->rows);
        put_in_place(m, w, item->type, data + item->offset, item->group_bytes);
        if (w == &m->embed) m->embed_copied = pack->pages;
    }
    if (m->config.tied) m->head = m->embed;
    m->held_bytes = pack->pages ? p->bytes : 0;
    m->pack = pack;
    bnt_weights_survey(m);
}

void bnt_pack_pretend(bnt_model *m, bool no_cache)
{
    bnt_matrix *w;
    uint64_t bytes = 0;
    bool embed = false;

    for (size_t i = 0; (w = bnt_weights_at(m, i)) != NULL; i++) {
        const bnt_type *const type = form_of(w);
        if (!type) continue;
        put_in_place(m, w, type, NULL, bnt_tile_group_bytes(type->tile, w->columns));
        bytes += (uint64_t)w->row_bytes * bnt_matrix_strips(type, w->rows);
        embed = embed || w == &m->embed;
    }
    const bool held = no_cache || bytes < bnt_pack_least_bytes();
    m->held_bytes = held ? bytes : 0;
    m->embed_copied = embed && held;
    if (m->config.tied) m->head = m->embed;
    bnt_weights_survey(m);
}

static bantam_status fill(bnt_packing *p, bnt_pack *pack, bantam_error *err)
{
    bantam_status status = BANTAM_OK;

    bnt_model_digest(p->model, p->source);
    memcpy(pack->source, p->source, sizeof pack->source);
    if (!p->options->no_cache && p->bytes >= bnt_pack_least_bytes()) {
        status = use_cache(p, pack, err);
    }
    if (!status && !pack->map) status = use_memory(p, pack, err);
    /* What was digested of a file that was cut meanwhile is nothing. */
    if (!status) status = bnt_archive_check(p->model->archive, err);
    return status;
}

bantam_status bnt_model_pack(bnt_model *model, const bnt_pack_options *options,
                             bantam_error *err)
{
    static const bnt_pack_options plain = {0};
    bnt_packing p = {.model = model, .options = options ? options : &plain};

    if (model->pack) return BANTAM_OK;
    bantam_status status = list_items(&p, err);
    if (!status && p.n_items) {
        bnt_pack *const pack = bnt_calloc(1, sizeof *pack);
        status = pack ? fill(&p, pack, err)
                      : bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory to pack weights");
        if (status) {
            bnt_pack_close(pack);
        } else {
            install(&p, pack);
        }
    }
    bnt_free(p.items);
    return status;
}

void bnt_pack_close(bnt_pack *pack)
{
    if (!pack) return;
    bnt_map_close(pack->map);
    bnt_pages_free(pack->pages, pack->pages_bytes);
    bnt_free(pack->path);
    bnt_free(pack->note);
    bnt_free(pack);
}

const uint8_t *bnt_pack_source(const bnt_pack *pack)
{
    return pack->source;
}

const char *bnt_pack_path(const bnt_pack *pack)
{
    return pack->path;
}

const char *bnt_pack_note(const bnt_pack *pack)
{
    return pack->note;
}

bantam_status bnt_pack_check(const bnt_pack *pack, bantam_error *err)
{
    if (!pack->map || !bnt_map_damaged(pack->map)) return BANTAM_OK;
    return bnt_fail(err, BANTAM_ERR_IO, "%s: the file was cut while it was in use", pack->path);
}
