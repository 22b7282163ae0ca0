/* cmd_bench_sustain.c - `bantam bench --sustain`: whether a speed lasts, and what it costs.
 *
 * Tokens are made for a stated time, always over the same stretch of the context, so that a
 * rate that falls is the machine's doing. The time is cut into windows, and each into slices
 * whose rates give its least and most. Windows and slices end with a token: where one takes
 * long, they are longer than they should be, and say so.
 */
#include "cli_bench.h"

#include "cli_commands.h"
#include "cli_engine.h"
#include "cli_out.h"
#include "cli_signal.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { USUAL_PROMPT = 32, SLICES = 12 };

static const double minute_ms = 60e3, look_ms = 1e3;

/* What was measured between two moments. */
typedef struct window {
    double from_ms, to_ms;
    uint64_t n_tokens;
    double least, most; /* rates of its slices; 0: none yet */
    double hottest;     /* NaN: not shown, as all below */
    double mhz_sum;     /* of n_looks */
    double energy_j;    /* the counter at its beginning, then what was used */
    uint64_t n_looks;
} window;

typedef struct sustain {
    const cli_args *args;
    cli_engine engine;
    bantam_sensors *sensors;
    uint32_t *tokens; /* (n_prompt) */
    uint32_t n_prompt;
    double start_ms, end_ms, window_ms;
    double due_ms; /* when the window should end: all windows together do not fall behind */
    window now, whole;
    double slice_from_ms, looked_ms;
    uint64_t slice_tokens;
    bantam_reading last;
    double first_rate, last_rate; /* of whole windows; 0: none yet */
} sustain;

/* ---- windows ----------------------------------------------------------------------------- */

static void window_begin(window *w, double now, const bantam_reading *r)
{
    *w = (window){
        .from_ms = now, .to_ms = now, .hottest = r->temperature_c, .energy_j = r->energy_j};
}

static void window_look(window *w, const bantam_reading *r)
{
    w->hottest = fmax(w->hottest, r->temperature_c); /* of a number and NaN the number */
    w->mhz_sum += r->frequency_mhz;
    w->n_looks++;
}

static double seconds_of(const window *w)
{
    return (w->to_ms - w->from_ms) / 1e3;
}

/* NaN, as the others below, where there is nothing to tell. */
static double rate_of(const window *w)
{
    return w->to_ms > w->from_ms ? (double)w->n_tokens / seconds_of(w) : NAN;
}

static double mhz_of(const window *w)
{
    return w->n_looks ? w->mhz_sum / (double)w->n_looks : NAN;
}

static double joules_per_token(const window *w)
{
    return w->n_tokens ? w->energy_j / (double)w->n_tokens : NAN;
}

/* ---- the report -------------------------------------------------------------------------- */

/* cli_json_real() makes null of what is not known. */
static json_t *json_window(const window *w, double start_ms)
{
    return json_pack(
        "{s:o,s:o,s:I,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "from_s",
        cli_json_real((w->from_ms - start_ms) / 1e3), "to_s",
        cli_json_real((w->to_ms - start_ms) / 1e3), "tokens", (json_int_t)w->n_tokens, "rate",
        cli_json_real(rate_of(w)), "min", cli_json_real(w->n_tokens ? w->least : NAN), "max",
        cli_json_real(w->n_tokens ? w->most : NAN), "temperature_c", cli_json_real(w->hottest),
        "frequency_mhz", cli_json_real(mhz_of(w)), "energy_j", cli_json_real(w->energy_j),
        "joules_per_token", cli_json_real(joules_per_token(w)));
}

static void put_cell(double value, int width, int digits)
{
    if (isfinite(value)) {
        cli_printf(" %*.*f", width, digits, value);
    } else {
        cli_printf(" %*s", width, "-");
    }
}

static void put_head(const sustain *s)
{
    const bantam_model_info *m = &s->engine.info;

    if (s->args->json) return;
    cli_put_text((bantam_text){s->engine.path, strlen(s->engine.path)});
    cli_put("\n", 1);
    cli_put_text(m->family);
    cli_put(" ", 1);
    cli_put_text(m->type);
    cli_printf("; %" PRIu32 " threads, %s; tokens %" PRIu32 " to %" PRIu32 " of the context\n",
               s->engine.plan.n_threads, bantam_model_cpu(s->engine.model), s->n_prompt,
               bantam_session_capacity(s->engine.session));
    cli_printf("%9s %9s %9s %9s %9s %6s %6s %9s\n", "seconds", "tokens", "rate/s", "least",
               "most", "C", "MHz", "J/token");
}

