"""Settings as frozen models that a YAML file and `--set section.name=value` can change; a typing error is an error."""

import difflib
from collections.abc import Iterable
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.fields import FieldInfo

from brightctc.errors import UserError


class Section(BaseModel):
    """Base of every settings model: unknown names are errors, and nothing changes after construction."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Model = TypeVar("Model", bound=Section)


def known_keys(model: type[Section]) -> list[str]:
    """Every settable key, dotted: `backbone.name`, `kinds.lymphocyte.diameter_um`, …"""
    return [f"{section}.{key}" for section, below in _sections(model).items() for key in _keys(below)]


def changed(values: dict[str, Any], settings: Iterable[str], model: type[Section]) -> dict[str, Any]:
    """`values` (nested, as read from YAML) with `section.name=value` settings applied in order, in place.

    Raises UserError for what is no setting, and for an unknown key (with the nearest known one).
    """
    for setting in settings:
        key, value = _parsed(setting, model)
        *above, name = key.split(".")
        section = values
        for step in above:
            if not isinstance(section.get(step), dict):
                section[step] = {}
            section = section[step]
        section[name] = value
    return values


def validated(model: type[Model], values: dict[str, Any], where: object) -> Model:
    """Build the model from plain values; all faults become one UserError that names the settings."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        tags = _tags(model)
        faults, fixes = [], []
        for fault in error.errors():
            key = ".".join(str(step) for step in fault["loc"] if str(step) not in tags)
            if fault["type"] == "extra_forbidden":
                faults.append(f"unknown setting {key!r}")
                fixes.append(f"did you mean {nearest(key, model)!r}?")
            else:
                faults.append(f"{key}: {fault['msg'].removeprefix('Value error, ')}".removeprefix(": "))
        raise UserError("; ".join(faults), where, " ".join(fixes) or "correct the setting") from None


def nearest(key: str, model: type[Section]) -> str:
    """The known key, or section, that is most like this one."""
    known = known_keys(model) if "." in key else list(model.model_fields)
    return difflib.get_close_matches(key, known, n=1, cutoff=0.0)[0]


def _parsed(setting: str, model: type[Section]) -> tuple[str, Any]:
    """Key and value of `section.name=value`."""
    key, equals, text = setting.partition("=")
    key = key.strip()
    known = known_keys(model)
    if not equals or "." not in key or key.count(".") > max(each.count(".") for each in known):
        example = next(each for each in known if each.count(".") == 1)
        raise UserError(f"{setting!r} is not a setting", "--set", f"write --set section.name=value, e.g. {example}=…")
    if key not in known:
        raise UserError(f"unknown setting {key!r}", "--set", f"did you mean {nearest(key, model)!r}?")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        value = text
    return key, _number(value) if isinstance(value, str) else value


def _number(text: str) -> float | str:
    """YAML 1.1 reads 1e-7 as text; a person means the number."""
    try:
        return float(text)
    except ValueError:
        return text


def _sections(model: type[Section]) -> dict[str, list[type[Section]]]:
    """Name → the models that may stand there: one, or those of a tagged union."""
    found = {name: _models(field) for name, field in model.model_fields.items()}
    return {name: models for name, models in found.items() if models}


def _models(field: FieldInfo) -> list[type[Section]]:
    candidates = (field.annotation, *get_args(field.annotation))
    return [each for each in candidates if isinstance(each, type) and issubclass(each, Section)]


def _keys(models: list[type[Section]]) -> list[str]:
    keys = []
    for model in models:
        below = _sections(model)
        keys += [name for name in model.model_fields if name not in below]
        keys += [f"{name}.{key}" for name, deeper in below.items() for key in _keys(deeper)]
    return list(dict.fromkeys(keys))


def _tags(model: type[Section]) -> set[str]:
    """Values of discriminators, which pydantic puts among the steps to a fault."""
    return {
        str(field.default)
        for models in _sections(model).values()
        if len(models) > 1
        for each in models
        for field in each.model_fields.values()
    }
