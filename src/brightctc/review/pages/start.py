"""The samples, what is next in each; and the pages' own files."""

import hashlib
from importlib import resources

from starlette.exceptions import HTTPException
from starlette.responses import Response

from brightctc.review import blind, samples
from brightctc.review.web import Asking, Desk, Rule, page

_TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


def start(desk: Desk, asking: Asking) -> Response:
    """All samples with how far they are read."""
    with desk.store.reading() as connection:
        found = samples.progress(connection, asking.who.id)
        undone = {one.sample.id: blind.has_turns_left(connection, one.sample, asking.who) for one in found}
        is_open = {one.sample.id: blind.is_open(connection, one.sample, asking.who, desk.queue) for one in found}
    return page(
        desk,
        asking,
        "start.html.j2",
        found=found,
        is_open=is_open,
        undone=undone,
        blind=desk.queue,
        can_add=desk.jobs is not None and asking.who.leads,
    )


def static(desk: Desk, asking: Asking) -> Response:
    """A style sheet, a script or an icon: they change with the version alone."""
    del desk
    name = asking.request.path_params["name"]
    known = {file.name: file for file in (resources.files("brightctc.review") / "static").iterdir() if file.is_file()}
    kind = _TYPES.get(name.rpartition(".")[2])
    if name not in known or kind is None:
        raise HTTPException(404, "There is no such page.")
    content = known[name].read_bytes()
    tag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
    headers = {"etag": tag, "cache-control": "no-cache"}
    if asking.request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=kind, headers=headers)


RULES = (
    Rule("/", "reader", start),
    Rule("/static/{name}", "anyone", static),
)
