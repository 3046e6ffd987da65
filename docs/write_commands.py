"""Write docs/commands.md from the command line itself: python docs/write_commands.py"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from brightctc.cli.app import app

PAGE = Path(__file__).parent / "commands.md"
HEAD = """# Commands

Written from the commands themselves (`python docs/write_commands.py`). Every command has `--help`; `--debug` shows the
traceback of an error. Exit codes: 0 done, 1 something that you can fix, 2 wrong usage.

"""


def page() -> str:
    """docs/commands.md: a list, then each command with its arguments and options."""
    found = dict(commands(typer.main.get_command(app)))
    index = "\n".join(
        f"- [`{name}`](#{name.replace(' ', '-')}): {first(command.help)}" for name, command in found.items()
    )
    return f"{HEAD}{index}\n{''.join(section(name, command) for name, command in found.items())}"


def commands(group: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    """Every command with its whole name; those of a group in the place of the group."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{before}{name} ")
        else:
            yield f"{before}{name}", command


def section(name: str, command: Any) -> str:
    """Usage, help, a table of arguments and one of options."""
    arguments = [each for each in command.params if each.param_type_name == "argument"]
    options = [each for each in command.params if each.param_type_name == "option" and each.name != "help"]
    usage = " ".join(["brightctc", name, *(metavar(each) for each in arguments), "[OPTIONS]"])
    text = f"\n## {name}\n\n```text\n{usage}\n```\n\n{paragraphs(command.help)}\n"
    if arguments:
        rows = "\n".join(f"| `{metavar(each)}` | {plain(each.help)} |" for each in arguments)
        text += f"\n| argument | meaning |\n| --- | --- |\n{rows}\n"
    if options:
        rows = "\n".join(f"| {flags(each)} | {default(each)} | {plain(each.help)} |" for each in options)
        text += f"\n| option | default | meaning |\n| --- | --- | --- |\n{rows}\n"
    return text


def metavar(argument: Any) -> str:
    """As it stands in the usage line."""
    return argument.metavar or argument.name.upper() + ("..." if argument.nargs == -1 else "")


def flags(option: Any) -> str:
    """The option's names with the kind of its value."""
    names = "`, `".join([*option.opts, *option.secondary_opts])
    if option.is_flag:
        return f"`{names}`"
    kinds = {int: "N", float: "X", Path: "PATH"}
    return f"`{names} {option.metavar or kinds.get(option.type_descriptor.annotation, 'TEXT')}`"


def default(option: Any) -> str:
    """The value without the option; a dash where there is none."""
    value = option.default() if callable(option.default) else option.default
    if option.required:
        return "required"
    if option.is_flag and option.secondary_opts:
        return f"`{option.opts[0] if value else option.secondary_opts[0]}`"
    return "—" if value is None or value is False or value in ("", [], ()) else f"`{value}`"


def first(text: str | None) -> str:
    """The first sentence of a help text."""
    return plain(paragraphs(text).split("\n\n")[0])


def paragraphs(text: str | None) -> str:
    """The help text with a blank line between paragraphs and none within."""
    blocks = re.split(r"\n\s*\n", (text or "").strip())
    return "\n\n".join(plain(block) for block in blocks)


def plain(text: str | None) -> str:
    """On one line, without what Markdown would take for a table or a tag."""
    return re.sub(r"\s+", " ", text or "").strip().replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
