/* mini_scene.c - little worlds: who, where, when and what; see mini_scene.h.
 *
 * Every world is drawn from lists, so that what a text says cannot be known from other texts:
 * to answer, a model has to look. The kinds of text are patterns over the slots of a world.
 */
#include "mini_scene.h"

#include <ctype.h>
#include <string.h>

/* ---- lists ------------------------------------------------------------------------------- */

/* Girls and boys in turn. */
static const char names[] =
    "Lily|Tom|Anna|Ben|Mia|Sam|Sara|Tim|Emma|Max|Lucy|Jack|Ella|Leo|Zoe|Adam|Nina|Paul|Rosa|"
    "Peter|Clara|David|Alice|Henry|Julia|Oscar|Maria|Simon|Grace|Felix|Hannah|Victor|Olivia|"
    "Daniel|Sophie|Martin|Ruth|Jacob|Eva|Noah|Laura|Oliver|Helen|Robert|Amy|George|Ida|Frank|"
    "Molly|Charlie|Daisy|Billy|Kate|Mark|Jane|Luke|Susan|Eric|Vera|Hugo";

static const char places[] =
    "in the park|at the beach|in the forest|on the farm|at the zoo|in the garden|at the lake|"
    "in the museum|at the market|on the hill|by the river|at school|in the library|"
    "at the playground|in the town square|on the mountain|at the harbor|in the castle|"
    "in the field|at the station|on the bridge|in the old mill|at the fair|in the village";

static const char objects[] =
    "ball|kite|hat|book|bike|boat|bag|cup|coat|drum|scarf|lamp|key|bell|basket|box|blanket|"
    "watch|ring|map|flute|balloon|toy car|teddy bear|doll|spoon|ribbon|whistle|jacket|pencil|"
    "shell|puzzle|robot|toy train|candle|mirror|wagon|sled";

static const char things[] =
    "apples|pears|shells|stones|cookies|flowers|stamps|cards|eggs|carrots|books|coins|leaves|"
    "candles|buttons|pencils|plums|nuts|roses|tulips|lemons|beads|feathers|muffins";

static const char foods[] =
    "carrots|potatoes|onions|flour|eggs|sugar|milk|butter|apples|tomatoes|cheese|rice|beans|"
    "honey|nuts|lemons|salt|peas|mushrooms|bread|cream|berries|corn|bananas";

/* Trade; where; what is done there. */
static const char jobs[] = "baker|teacher|farmer|doctor|painter|fisherman|nurse|gardener|cook|"
                           "pilot|tailor|singer|carpenter|librarian|bus driver|vet|postman|"
                           "clockmaker|potter|beekeeper";
static const char workplaces[] =
    "in a small bakery|at the school|on a farm|in the hospital|in a bright studio|on a boat|"
    "in a clinic|in the big garden|in a restaurant|at the airport|in a little shop|in a "
    "theater|"
    "in a workshop|in the library|at the bus station|in an animal clinic|at the post office|"
    "in an old shop|in a studio|on a hill";
static const char tasks[] =
    "bakes fresh bread|teaches children to read|grows corn and beans|helps sick people|"
    "paints pictures of the sea|catches fish|takes care of old people|plants trees and flowers|"
    "cooks soup for many guests|flies a small plane|makes warm coats|sings happy songs|"
    "builds wooden chairs|lends books to children|drives people to work|heals cats and dogs|"
    "brings letters and parcels|repairs old clocks|makes cups and bowls|makes sweet honey";

typedef struct list {
    const char *slot, *values;
    int group; /* slots of one group take the same place of their lists; 0: none */
} list;

