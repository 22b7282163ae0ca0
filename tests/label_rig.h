/* label_rig.h - a tiny model of letters that a test writes, with sessions on it, to be asked
 * for labels. */
#ifndef BNT_TESTS_LABEL_RIG_H
#define BNT_TESTS_LABEL_RIG_H
#include "support.h"
#include "tiny_model.h"

#include "base/rng.h"
#include "base/text.h"
#include "base/utf8.h"
#include "format/gguf_write.h"
#include "token/byte_alphabet.h"

#include <unistd.h>

enum { N_EMBD = 32, N_FFN = 48, NEWLINE = 10, BOS = 256, END, N_VOCAB = 264, CONTEXT = 256 };

static const char *const chat_template =
    "{{ bos_token }}{% for m in messages %}[{{ m.role }}]{{ m.content }}<end>{% endfor %}"
    "{% if add_generation_prompt %}[go]{% endif %}";

static inline const char *label_path(void)
{
    return tiny_path("labeler.gguf");
}

/* Bytes, "<s>", "<end>", and what merges make: "no", "ye", "yes". */
static inline void put_words(bnt_gguf_writer *w)
{
    static char names[256][8];
    static const char *const more[] = {"<s>", "<end>",     "no", "ye",
                                       "yes", "\xC4\xA0y", "x1", "x2"};
    const bantam_text merges[] = {bnt_text_of("n o"), bnt_text_of("y e"), bnt_text_of("ye s")};
    bantam_text texts[N_VOCAB];
    int32_t kinds[N_VOCAB];

    for (uint32_t i = 0; i < N_VOCAB; i++) {
        kinds[i] = i == BOS || i == END ? 3 : 1;
        if (i >= 256) {
            texts[i] = bnt_text_of(more[i - 256]);
            continue;
        }
        const uint32_t code = bnt_byte_alphabet_code((uint8_t)i);
        texts[i] = (bantam_text){names[i], bnt_utf8_encode(code, names[i])};
    }
    bnt_gguf_put_text(w, "tokenizer.ggml.model", bnt_text_of("gpt2"));
    bnt_gguf_put_text(w, "tokenizer.ggml.pre", bnt_text_of("gpt-2"));
    bnt_gguf_put_texts(w, "tokenizer.ggml.tokens", texts, N_VOCAB);
    bnt_gguf_put_i32s(w, "tokenizer.ggml.token_type", kinds, N_VOCAB);
    bnt_gguf_put_texts(w, "tokenizer.ggml.merges", merges, 3);
    bnt_gguf_put_u32(w, "tokenizer.ggml.bos_token_id", BOS);
    bnt_gguf_put_u32(w, "tokenizer.ggml.eos_token_id", END);
    bnt_gguf_put_bool(w, "tokenizer.ggml.add_bos_token", true);
}

static inline void write_model(const char *name, bool with_template)
{
    static const struct {
        const char *name;
        uint32_t rows, columns;
    } tensors[] = {
        {"token_embd.weight", N_VOCAB, N_EMBD},  {"blk.0.attn_norm.weight", 0, N_EMBD},
        {"blk.0.attn_q.weight", N_EMBD, N_EMBD}, {"blk.0.attn_k.weight", N_EMBD, N_EMBD},
        {"blk.0.attn_v.weight", N_EMBD, N_EMBD}, {"blk.0.attn_output.weight", N_EMBD, N_EMBD},
        {"blk.0.ffn_norm.weight", 0, N_EMBD},    {"blk.0.ffn_gate.weight", N_FFN, N_EMBD},
        {"blk.0.ffn_up.weight", N_FFN, N_EMBD},  {"blk.0.ffn_down.weight", N_EMBD, N_FFN},
        {"output_norm.weight", 0, N_EMBD},
    };
    enum { N = sizeof tensors / sizeof tensors[0] };
    bnt_gguf_writer *w;
    bnt_rng rng;

    bnt_rng_seed(&rng, 5);
    assert_int_equal(bnt_gguf_writer_open(&w, label_path(), NULL), BANTAM_OK);
    bnt_gguf_put_text(w, "general.architecture", bnt_text_of("llama"));
    bnt_gguf_put_text(w, "general.name", bnt_text_of(name));
    bnt_gguf_put_u32(w, "llama.context_length", CONTEXT);
    bnt_gguf_put_u32(w, "llama.embedding_length", N_EMBD);
    bnt_gguf_put_u32(w, "llama.block_count", 1);
    bnt_gguf_put_u32(w, "llama.feed_forward_length", N_FFN);
    bnt_gguf_put_u32(w, "llama.attention.head_count", 2);
    bnt_gguf_put_f32(w, "llama.attention.layer_norm_rms_epsilon", 1e-5f);
    put_words(w);
    if (with_template) {
        bnt_gguf_put_text(w, "tokenizer.chat_template", bnt_text_of(chat_template));
    }
    for (int i = 0; i < N; i++) {
        const uint64_t dims[2] = {tensors[i].columns, tensors[i].rows};
        bnt_gguf_declare(w, bnt_text_of(tensors[i].name), bnt_type_find(BNT_TYPE_F32),
                         tensors[i].rows ? 2 : 1, dims);
    }
    for (int i = 0; i < N; i++) {
        for (uint32_t j = 0; j < (tensors[i].rows ? tensors[i].rows : 1) * tensors[i].columns;
             j++) {
            const float value = tensors[i].rows ? (float)(0.5 * bnt_rng_normal(&rng)) : 1.0f;
            bnt_gguf_put_data(w, &value, sizeof value);
        }
    }
    assert_int_equal(bnt_gguf_writer_commit(w, NULL), BANTAM_OK);
}

/* A model with some sessions, and one more to ask by hand. */
typedef struct rig {
    bantam_model *model;
    bantam_session *sessions[3], *other;
} rig;

static inline bantam_session *open_session(const bantam_model *model, uint32_t n_threads)
{
    const bantam_session_options o = {
        .struct_size = sizeof o, .n_threads = n_threads, .kv = BANTAM_KV_F32};
    bantam_session *session;
    bantam_error err;

    if (bantam_session_open(&session, model, &o, &err)) fail_msg("%s", err.message);
    return session;
}

static inline rig open_rig(const char *name, bool with_template)
{
    rig r;
    bantam_error err;

    write_model(name, with_template);
    if (bantam_model_open(&r.model, label_path(), NULL, &err)) fail_msg("%s", err.message);
    for (int i = 0; i < 3; i++) {
        r.sessions[i] = open_session(r.model, 1);
    }
    r.other = open_session(r.model, 2);
    return r;
}

static inline void close_rig(rig *r)
{
    for (int i = 0; i < 3; i++) {
        bantam_session_close(r->sessions[i]);
    }
    bantam_session_close(r->other);
    bantam_model_close(r->model);
    unlink(label_path());
}

#endif
