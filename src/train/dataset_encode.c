/* dataset_encode.c - a record as tokens, and which of them are learned.
 *
 * What a model is asked at first and what it then answers are tokenized as they will be: the
 * question by itself. Where the tokens of both together begin with those of the question, the
 * rest are the answer's; else the answer is tokenized by itself too.
 *
 * Where a conversation's answers begin and end is asked of the template: an answer is what its
 * rendering with the message has more than the one without it, which ends with what asks for an
 * answer.
 */
#include "train/dataset_parts.h"

#include "base/limits.h"
#include "base/mem.h"

#include <string.h>

static bantam_status nomem(bantam_error *err)
{
    return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for a document");
}

bantam_status bnt_token_list_reserve(bnt_token_list *list, size_t n, bantam_error *err)
{
    if (n <= list->capacity - list->n) return BANTAM_OK;
    if (n > SIZE_MAX / 16 - list->n) return nomem(err);
    const size_t want = list->n + n > 2 * list->capacity ? list->n + n : 2 * list->capacity;
    uint32_t *const items = bnt_realloc(list->items, want, sizeof *items);
    if (!items) return nomem(err);
    list->items = items;
    list->capacity = want;
    return BANTAM_OK;
}

static bantam_status put_token(bnt_token_list *list, uint32_t token, bantam_error *err)
{
    const bantam_status status = bnt_token_list_reserve(list, 1, err);
    if (!status) list->items[list->n++] = token;
    return status;
}

void bnt_encoder_init(bnt_encoder *e, const bnt_tokenizer *tokenizer, const bnt_template *chat)
{
    *e = (bnt_encoder){.tokenizer = tokenizer, .chat = chat};
    bnt_tokenizer_describe(tokenizer, &e->info);
    bnt_buf_init(&e->before, BNT_MAX_STRING);
    bnt_buf_init(&e->after, BNT_MAX_STRING);
}

void bnt_encoder_deinit(bnt_encoder *e)
{
    bnt_free(e->doc.items);
    bnt_free(e->trial.items);
    bnt_buf_deinit(&e->before);
    bnt_buf_deinit(&e->after);
    *e = (bnt_encoder){0};
}

/* Appends the tokens of a text. */
static bantam_status encode(const bnt_encoder *e, bantam_text text, unsigned flags,
                            bnt_token_list *out, bantam_error *err)
{
    size_t n = text.size + 8; /* enough but where characters become several unknown bytes */

    if (text.size > BNT_MAX_PROMPT_BYTES) {
        return bnt_fail(err, BANTAM_ERR_FORMAT, "document of %zu bytes, at most %d", text.size,
                        BNT_MAX_PROMPT_BYTES);
    }
    for (;;) {
        bantam_status status = bnt_token_list_reserve(out, n, err);
        if (status) return status;
        const size_t room = out->capacity - out->n;
        status =
            bnt_tokenizer_encode(e->tokenizer, text, flags, out->items + out->n, room, &n, err);
        if (status == BANTAM_ERR_FULL && n > room) continue;
        if (!status) out->n += n;
        return status;
    }
}

static bantam_status put_bos(const bnt_encoder *e, bnt_token_list *out, bantam_error *err)
{
    return e->info.adds_bos ? put_token(out, e->info.bos, err) : BANTAM_OK;
}

static bantam_status put_eos(const bnt_encoder *e, bnt_token_list *out, bantam_error *err)
{
    return e->info.eos != BANTAM_NO_TOKEN ? put_token(out, e->info.eos, err) : BANTAM_OK;
}

static void mask(bnt_token_list *list, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        list->items[i] |= BNT_MASKED;
    }
}

static bool begins_with(const bnt_token_list *list, const bnt_token_list *start)
{
    if (list->n < start->n) return false;
    for (size_t i = 0; i < start->n; i++) {
        if ((list->items[i] ^ start->items[i]) & ~BNT_MASKED) return false;
    }
    return true;
}

/* Appends the tokens of whole[from..to) to e->doc, which holds those of whole[0..from) behind
 * n_head tokens of its own. */
static bantam_status extend(bnt_encoder *e, bantam_text whole, size_t from, size_t to,
                            unsigned flags, size_t n_head, bantam_error *err)
{
    const bantam_text both = {whole.data, to};
    const bnt_token_list own = {e->doc.items ? e->doc.items + n_head : NULL, e->doc.n - n_head,
                                0};
    bantam_status status;

    if (from == to) return BANTAM_OK;
    e->trial.n = 0;
    status = encode(e, both, flags, &e->trial, err);
    if (status) return status;
    if (!begins_with(&e->trial, &own)) {
        return encode(e, (bantam_text){whole.data + from, to - from}, flags, &e->doc, err);
    }
    const size_t n = e->trial.n - own.n;
    status = bnt_token_list_reserve(&e->doc, n, err);
    if (status) return status;
    if (n) memcpy(e->doc.items + e->doc.n, e->trial.items + own.n, n * sizeof *e->doc.items);
    e->doc.n += n;
    return BANTAM_OK;
}

/* ---- texts and completions --------------------------------------------------------------- */