static const list lists[] = {
    {"name", names, 0},
    {"friend", names, 0},
    {"other", names, 0},
    {"place", places, 0},
    {"color", "red|blue|green|yellow|orange|purple|pink|brown|black|white|gray|golden", 0},
    {"color2", "red|blue|green|yellow|orange|purple|pink|brown|black|white|gray|golden", 0},
    {"object", objects, 0},
    {"object2", objects, 0},
    {"things", things, 0},
    {"n", "two|three|four|five|six|seven|eight|nine|ten|twelve|twenty|thirty", 0},
    {"n2", "two|three|four|five|six|seven|eight|nine|ten|twelve|twenty|thirty", 0},
    {"day", "Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday", 0},
    {"day2", "Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday", 0},
    {"month",
     "January|February|March|April|May|June|July|August|September|October|November|"
     "December",
     0},
    {"time",
     "in the morning|in the afternoon|in the evening|at noon|after lunch|before dinner|"
     "after school",
     0},
    {"weather", "sunny|rainy|windy|cloudy|cold|warm|snowy|foggy|hot", 0},
    {"feeling", "happy|proud|tired|glad|excited|calm|sleepy|thankful|cheerful", 0},
    {"good", "kind|friendly|honest|patient|brave|funny|gentle|careful|clever", 0},
    {"did",
     "flew a kite|built a sandcastle|played ball|had a picnic|fed the ducks|"
     "rode their bikes|watched the birds|climbed a tree|sang songs|played hide and seek|"
     "painted pictures|picked flowers|told stories|danced|ate ice cream|took photos|"
     "drew a map|looked for shells|ran around|played chess",
     0},
    {"hiding",
     "under the bed|behind the door|under a bush|in the kitchen|behind a tree|"
     "in a drawer|under the table|on the roof|in the car|beside the fence|on a shelf|"
     "in the grass|behind the sofa|in a shoe|under the stairs|in the mailbox",
     0},
    {"town",
     "Oakville|Riverton|Greenhill|Lakeside|Milltown|Stonebridge|Ashford|Sandport|"
     "Northfield|Westwood|Clearwater|Brookdale|Rosewood|Fairview|Redhill|Mapleton",
     0},
    {"job", jobs, 1},
    {"workplace", workplaces, 1},
    {"task", tasks, 1},
    {"hobby",
     "plays the piano|goes fishing|reads old books|walks in the woods|rides a horse|"
     "bakes cakes|swims in the lake|plays football|paints birds|dances|collects stamps|"
     "visits friends",
     0},
    {"pets",
     "cats|dogs|rabbits|hens|goats|ducks|horses|sheep|pigs|birds|ponies|turtles|mice|"
     "geese",
     0},
    {"home",
     "in the barn|in a small house|in the garden|in the kitchen|behind the house|"
     "in a big cage|by the pond|in a shed|in the yard|under an oak",
     0},
    {"petfood", "carrots|corn|grass|seeds|fish|hay|bread|apples|oats|lettuce|berries|nuts", 0},
    {"dish",
     "soup|a cake|a salad|a pie|pancakes|a stew|a pizza|cookies|a sandwich|a pudding|"
     "pasta|an omelet",
     0},
    {"food", foods, 0},
    {"food2", foods, 0},
    {"food3", foods, 0},
    {"building",
     "library|school|hospital|museum|bridge|swimming pool|park|theater|market|"
     "bakery|playground|train station|zoo|bookshop|garden|cinema",
     0},
    {"shelter", "school|church|theater|town hall|old castle|museum|station|library", 0},
    {"ground",
     "in the garden|on the farm|behind the house|in the field|on the hill|by the river|"
     "in the yard|in front of the school|on the balcony|beside the road",
     0},
    {"travel", "by train|by bus|by boat|by car|by bike|on foot|by plane", 0},
    {"plant",
     "roses|tulips|carrots|beans|tomatoes|sunflowers|potatoes|lettuce|pumpkins|peas|"
     "strawberries|onions",
     0},
};

static const char *const people[][4] = {{"she", "her", "her", "girl"},
                                        {"he", "his", "him", "boy"}};

/* ---- drawing ----------------------------------------------------------------------------- */

size_t mini_n_values(const char *values)
{
    size_t n = 1;
    for (; *values; values++) {
        n += *values == '|';
    }
    return n;
}

bantam_text mini_value(const char *values, size_t index)
{
    for (; index; index--) {
        values += strcspn(values, "|") + 1;
    }
    return (bantam_text){values, strcspn(values, "|")};
}

