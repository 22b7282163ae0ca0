/* mini_texts.c - shared texts as training data.
 *
 *     bantam-mini-texts stories STORIES FORBIDDEN SEED TRAIN HELD
 *     bantam-mini-texts sentiment TRAIN.tsv DEV.tsv SEED N_HELD TRAIN.jsonl HELD.tsv TEXTS.txt
 *     bantam-mini-texts opinions SEED N OUT.jsonl
 *
 * Stories: those that share a stretch of 80 characters with a text of FORBIDDEN are left out,
 * so is a cut one at the end; the last N_HELD_STORIES are kept apart to watch the training
 * with. Half of the stories have their lines joined, as in the texts on which the model is
 * measured.
 *
 * Sentiment: a phrase that is, contains, or (from MIN_SHARED words on) is contained in a
 * sentence of DEV or of those held apart is left out. The data are tokenized in the way of the
 * Penn Treebank ("it 's a charming journey ."); a share of the phrases is written as people
 * write.
 */
#include "mini_opinions.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum {
    STRETCH = 80,
    N_HELD_STORIES = 40,
    MIN_SHARED = 4,
    WRITTEN_PERCENT = 25,
    MAX_PHRASE = 1024,
    LEAST_WORDS = 6 /* of a phrase worth reading for its language */
};

static const double LABEL_WEIGHT = 8.0; /* of an item's two tokens beside a story's many */

/* ---- stories ----------------------------------------------------------------------------- */

static void put_story(FILE *out, bantam_text story, bool joined)
{
    const bantam_text text = joined ? mini_squeeze(story) : story;
    fwrite(text.data, 1, text.size, out);
    fputs("\n" MINI_SEPARATOR "\n", out);
}

static int stories(char **argv)
{
    const mini_texts all = mini_documents(argv[0]), forbidden = mini_lines(argv[1]);
    mini_set taken = {0};
    size_t n = 0, n_shared = 0, n_odd = 0;
    bnt_rng rng;
    bantam_text *const good = calloc(all.n + 1, sizeof *good);

    if (!good) mini_die("out of memory");
    for (size_t i = 0; i < forbidden.n; i++) {
        mini_set_stretches(&taken, mini_squeeze(forbidden.items[i]), STRETCH);
    }
    for (size_t i = 0; i < all.n; i++) {
        const bantam_text plain = mini_plain(all.items[i]);
        if (!plain.data || !strchr(".!?\"'", plain.data[plain.size - 1])) {
            n_odd++;
        } else if (mini_set_shares(&taken, mini_squeeze(plain), STRETCH)) {
            n_shared++;
        } else {
            good[n++] = plain;
        }
    }
    if (n <= N_HELD_STORIES) mini_die("%s: %zu stories are too few", argv[0], n);
    bnt_rng_seed(&rng, mini_number(argv[2], "SEED"));
    FILE *const train = mini_create(argv[3]), *const held = mini_create(argv[4]);
    for (size_t i = 0; i < n; i++) {
        const bool is_held = i >= n - N_HELD_STORIES;
        put_story(is_held ? held : train, good[i], bnt_rng_below(&rng, 2) == 0);
    }
    mini_close(train, argv[3]);
    mini_close(held, argv[4]);
    fprintf(stderr,
            "stories: %zu, of them %d held apart; left out: %zu forbidden, %zu cut or odd\n", n,
            N_HELD_STORIES, n_shared, n_odd);
    return 0;
}

/* ---- sentiment --------------------------------------------------------------------------- */

typedef struct phrase {
    bantam_text text; /* between spaces: " like this . " */
    bool positive;
    bool held;
} phrase;

