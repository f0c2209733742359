"""Tokens: how one is had, what it opens, and when it does not."""

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone
from pytest_django import Settings
from rest_framework.test import APIClient

from ct6site.models import ApiToken, User
from devices.models import DeviceGrant
from tests.factories import make_device
from tests.people import PASSWORD, logged_in, make_user, with_text, with_token

pytestmark = pytest.mark.django_db

LOGIN = "/api/v1/token/"
TOKENS = "/api/v1/tokens/"
DEVICES = "/api/v1/devices/"


@pytest.fixture(autouse=True)
def _quick_passwords(settings: Settings) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def anna() -> User:
    return make_user("anna", password=PASSWORD)


@pytest.fixture
def staff() -> User:
    return make_user("sam", staff=True, may=["configure"], password=PASSWORD)


def log_in(username: str, password: str = PASSWORD, **more: str) -> Any:
    return APIClient().post(LOGIN, {"username": username, "password": password, **more}, format="json")


# --- Getting one ------------------------------------------------------------------------------------------------
def test_a_password_gives_a_token_that_opens_the_api(anna: User) -> None:
    answer = log_in("anna")
    assert answer.status_code == 200
    assert list(answer.json()) == ["token"]
    assert with_text(answer.json()["token"]).get(DEVICES).status_code == 200


def test_only_the_hash_is_stored(anna: User) -> None:
    text = log_in("anna").json()["token"]
    token = ApiToken.objects.get()
    assert token.digest == ApiToken.digest_of(text)
    assert text not in str(vars(token))


def test_a_user_may_have_several(anna: User) -> None:
    first, second = (log_in("anna").json()["token"] for _ in range(2))
    assert first != second
    assert with_text(first).get(DEVICES).status_code == 200
    assert with_text(second).get(DEVICES).status_code == 200


def test_the_scope_is_read_unless_asked_otherwise(staff: User) -> None:
    log_in("sam")
    assert ApiToken.objects.get().scope == "read"


def test_the_name_says_what_uses_it(anna: User) -> None:
    log_in("anna", name="Home Assistant")
    assert ApiToken.objects.get().name == "Home Assistant"


@pytest.mark.parametrize("scope", ["read", "configure", "operate"])
def test_staff_may_have_every_scope(staff: User, scope: str) -> None:
    assert log_in("sam", scope=scope).status_code == 200
    assert ApiToken.objects.get().scope == scope


@pytest.mark.parametrize("scope", ["configure", "operate"])
def test_others_may_only_read(anna: User, scope: str) -> None:
    answer = log_in("anna", scope=scope)
    assert answer.status_code == 400
    assert answer.json() == {
        "scope": ["This user may have: read. The others need a user who may do something to a unit."]
    }
    assert not ApiToken.objects.exists()


def test_whom_a_grant_allows_something_may_have_every_scope(anna: User) -> None:
    DeviceGrant.objects.create(group=anna.groups.get(), device=make_device(), configure=True)
    assert log_in("anna", scope="operate").status_code == 200


def test_an_unknown_scope_is_refused_by_name(anna: User) -> None:
    answer = log_in("anna", scope="everything")
    assert answer.status_code == 400
    assert answer.json() == {"scope": ["'everything' is not known; allowed are read, configure, operate."]}


@pytest.mark.parametrize("missing", ["username", "password"])
def test_a_missing_word_is_named(anna: User, missing: str) -> None:
    words = {"username": "anna", "password": PASSWORD}
    del words[missing]
    answer = APIClient().post(LOGIN, words, format="json")
    assert answer.status_code == 400
    assert list(answer.json()) == [missing]


def test_a_body_that_is_no_json_is_refused(anna: User) -> None:
    answer = APIClient().generic("POST", LOGIN, "{username", content_type="application/json")
    assert answer.status_code == 400
    assert "JSON" in answer.json()["detail"]


