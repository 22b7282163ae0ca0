/* mini_write.c - stories written by a trained model: MODEL KNOWN FORBIDDEN BYTES SEED OUT.
 *
 * A model that was trained on far more stories than lie in KNOWN hands on what it learned. A
 * story is kept where it ends by itself, has no word that stands nowhere in KNOWN, no line over
 * and over, and shares no long stretch with the texts of FORBIDDEN, on which the new model will
 * be measured. The same seed writes the same stories, at any number of threads.
 */
#include "mini.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { CONTEXT = 512, LEAST = 200, STRETCH = 80, MAX_STORY = 1 << 14, MAX_WORD = 40 };

typedef struct writer {
    bantam_session *session;
    const bantam_tokenizer *tokenizer;
    bantam_tokenizer_info info;
    mini_set words, forbidden;
    char text[MAX_STORY];
    size_t size;
} writer;

/* Calls for every word, in lower case; false where one of them says no. */
static bool each_word(bantam_text text, mini_set *words, bool adds)
{
    char word[MAX_WORD];
    size_t n = 0;

    for (size_t i = 0; i <= text.size; i++) {
        const int c = i < text.size ? (unsigned char)text.data[i] : ' ';
        if (isalpha(c) && n < MAX_WORD) {
            word[n++] = (char)tolower(c);
        } else if (!isalpha(c) && n) {
            const uint64_t h = mini_hash(word, n);
            if (adds) {
                mini_set_add(words, h);
            } else if (!mini_set_has(words, h)) {
                return false;
            }
            n = 0;
        }
    }
    return true;
}

/* Words that stand in two stories or more: what stands in one may be a slip. */
static void learn_words(mini_set *words, const mini_texts *stories)
{
    mini_set once = {0};

    for (size_t i = 0; i < stories->n; i++) {
        mini_set here = {0};
        each_word(stories->items[i], &here, true);
        for (size_t k = 0; k < here.capacity; k++) {
            const uint64_t h = here.items[k];
            if (h && !mini_set_add(&once, h)) mini_set_add(words, h);
        }
        free(here.items);
    }
    free(once.items);
}

/* Whether some sentence of a fair length stands there twice. */
static bool repeats(bantam_text text)
{
    mini_set seen = {0};
    bool twice = false;

    for (bantam_text s = mini_sentence(&text); s.size && !twice; s = mini_sentence(&text)) {
        twice = s.size > 20 && !mini_set_add(&seen, mini_hash(s.data, s.size));
    }
    free(seen.items);
    return twice;
}

/* One story; false where the context ended before it did. */
static bool write_story(writer *w)
{
    bantam_error err = {0};
    const uint32_t bos = w->info.bos;

    w->size = 0;
    if (bantam_session_rewind(w->session, 0, &err) ||
        bantam_session_feed(w->session, &bos, 1, &err)) {
        mini_die("%s", err.message);
    }
    for (;;) {
        uint32_t token;
        bantam_text text;
        const bantam_status status = bantam_session_next(w->session, &token, &text, &err);
        if (status == BANTAM_ERR_FULL) return false;
        if (status) mini_die("%s", err.message);
        if (token == bos || bantam_token_is_stop(w->tokenizer, token)) return true;
        if (text.size > sizeof w->text - w->size) return false;
        memcpy(w->text + w->size, text.data, text.size);
        w->size += text.size;
    }
}

static bool is_good(const writer *w, bantam_text story)
{
    if (story.size < LEAST || !strchr(".!?\"", story.data[story.size - 1])) return false;
    for (size_t i = 0; i < story.size; i++) {
        const unsigned char c = (unsigned char)story.data[i];
        if (c >= 0x7F || (c < 0x20 && c != '\n')) return false;
    }
    if (!each_word(story, (mini_set *)(uintptr_t)&w->words, false) || repeats(story))
        return false;
    const bantam_text squeezed = mini_squeeze(story);
    const bool shares = mini_set_shares(&w->forbidden, squeezed, STRETCH);
    free((void *)(uintptr_t)squeezed.data);
    return !shares;
}

static void set_sampling(bantam_session *session, uint64_t seed)
{
    bantam_sampling s;
    bantam_error err = {0};

    bantam_sampling_init(&s);
    s.seed = seed;
    s.temperature = 0.8F;
    s.min_p = 0.02F;
    if (bantam_session_set_sampling(session, &s, &err)) mini_die("%s", err.message);
}

int main(int argc, char **argv)
{
    const bantam_session_options options = {
        .struct_size = sizeof options, .context_tokens = CONTEXT, .n_threads = 1};
    bantam_model *model;
    bantam_error err = {0};
    static writer w;

    if (argc != 7) mini_die("usage: bantam-mini-write MODEL KNOWN FORBIDDEN BYTES SEED OUT");
    const uint64_t wanted = mini_number(argv[4], "BYTES");
    if (bantam_model_open(&model, argv[1], NULL, &err) ||
        bantam_session_open(&w.session, model, &options, &err)) {
        mini_die("%s", err.message);
    }
    w.tokenizer = bantam_model_tokenizer(model);
    if (!w.tokenizer) mini_die("%s: has no tokenizer", argv[1]);
    bantam_tokenizer_describe(w.tokenizer, &w.info);
    const mini_texts known = mini_documents(argv[2]), forbidden = mini_lines(argv[3]);
    learn_words(&w.words, &known);
    for (size_t i = 0; i < forbidden.n; i++) {
        mini_set_stretches(&w.forbidden, mini_squeeze(forbidden.items[i]), STRETCH);
    }
    set_sampling(w.session, mini_number(argv[5], "SEED"));

    FILE *const out = mini_create(argv[6]);
    uint64_t written = 0, n_kept = 0, n_tried = 0;
    while (written < wanted) {
        n_tried++;
        if (n_tried > 1000 && n_kept == 0) mini_die("%s: no good story in 1000", argv[1]);
        if (!write_story(&w)) continue;
        const bantam_text story = mini_trimmed(w.text, w.size);
        if (!is_good(&w, story)) continue;
        fwrite(story.data, 1, story.size, out);
        fputs("\n" MINI_SEPARATOR "\n", out);
        written += story.size;
        n_kept++;
    }
    mini_close(out, argv[6]);
    fprintf(stderr, "%s: %llu stories of %llu, %llu bytes\n", argv[6],
            (unsigned long long)n_kept, (unsigned long long)n_tried,
            (unsigned long long)written);
    bantam_session_close(w.session);
    bantam_model_close(model);
    return 0;
}
