"""Write the tables of settings in docs/made-cells.md from the settings themselves: python docs/write_made_cells.py"""

from collections.abc import Iterator
from pathlib import Path

from renewing import renewed

from brightctc.settings import Section
from brightctc.simulate import OBJECTIVES, Settings
from brightctc.simulate.kinds import SOURCES, Kind
from brightctc.simulate.priors import TAGS, tag_of
from brightctc.simulate.sites import Site

PAGE = Path(__file__).parent / "made-cells.md"
WIDE: dict[str, type[Section]] = {"kinds": Kind, "sites": Site}  # one table, a column an instance


def tables() -> Iterator[str]:
    """The tags, the objectives, then a table a section."""
    yield "\n| tag | the number is |\n| --- | --- |"
    yield from (f"| {tag} | {words} |" for tag, words in TAGS.items())
    differ = "; ".join(f"`{name}`: {values or 'as below'}" for name, values in OBJECTIVES.items())
    yield f"\nObjectives: {differ.replace('{', '').replace('}', '')}.".replace("'", "")
    settings = Settings()
    for name in type(settings).model_fields:
        section = getattr(settings, name)
        if isinstance(section, Section):
            yield f"\n### {name}\n\n{type(section).__doc__}\n"
            yield from _plain(name, section)
            if name in WIDE:
                yield from _wide(name, section, WIDE[name])
    yield ""


def _plain(name: str, section: Section) -> Iterator[str]:
    yield "| setting | default | tag | meaning |\n| --- | ---: | --- | --- |"
    for key, field in type(section).model_fields.items():
        value = getattr(section, key)
        if not isinstance(value, Section):
            yield f"| `{name}.{key}` | {_shown(value)} | {tag_of(field)} | {field.description} |"


def _wide(name: str, section: Section, model: type[Section]) -> Iterator[str]:
    """Settings of the instances side by side, each with its tag where it isn't that of the row."""
    columns = [key for key in type(section).model_fields if isinstance(getattr(section, key), model)]
    yield f"\n| `{name}.….` | {' | '.join(f'`{each}`' for each in columns)} | tag | meaning |"
    yield f"| --- | {'---: | ' * len(columns)}--- | --- |"
    for key, field in model.model_fields.items():
        values = " | ".join(_tagged(getattr(section, each), each, key) for each in columns)
        yield f"| `{key}` | {values} | {tag_of(field)} | {field.description} |"


def _tagged(instance: Section, name: str, key: str) -> str:
    tag = SOURCES.get(name, {}).get(key)
    return _shown(getattr(instance, key)) + (f" ({tag})" if tag else "")


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value) or "—"


def page() -> str:
    """docs/made-cells.md with its tables renewed."""
    return renewed(PAGE, "settings", "\n".join(tables()))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
