/* mini_facts.c - small things that everybody knows; see mini_facts.h.
 *
 * Written by hand for this model. A pattern's {0} and {1} are the two columns of its table.
 */
#include "mini_facts.h"

#include <string.h>

/* ---- tables ------------------------------------------------------------------------------ */

/* Rows "left=right" between bars. */
typedef struct table {
    const char *rows;
    const char *questions, *answers; /* alternatives between bars */
    bool turns;                      /* the columns may be exchanged */
} table;

static const table tables[] = {
    {"hot=cold|big=small|up=down|left=right|day=night|happy=sad|fast=slow|old=young|new=old|"
     "open=closed|full=empty|wet=dry|hard=soft|light=dark|heavy=light|early=late|long=short|"
     "high=low|good=bad|strong=weak|rich=poor|clean=dirty|near=far|loud=quiet|thick=thin|"
     "wide=narrow|sweet=sour|right=wrong|true=false|yes=no|in=out|on=off|first=last|start=end|"
     "push=pull|give=take|come=go|buy=sell|win=lose|laugh=cry|front=back|top=bottom|above="
     "below|"
     "inside=outside|before=after|always=never|easy=difficult|brave=afraid|kind=mean|"
     "asleep=awake|summer=winter|north=south|east=west|black=white|love=hate|find=lose|"
     "remember=forget|question=answer|friend=enemy|alive=dead|cheap=expensive|smooth=rough|"
     "deep=shallow|positive=negative|begin=finish|arrive=leave|stand=sit|build=destroy|"
     "sharp=dull|tight=loose|beautiful=ugly|polite=rude|safe=dangerous|calm=angry",
     "What is the opposite of {0}?|What is the opposite of \"{0}\"?|Say the opposite of {0}.",
     "The opposite of {0} is {1}.", true},
    {"the sky=blue|grass=green|snow=white|the sun=yellow|a banana=yellow|a tomato=red|"
     "a strawberry=red|coal=black|milk=white|a carrot=orange|a lemon=yellow|blood=red|"
     "a cherry=red|chocolate=brown|an orange=orange|a frog=green|a leaf=green|a pumpkin=orange|"
     "the sea=blue|cotton=white|a lime=green|a polar bear=white|a crow=black|salt=white|"
     "a fire engine=red|a flamingo=pink|a pig=pink|an elephant=gray|rice=white|a plum=purple|"
     "the night sky=black|a pea=green|a blueberry=blue|gold=yellow|a swan=white|soil=brown|"
     "a cucumber=green|an eggplant=purple|corn=yellow|a fox=red",
     "What color is {0}?|Which color is {0}?|Tell me the color of {0}.", "{^0} is {1}.", false},
    {"cow=moo|dog=woof|cat=meow|duck=quack|sheep=baa|pig=oink|rooster=cock-a-doodle-doo|"
     "lion=roar|frog=croak|owl=hoot|bee=buzz|horse=neigh|mouse=squeak|snake=hiss|hen=cluck|"
     "bird=tweet|crow=caw|donkey=hee-haw|wolf=howl|goat=maa",
     "What does a {0} say?|What sound does a {0} make?", "A {0} says {1}.", false},
    {"dog=puppy|cat=kitten|cow=calf|horse=foal|sheep=lamb|hen=chick|duck=duckling|pig=piglet|"
     "goat=kid|lion=cub|bear=cub|frog=tadpole|deer=fawn|kangaroo=joey|goose=gosling|swan="
     "cygnet|"
     "owl=owlet",
     "What is a baby {0} called?|What do you call a baby {0}?|What is a young {0} called?",
     "A baby {0} is called a {1}.", false},
    {"dog=four|cat=four|bird=two|spider=eight|bee=six|ant=six|horse=four|duck=two|cow=four|"
     "snake=no|fish=no|hen=two|table=four|chair=four|frog=four|child=two|fly=six|worm=no|"
     "butterfly=six|sheep=four|penguin=two|lion=four|beetle=six|stool=three",
     "How many legs does a {0} have?|How many legs has a {0}?", "A {0} has {1} legs.", false},
    {"bees=honey|hens=eggs|cows=milk|spiders=webs|bakers=bread|birds=nests|sheep=wool|"
     "clouds=rain|farmers=food|tailors=clothes|cooks=meals|painters=pictures|beavers=dams|"
     "writers=books|carpenters=chairs and tables",
     "What do {0} make?|What do we get from {0}?", "We get {1} from {0}.", false},
    {"baker=bakes bread|teacher=teaches children|doctor=helps sick people|farmer=grows food|"
     "painter=paints pictures|pilot=flies planes|cook=cooks meals|tailor=makes clothes|"
     "singer=sings songs|gardener=takes care of plants|fisherman=catches fish|"
     "postman=brings letters|vet=heals animals|writer=writes books|driver=drives a car or bus|"
     "carpenter=makes things of wood|dentist=takes care of teeth|firefighter=puts out fires|"
     "dancer=dances|sailor=sails on ships",
     "What does a {0} do?|What is the job of a {0}?", "A {0} {1}.", false},
    {"baker=bakes bread|teacher=teaches children|doctor=helps sick people|farmer=grows food|"
     "painter=paints pictures|pilot=flies planes|cook=cooks meals|tailor=makes clothes|"
     "singer=sings songs|gardener=takes care of plants|fisherman=catches fish|"
     "postman=brings letters|vet=heals animals|writer=writes books|dentist=takes care of teeth|"
     "firefighter=puts out fires",
     "Who {1}?", "A {0} {1}.", false},
    {"cut paper=scissors|write=a pencil|eat soup=a spoon|open a lock=a key|see far=a telescope|"
     "hit a nail=a hammer|sweep the floor=a broom|brush teeth=a toothbrush|dig a hole=a shovel|"
     "stay dry in the rain=an umbrella|tell the time=a clock|call somebody=a phone|"
     "cut bread=a knife|comb hair=a comb|take a picture=a camera|cook soup=a pot|"
     "sew a button=a needle|catch fish=a net|carry things=a bag|dry your hands=a towel|"
     "light a dark room=a lamp|find the way=a map|wash your hands=soap|climb on a roof=a "
     "ladder|"
     "measure a table=a ruler|drink tea=a cup",
     "What do you need to {0}?|What do you use to {0}?", "To {0} you use {1}.", false},
    {"see=your eyes|hear=your ears|smell=your nose|taste=your tongue|walk=your legs|"
     "think=your brain|bite=your teeth|touch things=your hands|kick a ball=your foot|"
     "breathe=your lungs|wave=your hand|talk=your mouth",
     "What do you {0} with?|With what do you {0}?", "You {0} with {1}.", false},
    {"fish=in the water|birds=in nests|bees=in a hive|bears=in the forest|cows=on a farm|"
     "camels=in the desert|penguins=where it is cold|monkeys=in trees|whales=in the sea|"
     "people=in houses|ants=under the ground|frogs=near ponds|kings=in a castle|"
     "rabbits=in a burrow|spiders=in webs|foxes=in a den",
     "Where do {0} live?|Where would you find {0}?", "{^0} live {1}.", false},
    {"hungry=eat something|thirsty=drink water|tired=go to sleep|cold=put on a coat|sick=see a "
     "doctor|dirty=take a bath|sad=talk to a friend|lost=ask for help|bored=read a book|"
     "hot=sit in the shade|late=hurry|afraid=hold somebody's hand|wet=use a towel|"
     "sorry=say that you are sorry|lonely=call a friend",
     "What should I do when I am {0}?|What do you do when you are {0}?|I am {0}. What should I "
     "do?",
     "When you are {0}, {1}.", false},
    {"week=seven days|year=twelve months|day=twenty-four hours|hour=sixty minutes|"
     "minute=sixty seconds|dozen=twelve pieces|hand=five fingers|triangle=three sides|"
     "square=four sides|car=four wheels|bike=two wheels|face=two eyes|month=about thirty days|"
     "weekend=two days|century=one hundred years|foot=five toes|season=three months",
     "What does a {0} have?|How much is in a {0}?|What is in a {0}?", "A {0} has {1}.", false},
    {"mouse=mice|child=children|foot=feet|tooth=teeth|man=men|woman=women|goose=geese|leaf="
     "leaves|"
     "dog=dogs|box=boxes|city=cities|book=books|baby=babies|sheep=sheep|fish=fish|knife=knives|"
     "bus=buses|person=people|wolf=wolves|star=stars|cherry=cherries|house=houses|key=keys",
     "What is the plural of {0}?|One {0}, two what?", "The plural of {0} is {1}.", false},
    {"ice=cold|fire=hot|sugar=sweet|a lemon=sour|a stone=hard|a feather=light|a pillow=soft|"
     "snow=cold|a knife=sharp|the sun=hot|honey=sweet|a turtle=slow|a rabbit=fast|"
     "an elephant=heavy|an ant=small|a whale=big|water=wet|a desert=dry|glass=hard|soup=warm|"
     "a giraffe=tall|thunder=loud|night=dark|a balloon=light|a snail=slow|iron=heavy",
     "Is {0} {1}?|What is {0} like?|How is {0}?", "{^0} is {1}.", false},
    {"go=went|see=saw|eat=ate|run=ran|give=gave|take=took|come=came|make=made|find=found|"
     "say=said|play=played|walk=walked|write=wrote|sing=sang|swim=swam|fly=flew|buy=bought|"
     "think=thought|sleep=slept|drink=drank|help=helped|jump=jumped|know=knew|build=built",
     "What is the past of {0}?|What is the past tense of {0}?|Today I {0}. What about "
     "yesterday?",
     "The past of {0} is {1}.", false},
    {"a robin=a bird|a rose=a flower|an oak=a tree|a salmon=a fish|a poodle=a dog|"
     "a violin=an instrument|Monday=a day|May=a month|blue=a color|a hammer=a tool|"
     "milk=a drink|winter=a season|an ant=an insect|a circle=a shape|a carrot=a vegetable|"
     "a pear=a fruit|chess=a game|football=a sport|a truck=a vehicle|a shirt=a piece of "
     "clothing|"
     "a kitchen=a room|a baker=somebody who bakes bread|a kitten=a young cat|a puppy=a young "
     "dog|"
     "a library=a place with many books|a farm=a place where food grows|"
     "an island=land with water all around|a castle=a big old house of stone|"
     "a desert=a dry place with much sand|a story=a text about people and what they do|"
     "a friend=somebody you like and trust|breakfast=the first meal of the day|"
     "a map=a picture of a place|rain=water that falls from clouds|"
     "a river=water that flows to the sea|the moon=a ball of rock that goes around the earth|"
     "the sun=a star that gives us light",
     "What is {0}?|Explain what {0} is.|Tell me what {0} is.", "{^0} is {1}.", false},
};

