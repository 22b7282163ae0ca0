/* dataset.c - documents in memory, and batches of them.
 *
 * Each file is a stream without end: its pieces in an order shuffled anew for every epoch. The
 * next piece of a batch comes from the file that is furthest behind its share. A batch ends
 * where the next piece does not fit. So the batches of a run follow one from another; one that
 * lies further on is found by walking there without filling any, one that lies back by walking
 * anew.
 *
 * A document longer than a sequence is cut, in every epoch at other places.
 */
#include "train/dataset.h"

#include "base/digest.h"
#include "base/mem.h"
#include "base/rng.h"
#include "train/dataset_parts.h"

#include <inttypes.h>
#include <string.h>

/* tokens [start, start + n) of the dataset: n - 1 rows. */
typedef struct document {
    size_t start;
    uint32_t n;
    float weight;
    bool held_out;
} document;

/* Rows of a document. */
typedef struct piece {
    uint32_t doc, first, n;
} piece;

typedef struct stream {
    uint32_t first, n; /* documents */
    uint64_t n_rows;   /* of those not held out */
    double share;      /* of all rows */
    uint64_t epoch;    /* that the pieces are of, plus one; 0: none yet */
    piece *pieces;     /* owns; in the order of the epoch */
    size_t n_pieces, capacity, next;
    uint64_t n_seen; /* rows */
} stream;

/* A batch that lies in memory of its own. */
typedef struct batch_memory {
    uint32_t *tokens, *targets; /* own; (rows) */
    float *weights;             /* owns; (rows) */
    bnt_sequence *sequences;    /* owns; (sequences) */
} batch_memory;

typedef struct batch_list {
    bnt_batch *batches; /* owns */
    batch_memory memory;
    size_t n;
} batch_list;

struct bnt_dataset {
    bnt_token_list tokens; /* owns: all documents */
    document *docs;        /* owns */
    size_t n_docs, docs_capacity;
    stream *streams; /* owns; one for each file */
    size_t n_streams;
    uint32_t sequence_tokens, batch_tokens;
    uint64_t seed, step; /* of the next batch */
    batch_memory batch;
    batch_list lists[2]; /* in order: learned, held out */
    bnt_dataset_info info;
};

static bantam_status nomem(bantam_error *err)
{
    return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for the data");
}

static uint32_t rows_of(const document *d)
{
    return d->n - 1;
}

/* Whether something is learned in some rows of a document. */
static bool has_learned(const bnt_dataset *ds, const document *d, uint32_t first, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if (!(ds->tokens.items[d->start + first + i + 1] & BNT_MASKED)) return true;
    }
    return false;
}

/* ---- batches in memory ------------------------------------------------------------------- */

static bool take_memory(batch_memory *m, size_t rows, size_t sequences)
{
    m->tokens = bnt_calloc(rows, sizeof *m->tokens);
    m->targets = bnt_calloc(rows, sizeof *m->targets);
    m->weights = bnt_calloc(rows, sizeof *m->weights);
    m->sequences = bnt_calloc(sequences, sizeof *m->sequences);
    return m->tokens && m->targets && m->weights && m->sequences;
}

static void free_memory(batch_memory *m)
{
    bnt_free(m->tokens);
    bnt_free(m->targets);
    bnt_free(m->weights);
    bnt_free(m->sequences);
    *m = (batch_memory){0};
}

/* Appends a piece to a batch whose arrays, in memory, have room for it. */
static void put_piece(const bnt_dataset *ds, const piece *p, const batch_memory *m,
                      bnt_batch *b)
{
    const document *const d = &ds->docs[p->doc];
    const uint32_t *const t = ds->tokens.items + d->start + p->first;

    for (uint32_t i = 0; i < p->n; i++) {
        const uint32_t row = b->n_rows + i;
        m->tokens[row] = t[i] & ~BNT_MASKED;
        m->targets[row] = t[i + 1] & ~BNT_MASKED;
        m->weights[row] = t[i + 1] & BNT_MASKED ? 0.0f : d->weight;
    }
    m->sequences[b->n_sequences++] = (bnt_sequence){b->n_rows, p->n};
    b->n_rows += p->n;
}

