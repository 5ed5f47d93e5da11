"""Phones and transcripts come in as aligners and people write them, and a broken file is told in one sentence."""

# phonetic letters look like others, and are meant

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from talkcli.clip import Phone
from talkcli.errors import TalkError
from talkcli.phones import PHONES
from talkcli.phones.files import PHONE_SUFFIXES, TEXT_SUFFIXES, read_phones, read_text

Spoken = Sequence[tuple[float, float, str]]
BAH: Spoken = [(0, 0.1, ""), (0.1, 0.2, "B"), (0.2, 0.5, "AA1"), (0.5, 0.6, "sp")]
WORDS: Spoken = [(0, 0.1, ""), (0.1, 0.5, "bah"), (0.5, 0.6, "")]
READ = [("SIL", 0, 0.1), ("B", 0.1, 0.2), ("AA", 0.2, 0.5), ("SIL", 0.5, 0.6)]


def save(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_text(text, encoding=encoding)
    return path


def told(phones: Sequence[Phone]) -> list[tuple[str, float, float]]:
    return [(phone.name, pytest.approx(phone.start, abs=1e-6), pytest.approx(phone.end, abs=1e-6)) for phone in phones]


def long_grid(*tiers: tuple[str, Spoken]) -> str:
    """A TextGrid in the long form, as Praat writes it, with a tier of points before the others."""
    lines = ['File type = "ooTextFile"', 'Object class = "TextGrid"', "", "xmin = 0 ", "xmax = 0.6 "]
    lines += ["tiers? <exists> ", f"size = {len(tiers) + 1} ", "item []: ", "    item [1]:"]
    lines += ['        class = "TextTier" ', '        name = "clicks" ', "        xmin = 0 ", "        xmax = 0.6 "]
    lines += [
        "        points: size = 1 ",
        "        points [1]:",
        "            number = 0.3 ",
        '            mark = "x" ',
    ]
    for number, (name, labels) in enumerate(tiers, 2):
        lines += [f"    item [{number}]:", '        class = "IntervalTier" ', f'        name = "{name}" ']
        lines += ["        xmin = 0 ", "        xmax = 0.6 ", f"        intervals: size = {len(labels)} "]
        for index, (start, end, label) in enumerate(labels, 1):
            lines += [f"        intervals [{index}]:", f"            xmin = {start} ", f"            xmax = {end} "]
            lines += [f'            text = "{label}" ']
    return "\n".join(lines) + "\n"


def short_grid(*tiers: tuple[str, Spoken]) -> str:
    lines = ['File type = "ooTextFile"', 'Object class = "TextGrid"', "", "0", "0.6", "<exists>", str(len(tiers))]
    for name, labels in tiers:
        lines += ['"IntervalTier"', f'"{name}"', "0", "0.6", str(len(labels))]
        lines += [line for start, end, label in labels for line in (str(start), str(end), f'"{label}"')]
    return "\n".join(lines)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
@pytest.mark.parametrize("form", [long_grid, short_grid])
def test_a_textgrid_is_read_in_both_forms_and_every_encoding(tmp_path: Path, form, ends: str, encoding: str) -> None:
    text = form(("words", WORDS), ("phones", BAH))
    path = tmp_path / "bah.TextGrid"
    path.write_bytes(text.replace("\n", ends).encode(encoding))
    assert told(read_phones(path)) == READ


@pytest.mark.parametrize("name", ["phones", "Phones", "ann - phones", "phone", "segments", "MAU"])
def test_the_tier_of_phones_is_found_by_its_usual_names(tmp_path: Path, name: str) -> None:
    path = save(tmp_path / "bah.TextGrid", long_grid(("words", WORDS), (name, BAH)))
    assert told(read_phones(path)) == READ


def test_the_only_tier_of_intervals_needs_no_usual_name(tmp_path: Path) -> None:
    assert told(read_phones(save(tmp_path / "a.TextGrid", long_grid(("ORT", BAH))))) == READ


def test_a_tier_that_is_named_is_read_and_otherwise_the_tiers_are_listed(tmp_path: Path) -> None:
    path = save(tmp_path / "a.TextGrid", long_grid(("mine", BAH), ("yours", BAH[:2])))
    assert told(read_phones(path, "mine")) == READ
    assert len(read_phones(path, "yours")) == 2
    with pytest.raises(TalkError, match=r"no single tier of phones among its tiers of intervals \('mine', 'yours'\)"):
        read_phones(path)
    with pytest.raises(TalkError, match=r"no single tier 'his' among .*\('mine', 'yours'\)"):
        read_phones(path, "his")


def test_two_speakers_ask_for_one(tmp_path: Path) -> None:
    path = save(tmp_path / "a.TextGrid", long_grid(("ann - phones", BAH), ("bob - phones", BAH)))
    with pytest.raises(TalkError, match="name the one to read"):
        read_phones(path)
    assert told(read_phones(path, "bob - phones")) == READ


@pytest.mark.parametrize("form", [long_grid, short_grid])
def test_tiny_times_that_praat_writes_with_exponents_are_read(tmp_path: Path, form) -> None:
    path = save(tmp_path / "a.TextGrid", form(("phones", [(5.5e-17, 0.1, ""), *BAH[1:]])))
    assert told(read_phones(path)) == READ


@pytest.mark.parametrize("form", [long_grid, short_grid])
def test_a_time_before_the_sound_is_told(tmp_path: Path, form) -> None:
    path = save(tmp_path / "a.TextGrid", form(("phones", [(-0.5, 0.1, ""), *BAH[1:]])))
    with pytest.raises(TalkError, match=r"a\.TextGrid' cannot be read as phones with times"):
        read_phones(path)


@pytest.mark.parametrize("form", [long_grid, short_grid])
def test_doubled_quotes_are_one(tmp_path: Path, form) -> None:
    path = save(tmp_path / "a.TextGrid", form(("phones", [(0, 0.1, 'say ""AA""')])))
    with pytest.raises(TalkError, match="""a phone 'say "AA"' at 0 s"""):
        read_phones(path)


@pytest.mark.parametrize("form", [long_grid, short_grid])
def test_a_textgrid_that_is_cut_off_anywhere_is_never_read_in_part(tmp_path: Path, form) -> None:
    text = form(("phones", BAH))
    for length in range(0, len(text.rstrip()) - 1, 7):
        with pytest.raises(TalkError, match=r"a\.TextGrid'"):
            read_phones(save(tmp_path / "a.TextGrid", text[:length]))


def test_a_ctm_gives_the_phones_of_its_recording_without_kaldis_places(tmp_path: Path) -> None:
    text = ";; made by hand\nbah 1 0.00 0.10 SIL\nbah 1 0.10 0.10 B_B 0.98\nbah 1 0.20 0.30 AA1_E 1.00\n"
    assert told(read_phones(save(tmp_path / "one.ctm", text))) == READ[:3]
    both = text + "boo 1 0.00 0.20 UW1_S\n"
    assert told(read_phones(save(tmp_path / "boo.ctm", both))) == [("UW", 0, 0.2)]
    with pytest.raises(TalkError, match="several recordings, bah, boo, and none of its own name"):
        read_phones(save(tmp_path / "all.ctm", both))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.tsv", "start_s\tend_s\tphone\n0.000\t0.100\tSIL\n0.1\t0.2\tB\n0.2\t0.5\tAA\n0.5\t0.6\tSIL\n"),
        ("a.tsv", "0\t0.1\t\n0.1\t0.2\tB\n0.2\t0.5\tAA\n0.5\t0.6\tsil\n"),
        ("a.csv", "0,0.1,\n0.1,0.2,B\n0.2,0.5,AA\n0.5,0.6,sil"),
        ("a.csv", "\ufefflabel;start;end\nsil;0;0.1\nB;0.1;0.2\nAA;0.2;0.5\n;0.5;0.6\n"),
        (
            "a.csv",
            "Begin,End,Label,Type,Speaker\n0.1,0.5,bah,words,ann\n0,0.1,sil,phones,ann\n"
            "0.1,0.2,b,phones,ann\n0.2,0.5,ɑː,phones,ann\n0.5,0.6,spn,phones,ann\n",
        ),
        (
            "a.tsv",
            "tmin\ttier\ttext\ttmax\n0.1\twords\tbah\t0.5\n0\tphones\t\t0.1\n0.1\tphones\tB\t0.2\n"
            "0.2\tphones\tAA1\t0.5\n0.5\tphones\t\t0.6\n",
        ),
        ("a.json", json.dumps([{"start": s, "end": e, "phone": n} for s, e, n in BAH])),
        ("a.json", json.dumps({"phones": [{"start": s, "end": e, "label": n} for s, e, n in BAH]})),
        ("a.json", json.dumps({"phones": BAH})),
        (
            "a.json",
            json.dumps(
                {
                    "start": 0,
                    "end": 0.6,
                    "tiers": {
                        "words": {"type": "interval", "entries": WORDS},
                        "phones": {"type": "interval", "entries": BAH},
                    },
                }
            ),
        ),
        ("a.lab", "0 1000000 sil\n1000000 2000000 b\n2000000 5000000 aa -77.5\n5000000 6000000 sp\n"),
        ("a.lab", "0.00 0.10 pau\n0.10 0.20 b\n0.20 0.50 aa\n0.50 0.60 pau\n"),
        ("a.lab", "separator ;\nnfields 1\n#\n    0.1 121 pau\n 0.2 121 b ; x\n 0.5 121 aa\n 0.60 121 pau\n"),
        ("A.PHN", "0 1600 h#\n1600 3200 b\n3200 8000 aa\n8000 9600 h#\n"),
    ],
)
def test_tables_lists_and_labels_are_read(tmp_path: Path, name: str, text: str) -> None:
    assert told(read_phones(save(tmp_path / name, text))) == READ