enum { N_TABLES = sizeof tables / sizeof tables[0] };

/* Items of a category; its name in plural and singular. */
static const struct category {
    const char *plural, *singular, *items;
} categories[] = {
    {"animals", "animal",
     "dog|cat|cow|horse|pig|sheep|goat|lion|bear|fox|rabbit|mouse|elephant|"
     "monkey|tiger|deer|wolf|donkey"},
    {"fruits", "fruit",
     "apple|pear|banana|cherry|plum|orange|lemon|grape|peach|mango|melon|kiwi"},
    {"vegetables", "vegetable",
     "carrot|potato|onion|tomato|cucumber|pea|bean|cabbage|pumpkin|"
     "radish|pepper|leek"},
    {"colors", "color", "red|blue|green|yellow|orange|purple|pink|brown|black|white|gray"},
    {"tools", "tool", "hammer|saw|drill|shovel|rake|wrench|ladder|axe|file|broom"},
    {"clothes", "piece of clothing",
     "shirt|coat|hat|scarf|sock|shoe|dress|skirt|jacket|glove|belt"},
    {"drinks", "drink", "water|milk|juice|tea|coffee|lemonade|cocoa|soda"},
    {"toys", "toy", "ball|doll|kite|puzzle|robot|drum|train|teddy bear|top|yo-yo"},
    {"vehicles", "vehicle", "car|bus|bike|train|boat|truck|plane|ship|tram|tractor|van"},
    {"birds", "bird", "robin|owl|eagle|duck|swan|crow|hen|parrot|penguin|goose|sparrow"},
    {"insects", "insect", "bee|ant|fly|butterfly|beetle|wasp|moth|cricket|mosquito"},
    {"trees", "tree", "oak|pine|maple|birch|willow|palm|fir|elm|ash|beech"},
    {"flowers", "flower", "rose|tulip|daisy|lily|sunflower|violet|poppy|orchid"},
    {"instruments", "instrument", "piano|guitar|drum|flute|violin|trumpet|harp|horn|cello"},
    {"rooms", "room", "kitchen|bedroom|bathroom|hall|attic|cellar|office|living room"},
    {"sports", "sport",
     "football|tennis|swimming|running|skiing|rowing|golf|boxing|judo|hockey"},
    {"jobs", "job",
     "baker|teacher|doctor|farmer|painter|pilot|cook|tailor|singer|nurse|driver"},
    {"parts of the body", "part of the body",
     "head|arm|leg|hand|foot|nose|ear|eye|mouth|knee|neck|"
     "back"},
    {"shapes", "shape", "circle|square|triangle|star|heart|cube|cone|ball"},
    {"pieces of furniture", "piece of furniture",
     "table|chair|bed|sofa|desk|shelf|cupboard|bench|"
     "stool"},
    {"seasons", "season", "spring|summer|autumn|winter"},
    {"days", "day", "Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday"},
    {"months", "month",
     "January|February|March|April|May|June|July|August|September|October|"
     "November|December"},
    {"feelings", "feeling", "joy|anger|fear|hope|love|pride|sadness|envy|surprise"},
    {"things in a school", "thing in a school",
     "desk|book|pencil|board|teacher|ruler|map|chair|pen"},
    {"things in a kitchen", "thing in a kitchen",
     "pot|pan|spoon|fork|knife|plate|cup|stove|bowl"},
    {"desserts", "dessert", "cake|pudding|ice cream|pie|cookie|jelly"},
    {"fish", "fish", "salmon|trout|shark|tuna|carp|eel|herring|cod"},
};

