/* mini_opinions.c - opinions put together from words: see mini_opinions.h.
 *
 * Phrases on films teach which words praise and which blame there; these teach what turns a
 * word into its contrary, and that a hotel or a phone can be judged too.
 */
#include "mini_opinions.h"

#include <string.h>

typedef struct list {
    const char *slot, *values;
} list;

static const list lists[] = {
    {"good", "good|great|wonderful|excellent|charming|funny|beautiful|moving|brilliant|"
             "delightful|lovely|fresh|"
             "smart|clever|witty|warm|touching|powerful|gripping|enjoyable|entertaining|"
             "fascinating|engaging|"
             "impressive|inventive|original|superb|splendid|fantastic|amazing|perfect|"
             "satisfying|refreshing|"
             "hilarious|heartfelt|honest|intelligent|thoughtful|subtle|graceful|elegant|"
             "stunning|remarkable|"
             "memorable|compelling|exciting|thrilling|lively|sweet|pleasant|solid|polished|"
             "rewarding|sincere|"
             "tender|joyous|absorbing|captivating|terrific|magnificent|outstanding|first-rate|"
             "worthwhile|"
             "insightful|provocative|imaginative|likable|exhilarating|dazzling|marvelous|"
             "inspiring|rich|"
             "friendly|comfortable|useful|reliable|helpful|tasty|delicious|clean|quick|"
             "generous|affecting|"
             "haunting|bright|skillful|assured|sharp|vivid|uplifting|masterful|profound|"
             "winning|cheerful"},
    {"bad",
     "bad|terrible|awful|boring|dull|stupid|silly|ugly|tedious|lifeless|predictable|shallow|"
     "clumsy|"
     "lame|weak|poor|flat|stale|empty|pointless|pretentious|dreary|bland|disappointing|"
     "annoying|"
     "unfunny|tiresome|messy|sloppy|contrived|hollow|painful|dreadful|horrible|forgettable|"
     "mediocre|"
     "uninspired|unoriginal|incoherent|confusing|slow|heavy-handed|sentimental|obnoxious|crude|"
     "vulgar|"
     "ridiculous|absurd|laughable|amateurish|cheap|trite|tired|dumb|mindless|overlong|muddled|"
     "wooden|"
     "bloated|charmless|soulless|plodding|unpleasant|irritating|depressing|offensive|inept|"
     "inane|"
     "insulting|grating|superficial|derivative|generic|formulaic|listless|dirty|rude|useless|"
     "broken|"
     "noisy|cold|greasy|slow|unreliable|overpriced|uncomfortable|tasteless|pathetic|murky|"
     "strained|"
     "unconvincing|unwatchable|meandering|repetitive|mechanical|feeble|witless|leaden|banal"},
    {"thing",
     "film|movie|story|plot|script|acting|cast|director|comedy|drama|thriller|romance|"
     "documentary|"
     "ending|dialogue|music|performance|picture|sequel|premise|humor|screenplay|hotel|room|"
     "food|"
     "service|staff|phone|book|show|game|restaurant|coffee|trip|song|camera|car|place|product"},
    {"thing2", "film|movie|story|plot|script|acting|cast|director|ending|dialogue|music|"
               "performance|picture|"
               "premise|humor|screenplay|food|service|staff|price|book|show|view|sound|start|"
               "beginning|title"},
    {"virtue", "charm|wit|humor|heart|energy|warmth|grace|style|imagination|intelligence|"
               "passion|depth|honesty|"
               "insight|magic|suspense|tension|life|spirit|soul|originality|emotion|beauty|joy|"
               "substance|flair|"
               "laughs|surprises|quality|craft|conviction|feeling"},
    {"vice", "clichés|stupidity|boredom|noise|nonsense|gags that fail|bad jokes|dull "
             "moments|empty talk|"
             "stereotypes|plot "
             "holes|confusion|pretension|vulgarity|melodrama|mistakes|dirt|trouble|faults|"
             "errors|tedium|flaws|self-importance|sentimentality"},
    {"praises",
     "works|is a joy|is a pleasure|will make you smile|stays with you|is worth seeing|never "
     "gets old|"
     "delivers|succeeds|is a triumph|made me laugh|made me happy|is a treat|is a gem|is a "
     "delight|"
     "surprised me with its beauty|deserves every praise|is better than i "
     "hoped|shines|soars|is a must|"
     "keeps its promises|won my heart|is full of life|is well made|hits all the right notes"},
    {"blames",
     "does not work|is a mess|is a bore|is a waste of time|is a waste of money|falls flat|goes "
     "nowhere|"
     "fails|never comes to life|made me fall asleep|is a failure|is a disaster|is hard to sit "
     "through|"
     "is worse than i feared|makes no sense|runs out of ideas|drags on and on|falls apart|"
     "is not worth your time|left me cold|wears thin|sinks|stinks|collapses|is dead on arrival|"
     "is badly made|should have been better|misses the mark"},
    {"very",
     "very|so|really|truly|quite|deeply|utterly|always|often|surprisingly|consistently|oddly"},
    {"loved", "loved|liked|enjoyed|adored|admired|recommend|would see again|was moved by"},
    {"hated",
     "hated|disliked|regret|cannot recommend|was bored by|could not stand|was tired of|"
     "walked out of"},
};

enum { N_LISTS = sizeof lists / sizeof lists[0] };

