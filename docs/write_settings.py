"""Write the table of settings in docs/recipes.md from the settings themselves: python docs/write_settings.py"""

from pathlib import Path
from typing import Any, get_args

from pydantic.fields import FieldInfo
from renewing import renewed

from brightctc.recipe import WAYS, Dapi, Recipe, read_recipe

PAGE = Path(__file__).parent / "recipes.md"
WAY_MODELS = get_args(get_args(Dapi)[0])
MEANINGS = {  # of settings whose name nearly says it
    "backbone.name": "a classifier of timm, by its name there",
    "train.batch_size": "training samples in a step, with a label and without",
    "train.weight_decay": "of AdamW",
    "train.schedule": "of the learning rate: constant, or one_cycle (climbs to its peak, then falls to 0)",
    "train.class_weights": "in the loss; balanced: both classes weigh the same in sum",
    "train.label_smoothing": "in the loss",
    "dapi.way": "; ".join(f"{name}: {model.__doc__.rstrip('.')}" for name, model in zip(WAYS, WAY_MODELS, strict=True)),
}


def table() -> str:
    """The settings of every section as Markdown tables: each recipe's value, range, meaning."""
    recipes = {name: read_recipe(name).model_dump() for name in ("default", "accurate", "paper")}
    heads = f"| setting | {' | '.join(f'`{name}`' for name in recipes)} | range | meaning |"
    lines = []
    for section, field in Recipe.model_fields.items():
        if section == "format_version":
            continue
        lines += [f"### {section}", "", heads, "| --- " * (3 + len(recipes)) + "|"]
        for name, setting in fields_of(section, field).items():
            key = f"{section}.{name}"
            values = [shown(recipe[section].get(name)) for recipe in recipes.values()]
            cells = [f"`{key}`", *values, range_of(key, setting), setting.description or MEANINGS.get(key, "")]
            lines.append(f"| {' | '.join(cells)} |")
        lines.append("")
    return "\n".join(lines)


def fields_of(section: str, field: FieldInfo) -> dict[str, FieldInfo]:
    """The settings below a section; `dapi` has those of all its ways."""
    if section != "dapi":
        assert isinstance(field.annotation, type)
        return dict(field.annotation.model_fields)  # pyright: ignore[reportAttributeAccessIssue]
    return {name: setting for way in WAY_MODELS for name, setting in way.model_fields.items()}


def range_of(key: str, setting: FieldInfo) -> str:
    """Bounds and choices in words."""
    if key == "dapi.way":
        return ", ".join(WAYS)
    signs = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
    bounds = [
        f"{sign} {getattr(bound, key):g}"
        for bound in setting.metadata
        for key, sign in signs.items()
        if getattr(bound, key, None) is not None
    ]
    choices = [str(value) for value in get_args(setting.annotation) if isinstance(value, str)]
    return ", ".join(bounds + choices)


def shown(value: Any) -> str:
    """A value as one writes it in YAML."""
    if value is None:
        return "—"
    return f"{value:g}" if isinstance(value, float) else str(value)


def page() -> str:
    """docs/recipes.md with its table renewed."""
    return renewed(PAGE, "settings", f"\n{table()}")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