enum { N_CATEGORIES = sizeof categories / sizeof categories[0] };

static const char days[] = "Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday";
static const char months[] = "January|February|March|April|May|June|July|August|September|"
                             "October|November|December";
static const char seasons[] = "spring|summer|autumn|winter";
static const char number_words[] =
    "zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|"
    "fifteen|sixteen|seventeen|eighteen|nineteen|twenty";
static const char letters[] = "A|B|C|D|E|F|G|H|I|J|K|L|M|N|O|P|Q|R|S|T|U|V|W|X|Y|Z";

/* ---- helpers ----------------------------------------------------------------------------- */

static void put_text(bnt_buf *out, bantam_text t)
{
    bnt_buf_put(out, t.data, t.size);
}

static char upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

/* "a" before a word, or "an". */
static const char *article(bantam_text t)
{
    return strchr("aeiou", t.data[0]) ? "an" : "a";
}

static bool has_plain_name(const struct category *c) /* "a dog", not "a red" or "a Monday" */
{
    static const char *const others[] = {"colors", "clothes", "drinks",   "sports", "seasons",
                                         "days",   "months",  "feelings", "rooms",  "desserts"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        if (!strcmp(others[i], c->plural)) return false;
    }
    return true;
}

/* Fills {0}, {1} and {^0} (with a capital). "a {0}" heeds the vowel. */
static void fill_columns(const char *pattern, bantam_text left, bantam_text right, bnt_rng *rng,
                         bnt_buf *out)
{
    const bantam_text one = mini_draw(pattern, rng);

    for (size_t i = 0; i < one.size; i++) {
        const char c = one.data[i];
        if (c != '{') {
            bnt_buf_putc(out, c);
            continue;
        }
        const bool raised = one.data[i + 1] == '^';
        i += 1 + (size_t)raised;
        const bantam_text value = one.data[i] == '0' ? left : right;
        const size_t n = out->size;
        if (n >= 2 && out->data[n - 1] == ' ' && (out->data[n - 2] | 0x20) == 'a' &&
            (n == 2 || out->data[n - 3] == ' ') && strchr("aeiou", value.data[0])) {
            out->size--;
            bnt_buf_puts(out, "n ");
        }
        bnt_buf_putc(out, raised ? upper(value.data[0]) : value.data[0]);
        bnt_buf_put(out, value.data + 1, value.size - 1);
        i++;
    }
}

