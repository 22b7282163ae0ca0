/* mini_tasks.c - tasks with their answers as chat items: SEED N STORIES TASKS.jsonl
 * TALES.jsonl.
 *
 * N items about little worlds and common things, and from every story that allows it a wish for
 * a story like this, and a short form of its beginning. The same seed makes the same items.
 */
#include "mini_facts.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_TEXT = 1 << 16 };

typedef struct item {
    bnt_buf user, assistant;
} item;

/* What a token of an answer weighs beside one of a story, of which there are many more. */
static const double ANSWER_WEIGHT = 3.0;

static void put_item(FILE *out, item *it, double weight)
{
    if (it->user.failed || it->assistant.failed) mini_die("an item is too long");
    mini_put_chat(out, bnt_buf_text(&it->user), bnt_buf_text(&it->assistant), weight);
    bnt_buf_clear(&it->user);
    bnt_buf_clear(&it->assistant);
}

static void put_text(bnt_buf *out, bantam_text t)
{
    bnt_buf_put(out, t.data, t.size);
}

/* ---- about worlds ------------------------------------------------------------------------ */

static const char summary_asks[] =
    "Summarize in one sentence:|Summarize in one sentence:|Summarize in one "
    "sentence:|Summarize:|"
    "Make this shorter:|Write a short summary:|Summarize this text in one sentence:|"
    "What is this text about?";

static void world_summary(const mini_kind *kind, const mini_world *w, bnt_rng *rng, item *it)
{
    put_text(&it->user, mini_draw(summary_asks, rng));
    bnt_buf_putc(&it->user, '\n');
    bnt_buf text;
    bnt_buf_init(&text, MAX_TEXT);
    mini_kind_text(kind, w, rng, &text);
    put_text(&it->user, bnt_buf_text(&text));
    bnt_buf_deinit(&text);
    mini_fill(kind->summary, w, rng, &it->assistant);
}

static void put_kind_text(const mini_kind *kind, const mini_world *w, bnt_rng *rng,
                          bnt_buf *out)
{
    bnt_buf text;
    bnt_buf_init(&text, MAX_TEXT);
    mini_kind_text(kind, w, rng, &text);
    put_text(out, bnt_buf_text(&text));
    bnt_buf_deinit(&text);
}

static void world_headline(const mini_kind *kind, const mini_world *w, bnt_rng *rng, item *it)
{
    put_text(&it->user, mini_draw("Write a headline:|Write a headline for this text:|"
                                  "Give this text a title:",
                                  rng));
    bnt_buf_putc(&it->user, '\n');
    put_kind_text(kind, w, rng, &it->user);
    mini_fill(kind->headline, w, rng, &it->assistant);
}

/* The text first, then the question, or the other way round. */
static void world_question(const mini_kind *kind, const mini_world *w, bnt_rng *rng, item *it)
{
    size_t n = 0;
    while (n < MINI_QUESTIONS && kind->questions[n][0]) {
        n++;
    }
    const size_t at = (size_t)bnt_rng_below(rng, n);
    const bool text_first = bnt_rng_below(rng, 4) != 0;
    if (text_first) {
        put_kind_text(kind, w, rng, &it->user);
        bnt_buf_putc(&it->user, '\n');
    }
    mini_fill(kind->questions[at][0], w, rng, &it->user);
    if (!text_first) {
        bnt_buf_putc(&it->user, '\n');
        put_kind_text(kind, w, rng, &it->user);
    }
    mini_fill(kind->questions[at][1], w, rng, &it->assistant);
}

static void world_list(const mini_kind *kind, const mini_world *w, bnt_rng *rng, item *it)
{
    bantam_text items[8];
    size_t n = 0;
    bnt_buf all;

    put_kind_text(kind, w, rng, &it->user);
    bnt_buf_putc(&it->user, '\n');
    mini_fill(kind->list[0], w, rng, &it->user);
    bnt_buf_init(&all, MAX_TEXT);
    mini_fill(kind->list[1], w, rng, &all);
    for (size_t at = 0; at < all.size && n < 8;) {
        const char *const end = memchr(all.data + at, ';', all.size - at);
        const size_t size = end ? (size_t)(end - all.data) - at : all.size - at;
        items[n++] = (bantam_text){all.data + at, size};
        at += size + 1;
    }
    mini_put_list(&it->assistant, items, n);
    bnt_buf_deinit(&all);
}

