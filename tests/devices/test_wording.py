"""Sentences are kept in English and told in the language of the reader."""

from django.utils import translation

from devices.ct6.errors import UnitRefused
from devices.wording import Sentence, translated


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
