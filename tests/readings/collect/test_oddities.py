"""Warnings: counted always, said at most once a minute for each kind and source."""

import pytest

from readings.collect.oddities import Oddities, Oddity


@pytest.fixture
def oddities() -> Oddities:
    return Oddities()


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    lines = [record.getMessage() for record in caplog.records]
    caplog.clear()
    return lines


def test_the_first_is_said_at_once(oddities: Oddities, caplog: pytest.LogCaptureFixture) -> None:
    oddities.note(Oddity.NO_ANSWER, "10.0.0.1", 0.0, "7 bytes are no answer")
    (line,) = said(caplog)
    assert Oddity.NO_ANSWER.value in line
    assert "10.0.0.1" in line
    assert "7 bytes are no answer" in line


def test_the_rest_of_the_minute_is_one_line_with_its_count(
    oddities: Oddities, caplog: pytest.LogCaptureFixture
) -> None:
    for n in range(50):
        oddities.note(Oddity.NO_ANSWER, "10.0.0.1", n / 10)
    said(caplog)
    oddities.say_due(59.0)
    assert said(caplog) == []
    oddities.say_due(60.0)
    (line,) = said(caplog)
    assert "49" in line
    assert oddities.counts[Oddity.NO_ANSWER] == 50


def test_kinds_and_sources_are_told_apart(oddities: Oddities, caplog: pytest.LogCaptureFixture) -> None:
    for kind in (Oddity.NO_ANSWER, Oddity.DUPLICATE):
        for source in ("10.0.0.1", "10.0.0.2"):
            oddities.note(kind, source, 0.0)
    assert len(said(caplog)) == 4


def test_what_has_stopped_is_forgotten_and_said_at_once_when_it_begins_again(
    oddities: Oddities, caplog: pytest.LogCaptureFixture
) -> None:
    oddities.note(Oddity.NO_ANSWER, "10.0.0.1", 0.0)
    oddities.say_due(61.0)
    said(caplog)
    oddities.note(Oddity.NO_ANSWER, "10.0.0.1", 70.0)
    assert len(said(caplog)) == 1


def test_thousands_of_sources_are_few_lines(oddities: Oddities, caplog: pytest.LogCaptureFixture) -> None:
    for n in range(10_000):
        oddities.note(Oddity.NO_ANSWER, f"10.{n % 256}.{n // 256}.1", 0.0)
    lines = said(caplog)
    assert len(lines) == 65
    assert "many others" in lines[-1]
    oddities.say_due(60.0)
    (line,) = said(caplog)
    assert str(10_000 - 65) in line
    assert oddities.total == 10_000


def test_another_product_is_said_once_a_day(oddities: Oddities, caplog: pytest.LogCaptureFixture) -> None:
    for second in range(0, 7200, 30):
        oddities.note(Oddity.OTHER_PRODUCT, "10.0.0.1", float(second))
        oddities.say_due(float(second))
    assert len(said(caplog)) == 1
