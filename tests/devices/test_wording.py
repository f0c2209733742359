"""Sentences are kept in English and told in the language of the reader."""

import json

from django.utils import translation

from devices.ct6.errors import UnitRefused
from devices.wording import Sentence, as_it_was_said, kept, translated


def test_an_error_is_told_in_the_readers_language() -> None:
    error = UnitRefused("Garage", "it refused %(command)s: %(reason)s", {"command": "reboot", "reason": "busy"})
    with translation.override("de"):
        assert translated(error) == "es hat reboot abgelehnt: busy"
        assert str(error) == "Garage: it refused reboot: busy"


def test_a_sentence_as_a_text_is_english_whoever_reads_it() -> None:
    sentence = Sentence("The unit reports “%(name)s”.", {"name": "Büro"})
    with translation.override("de"):
        assert str(sentence) == "The unit reports “Büro”."
        assert translated(sentence) == "Das Gerät meldet „Büro“."


def test_a_per_cent_sign_in_a_sentence_without_values_is_one() -> None:
    assert translated(Sentence("100 % of it")) == str(Sentence("100 % of it")) == "100 % of it"


def test_a_sentence_in_a_sentence_is_told_in_the_readers_language_too() -> None:
    inner = Sentence("The unit reports “%(name)s”.", {"name": "Büro"})
    outer = Sentence("%(setting)s: %(answer)s", {"setting": "Name", "answer": inner})
    assert str(outer) == "Name: The unit reports “Büro”."
    with translation.override("de"):
        assert translated(outer) == "Name: Das Gerät meldet „Büro“."


def test_fractions_have_the_readers_separator_and_versions_none_of_it() -> None:
    sentence = Sentence("%(version)s: %(reading).2f V, 5 %%", {"version": "3.10", "reading": 230.4})
    assert translated(sentence) == "3.10: 230.40 V, 5 %"
    with translation.override("de"):
        assert translated(sentence) == "3.10: 230,40 V, 5 %"


def test_what_is_kept_is_told_as_it_was_said() -> None:
    inner = UnitRefused("Garage", "it refused %(command)s: %(reason)s", {"command": "reboot", "reason": "busy"})
    outer = Sentence("%(setting)s: %(answer)s", {"setting": "Name", "answer": inner})
    again = as_it_was_said(json.loads(json.dumps(kept(outer))))
    assert again is not None
    with translation.override("de"):
        assert translated(again) == "Name: es hat reboot abgelehnt: busy"
    assert as_it_was_said({}) is None
    assert as_it_was_said("a text") is None
