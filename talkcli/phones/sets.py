"""The names that synthesizers give to phones, as ARPAbet.

What a sound looks like on the lips decides where English has none of its kind: a rounded front vowel is as UW or UH, a
trill as D, a fricative of the throat as HH.
"""

# ruff: noqa: RUF001  # phonetic letters look like others, and are meant

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Literal

from talkcli.phones import INDEX

PhoneSet = Literal["radio", "mrpa", "italian", "finnish", "czech", "russian", "catalan"]


def _table(text: str) -> dict[str, tuple[str, ...]]:
    """Entries between bars or line ends: a name, then its phones, none for marks that are no sound."""
    entries = (entry.split() for line in text.strip().splitlines() for entry in line.split("|"))
    return {entry[0]: tuple(entry[1:]) for entry in entries if entry}


# Flite and festival's American voices: lower-case ARPAbet, a few reduced vowels and syllabic consonants beside.
_RADIO = """
pau SIL|h# SIL|brth SIL|# SIL|ssil SIL|sil SIL|ax AH|axr ER|ix IH|ux UW|dx D|nx N|el AH L|em AH M|en AH N|hv HH|q
"""
_MRPA = """
# SIL|uh AH|e EH|a AE|o AA|i IH|u UH|ii IY|uu UW|oo AO|aa AA|@@ ER|ai AY|ei EY|oi OY|au AW|ou OW|@ AH|h HH
e@ EH AH|i@ IH AH|u@ UH AH
"""
_ITALIAN = """
# SIL|i IY|e EY|E EH|a AA|o AO|O AO|u UW|i1 IY|e1 EY|E1 EH|a1 AA|o1 AO|O1 AO|u1 UW|j Y|w W|p P|t T|k K|b B|d D|g G
f F|s S|S SH|v V|z Z|Z ZH|ts T S|tS CH|dz D Z|dZ JH|m M|n N|J N|ng NG|nf N|l L|L L|r D
"""
_FINNISH = """
# SIL|## SIL|a AA|e EH|i IY|o AO|u UW|y UW|@ AE|7 UH|& AH|p P|t T|k K|b B|d D|g G|f F|T TH|D DH|s S|z Z|S SH|Z ZH|h HH
v V|m M|n N|N NG|l L|L L|r D|j Y|w W
"""
_CZECH = """
# SIL|_|a AA|a: AA|b B|c T S|c~ CH|ch HH|d D|d~ D|dz D Z|dz~ JH|e EH|e: EH|f F|g G|h HH|i IH|i: IY|j Y|k K|l L|m M|n N
n* NG|n~ N|o AO|o: AO|p P|r D|r~ ZH|r~* SH|s S|s~ SH|t T|t~ T|u UH|u: UW|v V|z Z|z~ ZH
"""
_RUSSIAN = """
pau SIL|ii IY|yy IH|uu UW|ee EH|oo AO|aa AA|a AH|e EH|i IH|y IH|u UH|ae AH|ay AH|ur UH|p P|pp P|b B|bb B|t T|tt T|d D
dd D|k K|kk K|g G|gg G|c T S|ch CH|f F|ff F|v V|vv V|s S|ss S|z Z|zz Z|sh SH|sch SH|zh ZH|h HH|hh HH|m M|mm M|n N|nn N
l L|ll L|r D|rr D|j Y
"""
_CATALAN = """
pau SIL|# SIL|_ SIL|ax AH|a AA|a1 AA|e EY|e1 EY|E EH|E1 EH|i IY|i1 IY|o AO|o1 AO|O AO|O1 AO|u UW|u1 UW|b B|d D|f F|g G
j Y|J N|k K|l L|L L|m M|n N|p P|r D|rr D|s S|S SH|t T|w W|z Z|Z ZH
"""
_ARPABET: Mapping[str, tuple[str, ...]] = {name.lower(): (name,) for name in INDEX}
SETS: Mapping[PhoneSet, Mapping[str, tuple[str, ...]]] = {
    "radio": {**_ARPABET, **_table(_RADIO)},
    "mrpa": {**_ARPABET, **_table(_MRPA)},
    "italian": _table(_ITALIAN),
    "finnish": _table(_FINNISH),
    "czech": _table(_CZECH),
    "russian": _table(_RUSSIAN),
    "catalan": _table(_CATALAN),
}


