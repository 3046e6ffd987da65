"""Donors' ids are replaced wherever they may stand, and numbers that are none of them stay."""

import pytest

from brightctc.report.pseudonyms import Pseudonyms


@pytest.mark.parametrize(
    ("donors", "text", "told"),
    [
        pytest.param(["D10"], "D10", "donor-1", id="itself"),
        pytest.param(["D10", "D1"], "D1/c10", "donor-2/c10", id="the shorter one"),
        pytest.param(["D10", "D1"], "D10_a/c1", "donor-1_a/c1", id="the longer one first"),
        pytest.param(["P1a", "P1ab"], "P1ab/c1", "donor-2/c1", id="the longer of two alike"),
        pytest.param(["D10"], "D105/c1", "D105/c1", id="no number is cut"),
        pytest.param(["P012"], "tubeP012b_1", "tubedonor-1b_1", id="inside a name, the rest stays"),
        pytest.param(["P012"], "/data/p012/x.tif", "/data/donor-1/x.tif", id="other case"),
        pytest.param(["12"], "12/cell12", "donor-1/cell12", id="a number by itself"),
        pytest.param(["Ann"], "Annika/Ann", "Annika/donor-1", id="letters are not looked for in words"),
        pytest.param(["A.b"], "Axb A.b", "Axb donor-1", id="no pattern"),
        pytest.param(["A", "F1"], "a A/c1 f1 F1", "a donor-1/c1 f1 donor-2", id="short: its case"),
        pytest.param(["p1a", "P1A"], "p1a P1A", "donor-1 donor-2", id="two that differ in case"),
        pytest.param(["Ali01"], "ALİ01 alı01 ali01", "donor-1 donor-1 donor-1", id="letters with two cases"),
        pytest.param([None, ""], "a b", "a b", id="nobody"),
    ],
)
def test_ids(donors: list[str | None], text: str, told: str) -> None:
    assert Pseudonyms(donors).in_id(text) == told
    assert Pseudonyms(donors, shown=True).in_id(text) == text


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param("12 cells at 1:12, 0.12", "12 cells at 1:12, 0.12", id="counts stay"),
        pytest.param("donor_id = '12'", "donor_id = 'donor-1'", id="quoted"),
        pytest.param("in 12/c1 and S_12", "in donor-1/c1 and S_donor-1", id="part of a name"),
        pytest.param("in D77b: focus", "in donor-2b: focus", id="another in words"),
    ],
)
def test_words_keep_their_numbers(text: str, told: str) -> None:
    assert Pseudonyms(["12", "D77"]).in_words(text) == told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param("F1 0.812 at A. A cell can't", "F1 0.812 at A. A cell can't", id="words and figures stay"),
        pytest.param("donor_id = 'A' or \"F1\"", "donor_id = 'donor-1' or \"donor-2\"", id="quoted"),
        pytest.param("in A/c1, tube_F1_a and f1/c1", "in donor-1/c1, tube_donor-2_a and f1/c1", id="part of a name"),
    ],
)
def test_short_ids_leave_the_pages_own_words(text: str, told: str) -> None:
    assert Pseudonyms(["A", "F1", "t"]).in_words(text) == told


def test_a_name_is_an_id_where_it_is_nothing_else() -> None:
    names = Pseudonyms(["A", "12"])
    assert [names.in_name(text) for text in ("A", "12", "A 12", "a")] == ["donor-1", "donor-2", "A 12", "a"]
