/* mini_scene.h - little texts about made-up people, with what can be asked about them. */
#ifndef BANTAM_MINI_SCENE_H
#define BANTAM_MINI_SCENE_H
#include "mini.h"

enum { MINI_SENTENCES = 9, MINI_QUESTIONS = 9, MINI_SLOTS = 48, MINI_VALUE = 48 };

/* Strings hold {slots} and alternatives between bars. */
typedef struct mini_kind {
    const char
        *sentences[MINI_SENTENCES]; /* in order; those that begin with ? may be left out */
    const char *summary;            /* one sentence */
    const char *headline;
    const char *questions[MINI_QUESTIONS][2]; /* and answers, from sentences always there */
    const char *list[2];                      /* what to list, and items between semicolons; or
                                                 NULL */
} mini_kind;

extern const mini_kind mini_kinds[];
extern const size_t mini_n_kinds;

/* The values of all slots in one little world. */
typedef struct mini_world {
    struct {
        const char *name;
        char value[MINI_VALUE];
    } slots[MINI_SLOTS];
    size_t n;
} mini_world;

void mini_world_draw(mini_world *world, bnt_rng *rng);

/* One of the alternatives of a pattern, its slots filled in; {Slot} begins with a capital. */
void mini_fill(const char *pattern, const mini_world *world, bnt_rng *rng, bnt_buf *out);
/* The text of a kind. */
void mini_kind_text(const mini_kind *kind, const mini_world *world, bnt_rng *rng, bnt_buf *out);

/* One of the values between bars, drawn. */
bantam_text mini_draw(const char *values, bnt_rng *rng);
size_t mini_n_values(const char *values);
bantam_text mini_value(const char *values, size_t index);

#endif