static phrase *read_phrases(const char *path, size_t *n)
{
    const mini_texts lines = mini_lines(path);
    phrase *const out = calloc(lines.n + 1, sizeof *out);

    if (!out) mini_die("out of memory");
    *n = 0;
    for (size_t i = 1; i < lines.n; i++) { /* the first one is a header */
        const bantam_text l = lines.items[i];
        if (l.size < 3 || l.data[l.size - 2] != '\t' || !strchr("01", l.data[l.size - 1])) {
            mini_die("%s: line %zu: expected a text, a tab, 0 or 1", path, i + 1);
        }
        const bantam_text text = mini_squeeze((bantam_text){l.data, l.size - 2});
        char *const padded = malloc(text.size + 3);
        if (!padded) mini_die("out of memory");
        snprintf(padded, text.size + 3, " %s ", text.data);
        out[(*n)++] = (phrase){{padded, text.size + 2}, l.data[l.size - 1] == '1', false};
        free((void *)(uintptr_t)text.data);
    }
    return out;
}

static size_t n_words(bantam_text padded)
{
    size_t n = 0;
    for (size_t i = 1; i < padded.size; i++) {
        n += padded.data[i] == ' ';
    }
    return n;
}

/* Stretches of whole words: every one of a sentence, so that a phrase inside it is found by one
 * look, and for long phrases the sentence inside them too. */
static void add_inner(mini_set *inner, bantam_text padded)
{
    for (size_t i = 0; i < padded.size; i++) {
        if (padded.data[i] != ' ') continue;
        for (size_t k = i + 1; k < padded.size; k++) {
            if (padded.data[k] == ' ')
                mini_set_add(inner, mini_hash(padded.data + i, k - i + 1));
        }
    }
}

/* Whether a stretch of whole words of the phrase is a whole sentence of the set. */
static bool contains_whole(const mini_set *whole, bantam_text padded)
{
    for (size_t i = 0; i < padded.size; i++) {
        if (padded.data[i] != ' ') continue;
        for (size_t k = i + 1; k < padded.size; k++) {
            if (padded.data[k] == ' ' &&
                mini_set_has(whole, mini_hash(padded.data + i, k - i + 1))) {
                return true;
            }
        }
    }
    return false;
}

/* "it 's a charming journey ." as "It's a charming journey." */
static size_t write_plainly(bantam_text padded, char *out)
{
    static const char *const glued[] = {".",  ",",   "!",     "?",   ";",   ":",
                                        "'s", "n't", "'re",   "'ve", "'ll", "'d",
                                        "'m", "'",   "-rrb-", "...", "%"};
    size_t n = 0;
    bool opens = true; /* no space before the next word */

    for (size_t i = 1; i < padded.size;) {
        const size_t width = strcspn(padded.data + i, " ");
        const char *word = padded.data + i;
        bool sticks = opens;
        for (size_t k = 0; k < sizeof glued / sizeof glued[0]; k++) {
            sticks |= strlen(glued[k]) == width && !memcmp(glued[k], word, width);
        }
        if (!sticks) out[n++] = ' ';
        opens = false;
        if (width == 5 && !memcmp(word, "-lrb-", 5)) {
            out[n++] = '(';
            opens = true;
        } else if (width == 5 && !memcmp(word, "-rrb-", 5)) {
            out[n++] = ')';
        } else {
            memcpy(out + n, word, width);
            n += width;
        }
        i += width + 1;
    }
    if (n) out[0] = (char)toupper((unsigned char)out[0]);
    return n;
}

/* As an item and, where texts is not NULL and there is enough of it, as a text to learn the
 * language of: what predicts the words learns more of them than one label tells. */
static void put_phrase(FILE *out, FILE *texts, const phrase *p, bnt_rng *rng)
{
    static const char head[] = "positive or negative?\n";
    char user[2 * MAX_PHRASE + sizeof head];
    size_t n = sizeof head - 1;

    if (p->text.size > MAX_PHRASE) return;
    memcpy(user, head, n);
    if (bnt_rng_below(rng, 100) < WRITTEN_PERCENT) {
        n += write_plainly(p->text, user + n);
    } else {
        memcpy(user + n, p->text.data + 1, p->text.size - 2);
        n += p->text.size - 2;
    }
    mini_put_chat(out, (bantam_text){user, n}, mini_text(p->positive ? "positive" : "negative"),
                  LABEL_WEIGHT);
    if (!texts || n_words(p->text) < LEAST_WORDS) return;
    fwrite(user + sizeof head - 1, 1, n - (sizeof head - 1), texts);
    fputs("\n" MINI_SEPARATOR "\n", texts);
}