void mini_put_list(bnt_buf *out, const bantam_text *items, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (i) bnt_buf_putc(out, '\n');
        bnt_buf_puts(out, "- ");
        put_text(out, items[i]);
    }
}

/* ---- tasks ------------------------------------------------------------------------------- */

/* A table, drawn as often as it has rows. */
static const table *draw_table(bnt_rng *rng)
{
    size_t n = 0, i = 0;

    for (size_t k = 0; k < N_TABLES; k++) {
        n += mini_n_values(tables[k].rows);
    }
    for (size_t at = (size_t)bnt_rng_below(rng, n); at >= mini_n_values(tables[i].rows); i++) {
        at -= mini_n_values(tables[i].rows);
    }
    return &tables[i];
}

/* Whether a word stands in one row only, on one side of it. */
static bool stands_once(const char *rows, bantam_text word)
{
    size_t n = 0;
    for (const char *at = rows; *at;) {
        const size_t size = strcspn(at, "=|");
        n += size == word.size && !memcmp(at, word.data, size);
        at += size + (at[size] != '\0');
    }
    return n == 1;
}

void mini_fact(bnt_rng *rng, bnt_buf *question, bnt_buf *answer)
{
    const table *const t = draw_table(rng);
    const bantam_text row = mini_draw(t->rows, rng);
    const char *const mark = memchr(row.data, '=', row.size);

    if (!mark) mini_die("a row without a mark: %.*s", (int)row.size, row.data);
    bantam_text left = {row.data, (size_t)(mark - row.data)};
    bantam_text right = {mark + 1, row.size - left.size - 1};
    if (t->turns && stands_once(t->rows, right) && bnt_rng_below(rng, 2)) {
        const bantam_text other = left;
        left = right;
        right = other;
    }
    fill_columns(t->questions, left, right, rng, question);
    fill_columns(t->answers, left, right, rng, answer);
}

