"""Settings as a user gives them: a file, an objective, sites, counts, `section.name=value`, a scale."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from brightctc import files
from brightctc.errors import UserError
from brightctc.settings import changed, validated
from brightctc.simulate.people import cells_of, scaled
from brightctc.simulate.settings import OBJECTIVES, Settings


def chosen_settings(
    *,
    file: Path | None = None,
    objective: str | None = None,
    sites: Iterable[str] = (),
    counts: Mapping[str, Any] | None = None,
    changes: Iterable[str] = (),
    scale: float | None = None,
    cells: int | None = None,
) -> Settings:
    """Put settings together; later words have the last say.

    file: a settings.yaml. objective: of OBJECTIVES. sites: names, also several in one by commas. counts: values of
    `Cohort`; None is not given. changes: `section.name=value`. scale: times every count; cells: about so many in all.
    Raises UserError for what is unknown, out of range or excludes each other.
    """
    changes = tuple(changes)
    values = {} if file is None else files.read_yaml(Path(file))
    if not isinstance(values, dict):
        raise UserError("settings are a mapping of sections", file, "start from the settings.yaml of a simulation")
    if objective is not None:
        if objective not in OBJECTIVES:
            raise UserError(f"no objective is called {objective!r}", "--objective", f"use {' or '.join(OBJECTIVES)}")
        values["optics"] = {**(values.get("optics") or {}), **OBJECTIVES[objective]}
    names = [name for given in sites for name in given.split(",")]
    if names:
        values["sites"] = {**(values.get("sites") or {}), "use": names}
    given = {name: value for name, value in (counts or {}).items() if value is not None}
    values["cohort"] = {**(values.get("cohort") or {}), **given}
    where = _where(file, given, changes)
    return _sized(validated(Settings, changed(values, changes, Settings), where), scale, cells)


def _where(file: Path | None, given: Mapping[str, Any], changes: tuple[str, ...]) -> str:
    """Where a wrong value was said."""
    said = [str(file)] if file is not None else []
    said += [f"--{name.replace('_', '-')}" for name in given]
    said += ["--set"] if changes else []
    return ", ".join(said) or "the settings"


def _sized(settings: Settings, scale: float | None, cells: int | None) -> Settings:
    if scale is not None and cells is not None:
        raise UserError("--scale and --cells exclude each other", None, "give one of them")
    if cells is not None:
        if cells < 1:
            raise UserError(f"{cells} cells can't be made", "--cells", "give 1 or more")
        scale = cells / cells_of(settings)
    if scale is None:
        return settings
    if not 0 < scale <= 1e6:
        raise UserError(f"a scale of {scale:g} makes no cohort", "--scale", "give a number above 0, such as 0.3")
    values = scaled(settings, scale).model_dump()
    return validated(Settings, values, "--scale" if cells is None else "--cells")
