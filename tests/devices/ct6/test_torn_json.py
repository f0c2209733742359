"""Answers that were JSON until the firmware turned their apostrophes into quotes."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.ct6.exchange import body_of
from devices.ct6.torn_json import read_file_text, read_object
from tests.devices.ct6.captured import captured, captured_json


def torn(name: str) -> dict[str, object]:
    """A captured answer that is not JSON, read all the same."""
    text = body_of("unit", captured(f"{name}.http"))
    with pytest.raises(json.JSONDecodeError):
        json.loads(text)
    found = read_object(text)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("sample", "name"),
    [
        ("config_squote", "Dad's"),
        ("config_dquote", "a'b"),  # the unit does not tell which quote it was
        ("config_utf8", "Küche°"),
    ],
)
def test_settings_with_an_odd_name_are_read_whole(sample: str, name: str) -> None:
    settings = torn(sample)
    ordinary = captured_json("get_config")
    assert settings["CT1_NAME"] == name
    assert settings.keys() == ordinary.keys()
    changed = {key for key in ordinary if settings[key] != ordinary[key]}
    assert changed == {"CT1_NAME", "YDEV_UNIT_NAME"}  # the unit had been renamed, too
    assert settings["WIFI"] == ordinary["WIFI"]


def test_live_values_with_an_apostrophe_are_read_whole() -> None:
    first = torn("stats_squote")["CT1"]
    assert isinstance(first, dict)
    assert first["NAME"] == "Dad's"
    assert first["PRMS"] == 1092.4998
    assert first.keys() == captured_json("get_stats")["CT1"].keys()


def test_what_was_accepted_with_an_apostrophe_is_read() -> None:
    assert torn("set_squote") == {"CT1_NAME": "Dad's"}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"A": "x", "B": 2.5, "C": -3}', {"A": "x", "B": 2.5, "C": -3}),
        ('{"A": "it"s", "B": True, "C": None, "D": False}', {"A": "it's", "B": True, "C": None, "D": False}),
        ('{"A": "it"s", "B": nan, "C": 1}', {"A": "it's", "C": 1}),
        ('{"A": "", "B": "it"s"}', {"A": "", "B": "it's"}),
        ('{"A": """, "B": "\\\\n"}', {"A": "'", "B": "\\n"}),
        ('{"A": "\\xfc\\u2192\\U0001f50c"}', {"A": "ü→🔌"}),
        ('{"A": "\\xfc\\ud800"}', {"A": "ü\N{REPLACEMENT CHARACTER}"}),
        ('{"A": {"B": {"C": "it"s"}}, "D": 1}', {"A": {"B": {"C": "it's"}}, "D": 1}),
        ('{"A": "a, b", "B": "it"s"}', {"A": "a, b", "B": "it's"}),
        ('{"A": "it"s }", "B": 1}', {"A": "it's }", "B": 1}),
        ("{}", {}),
    ],
)
def test_a_torn_object_is_read_key_by_key(text: str, found: dict[str, object]) -> None:
    assert read_object(text) == found


@pytest.mark.parametrize(
    "text", ["", "[]", "null", "{", '{"A"', '{"A": "it"s', '{"A": "it"s"', '{"A": 1,', '{"A": x} y', '{1: "it"s"}']
)
def test_what_is_cut_off_or_no_object_is_not_read(text: str) -> None:
    assert read_object(text) is None


def test_every_cut_of_torn_settings_is_noticed() -> None:
    text = body_of("unit", captured("config_squote.http"))
    assert [length for length in range(len(text)) if read_object(text[:length]) is not None] == []


def test_deep_nesting_is_survived() -> None:
    assert read_object('{"A":' * 50_000 + "1" + "}" * 50_000) is None
    assert read_object('{"A": "it"s", "B": ' + '{"A":' * 50_000 + "1" + "}" * 50_001) is None


@given(st.text(st.sampled_from("{}\"\\:,[]Ax1 '")) | st.text())
def test_any_text_is_read_or_not_but_never_an_error(text: str) -> None:
    found = read_object(text)
    assert found is None or isinstance(found, dict)


def as_file_answer(path: str, content: str) -> str:
    return json.dumps({path: content, "OK": True}, ensure_ascii=False).replace("'", '"')


@pytest.mark.parametrize(
    "content",
    ["", "it's\n", "{'a': 'b', 'c': \"d\"}", '{"x": "\\\\n"}', "\\", "'", "', 'OK': true}", "Küche\t\r\n", '{"A": 1}'],
)
def test_a_file_comes_back_as_it_is(content: str) -> None:
    assert read_file_text(as_file_answer("/notes.txt", content), "/notes.txt") == content


@given(st.text(st.characters(exclude_categories=("Cc", "Cs"))))
def test_any_text_file_comes_back_as_it_is(content: str) -> None:
    assert read_file_text(as_file_answer("/a", content), "/a") == content


def test_another_file_is_not_taken_for_the_one_asked_for() -> None:
    assert read_file_text(as_file_answer("/a", "x"), "/b") is None
    assert read_file_text('{"ERROR": "[Errno 2] ENOENT"}', "/b") is None
