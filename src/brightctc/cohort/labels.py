"""A column's values → the two classes; what is neither is unlabelled, and counted."""

import difflib
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import polars as pl

from brightctc.cohort.folder import Classes
from brightctc.errors import UserError

_MOST_VALUES = 12  # listed in an error or a warning: one screen


@dataclass(frozen=True)
class LabelMap:
    """Which values of `column` are the positive class, which the negative, and what the classes are called."""

    column: str
    positive: tuple[str, ...]
    negative: tuple[str, ...]
    classes: Classes

    @classmethod
    def choose(
        cls,
        column: str | None,
        positive: Sequence[str] = (),
        negative: Sequence[str] = (),
        classes: Sequence[str] | None = None,
    ) -> Self | None:
        """From the options of an import; None where no label was asked for.

        classes: the names (positive, negative). Without it a class made of one value keeps that value as its name
        (`CTC`, `leukocyte`), and one made of several is called `positive` or `negative`. Without positive and
        negative the values are the class names themselves.

        Raises UserError where the options don't fit together.
        """
        if column is None:
            if positive or negative or classes:
                raise UserError(
                    "values of which column?", "--positive, --negative, --classes", "say --label COLUMN, too"
                )
            return None
        if classes is not None and (len(classes) != 2 or classes[0] == classes[1] or not all(classes)):
            raise UserError(
                "there are two classes", f"--classes {','.join(classes)}", "write --classes POSITIVE,NEGATIVE"
            )
        ours, theirs = _values(positive), _values(negative)
        if classes is not None and not ours and not theirs:
            ours, theirs = (classes[0],), (classes[1],)
        if not ours or not theirs:
            raise UserError(
                "both classes need their values",
                f"--label {column}",
                "say --positive A,B and --negative C,D with values of that column",
            )
        both = set(ours) & set(theirs)
        if both:
            raise UserError(
                f"{sorted(both)[0]!r} is in both classes", "--positive and --negative", "leave it in one of them"
            )
        return cls(column, ours, theirs, _names(ours, theirs, classes))

    def apply(self, cells: pl.DataFrame) -> tuple[pl.DataFrame, tuple[str, ...]]:
        """Set `label` to a class name or null. A source column named `label` is kept as `label_value`.

        Returns the cells and warnings. Raises UserError where the column is missing or holds none of the values.
        """
        if self.column not in cells.columns:
            raise UserError(f"there is no column {self.column!r}", "--label", f"columns: {', '.join(cells.columns)}")
        values = cells[self.column].cast(pl.String)
        found = values.drop_nulls().value_counts(sort=True)
        known = dict.fromkeys(self.positive, self.classes.positive) | dict.fromkeys(
            self.negative, self.classes.negative
        )
        labels = values.replace_strict(known, default=None, return_dtype=pl.String)
        shown = ", ".join(f"{value!r} ({n:,})" for value, n in found.head(_MOST_VALUES).iter_rows()) or "none"
        if labels.is_null().all():
            raise UserError(
                f"no cell has a value given with --positive or --negative; values found: {shown}",
                f"column {self.column!r}",
                "give the values as they stand there (capitals count)",
            )
        absent = [value for value in known if value not in set(found[self.column])]
        warnings = []
        for value in absent:
            _refuse_misspelled(value, [other for other in found[self.column] if other not in known], self.column)
        if absent:
            listed = ", ".join(map(repr, absent[:_MOST_VALUES]))
            warnings.append(f"no cell has the value {listed} in column {self.column!r}; values found: {shown}")
        for name in (self.classes.positive, self.classes.negative):
            if not (labels == name).any():
                warnings.append(f"no cell is of the class {name!r}")
        return keep_as_value(cells).with_columns(labels.alias("label")), tuple(warnings)


def _refuse_misspelled(value: str, others: Sequence[str], column: str) -> None:
    """A value that no cell has, beside a very similar one that would be left unlabelled, is a slip."""
    near = difflib.get_close_matches(value.lower(), [other.lower() for other in others], n=1, cutoff=0.8)
    meant = [other for other in others if other.lower() in near]
    if meant:
        raise UserError(
            f"no cell has the value {value!r}; did you mean {meant[0]!r}?",
            f"column {column!r}",
            f"write {meant[0]!r} as it stands there, or leave {value!r} out",
        )


def keep_as_value(cells: pl.DataFrame) -> pl.DataFrame:
    """A column `label` that is not a class (yet) becomes `label_value`."""
    if "label" not in cells.columns:
        return cells
    if "label_value" in cells.columns:
        raise UserError("both columns label and label_value are there", "the label table", "rename one of them")
    return cells.rename({"label": "label_value"})


def _values(values: Sequence[str]) -> tuple[str, ...]:
    """As the table's: trimmed, composed Unicode. A lone text is one value, not its letters."""
    listed = (values,) if isinstance(values, str) else values
    return tuple(unicodedata.normalize("NFC", value.strip()) for value in listed)


def _names(positive: tuple[str, ...], negative: tuple[str, ...], classes: Sequence[str] | None) -> Classes:
    if classes is not None:
        if classes[0] in negative or classes[1] in positive:
            raise UserError(
                f"{classes[0]!r} would name the positive class and {classes[1]!r} the negative one, but the values are "
                "the other way round",
                f"--classes {','.join(classes)}",
                "write the positive class first",
            )
        return Classes(positive=classes[0], negative=classes[1])
    ours = positive[0] if len(positive) == 1 else "positive"
    theirs = negative[0] if len(negative) == 1 else "negative"
    if ours == theirs:
        raise UserError(
            f"both classes would be called {ours!r}", "--positive and --negative", "name them: --classes A,B"
        )
    return Classes(positive=ours, negative=theirs)