bantam_text mini_draw(const char *values, bnt_rng *rng)
{
    return mini_value(values, (size_t)bnt_rng_below(rng, mini_n_values(values)));
}

static void set_slot(mini_world *world, const char *name, bantam_text value)
{
    if (world->n == MINI_SLOTS || value.size >= MINI_VALUE) mini_die("slot %s: no room", name);
    world->slots[world->n].name = name;
    memcpy(world->slots[world->n].value, value.data, value.size);
    world->slots[world->n++].value[value.size] = '\0';
}

static bool is_taken(const mini_world *world, bantam_text value)
{
    for (size_t i = 0; i < world->n; i++) {
        const char *const v = world->slots[i].value;
        if (strlen(v) == value.size && !memcmp(v, value.data, value.size)) return true;
    }
    return false;
}

void mini_world_draw(mini_world *world, bnt_rng *rng)
{
    size_t group_at = 0;
    int group = 0;

    world->n = 0;
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        const list *const l = &lists[i];
        const size_t n = mini_n_values(l->values);
        size_t at = (size_t)bnt_rng_below(rng, n);
        if (l->group && l->group == group) at = group_at;
        while (!l->group && is_taken(world, mini_value(l->values, at))) {
            at = (size_t)bnt_rng_below(rng, n);
        }
        group = l->group;
        group_at = at;
        set_slot(world, l->slot, mini_value(l->values, at));
        if (i > 0) continue; /* {he}, {his}, {him}, {kid} are the first person's */
        set_slot(world, "he", mini_text(people[at % 2][0]));
        set_slot(world, "his", mini_text(people[at % 2][1]));
        set_slot(world, "him", mini_text(people[at % 2][2]));
        set_slot(world, "kid", mini_text(people[at % 2][3]));
    }
}

static const char *slot_value(const mini_world *world, const char *name, size_t size)
{
    for (size_t i = 0; i < world->n; i++) {
        const char *const n = world->slots[i].name;
        if (strlen(n) == size && (n[0] | 0x20) == (name[0] | 0x20) &&
            !memcmp(n + 1, name + 1, size - 1)) {
            return world->slots[i].value;
        }
    }
    mini_die("there is no slot {%.*s}", (int)size, name);
}

/* "a " at the end of the text becomes "an " where the next word wants it. */
static void mend_article(bnt_buf *out, const char *next)
{
    const size_t n = out->size;
    const bool vowel = strchr("aeiou", *next) || !strncmp(next, "honest", 6);

    if (!vowel || n < 2 || out->data[n - 1] != ' ' || (out->data[n - 2] | 0x20) != 'a') return;
    if (n > 2 && out->data[n - 3] != ' ') return;
    out->size--;
    bnt_buf_puts(out, "n ");
}

void mini_fill(const char *pattern, const mini_world *world, bnt_rng *rng, bnt_buf *out)
{
    const bantam_text one = mini_draw(pattern, rng);

    for (size_t i = one.size && *one.data == '?'; i < one.size; i++) {
        if (one.data[i] != '{') {
            bnt_buf_putc(out, one.data[i]);
            continue;
        }
        const char *const name = one.data + i + 1;
        const size_t size = strcspn(name, "}");
        const char *const value = slot_value(world, name, size);
        mend_article(out, value);
        bnt_buf_putc(out, isupper((unsigned char)*name) ? (char)toupper((unsigned char)*value)
                                                        : *value);
        bnt_buf_puts(out, value + 1);
        i += size + 1;
    }
}

void mini_kind_text(const mini_kind *kind, const mini_world *world, bnt_rng *rng, bnt_buf *out)
{
    for (size_t i = 0; i < MINI_SENTENCES && kind->sentences[i]; i++) {
        const char *s = kind->sentences[i];
        if (*s == '?' && bnt_rng_below(rng, 5) < 2) continue;
        if (out->size) bnt_buf_putc(out, ' ');
        mini_fill(s, world, rng, out);
    }
}
