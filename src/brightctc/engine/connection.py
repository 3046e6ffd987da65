"""Ray, for as long as it is needed: this machine's own, or a running cluster's, which must answer at once."""

import logging
import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from brightctc.engine.variables import environment
from brightctc.errors import UserError

_OBJECTS = 100 * 2**20  # bytes of a local Ray's store; values of long tasks are small, and so is a container's /dev/shm
_ANSWER = 3.0  # seconds that a cluster's address has to take a connection
_LAST_PORT = 65_535
_QUIET: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
_NO_STATISTICS = {"RAY_USAGE_STATS_ENABLED": "0"}
_ONE_TRY = {"RAY_gcs_server_port_wait_time_s": "1"}  # of 40 s; else Ray asks what answers but is no Ray for minutes


@contextmanager
def connected(cpus: int, address: str | None) -> Iterator[Any]:
    """The module `ray`, connected: as it is where the program has connected it already; else quiet, and until the end.

    address: of a running cluster, host:port or `auto`; None: a Ray of this machine with so many cpus.
    Raises UserError where Ray is not installed, or the cluster can't be used.
    """
    ray = _imported()
    if ray.is_initialized():
        yield ray
        return
    with _as_before(), _nothing_printed(ray):
        try:
            with environment(_NO_STATISTICS):
                _begin(ray, cpus, address)
            yield ray
        finally:
            ray.shutdown()


def require_room(ray: Any, threads: int) -> None:
    """Raise UserError where no node could ever take a task: Ray would wait for one, without a word."""
    sizes = [node["Resources"].get("CPU", 0) for node in ray.nodes() if node["Alive"]]
    if 0 < max(sizes, default=0) < threads:  # without any CPU: a cluster that grows when it is asked
        what = f"no node of this Ray cluster has the {threads} CPUs that a task asks for (most: {max(sizes):g})"
        raise UserError(what, "threads", f"ask for {max(sizes):g} threads or fewer")


def _imported() -> Any:
    try:
        import ray
    except ImportError:
        raise UserError("Ray is not installed", "the engine ray", "pip install 'brightctc[ray]'") from None
    return ray


def _begin(ray: Any, cpus: int, address: str | None) -> None:
    if address is None:
        ray.init(address="local", num_cpus=cpus, include_dashboard=False, object_store_memory=_OBJECTS, **_QUIET)
        return
    # Ray sends its token unasked to no address that somebody named, and neither do we
    fix = (
        "give host:port of its head (ray start --head shows it), from a machine that is a node of it; where the "
        "cluster asks for a token, set RAY_AUTH_MODE=token first"
    )
    try:
        if (known := _found(ray) if address == "auto" else address) is not None:
            _require_answer(known)
        with environment(_ONE_TRY):
            ray.init(address=address, **_QUIET)
    except (OSError, RuntimeError, ValueError, ImportError, ray.exceptions.RayError) as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise UserError(f"this Ray cluster can't be used: {first}", address, fix) from error


def _found(ray: Any) -> str | None:
    """Where `auto` leads, which may be a cluster that has ended long ago; None where this Ray doesn't tell."""
    find = getattr(getattr(ray._private, "services", None), "get_ray_address_from_environment", None)
    found = None if find is None else find("auto", None)
    return None if found == "auto" else found


def _require_answer(address: str) -> None:
    """Raise UserError where nobody answers; Ray itself takes five minutes to find out."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if not host or not port.isdecimal() or int(port) > _LAST_PORT:
        raise UserError("this is not the address of a Ray cluster", address, "give host:port, or auto")
    try:
        socket.create_connection((host.strip("[]"), int(port)), _ANSWER).close()
    except (OSError, UnicodeError) as error:  # the latter: no name of a machine
        told = getattr(error, "strerror", None) or str(error)
        fix = "check the address, that the cluster runs (ray status), and that a firewall lets this machine through"
        raise UserError(f"no Ray cluster answers here: {told}", address, fix) from error


@contextmanager
def _as_before() -> Iterator[None]:
    """Ray sets a handler of SIGTERM and variables (RAY_AUTH_MODE), and leaves them behind."""
    variables = {name: value for name, value in os.environ.items() if name.startswith("RAY_")}
    handler = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        for name in [name for name in os.environ if name.startswith("RAY_")]:
            del os.environ[name]
        os.environ.update(variables)
        if handler is not None and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, handler)


@contextmanager
def _nothing_printed(ray: Any) -> Iterator[None]:
    """Ray prints a process's death on standard output, whatever its settings; there, results may be expected.

    The switch is the one of Ray's own debugger; where a version has none, it prints.
    """
    printing: Any = getattr(ray._private, "worker", None)
    before = getattr(printing, "_worker_logs_enabled", None)
    if before is not None:
        printing._worker_logs_enabled = False
    try:
        yield
    finally:
        if before is not None:
            printing._worker_logs_enabled = before