static bnt_batch begin_batch(const batch_memory *m)
{
    return (bnt_batch){.tokens = m->tokens,
                       .targets = m->targets,
                       .weights = m->weights,
                       .sequences = m->sequences};
}

/* ---- streams ----------------------------------------------------------------------------- */

static uint64_t seed_of(const bnt_dataset *ds, size_t index, uint64_t epoch)
{
    const uint64_t words[] = {ds->seed, index, epoch};
    bnt_digest d;

    bnt_digest_init(&d);
    bnt_digest_put(&d, words, sizeof words);
    return bnt_digest_end(&d);
}

static bool add_piece(const bnt_dataset *ds, stream *s, piece p)
{
    if (!p.n || !has_learned(ds, &ds->docs[p.doc], p.first, p.n)) return true;
    if (s->n_pieces == s->capacity) {
        const size_t want = s->capacity ? 2 * s->capacity : 64;
        piece *const pieces = bnt_realloc(s->pieces, want, sizeof *pieces);
        if (!pieces) return false;
        s->pieces = pieces;
        s->capacity = want;
    }
    s->pieces[s->n_pieces++] = p;
    return true;
}

/* Cuts a document whose first piece has `head` rows, all others a whole sequence. */
static bool cut(const bnt_dataset *ds, stream *s, uint32_t doc, uint32_t head)
{
    const uint32_t n = rows_of(&ds->docs[doc]);
    bool ok = true;

    for (uint32_t at = 0; ok && at < n;) {
        const uint32_t want = at == 0 && head ? head : ds->sequence_tokens;
        const uint32_t take = n - at < want ? n - at : want;
        ok = add_piece(ds, s, (piece){doc, at, take});
        at += take;
    }
    return ok;
}

static bantam_status begin_epoch(bnt_dataset *ds, size_t index, bantam_error *err)
{
    stream *const s = &ds->streams[index];
    bnt_rng rng;

    bnt_rng_seed(&rng, seed_of(ds, index, s->epoch++));
    s->n_pieces = s->next = 0;
    for (uint32_t i = s->first; i < s->first + s->n; i++) {
        if (ds->docs[i].held_out) continue;
        const bool is_long = rows_of(&ds->docs[i]) > ds->sequence_tokens;
        const uint32_t head = is_long ? (uint32_t)bnt_rng_below(&rng, ds->sequence_tokens) : 0;
        if (!cut(ds, s, i, head)) return nomem(err);
    }
    for (size_t i = s->n_pieces; i > 1; i--) {
        const size_t k = (size_t)bnt_rng_below(&rng, i);
        const piece swapped = s->pieces[i - 1];
        s->pieces[i - 1] = s->pieces[k];
        s->pieces[k] = swapped;
    }
    return BANTAM_OK;
}

/* The file that has given the smallest part of its share. */
static size_t furthest_behind(const bnt_dataset *ds)
{
    size_t best = SIZE_MAX;
    double least = 0.0;

    for (size_t i = 0; i < ds->n_streams; i++) {
        const stream *const s = &ds->streams[i];
        if (!s->n_rows) continue;
        const double given = (double)s->n_seen / s->share;
        if (best != SIZE_MAX && given >= least) continue;
        best = i;
        least = given;
    }
    return best;
}

/* Makes the next batch, or with out NULL only goes past it. */
static bantam_status walk(bnt_dataset *ds, bnt_batch *out, bantam_error *err)
{
    uint32_t n_rows = 0;

    for (;;) {
        const size_t index = furthest_behind(ds);
        stream *const s = &ds->streams[index];
        if (s->next == s->n_pieces) {
            const bantam_status status = begin_epoch(ds, index, err);
            if (status) return status;
        }
        const piece *const p = &s->pieces[s->next];
        if (p->n > ds->batch_tokens - n_rows) break;
        if (out) put_piece(ds, p, &ds->batch, out);
        n_rows += p->n;
        s->n_seen += p->n;
        s->next++;
    }
    ds->step++;
    return BANTAM_OK;
}

