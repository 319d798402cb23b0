"""What may be a person's name."""

from __future__ import annotations

import unicodedata

from edge.errors import InputError

NAME_MAX = 64  # code points, after normalisation

# Cc: control characters. Cs: lone surrogates, which UTF-8 cannot hold. Zl, Zp: they break a line of a list or a log.
_REFUSED_CATEGORIES = {"Cc": "control character", "Cs": "lone surrogate", "Zl": "line break", "Zp": "line break"}
# Embeddings, overrides and isolates can make one name look like another, or turn the rest of a line round (Unicode
# Technical Report 36, 2.5). The plain marks LRM, RLM and ALM, and the joiners of Persian, Indic scripts and emoji, are
# part of ordinary names and stay.
_REFUSED = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_INVISIBLE_CATEGORIES = {"Zs", "Cf"}


def normalise_name(text: str) -> str:
    """The name as it is stored and compared: NFC, without white space at either end, letter case kept.

    Any Unicode text of 1..64 characters, at least one of them visible. Raises InputError.
    """
    name = unicodedata.normalize("NFC", text).strip()
    for character in name:
        kind = _REFUSED_CATEGORIES.get(unicodedata.category(character))
        if character in _REFUSED:
            kind = "control character of text direction"
        if kind is not None:
            raise InputError(f"name {name!r}: expected no control characters, found a {kind} (U+{ord(character):04X})")
    if all(unicodedata.category(character) in _INVISIBLE_CATEGORIES for character in name):
        raise InputError(f"name {text!r}: expected at least one visible character")
    if len(name) > NAME_MAX:
        raise InputError(f"name {name!r}: expected at most {NAME_MAX} characters, found {len(name)}")
    return name
