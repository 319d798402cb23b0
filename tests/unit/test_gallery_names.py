"""What may be a name: any Unicode text of up to 64 characters without control characters."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import InputError
from edge.store import Store
from edge.verify.gallery import Gallery
from edge.verify.names import NAME_MAX, normalise_name

ORDINARY = [
    "Anna",
    "Jean-Luc O'Brien (2nd)",
    "Łukasz Żółć",
    "محمد عبد الله",
    "דוד בן־גוריון",
    "安娜",
    "अनुष्का",
    "می\N{ZERO WIDTH NON-JOINER}خواهم",  # joiners belong to the spelling
    "👩‍🚒 Maja",
    "a\N{RIGHT-TO-LEFT MARK}b",
    "x" * NAME_MAX,
    "Robert'); DROP TABLE person;--",
    "../../etc/passwd",
]


@pytest.mark.parametrize("name", ORDINARY)
def test_ordinary_names_are_stored_as_they_are(tmp_path: Path, name: str) -> None:
    with Store.open(tmp_path) as store:
        gallery = Gallery(store, bytes(32), "a" * 64)
        gallery.add(name, np.eye(8, dtype=np.float32)[:1])
        assert [person.name for person in gallery.people()] == [name]
        gallery.remove(name)
        assert len(gallery) == 0


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "visible"),
        (" \t \n", "visible"),
        ("\N{ZERO WIDTH SPACE}\N{ZERO WIDTH JOINER}", "visible"),
        ("An\nna", r"control character \(U\+000A\)"),
        ("An\x00na", r"U\+0000"),
        ("An\x1b[31mna", r"U\+001B"),
        ("An\x85na", r"U\+0085"),
        ("An\N{LINE SEPARATOR}na", r"line break \(U\+2028\)"),
        ("An\N{RIGHT-TO-LEFT OVERRIDE}na", r"text direction \(U\+202E\)"),
        ("An\ud800na", r"lone surrogate \(U\+D800\)"),
        ("x" * (NAME_MAX + 1), "at most 64 characters, found 65"),
    ],
)
def test_names_that_are_refused(name: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        normalise_name(name)
    assert str(caught.value).isprintable()


def test_one_name_in_two_spellings_is_one_name() -> None:
    assert normalise_name("Jose\N{COMBINING ACUTE ACCENT}") == normalise_name("  José ") == "José"


@given(st.text(max_size=80))
def test_a_name_is_normal_and_stays_so_or_is_refused(text: str) -> None:
    try:
        name = normalise_name(text)
    except InputError:
        return
    assert normalise_name(name) == name == name.strip()
    assert unicodedata.is_normalized("NFC", name)
    assert 1 <= len(name) <= NAME_MAX
    assert not {unicodedata.category(character) for character in name} & {"Cc", "Cs", "Zl", "Zp"}
    name.encode()


@given(st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=NAME_MAX // 4))
def test_every_visible_text_is_a_name(text: str) -> None:
    assert normalise_name(text) == unicodedata.normalize("NFC", text)