static void rewind_streams(bnt_dataset *ds)
{
    for (size_t i = 0; i < ds->n_streams; i++) {
        stream *const s = &ds->streams[i];
        s->epoch = s->n_seen = 0;
        s->n_pieces = s->next = 0;
    }
    ds->step = 0;
}

bantam_status bnt_dataset_batch(void *dataset, uint64_t step, bnt_batch *out, bantam_error *err)
{
    bnt_dataset *const ds = dataset;
    bantam_status status = BANTAM_OK;

    *out = begin_batch(&ds->batch);
    if (step < ds->step) rewind_streams(ds);
    while (!status && ds->step < step) {
        status = walk(ds, NULL, err);
    }
    if (!status) status = walk(ds, out, err);
    if (status) rewind_streams(ds);
    return status;
}

/* ---- in order ---------------------------------------------------------------------------- */

/* All pieces of one kind, in order, as if of one stream. */
static bool list_pieces(const bnt_dataset *ds, bool held_out, uint64_t max_rows, stream *all)
{
    uint64_t n_rows = 0;

    for (size_t i = 0; i < ds->n_docs; i++) {
        const document *const d = &ds->docs[i];
        if (d->held_out != held_out) continue;
        if (max_rows && n_rows >= max_rows) break;
        n_rows += rows_of(d);
        if (!cut(ds, all, (uint32_t)i, 0)) return false;
    }
    return true;
}

bantam_status bnt_dataset_in_order(bnt_dataset *ds, bool held_out, uint64_t max_rows,
                                   const bnt_batch **batches, size_t *n_batches,
                                   bantam_error *err)
{
    batch_list *const list = &ds->lists[held_out];
    bantam_status status = BANTAM_OK;
    size_t n_rows = 0;
    stream all = {0};

    if (list->batches) goto done;
    if (!list_pieces(ds, held_out, max_rows, &all)) goto fail;
    for (size_t i = 0; i < all.n_pieces; i++) {
        n_rows += all.pieces[i].n;
    }
    list->batches = bnt_calloc(all.n_pieces ? all.n_pieces : 1, sizeof *list->batches);
    if (!list->batches || !take_memory(&list->memory, n_rows, all.n_pieces)) goto fail;

    batch_memory at = list->memory;
    for (size_t i = 0; i < all.n_pieces;) {
        bnt_batch *const b = &list->batches[list->n++];
        *b = begin_batch(&at);
        while (i < all.n_pieces && all.pieces[i].n <= ds->batch_tokens - b->n_rows) {
            put_piece(ds, &all.pieces[i++], &at, b);
        }
        at.tokens += b->n_rows;
        at.targets += b->n_rows;
        at.weights += b->n_rows;
        at.sequences += b->n_sequences;
    }
done:
    *batches = list->batches;
    *n_batches = list->n;
    bnt_free(all.pieces);
    return status;

fail:
    bnt_free(all.pieces);
    free_memory(&list->memory);
    bnt_free(list->batches);
    *list = (batch_list){0};
    *batches = NULL;
    *n_batches = 0;
    return nomem(err);
}

/* ---- opening ----------------------------------------------------------------------------- */

typedef struct opening {
    bnt_dataset *ds;
    const bnt_dataset_options *o;
    bnt_encoder encoder;
    float weight; /* of the record under way */
    uint64_t bytes_before, bytes_total, told;
} opening;

