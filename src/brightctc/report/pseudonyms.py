"""Donors under other names: `donor-1`, `donor-2` …, wherever an id, a path, a command or a sentence holds them."""

import re
from collections.abc import Iterable

_SHORT = 3  # letters; a shorter id is replaced only where nothing of a word touches it


class Pseudonyms:
    """Replaces donors' ids in texts. Numbers are given in the order of the cohort.

    An id that is a number, or short, is replaced only where it stands by itself, a short one only as it is written. A
    longer one is replaced inside other names, too (`P012` in `tubeP012b`), and in other case; but no number is cut in
    two (`D10` is not in `D105`), and an id of letters alone is not looked for inside words.
    """

    def __init__(self, donors: Iterable[str | None], *, shown: bool = False):
        known = [] if shown else list(dict.fromkeys(donor for donor in donors if donor))
        self._names = {donor: f"donor-{number}" for number, donor in enumerate(known, start=1)}
        longest_first = sorted(known, key=lambda donor: (-len(donor), donor))
        self._in_words = _any_of([_beside(donor) if _wordlike(donor) else _pattern(donor) for donor in longest_first])
        self._in_ids = _any_of([_pattern(donor) for donor in longest_first])

    @property
    def replace_any(self) -> bool:
        """Is any id replaced at all?"""
        return bool(self._names)

    def in_id(self, text: str) -> str:
        """An id, a path or a command, with every donor's id replaced."""
        return self._in_ids.sub(self._replaced, text)

    def in_words(self, text: str) -> str:
        """A sentence: ids that are numbers, or short, are replaced only where they are part of a name or quoted."""
        return self._in_words.sub(self._replaced, text)

    def in_name(self, text: str) -> str:
        """A name of something, e.g. of a curve: as a sentence, or an id where it is nothing else."""
        return self._names.get(text.strip()) or self.in_words(text)

    def _replaced(self, found: re.Match[str]) -> str:
        """Ids may differ in case alone: the one that is written so goes first."""
        written = found[0]
        return self._names.get(written) or next(
            name
            for donor, name in self._names.items()
            if re.fullmatch(re.escape(donor), written, re.IGNORECASE)  # casefold() holds other letters alike
        )


def _any_of(patterns: list[str]) -> re.Pattern[str]:
    return re.compile("|".join(patterns) or r"(?!)", re.IGNORECASE)


def _wordlike(donor: str) -> bool:
    """Could a sentence hold it that does not speak of the donor, as a number or such as `F1`?"""
    return donor.isdigit() or len(donor) < _SHORT


def _pattern(donor: str) -> str:
    """The id, where it does not cut a number (or, of letters alone, a word) in two; by itself where it is short."""
    if _wordlike(donor):
        return rf"(?<![^\W_])(?-i:{re.escape(donor)})(?![^\W_])"
    if donor.isalpha():
        return rf"(?<![^\W\d_]){re.escape(donor)}(?![^\W\d_])"
    before = r"(?<!\d)" if donor[0].isdigit() else ""
    after = r"(?!\d)" if donor[-1].isdigit() else ""
    return f"{before}{re.escape(donor)}{after}"


def _beside(donor: str) -> str:
    """The id where a separator of names or a quotation mark touches it; an apostrophe inside a word is neither."""
    own = rf"(?-i:{re.escape(donor)})"
    return rf"(?<!\w')(?<=[/_'\"]){own}(?![^\W_])|(?<![^\W_.,]){own}(?=[/_\"]|'(?!\w))"
