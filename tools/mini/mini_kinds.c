/* mini_kinds.c - the kinds of little text, what they say in short, and questions about them. */
#include "mini_scene.h"

const mini_kind mini_kinds[] = {
    {
        .sentences =
            {"{Name} went out {place} on {day}.|On {day}, {name} was {place}.|"
             "{name} was {place} on {day}.",
             "?The weather was {weather}.|?It was a {weather} day.",
             "{He} took a {color} {object} along.|{He} had a {color} {object} with {him}.",
             "There {he} met {friend}.|Then {friend} came by.|{friend} was there too.",
             "Together they {did}.|{name} and {friend} {did}.|They {did} for a long time.",
             "?{time}, they went home.|?They went home {time}.",
             "{name} was {feeling}.|At the end, {name} felt {feeling}."},
        .summary = "{name} and {friend} {did} {place} on {day}.",
        .headline = "A {day} {place}",
        .questions = {{"Who did {name} meet?|Whom did {name} meet?", "{name} met {friend}."},
                      {"Where was {name}?|Where did they meet?", "{Name} was {place}."},
                      {"When was {name} there?|On which day was it?", "It was on {day}."},
                      {"What color was the {object}?|Which color was the {object}?",
                       "The {object} was {color}."},
                      {"What did {name} take along?|What did {name} have?",
                       "{name} had a {color} {object}."},
                      {"What did they do?|What did {name} and {friend} do?", "They {did}."},
                      {"How did {name} feel?", "{name} felt {feeling}."}},
    },
    {
        .sentences =
            {"{name} had a {color} {object}.|{name} was a {good} {kid} with a {color} "
             "{object}.|There was a {kid} named {name} who had a {color} {object}.",
             "?{He} loved it very much.|?It was {his} favorite thing.",
             "One day {he} lost it {place}.|On {day} {he} could not find it. {He} had lost "
             "it {place}.|But then the {object} was lost {place}.",
             "?{name} looked everywhere.|?{He} was very sad.|?{He} looked and looked.",
             "{friend} came and helped {him}.|{friend} helped {him} to look for it.",
             "At last they found it {hiding}.|It was {hiding}!|Then {friend} saw it {hiding}.",
             "?{name} said thank you.|?{name} gave {friend} a hug.|?{name} was {feeling} "
             "again."},
        .summary = "{name} lost a {color} {object}, and {friend} helped to find it {hiding}.",
        .headline = "The lost {object}",
        .questions = {{"What did {name} lose?", "{name} lost a {color} {object}."},
                      {"Who helped {name}?|Who helped?", "{friend} helped {name}."},
                      {"Where was the {object}?|Where did they find the {object}?",
                       "The {object} was {hiding}."},
                      {"What color was the {object}?", "The {object} was {color}."},
                      {"Where did {name} lose the {object}?", "{name} lost it {place}."},
                      {"Who lost something?|Who lost the {object}?",
                       "{name} lost the {object}."}},
    },
    {
        .sentences =
            {"{name} is a {job} in {town}.|{name} lives in {town} and is a {job}.|In {town} "
             "there is a {job} named {name}.",
             "{He} works {workplace}.", "Every day {he} {task}.|{name} {task} every day.",
             "?{He} gets up early.|?The work is hard.|?{He} has worked there for {n} years.",
             "People like {him} because {he} is {good}.|{Name} is very {good}.|Everyone says "
             "that {name} is {good}.",
             "On {day}s {he} {hobby}.|When there is no work, {he} {hobby}.",
             "?{friend} often comes to visit."},
        .summary = "{name} is a {good} {job} in {town} who {task}.",
        .headline = "The {job} of {town}",
        .questions = {{"Where does {name} live?|In which town does {name} live?",
                       "{name} lives in {town}."},
                      {"What is {name}'s job?|What does {name} do?|What is {name}?",
                       "{name} is a {job}."},
                      {"Where does {name} work?", "{name} works {workplace}."},
                      {"What does {name} do every day?", "{name} {task}."},
                      {"What does {name} do for fun?", "{name} {hobby}."},
                      {"What is {name} like?", "{name} is {good}."}},
    },
    {
        .sentences =
            {"{name} has {n} {pets}.|There are {n} {pets} at {name}'s house.|{name} takes care "
             "of {n} {pets}.",
             "The {pets} are {color}.|All of them are {color}.",
             "They live {home}.|The {pets} sleep {home}.",
             "?They are very {good}.|?{name} got them from {friend}.",
             "They like to eat {petfood}.|Every day they eat {petfood}.|{name} feeds them "
             "{petfood}.",
             "?{time}, {name} plays with them.|?The {pets} make a lot of noise.",
             "?{name} is {feeling} to have them."},
        .summary = "{name} has {n} {color} {pets} that live {home} and eat {petfood}.",
        .headline = "{name} and the {n} {pets}",
        .questions = {{"How many {pets} does {name} have?|How many {pets} are there?",
                       "{name} has {n} {pets}."},
                      {"What color are the {pets}?", "The {pets} are {color}."},
                      {"Where do the {pets} live?|Where are the {pets}?",
                       "The {pets} live {home}."},
                      {"What do the {pets} eat?", "The {pets} eat {petfood}."},
                      {"Who has {n} {pets}?|Who has {pets}?", "{name} has {pets}."}},
    },
    {
        .sentences =
            {"{name} wanted to make {dish}.|On {day} {name} made {dish}.|{name} likes to cook. "
             "Today {he} made {dish}.",
             "{He} needed {food}, {food2} and {food3}.|First {he} bought {food}, {food2} and "
             "{food3}.|{He} took {food}, {food2} and {food3}.",
             "?{He} washed {his} hands.|?{He} got a big bowl.",
             "{friend} came to help.|{friend} helped {him}.",
             "?They mixed everything.|?They worked in the kitchen for an hour.",
             "They ate it {time}.|It was ready {time}.",
             "?It tasted very good.|?Everyone was {feeling}.|?{n} people came to eat."},
        .summary = "{name} and {friend} made {dish} with {food}, {food2} and {food3}.",
        .headline = "{name} makes {dish}",
        .questions = {{"What did {name} make?", "{name} made {dish}."},
                      {"Who helped {name}?|Who came to help?", "{friend} helped {name}."},
                      {"What did {name} need?", "{name} needed {food}, {food2} and {food3}."},
                      {"When was it ready?", "It was ready {time}."},
                      {"Who made {dish}?", "{name} made {dish}."}},
        .list = {"List what {name} needed.|List the things in the text that {name} needed.",
                 "{food};{food2};{food3}"},
    },
    {
        .sentences =
            {"{town} has a new {building}.|A new {building} opened in {town}.|The people of "
             "{town} got a new {building}.",
             "It took {n} years to build it.|Workers needed {n} years for it.",
             "?It stands next to the river.|?It is big and {color}.|?The old one was too "
             "small.",
             "It opened on {day}.|The first visitors came on {day}.",
             "{name}, the mayor, gave a speech.|The mayor, {name}, was there.",
             "?Many people came to see it.|?Children were {feeling}.|?{n2} children sang a "
             "song.",
             "?It is open every day but {day2}.|?On {day2} it is closed."},
        .summary = "A new {building} opened in {town} on {day} after {n} years.",
        .headline = "New {building} in {town}",
        .questions =
            {{"What is new in {town}?|What opened in {town}?", "A new {building} opened."},
             {"Where is the new {building}?", "The new {building} is in {town}."},
             {"When did the {building} open?", "The {building} opened on {day}."},
             {"How long did it take to build the {building}?|How many years did it take?",
              "It took {n} years."},
             {"Who is the mayor?|Who gave a speech?", "The mayor is {name}."}},
    },
    {
        .sentences =
            {"It rained in {town} for {n} days.|For {n} days it rained in {town}.|In {month} "
             "it "
             "rained in {town} for {n} days.",
             "The river rose higher and higher.|The water in the river rose.",
             "?Many streets were wet.|?Some houses were under water.|?People were afraid.",
             "{N2} families had to leave their homes.|{N2} families left their homes.",
             "{name} opened the {shelter} for them.|They could sleep in the {shelter}, "
             "thanks to {name}.",
             "?{friend} brought {food} and {food2}.|?Everyone helped.",
             "On {day} the sun came out.|The rain stopped on {day}."},
        .summary = "After {n} days of rain in {town}, {n2} families left their homes.",
        .headline = "{Town} under water",
        .questions = {{"How long did it rain?|For how many days did it rain?",
                       "It rained for {n} days."},
                      {"Where did it rain?", "It rained in {town}."},
                      {"How many families left their homes?|How many families had to leave?",
                       "{N2} families left their homes."},
                      {"When did the rain stop?|When did the sun come out?",
                       "It stopped on {day}."},
                      {"Where could the families sleep?", "They could sleep in the {shelter}."},
                      {"Who helped the families?", "{name} helped them."}},
    },
    {
        .sentences =
            {"{name}, {friend} and {other} ran a race {place}.|There was a race {place}. "
             "{name}, {friend} and {other} ran.",
             "?It was on {day}.|?The day was {weather}.",
             "At first {friend} was the fastest.|At first {friend} was in front.",
             "But {friend} fell down.|Then {friend} got tired.|But then {friend} stopped to "
             "rest.",
             "{name} won the race.|So {name} won.|In the end {name} came first.",
             "{other} came second.|{other} was second.",
             "The prize was a {color} {object}.|{name} got a {color} {object}.",
             "?Everyone clapped.|?{name} was {feeling}."},
        .summary = "{name} won a race against {friend} and {other} and got a {color} {object}.",
        .headline = "{name} wins the race",
        .questions = {{"Who won?|Who won the race?", "{name} won the race."},
                      {"Who came second?", "{other} came second."},
                      {"Who was fast at first?|Who was the fastest at first?",
                       "At first {friend} was the fastest."},
                      {"What was the prize?|What did {name} get?",
                       "The prize was a {color} {object}."},
                      {"Where was the race?", "The race was {place}."}},
        .list = {"List who ran.|List the names of the runners.", "{name};{friend};{other}"},
    },
    {
        .sentences =
            {"{name} traveled to {town} {travel}.|In {month}, {name} went to {town} {travel}.|"
             "{name} made a trip to {town} {travel}.",
             "{He} wanted to see {friend}.|{He} visited {friend} there.|{He} had a friend "
             "there, "
             "{friend}.",
             "{He} stayed for {n} days.|{name} stayed {n} days.",
             "?They went to the {building}.|?They walked through the streets.|?The weather was "
             "{weather}.",
             "{He} brought a {color} {object} as a gift.|{friend} got a {color} {object} from "
             "{him}.",
             "?On {day} {he} went home.|?{name} came home {feeling}."},
        .summary = "{name} traveled to {town} {travel} and stayed with {friend} for {n} days.",
        .headline = "A trip to {town}",
        .questions = {{"Where did {name} go?|Where did {name} travel?",
                       "{name} went to {town}."},
                      {"How did {name} travel?|How did {name} get to {town}?",
                       "{name} traveled {travel}."},
                      {"Who did {name} visit?|Whom did {name} visit?",
                       "{name} visited {friend}."},
                      {"How long did {name} stay?|How many days did {name} stay?",
                       "{name} stayed for {n} days."},
                      {"What was the gift?|What did {name} bring?",
                       "{name} brought a {color} {object}."}},
    },
    {
        .sentences =
            {"It was {name}'s birthday.|{name} had a birthday on {day}.|On {day}, {name} had a "
             "birthday.",
             "{He} turned {n}.|{He} was now {n} years old.",
             "{friend} and {other} came to the party.|{name} asked {friend} and {other} to "
             "come.",
             "{friend} gave {him} a {color} {object}.",
             "{other} gave {him} a {object2}.|From {other} {he} got a {object2}.",
             "?They ate cake and {did}.|?The cake had {color2} candles.",
             "?{name} was {feeling}.|?{time} everyone went home."},
        .summary =
            "{name} turned {n} and got a {color} {object} from {friend} and a {object2} from "
            "{other}.",
        .headline = "{name} turns {n}",
        .questions = {{"How old is {name} now?|How old did {name} turn?", "{name} turned {n}."},
                      {"Who gave {name} the {object}?|Who gave the {object}?",
                       "{friend} gave {name} the {object}."},
                      {"Who gave {name} the {object2}?|Who gave the {object2}?",
                       "{other} gave {name} the {object2}."},
                      {"What color was the {object}?", "The {object} was {color}."},
                      {"What did {friend} give {name}?",
                       "{friend} gave {name} a {color} {object}."},
                      {"What did {other} give {name}?", "{other} gave {name} a {object2}."},
                      {"Whose birthday was it?", "It was {name}'s birthday."}},
        .list = {"List the gifts.|List what {name} got.", "a {color} {object};a {object2}"},
    },
    {
        .sentences =
            {"{name} planted {plant} {ground}.|In {month}, {name} planted {plant} {ground}.",
             "{He} gave them water every day.|Every day {he} gave them water.",
             "?The sun was warm.|?{friend} laughed at {him}.|?At first nothing happened.",
             "After {n} weeks they were tall.|It took {n} weeks until they were big.",
             "{He} gave some of them to {friend}.|{friend} got some of them.",
             "?{name} kept the rest.|?{name} was {feeling}.|?{He} sold the others at the "
             "market."},
        .summary = "{name} planted {plant} {ground} and after {n} weeks gave some to {friend}.",
        .headline = "{name} plants {plant}",
        .questions = {{"What did {name} plant?", "{name} planted {plant}."},
                      {"Where did {name} plant them?|Where were the {plant}?",
                       "{name} planted them {ground}."},
                      {"How many weeks did it take?|How long did it take?",
                       "It took {n} weeks."},
                      {"Who got some of the {plant}?|Who got some?",
                       "{friend} got some of the {plant}."},
                      {"What did {name} do every day?", "{name} gave them water."}},
    },
    {
        .sentences =
            {"{name} and {friend} collect {things}.|{name} and {friend} both like {things}.",
             "{name} has {n} of them, and {friend} has {n2}.|{name} has {n} {things}. {friend} "
             "has {n2}.",
             "?They keep them in a {color2} box.|?They found the first ones {place}.",
             "The best one of {name} is {color}.|{name}'s favorite one is {color}.",
             "On {day}s they look at them together.|They meet on {day}s.",
             "?{other} wants to join them.|?They are {feeling} when they find a new one."},
        .summary = "{name} and {friend} collect {things} and look at them on {day}s.",
        .headline = "Friends of {things}",
        .questions = {{"What do {name} and {friend} collect?|What do they collect?",
                       "They collect {things}."},
                      {"How many {things} does {name} have?", "{name} has {n} {things}."},
                      {"How many {things} does {friend} have?", "{friend} has {n2} {things}."},
                      {"What color is {name}'s best one?|What color is the best one?",
                       "It is {color}."},
                      {"When do they meet?|On which day do they meet?",
                       "They meet on {day}s."}},
    },
};

const size_t mini_n_kinds = sizeof mini_kinds / sizeof mini_kinds[0];
