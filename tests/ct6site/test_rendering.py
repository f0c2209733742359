"""How the API writes JSON."""

import json
from typing import Any

import numpy as np
import pytest
from django.utils.translation import gettext_lazy
from rest_framework.exceptions import ErrorDetail

from ct6site.rendering import OrjsonRenderer


def written(data: Any) -> Any:
    return json.loads(OrjsonRenderer().render(data))


def test_an_array_is_a_list_and_nan_is_null() -> None:
    assert written({"values": np.array([1.5, np.nan])}) == {"values": [1.5, None]}


def test_times_stay_whole_numbers() -> None:
    assert OrjsonRenderer().render(np.array([1_774_742_400_000])) == b"[1774742400000]"


def test_a_slice_of_an_array_is_written_too() -> None:
    assert written(np.arange(6)[::2]) == [0, 2, 4]


def test_sentences_that_are_translated_late_are_written() -> None:
    assert written({"detail": gettext_lazy("Not found."), "field": [ErrorDetail("Wrong.")]}) == {
        "detail": "Not found.",
        "field": ["Wrong."],
    }


def test_no_data_is_no_body() -> None:
    assert OrjsonRenderer().render(None) == b""


def test_what_has_no_json_form_is_an_error() -> None:
    with pytest.raises(TypeError):
        OrjsonRenderer().render(object())
