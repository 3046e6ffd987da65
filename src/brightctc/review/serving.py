"""The verb `review serve`: scores tables → a page in the browser."""

import ipaddress
import re
import socket
import ssl
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import uvicorn

from brightctc.bundle import Bundle
from brightctc.errors import UserError, typed
from brightctc.review import accounts, samples
from brightctc.review.app import app
from brightctc.review.images import Pictures
from brightctc.review.jobs import Jobs
from brightctc.review.maps import Maps
from brightctc.review.nearest import Nearest, Progress
from brightctc.review.sizes import in_background
from brightctc.review.store import COMMAND, Store
from brightctc.review.web import Desk

BLIND = 200
"""Cells of a blind reading, unless told otherwise."""
_PROXY = re.compile(r"(?P<site>https://([\w.-]+|\[[\da-f:.]+\])(:\d{1,5})?)/?")


@dataclass(frozen=True)
class Served:
    """What is about to be served. invitation: where the first lead signs up; None: there is one.

    training: a line a bundle whose training cells are here.
    """

    address: str
    samples: tuple[samples.Sample, ...]
    invitation: str | None
    training: tuple[str, ...] = ()

    def summary(self) -> dict[str, Any]:
        """For --json."""
        known = [{"sample": sample.name, "cells": sample.cells} for sample in self.samples]
        return {
            "address": self.address,
            "invitation": self.invitation,
            "samples": known,
            "training": list(self.training),
        }


def serve(
    scores: Sequence[Path],
    *,
    db: str = "review.db",
    host: str = "127.0.0.1",
    port: int = 8000,
    images: Sequence[Path] = (),
    blind: int = BLIND,
    tls: tuple[Path, Path] | None = None,
    plain: bool = False,
    proxy: str | None = None,
    hosts: Sequence[str] = (),
    new: Sequence[Path] = (),
    bundles: Sequence[Path] = (),
    training: Path | None = None,
    work: Path = Path("review-samples"),
    progress: Callable[[], AbstractContextManager[Progress | None]] = nullcontext,
    ready: Callable[[Served], None] | None = None,
) -> None:
    """Serve until stopped.

    db: an SQLite file or a database's URL, made where there is none. images: folders beside the scores' own whose
    images may be shown. blind: cells of each blind reading; 0: there is none. tls: files of certificate and key.
    plain: allow an address that others reach, without TLS. proxy: https address of a proxy before this server that
    does TLS. hosts: further names that the server is called by. new, bundles: folders whose folders leads may score in
    the browser, and the models that may; what is made of them is written into work. training: the cohort that bundles
    have learned from, whose cells are shown beside those that they resemble. ready: told once, before the first
    request. Raises UserError for what the user can fix.
    """
    _refuse_open(host, tls, plain or proxy is not None)
    site = None if proxy is None else site_of(proxy)
    _refuse_taken_port(host, port)
    _refuse_bad_certificate(tls)
    _refuse_unusable(new, bundles)
    maps = Maps.of(bundles)
    nearest = Nearest()
    if training is not None:
        with progress() as tell:
            nearest = Nearest.of(training, maps.bundles, tell)
    with Store.opened(db, make=True) as store:
        samples.take_in(store, scores, COMMAND)
        with store.reading() as connection:
            everything = samples.all_samples(connection)
            samples.refuse_hidden_images(everything, connection, (*images, *new))
        if not everything and not new:
            raise UserError("there is nothing to review", db, f"give scores: {typed('review', 'serve', 'scores.csv')}")
        address = site or f"{'https' if tls else 'http'}://{_in_address(host)}:{port}"
        invitation = None
        if accounts.needs_a_lead(store):
            invitation = f"{address}/welcome/{accounts.invite(store, COMMAND, None, 'lead')}"
        names = frozenset({_in_address(host), "127.0.0.1", "localhost", "[::1]", *hosts, *_host_of(site)})
        pictures = Pictures((*images, *new))
        jobs = None
        if new:
            jobs = Jobs(tuple(new), tuple(bundles), work, lambda made, by: _take_in(store, made, by))
        secure = tls is not None or site is not None
        desk = Desk(store, pictures, blind, secure, names, jobs, site, maps, nearest)
        stop = in_background(store, pictures, desk.traffic)
        if ready is not None:
            told = tuple(f"{each.bundle.about.name}: {each.told}" for each in nearest.learned.values())
            ready(Served(address, tuple(everything), invitation, told))
        certificate, key = tls or (None, None)
        try:
            uvicorn.run(
                app(desk), host=host, port=port, log_level="warning", server_header=False, date_header=False,
                proxy_headers=False, ssl_certfile=certificate, ssl_keyfile=key, access_log=False,
            )  # fmt: skip
        finally:
            stop.set()


def _take_in(store: Store, scores: Path, by: str) -> None:
    samples.take_in(store, [scores], by)


def _refuse_unusable(new: Sequence[Path], bundles: Sequence[Path]) -> None:
    missing = next((folder for folder in new if not folder.is_dir()), None)
    if missing is not None:
        raise UserError("there is no such folder", missing, "check the path given to --new")
    if new and not bundles:
        raise UserError("new samples need a model", "--new", "give one: --bundle run/bundle")
    for bundle in bundles:
        Bundle.read(bundle)


def _refuse_open(host: str, tls: object, plain: bool) -> None:
    try:
        local = ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = host == "localhost"
    if not local and tls is None and not plain:
        raise UserError(
            "others could reach this address, and passwords and images would go over the network in the open",
            f"--host {host}",
            "give --certificate and --key, or stay on 127.0.0.1; --proxy https://NAME if a proxy of your own does TLS",
        )


def _refuse_bad_certificate(tls: tuple[Path, Path] | None) -> None:
    if tls is None:
        return
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(*tls)
    except (OSError, ssl.SSLError) as error:
        what = f"certificate and key can't be used: {error.strerror or error}"
        raise UserError(what, f"{tls[0]}, {tls[1]}", "give PEM files that belong together") from None


def site_of(proxy: str) -> str:
    """What browsers call a proxy: scheme, name and, but for 443, port. Raises UserError for another address."""
    found = _PROXY.fullmatch(proxy.lower())
    if found is None:
        fix = "give e.g. --proxy https://review.lab.example"
        raise UserError("a proxy's address is https:// and a name, without a path", proxy, fix)
    return found["site"].removesuffix(":443")


def _host_of(site: str | None) -> list[str]:
    found = urlsplit(site or "").hostname
    return [found] if found else []


def _refuse_taken_port(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((host, port))
        except OSError as error:
            raise UserError(f"can't listen there: {error.strerror}", f"{host}:{port}", "give another --port") from None


def _in_address(host: str) -> str:
    return f"[{host}]" if ":" in host else host
