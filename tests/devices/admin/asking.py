"""Browsers for tests of the admin's pages, and what they are told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib.auth.models import Group
from django.forms import BaseForm
from django.test import Client
from django.urls import reverse

from devices.models import Device, DeviceGrant
from tests.people import make_user


def browser_of(username: str = "anna", *, may: Sequence[str] = ()) -> Client:
    """A browser in which a member of the staff with these rights on all units is logged in."""
    client = Client()
    client.force_login(make_user(username, staff=True, may=may))
    return client


def granted(username: str, device: Device, **rights: bool) -> Client:
    """The same, with rights on one unit alone."""
    client = browser_of(username)
    DeviceGrant.objects.create(group=Group.objects.get(name=f"group of {username}"), device=device, **rights)
    return client


def address(name: str, *args: object) -> str:
    return reverse(f"admin:devices_{name}", args=args)


def said(answer: Any) -> list[str]:
    return [str(message) for message in answer.context["messages"]]


def text_of(answer: Any) -> str:
    text: str = answer.content.decode()
    return text


def filled_in(form: BaseForm, **edited: object) -> dict[str, Any]:
    """What the page would send back, with these fields edited."""
    data: dict[str, Any] = {}
    for field in form:
        value = field.value()
        if value not in (None, False):
            data[field.html_name] = "on" if value is True else value
        if field.field.show_hidden_initial:
            data[field.html_initial_name] = value
    data |= edited
    return {name: value for name, value in data.items() if value is not None}