static bantam_status take_document(void *user, const bnt_token_list *doc, bantam_error *err)
{
    opening *const op = user;
    bnt_dataset *const ds = op->ds;
    const document d = {ds->tokens.n, (uint32_t)doc->n, op->weight, false};
    bantam_status status;

    if (doc->n < 2) return BANTAM_OK;
    if (doc->n > INT32_MAX || ds->n_docs == INT32_MAX) {
        return bnt_fail(err, BANTAM_ERR_FORMAT, "document of %zu tokens, or too many of them",
                        doc->n);
    }
    status = bnt_token_list_reserve(&ds->tokens, doc->n, err);
    if (status) return status;
    memcpy(ds->tokens.items + ds->tokens.n, doc->items, doc->n * sizeof *doc->items);
    if (!has_learned(ds, &d, 0, rows_of(&d))) return BANTAM_OK;
    if (ds->n_docs == ds->docs_capacity) {
        const size_t want = ds->docs_capacity ? 2 * ds->docs_capacity : 64;
        document *const docs = bnt_realloc(ds->docs, want, sizeof *docs);
        if (!docs) return nomem(err);
        ds->docs = docs;
        ds->docs_capacity = want;
    }
    ds->tokens.n += doc->n;
    ds->docs[ds->n_docs++] = d;
    return BANTAM_OK;
}

static bantam_status take_record(void *user, const bnt_record *record, bantam_error *err)
{
    enum { TELL_BYTES = 1 << 18 };
    opening *const op = user;
    const uint64_t done = op->bytes_before + record->offset;

    if (op->o->progress && done - op->told >= TELL_BYTES) {
        op->told = done;
        if (!op->o->progress(op->o->user, done, op->bytes_total)) {
            return bnt_fail(err, BANTAM_ERR_CANCELLED, "stopped");
        }
    }
    op->weight = record->weight;
    if (!(op->weight > 0.0f)) return BANTAM_OK;
    return bnt_encode_record(&op->encoder, record, take_document, op, err);
}

/* Sets documents of a file aside, drawn by the seed, until they are a share of its rows; one
 * stays at least. */
static bantam_status draw_held_out(bnt_dataset *ds, size_t index, double want,
                                   bantam_error *err)
{
    stream *const s = &ds->streams[index];
    uint32_t *const order = bnt_calloc(s->n, sizeof *order);
    uint64_t rows = 0;
    bnt_rng rng;

    if (!order) return nomem(err);
    bnt_rng_seed(&rng, seed_of(ds, index, UINT64_MAX));
    for (uint32_t i = 0; i < s->n; i++) {
        order[i] = s->first + i;
    }
    for (uint32_t i = 0; i + 1 < s->n && (double)rows < want; i++) {
        const uint32_t k = i + (uint32_t)bnt_rng_below(&rng, s->n - i);
        const uint32_t drawn = order[k];
        order[k] = order[i];
        ds->docs[drawn].held_out = true;
        rows += rows_of(&ds->docs[drawn]);
    }
    bnt_free(order);
    return BANTAM_OK;
}

/* The end of a file's only document becomes one of its own, which shares a token with it. */
static bantam_status split_held_out(bnt_dataset *ds, stream *s, double want, bantam_error *err)
{
    const document whole = ds->docs[s->first];
    const uint32_t rows = rows_of(&whole);
    const uint32_t n = want >= 1.0 ? (uint32_t)want : 1;

    const document parts[] = {{whole.start, rows - n + 1, whole.weight, false},
                              {whole.start + rows - n, n + 1, whole.weight, true}};

    if (rows < 2 || !has_learned(ds, &parts[0], 0, rows - n) ||
        !has_learned(ds, &parts[1], 0, n)) {
        return BANTAM_OK; /* too short */
    }
    document *const docs = bnt_realloc(ds->docs, ds->n_docs + 1, sizeof *docs);
    if (!docs) return nomem(err);
    ds->docs = docs;
    ds->docs_capacity = ds->n_docs + 1;
    docs[s->first] = parts[0];
    docs[ds->n_docs++] = parts[1];
    s->n = 2;
    return BANTAM_OK;
}