static void about_world(bnt_rng *rng, item *it)
{
    const mini_kind *const kind = &mini_kinds[bnt_rng_below(rng, mini_n_kinds)];
    mini_world world;

    mini_world_draw(&world, rng);
    const uint64_t what = bnt_rng_below(rng, 20);
    if (what < 8) {
        world_summary(kind, &world, rng, it);
    } else if (what < 9) {
        world_headline(kind, &world, rng, it);
    } else if (what < 11 && kind->list[0]) {
        world_list(kind, &world, rng, it);
    } else {
        world_question(kind, &world, rng, it);
    }
}

/* ---- about nothing in particular --------------------------------------------------------- */

/* People forget capitals and question marks. */
static void write_carelessly(bnt_buf *question, bnt_rng *rng)
{
    if (!question->size || bnt_rng_below(rng, 6)) return;
    char *const first = question->data;
    if (*first >= 'A' && *first <= 'Z' && first[1] >= 'a') *first = (char)(*first - 'A' + 'a');
    if (strchr("?.", question->data[question->size - 1])) question->size--;
}

static void common(bnt_rng *rng, item *it)
{
    static const struct {
        mini_task_fn fn;
        unsigned share;
    } tasks[] = {{mini_fact, 11}, {mini_sum, 6},  {mini_order, 4},  {mini_list, 4},
                 {mini_is_a, 4},  {mini_talk, 3}, {mini_unknown, 1}};
    unsigned at = (unsigned)bnt_rng_below(rng, 33);
    size_t i = 0;

    while (at >= tasks[i].share) {
        at -= tasks[i++].share;
    }
    tasks[i].fn(rng, &it->user, &it->assistant);
    write_carelessly(&it->user, rng);
}

/* ---- from stories ------------------------------------------------------------------------ */

static bool begins(bantam_text t, const char *with)
{
    const size_t n = strlen(with);
    return t.size >= n && !memcmp(t.data, with, n);
}

static bantam_text behind(bantam_text t, size_t n)
{
    return (bantam_text){t.data + n, t.size - n};
}

/* Where `what` begins in t; t.size where it does not. */
static size_t find(bantam_text t, const char *what)
{
    for (size_t i = 0; i < t.size; i++) {
        if (begins(behind(t, i), what)) return i;
    }
    return t.size;
}

/* What a first sentence tells of: "a little girl named Lily". False where it tells it in
 * another way. */
static bool hero_of(bantam_text first, bantam_text *hero, bantam_text *noun, bantam_text *name)
{
    static const char *const verbs[] = {"there was ", "there lived "};
    size_t at = first.size;

    for (size_t i = 0; i < 2 && at == first.size; i++) {
        at = find(first, verbs[i]);
        if (at < first.size) at += strlen(verbs[i]);
    }
    if (at >= first.size) return false;
    bantam_text rest = behind(first, at);
    if (!begins(rest, "a ") && !begins(rest, "an ")) return false;
    const size_t named = find(rest, " named ");
    if (named == rest.size || named > 40) return false;
    size_t end = named + 7;
    while (end < rest.size && !strchr(" .,!", rest.data[end])) {
        end++;
    }
    if (end == rest.size || !strchr(".,", rest.data[end])) return false;
    size_t begin = named;
    while (rest.data[begin - 1] != ' ') {
        begin--;
    }
    *hero = (bantam_text){rest.data, end};
    *noun = (bantam_text){rest.data + begin, named - begin};
    *name = (bantam_text){rest.data + named + 7, end - named - 7};
    return true;
}

