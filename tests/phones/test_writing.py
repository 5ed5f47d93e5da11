"""What is written is read back the same, in every form."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkcli.clip import Phone
from talkcli.errors import TalkError
from talkcli.phones import PHONES
from talkcli.phones.files import read_phones
from talkcli.phones.writing import WRITERS, Listed, check_phone_suffix, written_phones
from tests.make import make_phones

LENGTHS = st.lists(st.tuples(st.sampled_from(PHONES), st.integers(1, 999)), min_size=1, max_size=20)


@pytest.mark.parametrize("suffix", WRITERS)
@given(spoken=LENGTHS)
def test_phones_come_back(tmp_path_factory: pytest.TempPathFactory, suffix: str, spoken: list[tuple[str, int]]) -> None:
    phones = make_phones(*((name, length / 1000) for name, length in spoken))
    path = tmp_path_factory.mktemp("phones") / f"some{suffix}"
    path.write_text(written_phones(suffix, Listed(phones, [0.5] * len(phones), "asr", "some")), encoding="utf-8")
    found = read_phones(path)
    assert [phone.name for phone in found] == [phone.name for phone in phones]
    for one, two in zip(found, phones, strict=True):
        assert (one.start, one.end) == (pytest.approx(two.start, abs=2e-4), pytest.approx(two.end, abs=2e-4))


@pytest.mark.parametrize("suffix", [".tsv", ".csv", ".ctm", ".json"])
def test_a_file_says_who_found_its_phones(suffix: str) -> None:
    assert "asr+allphone" in written_phones(suffix, Listed([Phone("M", 0, 1)], [0.25], "asr+allphone", "a b"))


def test_the_suffix_picks_the_form_in_any_case() -> None:
    check_phone_suffix(Path("a.TextGrid"))
    with pytest.raises(TalkError, match=r"not written as '\.txt': name a file with \.textgrid, "):
        check_phone_suffix(Path("a.txt"))