/* Of documents first .. n_docs of a file. */
static bantam_status end_file(opening *op, size_t index, uint32_t first, bantam_error *err)
{
    bnt_dataset *const ds = op->ds;
    stream *const s = &ds->streams[index];
    bantam_status status = BANTAM_OK;
    uint64_t rows = 0;

    s->first = first;
    s->n = (uint32_t)(ds->n_docs - first);
    for (uint32_t i = first; i < ds->n_docs; i++) {
        rows += rows_of(&ds->docs[i]);
    }
    const double want = op->o->held_out * (double)rows;
    if (op->o->held_out > 0.0 && s->n > 1) {
        status = draw_held_out(ds, index, want, err);
    } else if (op->o->held_out > 0.0 && s->n == 1) {
        status = split_held_out(ds, s, want, err);
    }
    return status;
}

static void count_file(bnt_dataset *ds, stream *s)
{
    for (uint32_t i = s->first; i < s->first + s->n; i++) {
        const document *const d = &ds->docs[i];
        if (d->held_out) {
            ds->info.n_held_out += rows_of(d);
            continue;
        }
        s->n_rows += rows_of(d);
        ds->info.n_documents++;
        if (rows_of(d) > ds->sequence_tokens) ds->info.n_cut++;
        for (uint32_t k = 1; k < d->n; k++) {
            if (!(ds->tokens.items[d->start + k] & BNT_MASKED)) ds->info.n_learned++;
        }
    }
    ds->info.n_rows += s->n_rows;
}

static bantam_status check_options(const bnt_dataset_options *o, bantam_error *err)
{
    size_t n_shares = 0;

    for (size_t i = 0; i < o->n_files; i++) {
        if (!(o->files[i].share >= 0.0 && o->files[i].share <= 1e9)) {
            return bnt_fail(err, BANTAM_ERR_INVALID, "%s: share: expected 0 to 1e9, found %g",
                            o->files[i].path, o->files[i].share);
        }
        n_shares += o->files[i].share > 0.0;
    }
    if (n_shares && n_shares < o->n_files) {
        return bnt_fail(err, BANTAM_ERR_INVALID,
                        "data: %zu of %zu files have a share: expected none or all", n_shares,
                        o->n_files);
    }
    if (!o->n_files) return bnt_fail(err, BANTAM_ERR_INVALID, "data: no file given");
    if (!o->sequence_tokens || o->batch_tokens < o->sequence_tokens) {
        return bnt_fail(err, BANTAM_ERR_INVALID,
                        "a batch of %" PRIu32 " tokens has no room for a sequence of %" PRIu32,
                        o->batch_tokens, o->sequence_tokens);
    }
    if (o->held_out >= 0.0 && o->held_out <= 0.5) return BANTAM_OK;
    return bnt_fail(err, BANTAM_ERR_INVALID, "held out: expected 0 to 0.5, found %g",
                    o->held_out);
}

static bantam_status read_files(opening *op, bantam_error *err)
{
    const bnt_dataset_options *const o = op->o;
    bnt_dataset *const ds = op->ds;
    bantam_status status = BANTAM_OK;

    for (size_t i = 0; !status && i < o->n_files; i++) {
        const uint32_t first = (uint32_t)ds->n_docs;
        status = bnt_records_read(o->files[i].path, take_record, op, err);
        if (!status) status = end_file(op, i, first, err);
        op->bytes_before += bnt_records_bytes(o->files[i].path);
    }
    return status;
}