static void story_wish(bantam_text story, bantam_text noun, bantam_text name, bnt_rng *rng,
                       item *it)
{
    static const char plain[] =
        "Tell me a story.|Write a story.|Write a short story.|Tell me a bedtime story.";
    static const char about[] =
        "Tell me a story about|Write a story about|Write a short story about|"
        "I want to hear a story about";
    if (!noun.size) {
        put_text(&it->user, mini_draw(plain, rng));
    } else {
        put_text(&it->user, mini_draw(about, rng));
        bnt_buf_printf(&it->user, " %s %.*s", strchr("aeiou", noun.data[0]) ? "an" : "a",
                       BNT_TEXT_ARG(noun));
        if (bnt_rng_below(rng, 3) == 0)
            bnt_buf_printf(&it->user, " named %.*s", BNT_TEXT_ARG(name));
        bnt_buf_putc(&it->user, '.');
    }
    put_text(&it->assistant, story);
}

/* "There was a little car named Beep. Beep loved to go fast." becomes "A little car named Beep
 * loved to go fast.". False where the second sentence does not go on in that way. */
static bool short_form(bantam_text second, bantam_text hero, bantam_text name, bnt_buf *out)
{
    static const char *const pronouns[] = {"He ", "She ", "It "};
    bantam_text does = {0};

    if (second.size > name.size + 1 && !memcmp(second.data, name.data, name.size) &&
        second.data[name.size] == ' ') {
        does = behind(second, name.size + 1);
    }
    for (size_t i = 0; i < 3 && !does.size; i++) {
        if (begins(second, pronouns[i])) does = behind(second, strlen(pronouns[i]));
    }
    if (does.size < 12 || does.size > 100 || memchr(does.data, '"', does.size)) return false;
    bnt_buf_printf(out, "A%.*s %.*s", (int)hero.size - 1, hero.data + 1, BNT_TEXT_ARG(does));
    return true;
}

static bool story_short(bantam_text story, bantam_text hero, bantam_text name, bnt_rng *rng,
                        item *it)
{
    bantam_text rest = story;
    (void)mini_sentence(&rest);
    const bantam_text second = mini_sentence(&rest);

    if (!short_form(second, hero, name, &it->assistant)) return false;
    const size_t n = 1 + (size_t)bnt_rng_below(rng, 4);
    for (size_t i = 0; i < n; i++) {
        (void)mini_sentence(&rest);
    }
    const bantam_text part = mini_squeeze((bantam_text){story.data, story.size - rest.size});
    put_text(&it->user, mini_draw(summary_asks, rng));
    bnt_buf_putc(&it->user, '\n');
    put_text(&it->user, part);
    free((void *)(uintptr_t)part.data);
    return true;
}

static void from_story(bantam_text story, bnt_rng *rng, FILE *tales, FILE *tasks, item *it)
{
    bantam_text rest = story, hero = {0}, noun = {0}, name = {0};

    const bool known = hero_of(mini_sentence(&rest), &hero, &noun, &name);
    if (known && bnt_rng_below(rng, 4) == 0) noun.size = 0;
    story_wish(story, noun, name, rng, it);
    put_item(tales, it, 1.0);
    if (!known || bnt_rng_below(rng, 3)) return;
    if (story_short(story, hero, name, rng, it)) put_item(tasks, it, ANSWER_WEIGHT);
}

int main(int argc, char **argv)
{
    bnt_rng rng;
    item it;

    if (argc != 6) mini_die("usage: bantam-mini-tasks SEED N STORIES TASKS.jsonl TALES.jsonl");
    bnt_rng_seed(&rng, mini_number(argv[1], "SEED"));
    const uint64_t n = mini_number(argv[2], "N");
    const mini_texts stories = mini_documents(argv[3]);
    bnt_buf_init(&it.user, MAX_TEXT);
    bnt_buf_init(&it.assistant, MAX_TEXT);
    FILE *const tasks = mini_create(argv[4]), *const tales = mini_create(argv[5]);
    for (uint64_t i = 0; i < n; i++) {
        if (bnt_rng_below(&rng, 100) < 45) {
            about_world(&rng, &it);
        } else {
            common(&rng, &it);
        }
        put_item(tasks, &it, ANSWER_WEIGHT);
    }
    for (size_t i = 0; i < stories.n; i++) {
        from_story(stories.items[i], &rng, tales, tasks, &it);
    }
    mini_close(tasks, argv[4]);
    mini_close(tales, argv[5]);
    bnt_buf_deinit(&it.user);
    bnt_buf_deinit(&it.assistant);
    return 0;
}