void mini_sum(bnt_rng *rng, bnt_buf *question, bnt_buf *answer)
{
    const unsigned a = (unsigned)bnt_rng_below(rng, 11), b = (unsigned)bnt_rng_below(rng, 11);
    const bool minus = bnt_rng_below(rng, 3) == 0;
    const unsigned left = minus ? a + b : a;
    const char *const word = minus ? "minus" : "plus";
    const unsigned result = minus ? a : a + b;

    switch (bnt_rng_below(rng, 4)) {
    case 0:
        bnt_buf_printf(question, "What is %u %s %u?", left, minus ? "-" : "+", b);
        break;
    case 1:
        bnt_buf_printf(question, "How much is %u %s %u?", left, word, b);
        break;
    default:
        bnt_buf_printf(question, "What is %u %s %u?", left, word, b);
        break;
    }
    bnt_buf_printf(answer, "%u %s %u is %u.", left, word, b, result);
}

static const char *const sequences[] = {days, months, seasons, number_words, letters};
static const char *const sequence_names[] = {"day", "month", "season", "number", "letter"};

void mini_order(bnt_rng *rng, bnt_buf *question, bnt_buf *answer)
{
    const size_t which = (size_t)bnt_rng_below(rng, 5);
    const char *const values = sequences[which];
    const size_t n = mini_n_values(values);
    const bool wraps = which < 3;
    const size_t at = (size_t)bnt_rng_below(rng, wraps ? n : n - 1);
    const bantam_text first = mini_value(values, at), second = mini_value(values, (at + 1) % n);
    const bool after = bnt_rng_below(rng, 3) != 0;
    const bantam_text asked = after ? first : second, said = after ? second : first;

    if (which == 3 && bnt_rng_below(rng, 2) == 0) {
        const unsigned top = 3 + (unsigned)bnt_rng_below(rng, 8);
        bnt_buf_printf(question,
                       bnt_rng_below(rng, 2) ? "Count to %.*s." : "Can you count to %.*s?",
                       BNT_TEXT_ARG(mini_value(values, top)));
        for (unsigned i = 1; i <= top; i++) {
            bnt_buf_printf(answer, i < top ? "%.*s, " : "%.*s.",
                           BNT_TEXT_ARG(mini_value(values, i)));
        }
        if (answer->size) answer->data[0] = upper(answer->data[0]);
        return;
    }
    switch (bnt_rng_below(rng, 2)) {
    case 0:
        bnt_buf_printf(question, "Which %s comes %s %.*s?", sequence_names[which],
                       after ? "after" : "before", BNT_TEXT_ARG(asked));
        break;
    default:
        bnt_buf_printf(question, "What comes %s %.*s?", after ? "after" : "before",
                       BNT_TEXT_ARG(asked));
        break;
    }
    bnt_buf_printf(answer, "%.*s comes %s %.*s.", BNT_TEXT_ARG(said),
                   after ? "after" : "before", BNT_TEXT_ARG(asked));
    if (answer->size) answer->data[0] = upper(answer->data[0]);
}

