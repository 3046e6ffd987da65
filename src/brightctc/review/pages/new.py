"""A new sample, for leads who don't type commands: a folder, how its files are named, a bundle; then progress."""

from starlette.exceptions import HTTPException
from starlette.responses import Response

from brightctc.review.jobs import PRESETS, STEPS, Jobs, Wanted
from brightctc.review.web import Asking, Desk, Rule, moved, page, whole_number

_NONE = 10**9  # of a root or a bundle that was not named
_MOST = 500
"""Folders that are listed."""


def new(desk: Desk, asking: Asking) -> Response:
    """Where folders may be chosen from, or how far a job is."""
    jobs, given = _jobs(desk), asking.request.query_params
    root = whole_number(given.get("root", "0"), _NONE)
    here = jobs.folder_of(root, given.get("in", ""))
    inside = sorted(path.name for path in here.iterdir() if path.is_dir() and not path.name.startswith("."))
    return page(
        desk, asking, "new.html.j2", jobs=jobs, root=root, at=jobs.below(root, here),
        inside=inside[:_MOST], folders=len(inside), presets=PRESETS, steps=STEPS,
        files=sum(path.is_file() for path in here.iterdir()), state=jobs.state,
    )  # fmt: skip


def start(desk: Desk, asking: Asking) -> Response:
    """Begin to score a folder."""
    jobs, form = _jobs(desk), asking.form
    bundle = whole_number(form.get("bundle", ""), _NONE)
    if bundle >= len(jobs.bundles):
        raise HTTPException(400, "There is no such bundle.")
    root = whole_number(form.get("root", ""), _NONE)
    folder = jobs.folder_of(root, form.get("in", ""))
    sample = jobs.name_of(root, folder)
    pattern = form.get("pattern", "").strip() or PRESETS.get(form.get("preset", ""), "")
    names = (form.get("bright_field", "").strip() or "BF", form.get("dapi", "").strip())
    jobs.start(Wanted(folder, sample, jobs.bundles[bundle], pattern, *names, by=asking.who.name))
    return moved("/new")


def _jobs(desk: Desk) -> Jobs:
    if desk.jobs is None:
        raise HTTPException(404, "This server was started without --new and --bundle.")
    return desk.jobs


RULES = (
    Rule("/new", "lead", new),
    Rule("/new", "lead", start, reads=False),
)
