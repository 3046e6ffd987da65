"""`brightctc doctor`."""

import typer

from brightctc.cli.console import Json, Printer


def command(json: Json = False) -> None:
    """Say what this machine has and lacks: PASS, WARN or FAIL, with the fix."""
    from brightctc.doctor import diagnose

    printer = Printer(json)
    diagnosis = diagnose()
    for each in diagnosis.findings:
        printer.say(f"{each.status}  {each.name:18} {each.found}")
        if each.fix:
            printer.say(f"      fix: {each.fix}")
    if diagnosis.failed:
        printer.say("brightctc can't work here until what FAILs is mended")
    printer.done(diagnosis.summary())
    raise typer.Exit(1 if diagnosis.failed else 0)
