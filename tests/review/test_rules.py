"""Every address of the app, by the table that makes the routes: who may ask, with which token, from which site."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from brightctc.errors import UserError
from brightctc.review.app import app
from brightctc.review.guard import HEADERS
from brightctc.review.pages import RULES
from brightctc.review.serving import site_of
from brightctc.review.web import MOST_BYTES, Rule
from reviewed import PASSWORD, SITE, Person, Room, draw_scores, opened


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    """A review with a lead, a reader who has read blind, and one who has not."""
    folder: Path = tmp_path_factory.mktemp("rules")
    with opened(f"sqlite:///{folder}/r.db", draw_scores(folder)) as room:
        room.enter("Ada")
        room.enter("Bo", "reader").read_blind()
        room.enter("Cy", "reader")
        yield room


_VALUES = {
    "{sample:int}": "1",
    "{cell:int}": "1",
    "{turn:int}": "0",
    "{report:int}": "1",
    "{channel}": "bright_field",
    "{kind}": "csv",
    "{name}": "review.css",
    "{token}": "none",
    "{bundle}": "none",
    "{key}": "0",
}


def address(rule: Rule) -> str:
    """The rule's path with numbers and names in it."""
    path = rule.path
    for name, value in _VALUES.items():
        path = path.replace(name, value)
    assert "{" not in path
    return path


def each(who: tuple[str, ...], reads: tuple[bool, ...] = (True, False)) -> pytest.MarkDecorator:
    chosen = [rule for rule in RULES if rule.who in who and rule.reads in reads]
    assert chosen
    return pytest.mark.parametrize("rule", [pytest.param(rule, id=f"{rule.method} {rule.path}") for rule in chosen])


def ask(client: TestClient, rule: Rule, **options: object) -> tuple[int, str, dict[str, str]]:
    answer = client.request(rule.method, address(rule), follow_redirects=False, **options)
    return answer.status_code, answer.text, dict(answer.headers)


@each(("reader", "lead"))
def test_nobody_gets_in_without_signing_in(shared: Room, rule: Rule) -> None:
    for cookie in ({}, {shared.desk.cookie: "forged"}, {shared.desk.cookie: "x" * 4000}):
        client = TestClient(app(shared.desk), base_url=SITE, cookies=cookie)
        status, _, headers = ask(client, rule, data={} if not rule.reads else None)
        assert (status, headers.get("location")) in ((303, "/sign-in"), (401, None))
        if not rule.reads:
            assert status == 401


@each(("lead",))
def test_readers_may_not_do_what_leads_do(shared: Room, rule: Rule) -> None:
    reader = shared.people[1]
    status, text, _ = ask(reader.client, rule, data=None if rule.reads else {"csrf": reader.csrf})
    assert status == 403
    assert "for leads" in text


@each(("reader", "lead"), (False,))
@pytest.mark.parametrize("token", [None, "", "0" * 64, "another's"])
def test_forms_without_the_sessions_token_do_nothing(shared: Room, rule: Rule, token: str | None) -> None:
    ada, bo = shared.people[:2]
    given = {"other": "x"} if token is None else {"csrf": bo.csrf if token == "another's" else token}
    status, text, _ = ask(ada.client, rule, data=given)
    assert status == 403
    assert "load it again" in text


