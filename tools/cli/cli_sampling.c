/* cli_sampling.c - from options to bantam_sampling: stages by name, biases by text, the seed.
 */
#include "cli_answer.h"

#include "cli_out.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#ifdef __APPLE__
#include <sys/random.h>
#endif

static const struct {
    const char *name;
    bantam_stage stage;
} stages[] = {
    {"penalties", BANTAM_STAGE_PENALTIES},
    {"dry", BANTAM_STAGE_DRY},
    {"top-k", BANTAM_STAGE_TOP_K},
    {"typical", BANTAM_STAGE_TYPICAL},
    {"typ-p", BANTAM_STAGE_TYPICAL},
    {"top-p", BANTAM_STAGE_TOP_P},
    {"min-p", BANTAM_STAGE_MIN_P},
    {"xtc", BANTAM_STAGE_XTC},
    {"temperature", BANTAM_STAGE_TEMPERATURE},
    {"temp", BANTAM_STAGE_TEMPERATURE},
};

/* A stage's name; '_' counts as '-', as other programs write it. */
static bantam_stage stage_of(const char *name, size_t size)
{
    for (size_t i = 0; i < sizeof stages / sizeof stages[0]; i++) {
        size_t at = 0;
        while (at < size && stages[i].name[at] &&
               stages[i].name[at] == (name[at] == '_' ? '-' : name[at])) {
            at++;
        }
        if (at == size && !stages[i].name[at]) return stages[i].stage;
    }
    return BANTAM_STAGE_END;
}

static int read_order(const char *names, bantam_sampling *s)
{
    const size_t most = sizeof s->order / sizeof s->order[0] - 1;
    size_t n = 0;

    for (const char *at = names; *at;) {
        const size_t size = strcspn(at, ",;");
        const bantam_stage stage = stage_of(at, size);
        if (stage == BANTAM_STAGE_END) {
            return cli_usage("--samplers: '%.*s' is not the name of a stage; see --help",
                             (int)(size > 200 ? 200 : size), at);
        }
        for (size_t i = 0; i < n; i++) {
            if (s->order[i] == stage) {
                return cli_usage("--samplers: '%.*s' stands there twice", (int)size, at);
            }
        }
        if (n == most) return cli_usage("--samplers: too many stages");
        s->order[n++] = stage;
        at += size;
        if (*at) at++;
    }
    if (n == 0) return cli_usage("--samplers: no stage is named");
    s->order[n] = BANTAM_STAGE_END;
    return 0;
}

typedef struct biases {
    bantam_logit_bias *items;
    size_t n;
} biases;

static void add_bias(biases *b, uint32_t token, float bias)
{
    b->items = cli_grow(b->items, b->n + 1, sizeof *b->items);
    b->items[b->n++] = (bantam_logit_bias){token, bias};
}

/* TOKEN=F, where TOKEN is a number or a text; the last '=' is the one that counts. */
static int read_bias(const cli_engine *e, const char *text, biases *b)
{
    const char *equals = strrchr(text, '=');
    double value = 0.0;
    uint64_t id;
    cli_ids ids = {0};
    bantam_error err = {0};

    if (!equals || equals == text) {
        return cli_usage("--logit-bias: '%s' is not TOKEN=F", text);
    }
    if (strcmp(equals + 1, "-inf") == 0) {
        value = -HUGE_VAL;
    } else if (!cli_read_real(equals + 1, -1e6, 1e6, &value)) {
        return cli_usage("--logit-bias: '%s' is not a number from -1e6 to 1e6, nor -inf",
                         equals + 1);
    }
    const bantam_text token = {text, (size_t)(equals - text)};
    if (strspn(text, "0123456789") == token.size) {
        char number[24];
        snprintf(number, sizeof number, "%.*s", (int)(token.size < 23 ? token.size : 23), text);
        if (!cli_read_whole(number, 0, UINT32_MAX - 1, &id) || id >= e->info.n_vocab) {
            return cli_usage("--logit-bias: there is no token %s, the vocabulary has %" PRIu32,
                             number, e->info.n_vocab);
        }
        add_bias(b, (uint32_t)id, (float)value);
        return 0;
    }
    if (!e->tokenizer) {
        return cli_fail_with(BANTAM_ERR_UNSUPPORTED,
                             "--logit-bias with a text: this model has no tokenizer");
    }
    if (cli_tokenize(e->tokenizer, token, BANTAM_TOKENIZE_SPECIAL, &ids, &err)) {
        return cli_fail(&err);
    }
    for (size_t i = 0; i < ids.n; i++)
        add_bias(b, ids.items[i], (float)value);
    free(ids.items);
    return 0;
}

static uint64_t draw_seed(void)
{
    uint64_t seed;

    if (getentropy(&seed, sizeof seed) == 0) return seed;
    return (uint64_t)time(NULL); /* any number will do: it only has to differ */
}

static void numbers(const cli_args *args, bantam_sampling *s)
{
    s->temperature = (float)args->temperature;
    s->top_k = args->top_k;
    s->top_p = (float)args->top_p;
    s->min_p = (float)args->min_p;
    s->typical_p = (float)args->typical;
    s->xtc_probability = (float)args->xtc_probability;
    s->xtc_threshold = (float)args->xtc_threshold;
    s->repeat_penalty = (float)args->repeat_penalty;
    s->presence_penalty = (float)args->presence_penalty;
    s->frequency_penalty = (float)args->frequency_penalty;
    s->penalty_last_n = args->repeat_last_n;
    s->dry_multiplier = (float)args->dry_multiplier;
    s->dry_base = (float)args->dry_base;
    s->dry_allowed_length = args->dry_allowed_length;
    s->dry_last_n = args->dry_last_n;
    s->mirostat = args->mirostat;
    s->mirostat_tau = (float)args->mirostat_ent;
    s->mirostat_eta = (float)args->mirostat_lr;
    s->seed = cli_args_given(args, "seed") ? args->seed : draw_seed();
}

int cli_answer_sampling(cli_engine *e, const cli_args *args)
{
    bantam_sampling s;
    biases b = {0};
    bantam_text *breakers = NULL;
    bantam_error err = {0};
    int status = 0;

    bantam_sampling_init(&s);
    s.struct_size = sizeof s;
    numbers(args, &s);
    if (args->samplers) status = read_order(args->samplers, &s);
    for (size_t i = 0; !status && i < args->logit_bias.n; i++) {
        status = read_bias(e, args->logit_bias.items[i], &b);
    }
    s.bias = b.items;
    s.n_bias = b.n;
    if (args->dry_breakers.n > 0) {
        breakers = cli_grow(NULL, args->dry_breakers.n, sizeof *breakers);
        for (size_t i = 0; i < args->dry_breakers.n; i++) {
            const char *text = args->dry_breakers.items[i];
            breakers[i] = (bantam_text){text, strlen(text)};
        }
        s.dry_breakers = breakers;
        s.n_dry_breakers = args->dry_breakers.n;
    }
    if (!status && bantam_session_set_sampling(e->session, &s, &err)) status = cli_fail(&err);
    if (!status) cli_verbose("seed %" PRIu64, s.seed);
    free(b.items);
    free(breakers);
    return status;
}