/* ---- opinions ---------------------------------------------------------------------------- */

static int opinions(char **argv)
{
    bnt_rng rng;
    bnt_buf text;

    bnt_rng_seed(&rng, mini_number(argv[0], "SEED"));
    bnt_buf_init(&text, MAX_PHRASE);
    FILE *const out = mini_create(argv[2]);
    for (uint64_t n = mini_number(argv[1], "N"); n; n--) {
        bnt_buf_clear(&text);
        bnt_buf_putc(&text, ' ');
        const bool positive = mini_opinion(&rng, &text);
        bnt_buf_putc(&text, ' ');
        if (text.failed) mini_die("an opinion is too long");
        const phrase p = {bnt_buf_text(&text), positive, false};
        put_phrase(out, NULL, &p, &rng);
    }
    mini_close(out, argv[2]);
    bnt_buf_deinit(&text);
    return 0;
}

/* Whole sentences that nothing contains are the longest ones that end with a full stop. */
static void hold_apart(phrase *p, size_t n, size_t n_held, bnt_rng *rng)
{
    size_t n_chosen = 0;
    for (size_t tries = 0; n_chosen < n_held && tries < 100 * n; tries++) {
        phrase *const one = &p[bnt_rng_below(rng, n)];
        const bool whole = one->text.size > 4 && one->text.data[one->text.size - 2] == '.';
        if (one->held || !whole || n_words(one->text) < 10) continue;
        one->held = true;
        n_chosen++;
    }
}

static int sentiment(char **argv)
{
    size_t n, n_dev, n_kept = 0, n_dropped = 0;
    phrase *const all = read_phrases(argv[0], &n);
    phrase *const dev = read_phrases(argv[1], &n_dev);
    mini_set inner = {0}, whole = {0};
    bnt_rng rng;

    bnt_rng_seed(&rng, mini_number(argv[2], "SEED"));
    hold_apart(all, n, (size_t)mini_number(argv[3], "N_HELD"), &rng);
    for (size_t i = 0; i < n_dev + n; i++) {
        const phrase *const p = i < n_dev ? &dev[i] : &all[i - n_dev];
        if (i >= n_dev && !p->held) continue;
        add_inner(&inner, p->text);
        mini_set_add(&whole, mini_hash(p->text.data, p->text.size));
    }
    FILE *const train = mini_create(argv[4]), *const held = mini_create(argv[5]);
    FILE *const texts = mini_create(argv[6]);
    fputs("sentence\tlabel\n", held);
    for (size_t i = 0; i < n; i++) {
        const phrase *const p = &all[i];
        const uint64_t h = mini_hash(p->text.data, p->text.size);
        if (p->held) {
            fprintf(held, "%.*s\t%d\n", (int)p->text.size - 2, p->text.data + 1, p->positive);
        } else if ((n_words(p->text) >= MIN_SHARED && mini_set_has(&inner, h)) ||
                   contains_whole(&whole, p->text)) {
            n_dropped++;
        } else {
            put_phrase(train, texts, p, &rng);
            n_kept++;
        }
    }
    mini_close(train, argv[4]);
    mini_close(held, argv[5]);
    mini_close(texts, argv[6]);
    fprintf(stderr, "sentiment: %zu phrases, %zu left out\n", n_kept, n_dropped);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 7 && !strcmp(argv[1], "stories")) return stories(argv + 2);
    if (argc == 9 && !strcmp(argv[1], "sentiment")) return sentiment(argv + 2);
    if (argc == 5 && !strcmp(argv[1], "opinions")) return opinions(argv + 2);
    mini_die("usage: bantam-mini-texts stories STORIES FORBIDDEN SEED TRAIN HELD | "
             "sentiment TRAIN.tsv DEV.tsv SEED N_HELD TRAIN.jsonl HELD.tsv TEXTS.txt | "
             "opinions SEED N OUT.jsonl");
}