@each(("anyone", "reader", "lead"), (False,))
@pytest.mark.parametrize(
    "headers", [{"origin": "http://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}]
)
def test_forms_of_other_sites_do_nothing(shared: Room, rule: Rule, headers: dict[str, str]) -> None:
    ada = shared.people[0]
    status, text, _ = ask(ada.client, rule, data={"csrf": ada.csrf}, headers=headers)
    assert status == 403
    assert "another site" in text


@each(("anyone", "reader", "lead"))
def test_every_answer_is_guarded(shared: Room, rule: Rule) -> None:
    client = shared.people[2].client if rule.who == "anyone" else shared.people[0].client
    _, text, headers = ask(client, rule, data=None if rule.reads else {"csrf": "x"})
    assert {name: headers.get(name) for name in HEADERS} == HEADERS
    assert "unsafe" not in headers["content-security-policy"]
    assert "cache-control" in headers
    assert " style=" not in text
    assert "<style" not in text
    assert "onclick" not in text
    assert "server" not in headers


@each(("anyone", "reader", "lead"), (False,))
def test_large_and_odd_bodies_are_refused(shared: Room, rule: Rule) -> None:
    ada = shared.people[0]
    assert ask(ada.client, rule, data={"csrf": ada.csrf, "note": "x" * MOST_BYTES})[0] == 413
    assert ask(ada.client, rule, json={"csrf": ada.csrf})[0] == 415
    assert ask(ada.client, rule, files={"csrf": b"x"})[0] == 415

    def endless() -> Iterator[bytes]:
        for _ in range(20):
            yield b"x=" + b"y" * 8000 + b"&"

    kind = {"content-type": "application/x-www-form-urlencoded"}
    assert ask(ada.client, rule, content=endless(), headers=kind)[0] == 413
    many = "&".join(f"a{number}=1" for number in range(200))
    assert ask(ada.client, rule, content=many, headers=kind)[0] in (400, 413)


@each(("anyone", "reader", "lead"))
def test_other_names_of_the_server_are_refused(shared: Room, rule: Rule) -> None:
    status, _, _ = ask(shared.people[0].client, rule, headers={"host": "evil.example"})
    assert status == 421


@each(("anyone", "reader", "lead"))
def test_other_methods_are_refused(shared: Room, rule: Rule) -> None:
    client = shared.people[0].client
    known = {other.method for other in RULES if address(other) == address(rule)}
    for method in {"GET", "POST", "PUT", "DELETE", "PATCH"} - known:
        assert client.request(method, address(rule), headers={"content-length": "0"}).status_code in (404, 405)


@pytest.mark.parametrize(
    "path",
    ["/static/../web.py", "/static/%2e%2e/web.py", "/static/..%2fweb.py", "/static/x", "/nothing",
     "/cells/-1", "/cells/1.5", "/cells/x", "/samples/1/turns/x.png", "/cells/1/..%2f..%2fetc.png", "/static/%00"],
)  # fmt: skip
def test_paths_that_lead_nowhere(shared: Room, path: str) -> None:
    assert shared.people[0].client.get(path).status_code == 404


def test_paths_and_texts_that_break_others(shared: Room) -> None:
    bo = shared.people[1]
    assert bo.client.get("/cells/" + "9" * 5000).status_code == 404
    bo.post("/cells/1/grade", grade=4, note="a\0b", reason="c\0d")
    assert "ab" in bo.get("/cells/1")


def test_behind_a_proxy_that_does_tls(shared: Room) -> None:
    proxy = "https://review.lab.example"
    desk = replace(shared.desk, secure=True, proxy=proxy, hosts=frozenset({"review.lab.example"}))
    client = TestClient(app(desk), base_url="http://review.lab.example")
    headers = {"origin": "https://review.lab.example", "x-forwarded-for": "203.0.113.5, 10.0.0.9"}
    data = {"name": "Bo", "password": PASSWORD}
    answer = client.post("/sign-in", data=data, headers=headers, follow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["set-cookie"].startswith("__Host-brightctc=")
    assert client.post("/sign-in", data=data, headers={"origin": "http://review.lab.example"}).status_code == 403


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "review.lab.example"])
def test_behind_a_proxy_that_sets_the_host_itself(shared: Room, host: str) -> None:
    desk = replace(shared.desk, secure=True, proxy="https://review.lab.example:8443")
    desk = replace(desk, hosts=desk.hosts | {"review.lab.example"})
    client = TestClient(app(desk), base_url="https://review.lab.example:8443")
    headers = {"origin": "https://review.lab.example:8443", "host": host, "x-forwarded-for": "203.0.113.6"}
    data = {"name": "Ada", "password": PASSWORD}
    assert client.post("/sign-in", data=data, headers=headers, follow_redirects=False).status_code == 303
    ada = Person(desk, client, "Ada")
    form = {"csrf": ada.csrf, "name": f"Eve {host}", "role": "reader"}
    assert "https://review.lab.example:8443/welcome/" in client.post("/readers", data=form, headers=headers).text
    headers["origin"] = "https://evil.example"
    assert client.post("/readers", data=form, headers=headers).status_code == 403


@pytest.mark.parametrize(
    ("proxy", "site"),
    [
        ("https://review.lab.example/", "https://review.lab.example"),
        ("https://Review.lab.example:443", "https://review.lab.example"),
        ("https://review.lab.example:8443", "https://review.lab.example:8443"),
    ],
)  # fmt: skip
def test_a_proxys_address_is_what_browsers_call_it(proxy: str, site: str) -> None:
    assert site_of(proxy) == site


@pytest.mark.parametrize("proxy", ["http://a.example", "https://", "https://a.example/review", "https://a.example:x"])
def test_odd_addresses_of_a_proxy_are_refused(proxy: str) -> None:
    with pytest.raises(UserError, match="proxy"):
        site_of(proxy)


def test_a_session_is_one_persons(shared: Room) -> None:
    bo = shared.people[1]
    assert shared.people[0].name not in bo.get("/")
    assert "readers" not in bo.get("/").casefold().split("<main", 1)[0]


def test_signing_in_and_out(shared: Room) -> None:
    person = Person(shared.desk, TestClient(app(shared.desk), base_url=SITE), "Bo")
    answer = person.client.post("/sign-in", data={"name": "Bo", "password": PASSWORD}, follow_redirects=False)
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    person.get("/")
    person.post("/sign-out")
    assert "<h1>Sign in" in person.get("/")
    assert person.client.post("/sign-in", data={"name": "Bo", "password": "no, not this"}).status_code == 403


def test_with_tls_cookies_are_bound_to_it(shared: Room) -> None:
    desk = replace(shared.desk, secure=True)
    client = TestClient(app(desk), base_url=SITE.replace("http", "https"))
    answer = client.post("/sign-in", data={"name": "Bo", "password": PASSWORD}, follow_redirects=False)
    assert answer.headers["set-cookie"].startswith("__Host-brightctc=")
    assert "Secure" in answer.headers["set-cookie"]
    assert "strict-transport-security" in answer.headers