static bantam_status encode_text(bnt_encoder *e, bantam_text text, bantam_error *err)
{
    bantam_status status = put_bos(e, &e->doc, err);
    if (!status) status = encode(e, text, 0, &e->doc, err);
    return status ? status : put_eos(e, &e->doc, err);
}

static bantam_status encode_completion(bnt_encoder *e, const bnt_record *r, bantam_error *err)
{
    bantam_status status = put_bos(e, &e->doc, err);
    const size_t n_head = e->doc.n;

    bnt_buf_clear(&e->after);
    bnt_buf_put(&e->after, r->prompt.data, r->prompt.size);
    bnt_buf_put(&e->after, r->completion.data, r->completion.size);
    if (!status) status = bnt_buf_status(&e->after, "prompt and completion", err);
    if (!status) status = encode(e, r->prompt, 0, &e->doc, err);
    if (status) return status;
    mask(&e->doc, 0, e->doc.n);
    status = extend(e, bnt_buf_text(&e->after), r->prompt.size, e->after.size, 0, n_head, err);
    return status ? status : put_eos(e, &e->doc, err);
}

/* ---- conversations ----------------------------------------------------------------------- */

/* The bytes of an answer in a rendered text. */
typedef struct span {
    size_t from, to;
} span;

static bool set_new(json_t *object, const char *key, json_t *value)
{
    return value && json_object_set_new(object, key, value) == 0;
}

/* What Hugging Face's apply_chat_template() passes besides the messages, unless the line has
 * it. */
static bool set_default(json_t *object, const char *key, json_t *value)
{
    if (value && json_object_get(object, key)) {
        json_decref(value);
        return true;
    }
    return set_new(object, key, value);
}

static json_t *name_of(const bnt_encoder *e, uint32_t token)
{
    const bantam_text text = bnt_tokenizer_text(e->tokenizer, token);
    return text.data ? json_stringn(text.data, text.size) : json_string("");
}

/* Renders the first n messages; asks: with what asks for an answer. */
static bantam_status render(const bnt_encoder *e, const bnt_record *r, size_t n, bool asks,
                            bnt_buf *out, bantam_error *err)
{
    const json_t *const messages = json_object_get(r->variables, "messages");
    json_t *const some = json_array();
    /* Jansson counts references in what it copies from; the line's object stays as it is. */
    json_t *const v = json_copy((json_t *)(uintptr_t)r->variables);
    bool made = v && some;

    bnt_buf_clear(out);
    for (size_t i = 0; made && i < n; i++) {
        made = json_array_append(some, json_array_get(messages, i)) == 0;
    }
    if (made) {
        json_object_del(v, "weight");
        made = json_object_set(v, "messages", some) == 0 &&
               set_new(v, "add_generation_prompt", json_boolean(asks)) &&
               set_default(v, "bos_token", name_of(e, e->info.bos)) &&
               set_default(v, "eos_token", name_of(e, e->info.eos)) &&
               set_default(v, "unk_token", name_of(e, e->info.unk)) &&
               set_default(v, "pad_token", name_of(e, e->info.pad)) &&
               set_default(v, "tools", json_null()) && set_default(v, "documents", json_null());
    }
    bantam_status status = made ? bnt_template_render(e->chat, v, NULL, out, err) : nomem(err);
    if (!status) status = bnt_buf_status(out, "conversation", err);
    json_decref(some);
    json_decref(v);
    return status == BANTAM_ERR_INVALID ? bnt_fail_within(err, status, "chat template: ")
                                        : status;
}

static bool starts(const bnt_buf *text, const bnt_buf *with)
{
    return text->size >= with->size &&
           (!with->size || memcmp(text->data, with->data, with->size) == 0);
}

/* Renders the conversation up to and with message i, an answer, into e->after, and finds the
 * answer in it. */
static bantam_status render_answer(bnt_encoder *e, const bnt_record *r, size_t i, span *answer,
                                   bantam_error *err)
{
    bantam_status status = render(e, r, i + 1, false, &e->after, err);

    if (!status) status = render(e, r, i, true, &e->before, err);
    if (!status && !starts(&e->after, &e->before)) {
        status = render(e, r, i, false, &e->before, err);
    }
    if (status) return status;
    if (!starts(&e->after, &e->before)) {
        return bnt_fail(
            err, BANTAM_ERR_UNSUPPORTED,
            "chat template: it writes message %zu in a way that does not show where "
            "the answer begins",
            i);
    }
    *answer = (span){e->before.size, e->after.size};
    return BANTAM_OK;
}

/* Of an answer's tokens those behind the one that ends it are not the model's. The last answer
 * gets an end where it has none, and nothing behind it. */
static bantam_status end_answer(bnt_encoder *e, size_t from, bool last, bantam_error *err)
{
    bnt_token_list *const d = &e->doc;
    size_t end = d->n;

    while (end > from && !bnt_tokenizer_is_stop(e->tokenizer, d->items[end - 1])) {
        end--;
    }
    if (end == from) return last ? put_eos(e, d, err) : BANTAM_OK;
    if (last) d->n = end;
    mask(d, end, d->n);
    return BANTAM_OK;
}