def from_set(name: str, phone_set: PhoneSet) -> tuple[str, ...]:
    """The phones that a name of a set stands for; empty for a mark that is no sound.

    Raises:
        ValueError: no such name in the set.
    """
    table = SETS[phone_set]
    key = name if name in table else name.rstrip(":")  # long sounds look like short ones
    if key not in table:
        raise ValueError(f"unknown phone name {name!r} in the set '{phone_set}'")
    return table[key]


# International Phonetic Alphabet as espeak-ng writes it, for all its languages.
_IPA_TABLE = """
tʃ CH|dʒ JH|t͡ʃ CH|d͡ʒ JH|tɕ CH|dʑ JH|tʂ CH|dʐ JH|ts T S|dz D Z|pf P F
eɪ EY|aɪ AY|ɔɪ OY|aʊ AW|oʊ OW|əʊ OW|ɔʏ OY|ɔø OY|æʊ AW|ʌʊ OW|ʌɪ AY|ɑɪ AY|œʏ OY|œy OY|ɛɪ EY|ei EY|ɛi EY|ɔi OY|oi OY
ai AY|au AW|ɑu AW|ʌu AW|ou OW|ɔu OW|æi EY|ɐɪ AY|ɒɪ OY|ɔʊ OW|ɐʊ AW
iə IH AH|ɪə IH AH|eə EH AH|ɛə EH AH|ʊə UH AH|ɔə AO AH|oə AO AH
ɪɹ IH R|ɛɹ EH R|ʊɹ UH R|ɔɹ AO R|oɹ AO R|ɑɹ AA R|əl AH L|ɚ ER|ɝ ER|ɜ ER
p P|b B|m M|ɱ N|ɓ B|β B|ɸ F|f F|v V|ʋ V|ⱱ V|ʙ B
t T|d D|ʈ T|ɖ D|ɗ D|ɾ D|ɽ D|n N|ɳ N|ɲ N|ȵ N|l L|ɭ L|ɫ L|ɬ L|ɮ L|ʎ L|ʟ L|r D|ɹ R|ɻ R|ʀ R|ʁ R|ɺ L
k K|c K|q K|g G|ɡ G|ɟ G|ɢ G|ɠ G|ʛ G|ŋ NG|ɴ NG|x HH|χ HH|ɣ G|h HH|ɦ HH|ħ HH|ç HH|ʝ Y|j Y|ʕ AA|ɰ G|ʜ HH
s S|z Z|ʃ SH|ʒ ZH|ɕ SH|ʑ ZH|ʂ SH|ʐ ZH|ɧ SH|θ TH|ð DH|w W|ʍ W|ɥ W|ʦ T S|ʣ D Z|ʧ CH|ʤ JH
a AA|ɑ AA|ɒ AA|æ AE|ɐ AH|ʌ AH|ə AH|ɘ AH|ɞ AH|ɤ AH|ɨ IH|ᵻ IH|ɪ IH|i IY|y UW|ʏ UH|ɯ IH|ʉ UW|u UW|ʊ UH|ᵿ UH
e EY|ɛ EH|ø UH|œ UH|ɶ AO|ɵ UH|o AO|ɔ AO
"""
_IPA = _table(_IPA_TABLE)
_LONGEST = max(map(len, _IPA))
_MARKS = "ʔʰʲʷˠˤʼ"  # glottal stop, secondary articulations


def from_ipa(name: str) -> tuple[str, ...]:
    """The phones that an IPA name stands for; empty for marks that are no sound (stress, length, glottal stop).

    Unknown letters give no phone: an unknown name of a language is no reason to lose its sentence.
    """
    plain = unicodedata.normalize("NFD", name).replace("c\u0327", "ç")  # the one letter whose mark matters
    letters = "".join(
        letter for letter in plain if unicodedata.category(letter) in ("Ll", "Lo") and letter not in _MARKS
    )
    out: list[str] = []
    at = 0
    while at < len(letters):
        widths = range(min(_LONGEST, len(letters) - at), 0, -1)
        width = next((width for width in widths if letters[at : at + width] in _IPA), 0)
        out += _IPA.get(letters[at : at + width], ())
        at += max(width, 1)
    return tuple(out)