def test_a_transcript_is_no_phones_and_labels_are_no_transcript(tmp_path: Path) -> None:
    with pytest.raises(TalkError, match=r"a\.lab' is a transcript, it has no times"):
        read_phones(save(tmp_path / "a.lab", "1984 was a year\n"))
    with pytest.raises(TalkError, match=r"a\.lab' holds labels with times, not a transcript"):
        read_text(save(tmp_path / "a.lab", "0 1000000 sil\n1000000 2000000 b\n"))


@pytest.mark.parametrize(
    ("labels", "phones"),
    [
        ("HH AH0 L OW1", "HH AH L OW"),
        ("hh ax l ow", "HH AH L OW"),
        ("h# hv axr ux nx ix dx epi pau", "SIL HH ER UW N IH D SIL SIL"),
        ("b el em en eng", "B AH L AH M AH N AH NG"),
        ("aa y", "AA Y"),  # ARPAbet's y
        ("ɑ y", "AA UW"),  # IPA's
        ("a y", "AA UW"),
        ("p a l a", "P AA L AA"),
        ("t͡ʃ aj ow mʲ ʉː ɫ̩ ç t̪", "CH AY OW M UW L HH T"),
        ("ts iə", "T S IH AH"),
        ("aI tS @ 6 S N {", "AY CH AH AH SH NG AE"),
        ('"a: 9 ?O', "AA UH AO"),
        ("sil sp spn <eps> NSN {SL} <p:> [noise] B", "SIL SIL SIL SIL SIL SIL SIL SIL B"),
    ],
)
def test_names_of_every_set_become_ours(tmp_path: Path, labels: str, phones: str) -> None:
    rows = "\n".join(f"{number / 10}\t{(number + 1) / 10}\t{label}" for number, label in enumerate(labels.split()))
    found = read_phones(save(tmp_path / "a.tsv", rows))
    assert [phone.name for phone in found] == phones.split()
    assert {phone.name for phone in found} <= set(PHONES)