static void put_window(const sustain *s, const window *w)
{
    if (s->args->json) {
        cli_put_json(json_window(w, s->start_ms));
    } else {
        cli_printf("%9.1f %9" PRIu64, (w->to_ms - s->start_ms) / 1e3, w->n_tokens);
        put_cell(rate_of(w), 9, 2);
        put_cell(w->n_tokens ? w->least : NAN, 9, 2);
        put_cell(w->n_tokens ? w->most : NAN, 9, 2);
        put_cell(w->hottest, 6, 1);
        put_cell(mhz_of(w), 6, 0);
        put_cell(joules_per_token(w), 9, 4);
        cli_put("\n", 1);
    }
    cli_flush();
}

static double ratio_of(const sustain *s)
{
    return s->first_rate > 0.0 ? s->last_rate / s->first_rate : NAN;
}

static void put_json_end(const sustain *s, bool interrupted)
{
    const bantam_model_info *m = &s->engine.info;
    const bantam_text path = {s->engine.path, strlen(s->engine.path)};
    const bool any = s->first_rate > 0.0;
    json_t *o = json_window(&s->whole, s->start_ms);

    json_object_set_new(o, "model", cli_json_text(path));
    json_object_set_new(o, "family", cli_json_text(m->family));
    json_object_set_new(o, "type", cli_json_text(m->type));
    json_object_set_new(o, "threads", json_integer((json_int_t)s->engine.plan.n_threads));
    json_object_set_new(o, "cpu", json_string(bantam_model_cpu(s->engine.model)));
    json_object_set_new(o, "first_rate", cli_json_real(any ? s->first_rate : NAN));
    json_object_set_new(o, "last_rate", cli_json_real(any ? s->last_rate : NAN));
    json_object_set_new(o, "last_to_first", cli_json_real(ratio_of(s)));
    json_object_set_new(o, "temperature_from", cli_json_text(s->last.temperature_from));
    json_object_set_new(o, "energy_from", cli_json_text(s->last.energy_from));
    json_object_set_new(o, "interrupted", json_boolean(interrupted));
    cli_put_json(json_pack("{s:o}", "sustained", o));
}

static void put_plain_end(const sustain *s)
{
    const window *w = &s->whole;

    cli_printf("in all %" PRIu64 " tokens in %.1f s, %.2f/s", w->n_tokens, seconds_of(w),
               w->n_tokens ? rate_of(w) : 0.0);
    if (s->first_rate > 0.0) {
        cli_printf("; last to first: %.2f to %.2f, %.1f %%", s->last_rate, s->first_rate,
                   ratio_of(s) * 100);
    }
    cli_put("\n", 1);
    if (isfinite(w->energy_j)) {
        cli_printf("energy %.1f J, %.2f W on average (%.*s)\n", w->energy_j,
                   w->energy_j / seconds_of(w), (int)s->last.energy_from.size,
                   s->last.energy_from.data);
    }
    if (s->last.temperature_from.size) {
        cli_printf("temperature %.1f C at most (%.*s)\n", w->hottest,
                   (int)s->last.temperature_from.size, s->last.temperature_from.data);
    }
}

/* ---- measuring --------------------------------------------------------------------------- */

static void end_slice(sustain *s, double now)
{
    const double rate = (double)s->slice_tokens * 1e3 / (now - s->slice_from_ms);

    if (s->slice_tokens == 0 || now <= s->slice_from_ms) return;
    for (int i = 0; i < 2; i++) {
        window *const w = i ? &s->whole : &s->now;
        w->least = w->least > 0.0 ? fmin(w->least, rate) : rate;
        w->most = fmax(w->most, rate);
    }
    s->slice_from_ms = now;
    s->slice_tokens = 0;
}

static void look(sustain *s, double now)
{
    bantam_sensors_read(s->sensors, &s->last);
    window_look(&s->now, &s->last);
    window_look(&s->whole, &s->last);
    s->looked_ms = now;
}

/* A window that was cut short is told, but is no first and no last. */
static void end_window(sustain *s, double now)
{
    end_slice(s, now);
    look(s, now);
    s->now.to_ms = s->whole.to_ms = now;
    s->now.energy_j = s->last.energy_j - s->now.energy_j;
    put_window(s, &s->now);
    if (now - s->now.from_ms >= s->window_ms / 2) {
        s->last_rate = rate_of(&s->now);
        if (s->first_rate <= 0.0) s->first_rate = s->last_rate;
    }
    window_begin(&s->now, now, &s->last);
    s->due_ms += s->window_ms * (1.0 + floor((now - s->due_ms) / s->window_ms));
}