/* Tokenizes a rendered conversation with some answers in it. */
static bantam_status encode_chat(bnt_encoder *e, bantam_text text, const span *answers,
                                 size_t n, bantam_error *err)
{
    const bantam_text bos = bnt_tokenizer_text(e->tokenizer, e->info.bos);
    const bool has_bos =
        bos.size && text.size >= bos.size && memcmp(text.data, bos.data, bos.size) == 0;
    bantam_status status = BANTAM_OK;
    size_t at = 0;

    e->doc.n = 0;
    if (!has_bos) status = put_bos(e, &e->doc, err);
    const size_t n_head = e->doc.n;
    mask(&e->doc, 0, n_head);
    for (size_t i = 0; !status && i < n; i++) {
        const size_t before = e->doc.n;
        status = extend(e, text, at, answers[i].from, BANTAM_TOKENIZE_SPECIAL, n_head, err);
        if (status) break;
        mask(&e->doc, before, e->doc.n);
        const size_t from = e->doc.n;
        status = extend(e, text, answers[i].from, answers[i].to, BANTAM_TOKENIZE_SPECIAL,
                        n_head, err);
        if (!status) status = end_answer(e, from, i + 1 == n, err);
        at = answers[i].to;
    }
    return status;
}

static bool is_answer(const json_t *message)
{
    const bantam_text role = bnt_json_text(json_object_get(message, "role"));
    return role.size == 9 && memcmp(role.data, "assistant", 9) == 0;
}

static bantam_status check_messages(const json_t *messages, size_t *n_answers, size_t *last,
                                    bantam_error *err)
{
    *n_answers = 0;
    if (!json_is_array(messages)) {
        return bnt_fail(err, BANTAM_ERR_FORMAT, "messages: expected an array");
    }
    for (size_t i = 0; i < json_array_size(messages); i++) {
        const json_t *const message = json_array_get(messages, i);
        if (!bnt_json_text(json_object_get(message, "role")).data) {
            return bnt_fail(err, BANTAM_ERR_FORMAT,
                            "message %zu: expected an object with a string \"role\"", i);
        }
        if (!is_answer(message)) continue;
        *last = i;
        (*n_answers)++;
    }
    if (*n_answers) return BANTAM_OK;
    return bnt_fail(err, BANTAM_ERR_FORMAT,
                    "messages: none has the role \"assistant\": there is nothing to learn");
}

/* Finds all answers in the rendering of all up to the last one, which is left in whole. *one:
 * each rendering up to an answer is the beginning of that one. */
static bantam_status find_answers(bnt_encoder *e, const bnt_record *r, size_t last,
                                  span *answers, bnt_buf *whole, bool *one, bantam_error *err)
{
    const json_t *const messages = json_object_get(r->variables, "messages");
    bantam_status status = render(e, r, last + 1, false, whole, err);
    size_t n = 0;

    *one = true;
    for (size_t i = 0; !status && i <= last; i++) {
        if (!is_answer(json_array_get(messages, i))) continue;
        status = render_answer(e, r, i, &answers[n++], err);
        *one = *one && starts(whole, &e->after);
    }
    return status;
}

static bantam_status encode_messages(bnt_encoder *e, const bnt_record *r,
                                     bnt_take_document_fn take, void *user, bantam_error *err)
{
    const json_t *const messages = json_object_get(r->variables, "messages");
    size_t n = 0, last = 0;
    bool one = true;
    bnt_buf whole;
    bantam_status status = check_messages(messages, &n, &last, err);

    if (status) return status;
    if (!e->chat) {
        return bnt_fail(err, BANTAM_ERR_UNSUPPORTED,
                        "messages: the model has no chat template");
    }
    span *const answers = bnt_calloc(n, sizeof *answers);
    if (!answers) return nomem(err);
    bnt_buf_init(&whole, BNT_MAX_STRING);
    status = find_answers(e, r, last, answers, &whole, &one, err);
    if (!status && one) {
        status = encode_chat(e, bnt_buf_text(&whole), answers, n, err);
        if (!status) status = take(user, &e->doc, err);
    }
    for (size_t i = 0; !status && !one && i <= last; i++) {
        span answer;
        if (!is_answer(json_array_get(messages, i))) continue;
        status = render_answer(e, r, i, &answer, err);
        if (!status) status = encode_chat(e, bnt_buf_text(&e->after), &answer, 1, err);
        if (!status) status = take(user, &e->doc, err);
    }
    bnt_buf_deinit(&whole);
    bnt_free(answers);
    return status;
}

bantam_status bnt_encode_record(bnt_encoder *e, const bnt_record *record,
                                bnt_take_document_fn take, void *user, bantam_error *err)
{
    bantam_status status;

    e->doc.n = 0;
    if (record->variables) return encode_messages(e, record, take, user, err);
    if (record->prompt.data) {
        status = encode_completion(e, record, err);
    } else {
        status = encode_text(e, record->text, err);
    }
    return status ? status : take(user, &e->doc, err);
}