def test_a_name_of_two_phones_shares_its_time_evenly(tmp_path: Path) -> None:
    found = read_phones(save(tmp_path / "a.tsv", "0\t0.2\tiə\n0.3\t0.4\tm\n"))
    assert told(found) == [("IH", 0, 0.1), ("AH", 0.1, 0.2), ("M", 0.3, 0.4)]


def test_a_closure_joins_its_stop_or_stands_as_one(tmp_path: Path) -> None:
    rows = "0\t0.1\tpcl\n0.1\t0.2\tp\n0.2\t0.3\tkcl\n0.3\t0.4\ttcl\n0.4\t0.5\tch\n0.5\t0.6\tbcl\n0.6\t0.7\th#\n"
    assert told(read_phones(save(tmp_path / "a.tsv", rows))) == [
        ("P", 0, 0.2),
        ("K", 0.2, 0.3),
        ("CH", 0.3, 0.5),
        ("B", 0.5, 0.6),
        ("SIL", 0.6, 0.7),
    ]


def test_a_glottal_stop_joins_the_phone_after_it_and_is_silent_before_a_pause(tmp_path: Path) -> None:
    rows = "0\t0.1\tʔ\n0.1\t0.2\tɑ\n0.2\t0.3\tʔ\n0.3\t0.4\tsil\n"
    found = read_phones(save(tmp_path / "a.tsv", rows))
    assert told(found) == [("AA", 0, 0.2), ("SIL", 0.3, 0.4)]


def test_an_unknown_name_is_told_with_its_time(tmp_path: Path) -> None:
    for known in ("HH\n0.1\t0.2\tAH0", "sh\n0.1\t0.2\taa", "ʃ\n0.1\t0.2\tɑ"):
        path = save(tmp_path / "a.tsv", f"0\t0.1\t{known}\n0.2\t0.25\tHello\n")
        with pytest.raises(TalkError, match=r"a\.tsv' has a phone 'Hello' at 0\.2 s, a name of no known set"):
            read_phones(path)