void mini_list(bnt_rng *rng, bnt_buf *question, bnt_buf *answer)
{
    static const char asks[] =
        "List {0} {1}.|Name {0} {1}.|Give me {0} {1}.|Make a list of {0} {1}.|"
        "Tell me {0} {1}.|Write down {0} {1}.";
    const struct category *const c = &categories[bnt_rng_below(rng, N_CATEGORIES)];
    const size_t n_all = mini_n_values(c->items), n = 2 + (size_t)bnt_rng_below(rng, 4);
    const size_t k = n < n_all ? n : n_all;
    bantam_text items[5];

    /* Neighbors, so that there is something to learn that names nothing twice. */
    const size_t first = (size_t)bnt_rng_below(rng, n_all);
    for (size_t i = 0; i < k; i++) {
        items[i] = mini_value(c->items, (first + i) % n_all);
    }
    fill_columns(asks, mini_value(number_words, k), mini_text(c->plural), rng, question);
    mini_put_list(answer, items, k);
}

void mini_is_a(bnt_rng *rng, bnt_buf *question, bnt_buf *answer)
{
    const struct category *c, *asked;
    bantam_text item;

    do {
        c = &categories[bnt_rng_below(rng, N_CATEGORIES)];
        asked = bnt_rng_below(rng, 2) ? c : &categories[bnt_rng_below(rng, N_CATEGORIES)];
        item = mini_draw(c->items, rng);
    } while (!has_plain_name(c) || !has_plain_name(asked) ||
             strncmp(c->plural, "things", 6) == 0 || strncmp(asked->plural, "things", 6) == 0);
    if (asked != c) { /* a duck is a bird and an animal */
        char inside[64];
        snprintf(inside, sizeof inside, "%.*s", BNT_TEXT_ARG(item));
        if (strstr(asked->items, inside)) asked = c;
        if (!strcmp(asked->plural, "animals") &&
            (!strcmp(c->plural, "birds") || !strcmp(c->plural, "insects") ||
             !strcmp(c->plural, "fish"))) {
            asked = c;
        }
    }
    const bantam_text kind = mini_text(asked->singular);
    if (bnt_rng_below(rng, 4) == 0 && asked == c) {
        bnt_buf_printf(question, "What kind of thing is %s %.*s?", article(item),
                       BNT_TEXT_ARG(item));
        bnt_buf_printf(answer, "A%s %.*s is %s %.*s.", article(item) + 1, BNT_TEXT_ARG(item),
                       article(kind), BNT_TEXT_ARG(kind));
        return;
    }
    bnt_buf_printf(question, "Is %s %.*s %s %.*s?", article(item), BNT_TEXT_ARG(item),
                   article(kind), BNT_TEXT_ARG(kind));
    bnt_buf_printf(answer, "%s, %s %.*s is %s%s %.*s.", asked == c ? "Yes" : "No",
                   article(item), BNT_TEXT_ARG(item), asked == c ? "" : "not ", article(kind),
                   BNT_TEXT_ARG(kind));
}

