"""English to read aloud, made here: patterns and word lists of our own, and words drawn from a language model.

The trigram model and the pronouncing dictionary inside the pocketsphinx wheel serve to draw semi-English and to count
phones, so that sentences can be chosen for a good coverage of phones and of phone pairs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path

import numpy as np

from talkcli.phones import INDEX, diphones, words

_NAMES = words("""
    Bob Pam Abby Phoebe Vivian Fabio Oscar Maya Tom Beth Judge_Moore George Zoe Theo Ruth Wanda Quentin Yvonne
    Hugh Chloe Jack Felipe Mom Papa Barbara Pamela Philip Victor Bobby Mabel Omar Beau Joyce Roy Troy Asia Azure
    """)
_PLACES = words("""
    the_park the_harbour the_village Paris Birmingham the_beach the_museum Bombay the_farm the_office Mumbai
    Vienna the_pub the_library the_river Boston Africa Mount_Fuji the_voyage_home the_garage the_treasury
    the_boiler_room Poland Beijing the_Hague the_valley the_bathroom the_foyer the_casino
    """)
_ADJECTIVES = words("""
    big blue brave awful funny purple simple violent beautiful quiet huge royal annoying moist thick yellow shy
    cheap rough smooth narrow empty feeble subtle vivid warm oily usual casual young oval ripe foggy bumpy
    wooden tiny joyful coy
    """)
_NOUNS = words("""
    book puppy boy map pumpkin boat baby mirror bubble fork five_pipes violin oyster beam thumb lamp vision
    measure television boiler coin toy voice choice garage jewel judge church watch shoe sugar fish leaf wave
    vase knife mouth mother feather moth bath tooth house horse owl cow towel cloud eye pie kite light bird
    nurse shirt earth idea pear chair bear beer fire tower flower computer problem member number apple people
    cup pub web tube room moment memory farm film form roof cough laugh photograph elephant envelope van glove
    river oven evening song ring finger kangaroo yacht university onion uniform cube queen question square quiz
    wool wood foot cushion bush butcher pool moon collision explosion treasure azure_sky beige_coat mirage
    """)
_VERBS = words("""
    bought pushed moved found broke painted fixed loved pulled measured saw caught brought chewed shook wrapped
    weighed hid enjoyed employed avoided destroyed thought_about looked_at jumped_over paid_for asked_about
    forgot watched cooked burned heard filmed robbed mopped pumped bothered
    """)
_ADVERBS = words("""
    slowly happily before_breakfast every_evening by_himself above_the_bridge with_both_thumbs usually
    for_five_months in_public at_home very_badly on_purpose without_a_map as_usual behind_the_barn maybe perhaps
    on_the_beach this_morning far_too_often with_pleasure
    """)
_SHORT = """Yes. No. Maybe. Hello. Goodbye! Why? Stop! Help! Wow! Oh boy. Thank you. Not now. My mom. Papa! Five. Above
all. Of course. Oops! Bye bye. Be brave. Good morning. Who, me? Come back! Never mind. Boom! Have fun. You bet. A map.
Up. Pop! Bomb. Both of them. Give up. Enjoy! What a pity. Keep moving. Very well. Hush! Join us. Whoever. Ouch! Beep.
Follow me. I am fine. Push. Pull. Top. Bob. Mum. Wave. Leave. Enough. Rough voyage. Pure joy.""".replace("\n", " ")
_RICH = """Bob bought a big bag of apples. Peter Piper packed a purple pumpkin. Mama made me move the blue lamp.
Five fluffy foxes found a very fine vase. My mother put the map above the lamp. Baby Abby bumped my elbow.
Pat the puppy, Pam, before it barks. Vivian moved to a village above the river. Both maps have been improved by my boss.
A brave fisherman failed to find the ferry. Every evening my family visits five farms. Bumblebees hum above the maple.
Please pump up the back tyre, Papa. The vampire laughed at the feeble flame. Perhaps Barbara may borrow the broom.
Oprah memorised the poem by heart. Phoebe vowed to vacuum the attic. The film about beavers was fabulous.
Maybe the umbrella belongs to my sister. Philip blew a bubble from the balcony. Move over, you big oaf.
The jury's vision of justice was unusual. Usually the beige garage is empty. The treasure brought measureless pleasure.
The boy enjoyed the noise of the toy. Joyce avoids oysters boiled in oil. A loyal royal voyage spoiled the foil.
Leisure and television caused the collision. The Asian casual wear is a mirage. Who would choose such cool blue shoes?
The judge chose a jar of cherry jam. Should the butcher look at the sugar bush? Thieves thought that those were theirs.
Why, you young yokel, yell at the yak? Which witch wished for a wool wig? The king is singing a long song.""".replace(
    "\n", " "
)
_PATTERNS = (
    "{n} {v} a {a} {o}.",
    "Did {n} see the {a} {o} in {p}?",
    "My {o} is {a}, but your {o} is {a}.",
    "{n} and {n} {v} the {o} {d}.",
    "Where is the {a} {o} from {p}?",
    "{d}, {n} {v} my {a} {a} {o}.",
    "If the {o} falls, give the {o} to {n}.",
    "The {o} of {p} was {a}, {a} and {a}.",
    "I have never {v} such a {a} {o} in {p}.",
    "{n}, please bring me the {o}, the {o} and the {o}.",
    "How {a} is the {o} that {n} {v}?",
    "No, {n}, the {o} is not {a}.",
    "We are going to {p} with {n} and a {a} {o}.",
    "What if {n} {v} every {o}?",
    "There were {k} {a} {o}s in {p}.",
    "{k}, {k}, {k}, {k}.",
    "Flight {k} leaves at {k} past {k}.",
    "{n} paid {k} for the {o}.",
    "The {a} {o} {v} the {a} {o} {d}, and {n} laughed.",
    "Oh, {n}! The {o}!",
)
_ONES = words("""
    zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
    seventeen eighteen nineteen
    """)
_TENS = words("twenty thirty forty fifty sixty seventy eighty ninety")
_SLOTS = {"n": _NAMES, "p": _PLACES, "a": _ADJECTIVES, "o": _NOUNS, "v": _VERBS, "d": _ADVERBS}


def number(value: int) -> str:
    """A number from 0 to 9999 in words."""
    if value < 20:
        return _ONES[value]
    if value < 100:
        return _TENS[value // 10 - 2] + (f"-{_ONES[value % 10]}" if value % 10 else "")
    unit, word = (100, "hundred") if value < 1000 else (1000, "thousand")
    rest = f" {number(value % unit)}" if value % unit else ""
    return f"{number(value // unit)} {word}{rest}"


def from_pattern(rng: np.random.Generator) -> str:
    """One sentence of our own patterns."""
    pattern = _PATTERNS[rng.integers(len(_PATTERNS))]
    out, at = [], 0
    while (brace := pattern.find("{", at)) >= 0:
        out.append(pattern[at:brace])
        out.append(_fill(pattern[brace + 1], rng))
        at = brace + 3
    text = "".join([*out, pattern[at:]]).replace("_", " ")
    return text[0].upper() + text[1:]


def _fill(slot: str, rng: np.random.Generator) -> str:
    if slot == "k":
        return number(int(10 ** rng.uniform(0, 3.6)))
    choices = _SLOTS[slot]
    return choices[rng.integers(len(choices))]


def split_sentences(text: str) -> list[str]:
    """The sentences of a running text."""
    marked = text.replace(". ", ".\n").replace("! ", "!\n").replace("? ", "?\n")
    return [line.strip() for line in marked.split("\n") if line.strip()]


@cache
def dictionary() -> dict[str, tuple[str, ...]]:
    """Word -> phones, from the pronouncing dictionary inside the pocketsphinx wheel."""
    from pocketsphinx import get_model_path

    known: dict[str, tuple[str, ...]] = {}
    for line in Path(get_model_path("en-us/cmudict-en-us.dict")).read_text(encoding="utf-8").splitlines():
        word, *names = line.split()
        if "(" not in word and all(name in INDEX for name in names):
            known[word] = tuple(names)
    return known


def spoken(text: str) -> list[str]:
    """The phones that a text is likely to have; words outside the dictionary give none. Silence at both ends."""
    known, out = dictionary(), ["SIL"]
    for word in text.lower().replace("-", " ").split():
        out += known.get(word.strip(".,!?;:\"'"), ())
    return [*out, "SIL"]


def drawn(rng: np.random.Generator) -> Callable[[], str]:
    """A function that draws semi-English sentences: two words in three by the trigram model, the others rare ones."""
    from pocketsphinx import Config, LogMath, NGramModel, get_model_path

    model = NGramModel(Config(), LogMath(), get_model_path("en-us/en-us.lm.bin"))
    usual = sorted(word for word in dictionary() if model.prob([word]) > model.prob(["zzyzx"]) and len(word) > 1)
    usual = [word for word in usual if word.isalpha() or "'" in word]
    log_p = np.array([model.prob([word]) for word in usual]) * np.log(1.0001)  # the model counts in powers of 1.0001
    proposal, rare = (_cumulated(log_p * power) for power in (0.8, 0.35))

    def word_after(before: list[str]) -> str:
        if rng.random() < 0.35:
            return usual[int(np.searchsorted(rare, rng.random()))]
        picks = np.searchsorted(proposal, rng.random(48))
        score = np.array([model.prob([usual[pick], *before[:-3:-1]]) for pick in picks]) * np.log(1.0001)
        score = np.exp(score - 0.8 * log_p[picks] - np.max(score - 0.8 * log_p[picks]))
        return usual[int(picks[np.searchsorted(np.cumsum(score), rng.random() * score.sum())])]

    def sentence() -> str:
        said: list[str] = []
        for _ in range(int(rng.integers(3, 17))):
            said.append(word_after(said))
        for at in range(3, len(said) - 2):
            if rng.random() < 0.12:
                said[at] += ","
        return " ".join(said).capitalize() + ".!?."[rng.integers(4)]

    return sentence


def _cumulated(
    log_weights: np.ndarray[tuple[int], np.dtype[np.float64]],
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    weights = np.exp(log_weights - log_weights.max())
    total: np.ndarray[tuple[int], np.dtype[np.float64]] = np.cumsum(weights / weights.sum())
    total[-1] = 1.0
    return total


def sentences(count: int, rng: np.random.Generator) -> list[str]:
    """That many different sentences, short and long, chosen one after another for rare phones and phone pairs."""
    pool = _pool(count, rng)
    seen: set[str] = set()
    chosen: list[str] = []
    phone_count: Counter[str] = Counter()
    pair_count: Counter[tuple[str, str]] = Counter()
    while len(chosen) < count:
        few = list(dict.fromkeys(text for text in (next(pool) for _ in range(6)) if text not in seen))
        if not few:
            continue
        phones = [spoken(text) for text in few]
        best = int(np.argmax([_worth(names, phone_count, pair_count) for names in phones]))
        seen.add(few[best])
        chosen.append(few[best])
        phone_count.update(phones[best])
        pair_count.update(diphones(phones[best]))
    return [chosen[index] for index in rng.permutation(count)]


def _worth(names: Sequence[str], phone_count: Counter[str], pair_count: Counter[tuple[str, str]]) -> float:
    """How much a sentence adds, by the phone: pairs and phones that are still rare count most."""
    pairs = diphones(names)
    gain = sum(1 / (1 + pair_count[pair]) for pair in pairs)
    gain += sum(20 / (20 + phone_count[name]) for name in names)
    return gain / max(len(pairs), 3)


def _pool(count: int, rng: np.random.Generator) -> Iterator[str]:
    """Candidates without end: all short and rich ones first, then a mixture."""
    fixed = split_sentences(_SHORT) + split_sentences(_RICH)
    yield from fixed[: max(count // 8, 1)]
    draw = drawn(rng)
    rich = split_sentences(_RICH)
    while True:
        kind = rng.random()
        if kind < 0.5:
            yield draw()
        elif kind < 0.9:
            yield from_pattern(rng)
        elif kind < 0.97:
            yield f"{rich[rng.integers(len(rich))]} {from_pattern(rng)}"
        else:
            yield draw()[:-1] + ", " + from_pattern(rng)