def test_one_odd_name_does_not_make_english_names_ipa(tmp_path: Path) -> None:
    with pytest.raises(TalkError, match="a phone 'x' at"):
        read_phones(save(tmp_path / "a.tsv", "0\t0.1\tsh\n0.1\t0.2\tx\n"))


@pytest.mark.parametrize(
    "rows",
    [
        "0.2\t0.3\tB\n0.0\t0.1\tAA\n",
        "0.0\t0.3\tB\n0.1\t0.4\tAA\n",
        "0.3\t0.2\tB\n",
        "-0.1\t0.2\tB\n",
        "nan\t0.2\tB\n",
        "0\tinf\tB\n",
        "0\t\tB\n",
        "0\t0.2\n",
        "start\tphone\n0\tB\n",
    ],
)
def test_times_that_do_not_rise_or_are_none_are_told(tmp_path: Path, rows: str) -> None:
    with pytest.raises(TalkError, match=r"a\.tsv' cannot be read as phones with times \(.*\): correct it"):
        read_phones(save(tmp_path / "a.tsv", rows))


def test_neighbours_that_rounding_made_overlap_are_put_right_and_gaps_stay(tmp_path: Path) -> None:
    found = read_phones(save(tmp_path / "a.tsv", "0\t0.11\tB\n0.10\t0.2\tAA\n0.3\t0.3\tP\n0.4\t0.5\tM\n"))
    assert told(found) == [("B", 0, 0.11), ("AA", 0.11, 0.2), ("M", 0.4, 0.5)]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.TextGrid", b"What is this?"),
        ("a.TextGrid", b"{}"),
        ("a.TextGrid", b"ooBinaryFile\x08TextGrid\x00\x00"),
        ("a.json", b"{"),
        ("a.json", b"3"),
        ("a.json", b'{"visemes": []}'),
        ("a.json", b'[{"start": 1e999, "end": 2, "phone": "B"}]'),
        ("a.json", b'[{"start": null, "end": 2, "phone": "B"}]'),
        ("a.json", b"[" * 100000),
        ("a.json", b'{"tiers": {"phones": {"type": "interval"}}}'),
        ("a.ctm", b"one two\n"),
        ("a.lab", b"0 1000000 sil\nhello\n"),
        ("a.csv", b""),
        ("a.csv", b"\xff\xff\xff"),
        ("a.tsv", b"\x00\x01\x02\x03"),
        ("a.phn", b"a b c"),
    ],
)
def test_a_broken_file_is_one_sentence_with_its_name(tmp_path: Path, name: str, data: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(TalkError, match=rf"{name}'") as told:
        read_phones(path)
    assert "\n" not in str(told.value)


def test_what_is_no_file_of_phones_is_told(tmp_path: Path) -> None:
    with pytest.raises(TalkError, match=r"give one of \.textgrid, \.ctm"):
        read_phones(tmp_path / "a.eaf")
    with pytest.raises(TalkError, match=r"cannot read .*a\.ctm': No such file"):
        read_phones(tmp_path / "a.ctm")
    (tmp_path / "b.ctm").mkdir()
    with pytest.raises(TalkError, match="cannot read"):
        read_phones(tmp_path / "b.ctm")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_transcript_is_one_line(tmp_path: Path, encoding: str) -> None:
    path = save(tmp_path / "a.txt", "  Schöne\tGrüße,\r\nPeter!\n\n", encoding)
    assert read_text(path) == "Schöne Grüße, Peter!"


def test_what_is_no_transcript_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"RIFF\x00\x00\x00\x10WAVE")
    with pytest.raises(TalkError, match="is not text"):
        read_text(tmp_path / "a.txt")
    (tmp_path / "b.txt").write_bytes("Grüße".encode("latin-1"))
    with pytest.raises(TalkError, match="is not text in UTF-8 or UTF-16: save it as UTF-8"):
        read_text(tmp_path / "b.txt")
    with pytest.raises(TalkError, match="has no words"):
        read_text(save(tmp_path / "c.txt", " \n"))
    with pytest.raises(TalkError, match="No such file"):
        read_text(tmp_path / "missing.txt")


def test_suffixes_are_told_in_lower_case() -> None:
    assert {".textgrid", ".ctm", ".tsv", ".csv", ".json", ".lab"} <= set(PHONE_SUFFIXES)
    assert set(TEXT_SUFFIXES) == {".txt", ".lab"}