static bool on_step(void *user, const bantam_step *step)
{
    sustain *const s = user;

    if (step->token == BANTAM_NO_TOKEN) return true;
    cli_pace_wait(&s->engine.pace);
    const double now = cli_now_ms();
    s->now.n_tokens++;
    s->whole.n_tokens++;
    s->slice_tokens++;
    if (now - s->slice_from_ms >= s->window_ms / SLICES) end_slice(s, now);
    if (now - s->looked_ms >= look_ms) look(s, now);
    if (now >= s->due_ms && now < s->end_ms) end_window(s, now);
    return now < s->end_ms && !cli_signal_caught();
}

/* Forgets all but the prompt, whose last token is computed again: its logits are wanted. */
static bantam_status again(const sustain *s, bantam_error *err)
{
    bantam_session *const session = s->engine.session;
    const bantam_status status = bantam_session_rewind(session, s->n_prompt - 1, err);

    if (status) return status;
    return bantam_session_feed(session, s->tokens + s->n_prompt - 1, 1, err);
}

static bantam_status start(sustain *s, bantam_error *err)
{
    const bantam_status status =
        bantam_session_feed(s->engine.session, s->tokens, s->n_prompt, err);

    s->start_ms = cli_now_ms();
    s->end_ms += s->start_ms;
    s->slice_from_ms = s->looked_ms = s->start_ms;
    s->due_ms = s->start_ms + s->window_ms;
    bantam_sensors_read(s->sensors, &s->last);
    window_begin(&s->now, s->start_ms, &s->last);
    s->whole = s->now;
    cli_pace_begin(&s->engine.pace);
    return status;
}

/* Until the time is over or a signal comes; both are BANTAM_OK. */
static bantam_status make_tokens(sustain *s, bantam_error *err)
{
    const bantam_generation g = {.struct_size = sizeof g, .ignore_stop_tokens = true};
    bantam_status status = start(s, err);

    while (!status) {
        status = bantam_session_generate(s->engine.session, &g, on_step, s, NULL, err);
        if (!status) status = again(s, err);
    }
    if (status != BANTAM_ERR_CANCELLED) return status;
    end_window(s, cli_now_ms());
    s->whole.energy_j = s->last.energy_j - s->whole.energy_j;
    return BANTAM_OK;
}

/* ---- the command ------------------------------------------------------------------------- */

static int read_line(sustain *s)
{
    static const char *const others[] = {"repeat", "depth"};
    double seconds;

    if (!cli_read_duration(s->args->bench.sustain, &seconds)) {
        return cli_usage("--sustain: '%s' is not a time such as 90s, 10m or 1.5h",
                         s->args->bench.sustain);
    }
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        if (cli_args_given(s->args, others[i])) {
            return cli_usage("--%s has no meaning with --sustain", others[i]);
        }
    }
    s->end_ms = seconds * 1e3; /* from the start, which is added then */
    s->window_ms = s->end_ms >= 10 * minute_ms ? minute_ms : s->end_ms / 10;
    s->n_prompt = cli_args_given(s->args, "prompt") ? s->args->prompt : USUAL_PROMPT;
    return 0;
}

static int open_all(sustain *s)
{
    bantam_error err = {0};
    int status = cli_engine_open(&s->engine, s->args, s->n_prompt + s->args->predict);

    if (status) return status;
    if (bantam_session_capacity(s->engine.session) <= s->n_prompt) {
        return cli_usage("--ctx: a prompt of %" PRIu32 " tokens leaves no room to make any",
                         s->n_prompt);
    }
    if (bantam_sensors_open(&s->sensors, cli_pace_root(), &err)) return cli_fail(&err);
    s->tokens = cli_grow(NULL, s->n_prompt, sizeof *s->tokens);
    cli_bench_tokens(s->tokens, s->n_prompt, s->engine.info.n_vocab);
    return CLI_OK;
}

int cli_bench_sustain(const cli_args *args)
{
    sustain s = {.args = args};
    bantam_error err = {0};
    int status = read_line(&s);

    if (!status) status = open_all(&s);
    if (!status) {
        put_head(&s);
        if (make_tokens(&s, &err)) {
            status = cli_fail(&err);
        } else {
            if (cli_signal_caught()) status = cli_signal_status();
            if (args->json)
                put_json_end(&s, status != CLI_OK);
            else
                put_plain_end(&s);
        }
    }
    free(s.tokens);
    bantam_sensors_close(s.sensors);
    cli_engine_close(&s.engine);
    return status;
}