def test_a_form_instead_of_json_is_refused_with_a_sentence(anna: User) -> None:
    answer = APIClient().generic("POST", LOGIN, "username=anna", content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 415
    assert "media type" in answer.json()["detail"]


def test_a_wrong_password_is_401_and_says_how_to_log_in(anna: User) -> None:
    answer = log_in("anna", "wrong")
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Token"
    assert "password is wrong" in answer.json()["detail"]


def test_an_unknown_user_gets_the_same_answer(anna: User) -> None:
    assert log_in("nobody").json() == log_in("anna", "wrong").json()


def test_a_user_who_is_switched_off_gets_the_same_answer(anna: User) -> None:
    wrong = log_in("anna", "wrong").json()
    User.objects.update(is_active=False)
    assert log_in("anna").json() == wrong


def test_a_stale_session_or_token_does_not_stand_in_the_way(anna: User) -> None:
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(anna)
    client.credentials(HTTP_AUTHORIZATION="Token revoked")
    answer = client.post(LOGIN, {"username": "anna", "password": PASSWORD}, format="json")
    assert answer.status_code == 200


def test_too_many_wrong_passwords_lock_the_user_out_with_a_sentence(anna: User) -> None:
    for _ in range(settings.AXES_FAILURE_LIMIT):
        log_in("anna", "wrong")
    answer = log_in("anna")
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "900"
    assert answer.json() == {
        "detail": "Too many wrong passwords for this user from this address. Try again in 15 minutes."
    }


def test_wrong_passwords_at_the_login_page_count_too(anna: User) -> None:
    for _ in range(settings.AXES_FAILURE_LIMIT):
        APIClient().post("/login/", {"username": "anna", "password": "wrong"})
    assert log_in("anna").status_code == 429


def test_the_login_page_says_it_too(anna: User) -> None:
    for _ in range(settings.AXES_FAILURE_LIMIT):
        log_in("anna", "wrong")
    answer = APIClient().post("/login/", {"username": "anna", "password": PASSWORD})
    assert answer.status_code == 429
    assert b"Try again in 15 minutes." in answer.content


# --- Logging in with one ----------------------------------------------------------------------------------------
def refusal(client: APIClient) -> str:
    answer = client.get(DEVICES)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Token"
    sentence: str = answer.json()["detail"]
    return sentence


def test_an_unknown_token_is_refused() -> None:
    assert refusal(with_text("nonsense")).startswith("This token is not known")


def test_the_stored_hash_is_no_token(anna: User) -> None:
    token, _ = ApiToken.make(anna)
    assert refusal(with_text(token.digest)).startswith("This token is not known")


def test_an_expired_token_is_refused_and_says_since_when(anna: User) -> None:
    token, text = ApiToken.make(anna)
    token.expires = timezone.now().replace(year=2025, month=3, day=1, hour=12, minute=30)
    token.save()
    assert refusal(with_text(text)).startswith("This token expired on 2025-03-01 12:30 UTC.")


def test_a_token_that_expires_later_opens(anna: User) -> None:
    token, text = ApiToken.make(anna)
    token.expires = timezone.now() + timedelta(minutes=1)
    token.save()
    assert with_text(text).get(DEVICES).status_code == 200


def test_the_token_of_a_user_who_is_switched_off_is_refused(anna: User) -> None:
    client = with_token(anna)
    User.objects.update(is_active=False)
    assert refusal(client).startswith("The user of this token is switched off")


@pytest.mark.parametrize("header", ["Token", "Token one two", "Token \xff\xfe"])
def test_a_broken_header_is_refused(header: str) -> None:
    assert refusal(APIClient(HTTP_AUTHORIZATION=header)).startswith("Invalid token header")


def test_a_revoked_token_is_refused(anna: User) -> None:
    client = with_token(anna)
    ApiToken.objects.all().delete()
    assert "revoked" in refusal(client)


def test_the_last_use_is_noted(anna: User) -> None:
    before = timezone.now()
    with_token(anna).get(DEVICES)
    last_used = ApiToken.objects.get().last_used
    assert last_used is not None
    assert before <= last_used <= timezone.now()


def test_the_last_use_is_written_once_a_minute_at_most(anna: User) -> None:
    client = with_token(anna)
    half_a_minute_ago = timezone.now() - timedelta(seconds=30)
    ApiToken.objects.update(last_used=half_a_minute_ago)
    client.get(DEVICES)
    assert ApiToken.objects.get().last_used == half_a_minute_ago


# --- What the scope allows --------------------------------------------------------------------------------------
def rename_port_role(client: APIClient) -> int:
    port = make_device().ports.get(number=1)
    return client.patch(f"/api/v1/ports/{port.pk}/", {"role": "grid"}, format="json").status_code


@pytest.mark.parametrize(("scope", "status"), [("read", 403), ("configure", 200), ("operate", 200)])
def test_changing_needs_more_than_the_scope_read(staff: User, scope: str, status: int) -> None:
    assert rename_port_role(with_token(staff, scope)) == status


def test_a_user_who_is_no_longer_staff_sees_and_changes_nothing_with_an_old_token(staff: User) -> None:
    client = with_token(staff, "operate")
    User.objects.update(is_staff=False)
    assert rename_port_role(client) == 404


def test_nor_does_one_whose_rights_were_taken(staff: User) -> None:
    client = with_token(staff, "operate")
    User.objects.update(is_staff=False)
    staff.user_permissions.clear()
    assert rename_port_role(client) == 403


# --- One's own --------------------------------------------------------------------------------------------------
def test_the_list_holds_ones_own_without_their_texts(anna: User, staff: User) -> None:
    ApiToken.make(staff)
    used, text = ApiToken.make(anna, name="script")
    other, _ = ApiToken.make(anna)
    answer = with_text(text).get(TOKENS)
    assert {row["id"]: row["current"] for row in answer.json()} == {used.pk: True, other.pk: False}
    assert set(answer.json()[0]) == {"id", "name", "scope", "created", "last_used", "expires", "current"}
    assert used.digest not in answer.content.decode()


def test_a_session_revokes_ones_own(anna: User) -> None:
    token, _ = ApiToken.make(anna)
    assert logged_in(anna).delete(f"{TOKENS}{token.pk}/").status_code == 204
    assert not ApiToken.objects.exists()


def test_a_reading_token_revokes_itself(anna: User) -> None:
    token, text = ApiToken.make(anna)
    assert with_text(text).delete(f"{TOKENS}{token.pk}/").status_code == 204


def test_a_reading_token_revokes_no_other(anna: User) -> None:
    other, _ = ApiToken.make(anna)
    answer = with_token(anna).delete(f"{TOKENS}{other.pk}/")
    assert answer.status_code == 403
    assert answer.json() == {"detail": "A token of scope 'read' revokes no other token than itself."}


def test_a_configuring_token_revokes_the_others(staff: User) -> None:
    other, _ = ApiToken.make(staff)
    assert with_token(staff, "configure").delete(f"{TOKENS}{other.pk}/").status_code == 204


def test_nobody_revokes_anothers(anna: User, staff: User) -> None:
    token, _ = ApiToken.make(anna)
    assert logged_in(staff).delete(f"{TOKENS}{token.pk}/").status_code == 404
    assert ApiToken.objects.filter(pk=token.pk).exists()
