/* prompt.c - one instruction about many texts; see prompt.h. */
#include "task/prompt.h"

#include "base/json.h"
#include "base/mem.h"

#include <string.h>

/* Stands for the text while a prompt is rendered: a character that Unicode keeps for private
 * use. */
static const char hole[] = "\xEE\x80\x81";

enum { MAX_PROMPT = 1 << 20 }; /* bytes, without a text */

static bantam_status render_chat(bnt_buf *out, const bantam_tokenizer *tokenizer,
                                 bantam_text instruction, bantam_error *err)
{
    bnt_buf content, json;
    size_t size = 0;

    bnt_buf_init(&content, MAX_PROMPT);
    bnt_buf_init(&json, MAX_PROMPT);
    bnt_buf_put(&content, instruction.data, instruction.size);
    bnt_buf_puts(&content, hole);
    bnt_buf_puts(&json, "{\"messages\":[{\"role\":\"user\",\"content\":");
    bnt_json_put_string(&json, content.data, content.size);
    bnt_buf_puts(&json, "}],\"add_generation_prompt\":true}");
    bantam_status status = bnt_buf_status(&content, "the instruction", err);
    if (!status) status = bnt_buf_status(&json, "the instruction", err);
    if (!status) {
        status = bantam_render_chat(tokenizer, bnt_buf_text(&json), NULL, 0, &size, err);
    }
    if (status == BANTAM_ERR_FULL && size > 0) {
        char *const at = bnt_buf_extend(out, size);
        status = bnt_buf_status(out, "the prompt", err);
        if (!status) {
            status = bantam_render_chat(tokenizer, bnt_buf_text(&json), at, size, &size, err);
        }
    }
    bnt_buf_deinit(&content);
    bnt_buf_deinit(&json);
    return status;
}

static bantam_status encode(bnt_prompt *p, bantam_text text, unsigned flags, uint32_t **tokens,
                            size_t *n, bantam_error *err)
{
    bantam_status status = bantam_tokenize(p->tokenizer, text, flags, NULL, 0, n, err);

    if (status && status != BANTAM_ERR_FULL) return status;
    *tokens = bnt_calloc(*n, sizeof **tokens);
    if (!*tokens) return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for a prompt");
    return bantam_tokenize(p->tokenizer, text, flags, *tokens, *n, n, err);
}

static bool begins(bantam_text text, bantam_text with)
{
    return with.size > 0 && text.size >= with.size &&
           memcmp(text.data, with.data, with.size) == 0;
}

/* Encodes what stands before the text and what stands behind it. */
static bantam_status encode_both(bnt_prompt *p, bantam_text prompt, bantam_error *err)
{
    bantam_tokenizer_info info;
    size_t at = prompt.size;

    for (size_t i = 0; i + strlen(hole) <= prompt.size; i++) {
        if (memcmp(prompt.data + i, hole, strlen(hole)) == 0) at = i;
    }
    if (at == prompt.size) {
        return bnt_fail(err, BANTAM_ERR_UNSUPPORTED,
                        "the model's chat template does not pass on the text of a message");
    }
    const bantam_text head = {prompt.data, at};
    const bantam_text tail = {prompt.data + at + strlen(hole), prompt.size - at - strlen(hole)};
    bantam_tokenizer_describe(p->tokenizer, &info);
    const bool has_bos =
        info.bos != BANTAM_NO_TOKEN && begins(head, bantam_token_text(p->tokenizer, info.bos));
    const unsigned add = has_bos ? 0 : BANTAM_TOKENIZE_ADD;
    bantam_status status =
        encode(p, head, BANTAM_TOKENIZE_SPECIAL | add, &p->head, &p->n_head, err);
    if (status) return status;
    if (add && info.adds_eos && p->n_head && p->head[p->n_head - 1] == info.eos) p->n_head--;
    return encode(p, tail, BANTAM_TOKENIZE_SPECIAL, &p->tail, &p->n_tail, err);
}

bantam_status bnt_prompt_open(bnt_prompt *out, const bantam_tokenizer *tokenizer,
                              bantam_text instruction, const char *after, bantam_error *err)
{
    bantam_tokenizer_info info;
    bantam_status status = BANTAM_OK;
    bnt_buf text;

    *out = (bnt_prompt){.tokenizer = tokenizer};
    bantam_tokenizer_describe(tokenizer, &info);
    bnt_buf_init(&text, MAX_PROMPT);
    if (info.has_template) {
        status = render_chat(&text, tokenizer, instruction, err);
    } else {
        bnt_buf_put(&text, instruction.data, instruction.size);
        bnt_buf_puts(&text, hole);
        bnt_buf_puts(&text, after);
    }
    if (!status) status = bnt_buf_status(&text, "the prompt", err);
    if (!status) status = encode_both(out, bnt_buf_text(&text), err);
    bnt_buf_deinit(&text);
    if (status) bnt_prompt_close(out);
    return status;
}

void bnt_prompt_close(bnt_prompt *prompt)
{
    bnt_free(prompt->head);
    bnt_free(prompt->tail);
    *prompt = (bnt_prompt){.n_head = 0};
}

bantam_status bnt_prompt_feed(const bnt_prompt *p, bantam_session *session,
                              const uint32_t *text, size_t n_text, uint32_t *spare,
                              size_t *n_fed, bantam_error *err)
{
    const size_t n = p->n_head + n_text + p->n_tail;
    const uint32_t held = bantam_session_position(session);
    uint32_t kept = 0;

    *n_fed = 0;
    memcpy(spare, p->head, p->n_head * sizeof *spare);
    if (n_text) memcpy(spare + p->n_head, text, n_text * sizeof *spare);
    memcpy(spare + p->n_head + n_text, p->tail, p->n_tail * sizeof *spare);
    /* The last token is computed anew: without it there are no logits. */
    while (kept < held && kept + 1 < n && bantam_session_token(session, kept) == spare[kept]) {
        kept++;
    }
    bantam_status status = bantam_session_rewind(session, kept, err);
    if (!status) status = bantam_session_feed(session, spare + kept, n - kept, err);
    if (!status) *n_fed = n - kept;
    return status;
}
