/* cli_literal.c - control tokens are the template's to write, not its user's.
 *
 * A rendered chat is one text, in which nobody can tell a mark of the template's from one that
 * stood in a message. So names of control tokens are taken out of the messages before they are
 * rendered, with a word in their place that templates carry along like any other, and become
 * text again when the chat becomes tokens. A chat without such names is not touched.
 */
#include "cli_literal.h"

#include "cli_out.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where `what` stands in text, from `from` on; the end where it does not. */
static size_t find(bantam_text text, size_t from, bantam_text what)
{
    for (size_t i = from; what.size <= text.size && i <= text.size - what.size; i++) {
        if (memcmp(text.data + i, what.data, what.size) == 0) return i;
    }
    return text.size;
}

/* Control tokens are left out of texts; two of a kind, because of what may stand at the start
 * of one a space is left out. */
static bool is_control(const bantam_tokenizer *tokenizer, uint32_t token)
{
    const uint32_t twice[] = {token, token};
    size_t size = 1;

    return bantam_detokenize(tokenizer, twice, 2, 0, NULL, 0, &size, NULL) == BANTAM_OK &&
           size == 0 && bantam_token_text(tokenizer, token).size > 0;
}

static void add_name(cli_literals *l, bantam_text name)
{
    char *const copy = cli_grow(NULL, name.size + 1, 1);

    memcpy(copy, name.data, name.size);
    copy[name.size] = '\0';
    l->names.items =
        cli_grow((void *)(uintptr_t)l->names.items, l->names.n + 1, sizeof *l->names.items);
    l->names.items[l->names.n++] = copy;
}

/* A word that the messages do not have. */
static void choose_word(cli_literals *l)
{
    char *const all = json_dumps(l->messages, JSON_COMPACT);

    if (!all) cli_out_of_memory();
    for (unsigned n = 0;; n++) {
        snprintf(l->word, sizeof l->word, "bantam%uname", n);
        if (!strstr(all, l->word)) break;
    }
    free(all);
}

/* The text with names replaced; NULL where it has none. */
static json_t *without_names(cli_literals *l, const bantam_tokenizer *tokenizer,
                             const json_t *said)
{
    const bantam_text text = {json_string_value(said), json_string_length(said)};
    cli_buf out = {0};
    cli_ids ids;
    size_t done = 0;
    json_t *made = NULL;

    if (cli_tokenize(tokenizer, text, BANTAM_TOKENIZE_SPECIAL, &ids, NULL)) return NULL;
    for (size_t i = 0; i < ids.n; i++) {
        if (!is_control(tokenizer, ids.items[i])) continue;
        const bantam_text name = bantam_token_text(tokenizer, ids.items[i]);
        const size_t at = find(text, done, name);
        char word[64];
        if (at == text.size) continue; /* a token that stands for what is none */
        if (!l->word[0]) choose_word(l);
        const int n = snprintf(word, sizeof word, "%s%zuz", l->word, l->names.n);
        cli_buf_add(&out, text.data + done, at - done);
        cli_buf_add(&out, word, (size_t)n);
        add_name(l, name);
        done = at + name.size;
    }
    free(ids.items);
    if (done > 0) {
        cli_buf_add(&out, text.data + done, text.size - done);
        made = json_stringn(out.data, out.size);
        if (!made) cli_out_of_memory();
    }
    cli_buf_free(&out);
    return made;
}

/* The member of an object, a text, or nothing. */
static void hide_member(cli_literals *l, const bantam_tokenizer *tokenizer, json_t *object,
                        const char *member)
{
    const json_t *const said = json_object_get(object, member);
    json_t *const other = json_is_string(said) ? without_names(l, tokenizer, said) : NULL;

    if (other && json_object_set_new(object, member, other)) cli_out_of_memory();
}

void cli_literals_hide(cli_literals *l, const bantam_tokenizer *tokenizer, json_t *messages)
{
    json_t *message, *part;
    size_t i, k;

    l->messages = messages;
    json_array_foreach(messages, i, message)
    {
        hide_member(l, tokenizer, message, "content");
        json_array_foreach(json_object_get(message, "content"), k, part)
        {
            hide_member(l, tokenizer, part, "text");
        }
    }
}

static void append(cli_ids *out, cli_ids *more)
{
    out->items = cli_grow(out->items, out->n + more->n + 1, sizeof *out->items);
    if (more->n) memcpy(out->items + out->n, more->items, more->n * sizeof *out->items);
    out->n += more->n;
    free(more->items);
}

/* The name that the word at `at` stands for, and where the text behind the word begins; NULL
 * where it stands for none. */
static const char *name_at(const cli_literals *l, bantam_text chat, size_t at, size_t *behind)
{
    size_t n = 0, i = at + strlen(l->word);

    for (; i < chat.size && chat.data[i] >= '0' && chat.data[i] <= '9'; i++) {
        n = n * 10 + (size_t)(chat.data[i] - '0');
        if (n >= l->names.n) return NULL;
    }
    if (i == chat.size || chat.data[i] != 'z') return NULL;
    *behind = i + 1;
    return l->names.items[n];
}

bantam_status cli_literals_tokenize(const cli_literals *l, const bantam_tokenizer *tokenizer,
                                    bantam_text chat, cli_ids *out, bantam_error *err)
{
    const bantam_text word = {l->word, strlen(l->word)};
    size_t done = l->names.n ? find(chat, 0, word) : chat.size;
    bantam_status status =
        cli_tokenize_chat(tokenizer, (bantam_text){chat.data, done}, out, err);

    while (!status && done < chat.size) {
        size_t from = done;
        const char *const name = name_at(l, chat, done, &from);
        const size_t next = find(chat, name ? from : done + word.size, word);
        cli_ids more = {0};
        if (name) {
            status = cli_tokenize(tokenizer, (bantam_text){name, strlen(name)}, 0, &more, err);
            append(out, &more);
        }
        more = (cli_ids){0};
        if (!status && next > from) {
            status = cli_tokenize(tokenizer, (bantam_text){chat.data + from, next - from},
                                  BANTAM_TOKENIZE_SPECIAL, &more, err);
            append(out, &more);
        }
        done = next;
    }
    return status;
}

void cli_literals_free(cli_literals *l)
{
    for (size_t i = 0; i < l->names.n; i++)
        free((void *)(uintptr_t)l->names.items[i]);
    free((void *)(uintptr_t)l->names.items);
    *l = (cli_literals){0};
}