static void settle(bnt_dataset *ds, const bnt_dataset_options *o)
{
    bnt_digest d;

    bnt_digest_init(&d);
    for (size_t i = 0; i < ds->n_streams; i++) {
        stream *const s = &ds->streams[i];
        count_file(ds, s);
        s->share = o->files[i].share > 0.0 ? o->files[i].share : (double)s->n_rows;
        bnt_digest_put(&d, &s->share, sizeof s->share);
    }
    for (size_t i = 0; i < ds->n_docs; i++) {
        const document *const doc = &ds->docs[i];
        const uint32_t is_held_out = doc->held_out;
        bnt_digest_put(&d, ds->tokens.items + doc->start, doc->n * sizeof *ds->tokens.items);
        bnt_digest_put(&d, &doc->n, sizeof doc->n);
        bnt_digest_put(&d, &doc->weight, sizeof doc->weight);
        bnt_digest_put(&d, &is_held_out, sizeof is_held_out);
    }
    const uint64_t numbers[] = {ds->sequence_tokens, ds->batch_tokens, ds->seed};
    bnt_digest_put(&d, numbers, sizeof numbers);
    ds->info.digest = bnt_digest_end(&d);
    ds->info.memory_bytes = ds->tokens.capacity * sizeof *ds->tokens.items +
                            ds->docs_capacity * (sizeof *ds->docs + sizeof(piece)) +
                            (uint64_t)ds->batch_tokens * 4 * sizeof(uint32_t);
}

bantam_status bnt_dataset_open(bnt_dataset **out, const bnt_dataset_options *options,
                               bantam_error *err)
{
    opening op = {.o = options};
    bantam_status status = check_options(options, err);

    *out = NULL;
    if (status) return status;
    bnt_dataset *const ds = op.ds = bnt_calloc(1, sizeof *ds);
    if (!ds) return nomem(err);
    ds->sequence_tokens = options->sequence_tokens;
    ds->batch_tokens = options->batch_tokens;
    ds->seed = options->seed;
    ds->n_streams = options->n_files;
    ds->streams = bnt_calloc(ds->n_streams, sizeof *ds->streams);
    bnt_encoder_init(&op.encoder, options->tokenizer, options->chat);
    if (!ds->streams || !take_memory(&ds->batch, ds->batch_tokens, ds->batch_tokens)) {
        status = nomem(err);
    }
    for (size_t i = 0; i < options->n_files; i++) {
        op.bytes_total += bnt_records_bytes(options->files[i].path);
    }
    if (!status) status = read_files(&op, err);
    bnt_encoder_deinit(&op.encoder);
    ds->info.n_bytes = op.bytes_total;
    if (!status) settle(ds, options);
    if (!status && !ds->info.n_learned) {
        status =
            bnt_fail(err, BANTAM_ERR_FORMAT, "%s: nothing to learn in %s",
                     options->files[0].path, options->n_files > 1 ? "it and the others" : "it");
    }
    if (status) {
        bnt_dataset_close(ds);
        return status;
    }
    *out = ds;
    return BANTAM_OK;
}

void bnt_dataset_close(bnt_dataset *ds)
{
    if (!ds) return;
    for (size_t i = 0; ds->streams && i < ds->n_streams; i++) {
        bnt_free(ds->streams[i].pieces);
    }
    for (size_t i = 0; i < 2; i++) {
        free_memory(&ds->lists[i].memory);
        bnt_free(ds->lists[i].batches);
    }
    free_memory(&ds->batch);
    bnt_free(ds->streams);
    bnt_free(ds->docs);
    bnt_free(ds->tokens.items);
    bnt_free(ds);
}

void bnt_dataset_describe(const bnt_dataset *ds, bnt_dataset_info *out)
{
    *out = ds->info;
}

size_t bnt_dataset_bytes(const bnt_dataset *ds)
{
    const size_t row = 2 * sizeof(uint32_t) + sizeof(float);
    size_t n = sizeof *ds + ds->tokens.capacity * sizeof *ds->tokens.items +
               ds->docs_capacity * sizeof *ds->docs + ds->n_streams * sizeof *ds->streams +
               ds->batch_tokens * (row + sizeof(bnt_sequence));

    for (size_t i = 0; i < ds->n_streams; i++) {
        const stream *const s = &ds->streams[i];
        n += (s->n + s->n_rows / ds->sequence_tokens + 64) * sizeof(piece);
    }
    return n + ds->info.n_held_out * row + ds->n_docs * sizeof(bnt_sequence);
}