void mini_talk(bnt_rng *rng, bnt_buf *question, bnt_buf *answer)
{
    static const char *const talks[][2] = {
        {"Hello|Hi|Hello!|Hi!|Hey|Hi there|Hello there!|Good day|Greetings",
         "Hello! How can I help you?|Hi! What can I do for you?"},
        {"Good morning|Good morning!", "Good morning! How can I help you?"},
        {"Good evening|Good evening!", "Good evening! How can I help you?"},
        {"Good night|Good night!", "Good night! Sleep well."},
        {"How are you?|How are you today?|How do you do?|How is it going?",
         "I am fine, thank you. How can I help you?"},
        {"Who are you?|What are you?|Tell me who you are.|Introduce yourself.|Who is this?|"
         "Tell me about yourself.",
         "I am Bantam mini, a very small language model that runs on your device."},
        {"What is your name?|What is your name|How are you called?|Do you have a name?",
         "My name is Bantam mini."},
        {"Who made you?|Who built you?|Where do you come from?",
         "I was trained for Bantam, from children's stories and simple tasks."},
        {"What can you do?|How can you help me?|What do you know?|Help|What are you good at?",
         "I can tell short stories, judge whether a text is positive or negative, shorten "
         "small "
         "texts, make lists and answer simple questions."},
        {"Are you a robot?|Are you a human?|Are you a person?|Are you real?",
         "I am not a person. I am a very small language model."},
        {"How big are you?|Are you big?|How small are you?",
         "I am very small: I take less than four megabytes."},
        {"Do you need the internet?|Do you send my data away?|Where do you run?",
         "No, I run on your device alone.|I run on your device alone."},
        {"Thank you|Thanks|Thank you!|Thanks a lot!|Thank you very much.", "You are welcome!"},
        {"Bye|Goodbye|Bye!|See you|Good bye!|See you later", "Goodbye!"},
        {"Sorry|I am sorry.", "That is all right."},
        {"Yes|Ok|Okay|Good|Great|Fine|Nice", "Good! What can I do for you?"},
        {"Tell me a joke.|Do you know a joke?|Make me laugh.",
         "Why did the hen cross the road? To get to the other side."},
        {"Do you like me?|Do you like stories?|Do you like animals?",
         "I like short stories best."},
        {"Can you sing?|Can you dance?|Can you see me?|Can you hear me?",
         "No, I can only read and write."},
        {"I am happy.|I am so happy today!|I feel good.", "I am glad to hear that!"},
        {"I am sad.|I feel sad.|I feel bad.", "I am sorry to hear that. Talk to a friend."},
    };
    const size_t at = (size_t)bnt_rng_below(rng, sizeof talks / sizeof talks[0]);
    put_text(question, mini_draw(talks[at][0], rng));
    put_text(answer, mini_draw(talks[at][1], rng));
}

void mini_unknown(bnt_rng *rng, bnt_buf *question, bnt_buf *answer)
{
    static const char subjects[] = "France|Japan|Brazil|gravity|the "
                                   "atom|Napoleon|Shakespeare|the stock market|Python|Einstein|"
                                   "the Roman Empire|chemistry|the "
                                   "internet|electricity|Germany|China|Mars|DNA|the president|"
                                   "taxes|Linux|the World Cup|Mozart|the "
                                   "pyramids|bitcoin|law|medicine|London|history|Canada";
    static const char asks[] =
        "What is the capital of {0}?|Who invented {0}?|When was {0} founded?|How does {0} "
        "work?|"
        "What do you think about {0}?|Tell me the history of {0}.|What is the population of "
        "{0}?|"
        "Explain {0} to me.|Who is the king of {0}?|Write an essay about {0}.|"
        "What is the weather in {0}?|How much does {0} cost?|What happened in {0} in 1990?|"
        "What is the latest news about {0}?|Why is {0} so important?|Translate {0} into "
        "Spanish.";
    static const char answers[] = "I do not know that. I am a very small model.";

    fill_columns(asks, mini_draw(subjects, rng), mini_text(""), rng, question);
    fill_columns(answers, mini_text(""), mini_text(""), rng, answer);
}
