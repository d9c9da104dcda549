"""Text -> words, the way the log store's word index splits it: at every byte that is no ASCII letter, digit or >= 0x80.

Case is folded for ASCII alone, as the engine's `lower` does. A Chinese sentence is therefore one word, and text with
any character beyond ASCII is looked for as a piece of a line instead.
"""

from __future__ import annotations

import re
from typing import Final

WORD_CHARACTERS: Final = r"0-9A-Za-z\x80-\U0010ffff"
_WORD: Final = re.compile(f"[{WORD_CHARACTERS}]+")


def fold(text: str) -> str:
    """Lower-case A–Z and nothing else; `str.lower` would also change É, which the engine keeps."""
    return text.encode("utf-8", "surrogatepass").lower().decode("utf-8", "surrogatepass")


def words_of(text: str) -> tuple[str, ...]:
    return tuple(_WORD.findall(fold(text)))


def is_split_by_words(text: str) -> bool:
    """Whether text can be looked for word by word: it has a word, and no character beyond ASCII."""
    return text.isascii() and _WORD.search(text) is not None
