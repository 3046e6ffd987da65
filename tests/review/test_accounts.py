"""Who may sign in: invitations, passwords, sessions, and waiting after failures."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from brightctc.errors import UserError
from brightctc.review import accounts
from brightctc.review.attempts import FREE, Attempts
from brightctc.review.schema import invitations, readers, sessions
from reviewed import PASSWORD, Room


def test_an_invitation_works_once(room: Room) -> None:
    store = room.desk.store
    token = accounts.invite(store, "Ada", "Bo", "reader")
    made = accounts.sign_up(store, token, "somebody else", PASSWORD)
    assert (made.name, made.role) == ("Bo", "reader")
    with pytest.raises(UserError, match="used, or is too old"):
        accounts.sign_up(store, token, "Bo", PASSWORD)


def test_an_invitation_ends(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts, "_INVITED_FOR", timedelta(seconds=-1))
    token = accounts.invite(room.desk.store, "Ada", "Bo", "reader")
    with pytest.raises(UserError, match="too old"):
        accounts.sign_up(room.desk.store, token, "Bo", PASSWORD)


@pytest.mark.parametrize("password", ["", "short", "x" * 201])
def test_passwords_that_will_not_do(quick_room: Room, password: str) -> None:
    token = accounts.invite(quick_room.desk.store, "Ada", "Bo", "reader")
    with pytest.raises(UserError, match="10 to 200"):
        accounts.sign_up(quick_room.desk.store, token, "Bo", password)


@pytest.mark.parametrize("name", ["", "   ", "x" * 201, "a\x00b", "a\u202eb"])
def test_names_that_will_not_do(quick_room: Room, name: str) -> None:
    with pytest.raises(UserError, match="printable"):
        accounts.invite(quick_room.desk.store, "Ada", name, "reader")


def test_names_that_look_the_same_are_the_same(quick_room: Room) -> None:
    quick_room.enter("Ada Lead")
    with pytest.raises(UserError, match="already called"):
        accounts.invite(quick_room.desk.store, "x", " Ada  Ｌead", "reader")


def test_nothing_that_opens_a_door_is_kept(room: Room) -> None:
    token = accounts.invite(room.desk.store, "Ada", "Bo", "reader")
    ada = room.enter()
    cookie = ada.client.cookies[room.desk.cookie]
    with room.desk.store.reading() as connection:
        kept = repr([connection.execute(select(table)).all() for table in (readers, sessions, invitations)])
    assert PASSWORD not in kept
    assert token not in kept
    assert cookie not in kept
    assert "$argon2id$" in kept


def test_signing_in(room: Room) -> None:
    room.enter("Ada")
    store = room.desk.store
    assert accounts.sign_in(store, "Ada", "not the password") is None
    assert accounts.sign_in(store, "Nobody", PASSWORD) is None
    token = accounts.sign_in(store, " Ada", PASSWORD)
    assert token is not None
    found = accounts.whose(store, token)
    assert found is not None
    assert found.name == "Ada"
    accounts.sign_out(store, token, found)
    assert accounts.whose(store, token) is None


@pytest.mark.parametrize("limit", ["_IDLE_FOR", "_SIGNED_IN_FOR"])
def test_sessions_end(room: Room, monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    ada = room.enter()
    assert "Samples" in ada.get("/")
    monkeypatch.setattr(accounts, limit, timedelta(seconds=-1))
    assert "Sign in" in ada.get("/")


def test_who_is_shut_out_is_out_at_once(room: Room) -> None:
    room.enter("Ada")
    bo = room.enter("Bo", "reader")
    accounts.set_active(room.desk.store, "Ada", "Bo", active=False)
    assert "<h1>Sign in" in bo.get("/")
    assert accounts.sign_in(room.desk.store, "Bo", PASSWORD) is None
    accounts.set_active(room.desk.store, "Ada", "Bo", active=True)
    assert accounts.sign_in(room.desk.store, "Bo", PASSWORD) is not None
    with pytest.raises(UserError, match="no reader is called"):
        accounts.set_active(room.desk.store, "Ada", "Cy", active=False)


def test_a_lead_invites_in_the_browser(quick_room: Room) -> None:
    ada = quick_room.enter()
    page = ada.post("/readers", name="Bo", role="reader")
    assert "/welcome/" in page
    assert "already called" in ada.post("/readers", 400, name="Ada", role="reader")
    ada.post("/readers", 400, name="Cy", role="king")
    ada.post("/readers/active", 400, name="Ada", active="no")


def test_a_new_password(room: Room) -> None:
    bo = room.enter("Bo", "reader")
    token = accounts.reset(room.desk.store, "Ada", "Bo")
    other = room.stranger()
    assert "A new password" in other.get(f"/welcome/{token}")
    other.client.post(f"/welcome/{token}", data={"password": "another long one", "again": "another long one"})
    assert "<h1>Sign in" in bo.get("/")
    assert accounts.sign_in(room.desk.store, "Bo", PASSWORD) is None
    assert accounts.sign_in(room.desk.store, "Bo", "another long one") is not None
    with room.desk.store.reading() as connection:
        assert len(accounts.everyone(connection)) == 1
    with pytest.raises(UserError, match="no reader is called"):
        accounts.reset(room.desk.store, "Ada", "Cy")


def test_who_is_shut_out_sets_no_new_password(quick_room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    store = quick_room.desk.store
    quick_room.enter("Ada")
    quick_room.enter("Bo", "reader")
    token = accounts.reset(store, "Ada", "Bo")
    accounts.set_active(store, "Ada", "Bo", active=False)
    with pytest.raises(UserError, match="may no longer sign in") as refused:
        accounts.reset(store, "Ada", "Bo")
    assert refused.value.fix == "let them in first: brightctc review user open Bo"
    quick_room.stranger().get(f"/welcome/{token}", 404)
    accounts.set_active(store, "Ada", "Bo", active=True)
    link = f"/welcome/{accounts.reset(store, 'Ada', 'Bo')}"
    monkeypatch.setattr(accounts, "sign_in", lambda *_: None)  # shut out in this moment
    form = {"password": "another long one", "again": "another long one"}
    answer = quick_room.stranger().client.post(link, data=form)
    assert answer.status_code == 403
    assert "<h1>Sign in" in answer.text
    assert "may not sign in" in answer.text


def test_links_end_with_who_made_them_and_with_the_first_lead(room: Room) -> None:
    store = room.desk.store
    earlier, later = (accounts.invite(store, "(command line)", None, "lead") for _ in range(2))
    room.stranger().get(f"/welcome/{earlier}", 404)
    accounts.sign_up(store, later, "Ada", PASSWORD)
    link = accounts.invite(store, "Ada", "Cy", "lead")
    with store.reading() as connection:
        assert accounts.expected(connection) == [("Cy", "lead")]
    accounts.set_active(store, "x", "Ada", active=False)
    room.stranger().get(f"/welcome/{link}", 404)


@pytest.mark.parametrize("name", ["ADA", "(command line)"])
def test_names_that_could_be_taken_for_others(quick_room: Room, name: str) -> None:
    quick_room.enter("Ada")
    with pytest.raises(UserError):
        accounts.invite(quick_room.desk.store, "x", name, "reader")


def test_what_is_typed_as_a_name_does_not_stay_in_the_chain(room: Room) -> None:
    room.stranger().client.post("/sign-in", data={"name": "my secret passphrase", "password": "x"})
    with room.desk.store.reading() as connection:
        assert "passphrase" not in repr([event.about for event, _ in room.desk.store.events(connection)])


def test_waiting_grows_and_is_forgotten() -> None:
    clock = [0.0]
    attempts = Attempts(lambda: clock[0])
    for _ in range(FREE - 1):
        attempts.failed("a", "b")
    assert attempts.wait("a") == 0
    attempts.failed("a")
    first = attempts.wait("a", "c")
    assert first > 0
    assert attempts.wait("b") == attempts.wait("c") == 0
    clock[0] += first
    assert attempts.wait("a") == 0
    attempts.failed("a")
    assert attempts.wait("a") > first
    for _ in range(30):
        attempts.failed("a")
    assert attempts.wait("a") == 900
    attempts.succeeded("a")
    assert attempts.wait("a") == 0
    attempts.failed("b")
    clock[0] += 4000
    attempts.failed("b")
    assert attempts.wait("b") == 0


def test_guessing_has_to_wait(quick_room: Room) -> None:
    quick_room.enter("Ada")
    nobody = quick_room.stranger()
    for _ in range(FREE):
        assert nobody.client.post("/sign-in", data={"name": "Ada", "password": "guess"}).status_code == 403
    answer = nobody.client.post("/sign-in", data={"name": "Ada", "password": PASSWORD})
    assert answer.status_code == 429
    assert "Wait" in answer.text
    assert "guess" not in answer.text