/* Of praise. In a pattern of blame the two sides of every slot change places. */
static const char both[] =
    "the {thing} is {good}|a {good} {thing}|a {good} and {good} {thing}|"
    "{good} , {good} and {good}|{very} {good}|the {thing} is {very} {good}|"
    "i {loved} this {thing}|i {loved} the {thing} .|the {thing} {praises} .|it {praises}|"
    "this {thing} {praises}|a {thing} that {praises}|"
    "the {thing} is {good} and the {thing2} is {good} .|{good} and full of {virtue} .|"
    "full of {virtue} and {virtue}|has {virtue} and {virtue}|"
    "with {virtue} and {good} {thing2}|"
    "the {thing} may be {bad} , but the {thing2} is {good} .|"
    "{bad} at first , but {good} in the end|"
    "although the {thing2} is {bad} , the {thing} {praises} .|"
    "despite a {bad} {thing2} , a {good} {thing}|it is not {bad} , it is {good}|"
    "the {thing} is not {bad} at all|anything but {bad}|far from {bad}|never {bad}|"
    "neither {bad} nor {bad}|without {vice}|free of {vice}|hardly {bad}|"
    "more {good} than {bad}|not a {bad} {thing}|"
    "i expected something {bad} , but it is {good} .|{good} from start to finish .|"
    "what a {good} {thing} !|the most {good} {thing} of the year|"
    "one of the most {good} {thing}s|so {good} that it {praises}|"
    "as {good} as a {thing} can be|a {good} {thing} with a {good} {thing2} .|"
    "{good} {thing2} , {good} {thing}|it is {good} because it has {virtue} .|"
    "the {thing} has so much {virtue} that it {praises} .";

static const char praise_only[] =
    "too {good} to miss|less {bad} than i feared|i was happy with the {thing}|"
    "best {thing} ever|thank you for this {good} {thing} !|"
    "if you want a {good} {thing} , this is the one|i will come back|"
    "better than the first one|you will not regret it .|worth every minute|"
    "the best {thing} of the year|go and see it|"
    "a {thing} for all of us , {good} and {good} .";

static const char blame_only[] =
    "no {virtue}|lacks {virtue}|lacks {virtue} and {virtue}|without {virtue}|"
    "the {thing} has no {virtue}|fails to be {good}|"
    "tries to be {good} , but it {blames} .|too {bad} to be {good}|not {good}|"
    "not {good} enough|neither {good} nor {good}|could have been {good}|"
    "should have been {good}|never {good}|hardly {good}|rarely {good}|not {very} {good}|"
    "the {thing} is not {good}|anything but {good}|far from {good}|"
    "less {good} than it wants to be|more {bad} than {good}|"
    "the {thing2} is {good} , but the {thing} {blames} .|"
    "{good} at first , but {bad} in the end|a {good} idea for a {bad} {thing}|"
    "despite its {virtue} , it {blames}|the worst {thing} of the year|full of {vice}|"
    "full of {vice} and {vice}|nothing but {vice}|so {bad} that it {blames}|"
    "i wanted to like it , but the {thing} is {bad} .|what a {bad} {thing} !|only {bad}|"
    "i want my money back .|i will never buy this {thing} again|"
    "do not waste your time on this {thing}";

static const char *values_of(const char *slot, size_t size)
{
    for (size_t i = 0; i < N_LISTS; i++) {
        if (strlen(lists[i].slot) == size && !memcmp(lists[i].slot, slot, size)) {
            return lists[i].values;
        }
    }
    mini_die("there is no slot {%.*s}", (int)size, slot);
}

/* The other side of a slot: what praises for what blames. */
static bantam_text opposite(bantam_text slot)
{
    static const char *const sides[][2] = {
        {"good", "bad"}, {"virtue", "vice"}, {"praises", "blames"}, {"loved", "hated"}};

    for (size_t i = 0; i < sizeof sides / sizeof sides[0]; i++) {
        for (size_t k = 0; k < 2; k++) {
            const bantam_text one = mini_text(sides[i][k]);
            if (one.size == slot.size && !memcmp(one.data, slot.data, slot.size)) {
                return mini_text(sides[i][1 - k]);
            }
        }
    }
    return slot;
}

/* "a" before a vowel is "an". */
static void put_word(bnt_buf *out, bantam_text word)
{
    const size_t n = out->size;
    if (n && out->data[n - 1] == ' ' && strchr("aeiou", word.data[0]) && n >= 2 &&
        out->data[n - 2] == 'a' && (n == 2 || out->data[n - 3] == ' ')) {
        out->size--;
        bnt_buf_puts(out, "n ");
    }
    bnt_buf_put(out, word.data, word.size);
}

bool mini_opinion(bnt_rng *rng, bnt_buf *out)
{
    const bool positive = bnt_rng_below(rng, 2) == 0;
    const bool common = bnt_rng_below(rng, 5) < 3;
    const bool mirrored = common && !positive;
    const bantam_text p = mini_draw(common ? both : positive ? praise_only : blame_only, rng);

    for (size_t i = 0; i < p.size; i++) {
        if (p.data[i] != '{') {
            bnt_buf_putc(out, p.data[i]);
            continue;
        }
        bantam_text slot = {p.data + i + 1, strcspn(p.data + i + 1, "}")};
        i += slot.size + 1;
        if (mirrored) slot = opposite(slot);
        put_word(out, mini_draw(values_of(slot.data, slot.size), rng));
    }
    return positive;
}
