"""A unit's status, restarts and jobs over the REST API."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from rest_framework.test import APIClient

from devices.ct6.simulator.unit import SimulatedUnit
from devices.jobs import queue
from devices.models import Job, JobLine
from tests.devices.api_calls import at, operator, post
from tests.devices.jobs.works import State, job_of, state_of, taken
from tests.devices.units import closed_port, device_of
from tests.factories import make_device
from tests.people import logged_in, make_user

pytestmark = pytest.mark.django_db

RESTARTS = ["reboot", "power-cycle", "reset"]


@pytest.fixture
def sam() -> APIClient:
    return operator()


# --- Status -----------------------------------------------------------------------------------------------------
def test_the_status_is_read_from_the_unit_and_kept(unit: SimulatedUnit, sam: APIClient) -> None:
    device = device_of(unit)
    assert sam.get(at(device, "status/")).status_code == 404
    read = post(sam, device, "status")
    assert read.status_code == 200
    assert read.json()["firmware_version"] == "3.1"
    assert '"CT1"' in read.json()["stats_text"]
    anna = logged_in(make_user("anna", sees=[device]))
    assert anna.get(at(device, "status/")).json() == read.json()


def test_a_unit_that_cannot_be_asked_is_said(sam: APIClient) -> None:
    answer = post(sam, make_device(address="127.0.0.1", http_port=closed_port()), "status")
    assert (answer.status_code, "no connection" in answer.json()["detail"]) == (502, True)


def test_a_unit_that_is_in_use_is_a_conflict(unit: SimulatedUnit, sam: APIClient) -> None:
    assert post(sam, device_of(unit, held_until="2099-01-01T00:00:00Z"), "status").status_code == 409


# --- Restarts ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("call", "kind"), [("reboot", "reboot"), ("power-cycle", "power_cycle"), ("reset", "reset")])
def test_a_restart_is_a_job(sam: APIClient, call: str, kind: str) -> None:
    device = make_device()
    answer = post(sam, device, call, typed_name="Meter")
    job = Job.objects.get()
    assert answer.status_code == 202
    told = {name: answer.json()[name] for name in ("id", "device", "kind", "state", "percent", "may_cancel", "who")}
    assert told == {
        "id": job.pk,
        "device": device.pk,
        "kind": kind,
        "state": "waiting",
        "percent": 0,
        "may_cancel": True,
        "who": "sam",
    }


@pytest.mark.parametrize("call", RESTARTS)
@pytest.mark.parametrize("sent", [{}, {"typed_name": "meter"}, {"typed_name": ""}])
def test_without_the_units_name_it_is_refused(sam: APIClient, call: str, sent: dict[str, str]) -> None:
    answer = post(sam, make_device(), call, **sent)
    assert (answer.status_code, list(answer.json())) == (400, ["typed_name"])
    assert not Job.objects.exists()


def test_it_is_refused_in_the_readers_language(sam: APIClient) -> None:
    answer = sam.post(at(make_device(), "reboot/"), {}, format="json", headers={"Accept-Language": "de"})
    assert answer.json() == {"typed_name": ["Dieses Feld ist zwingend erforderlich."]}


# --- Jobs -------------------------------------------------------------------------------------------------------
def test_jobs_are_listed_newest_first_and_narrowed(sam: APIClient) -> None:
    ours, other = make_device("A1"), make_device("A2")
    first, second, third = job_of(ours), job_of(ours, Job.Kind.BACKUP), job_of(other)

    def listed(**asked: str | int) -> list[int]:
        return [job["id"] for job in sam.get("/api/v1/jobs/", asked).json()]

    assert listed() == [third.pk, second.pk, first.pk]
    assert listed(device=ours.pk) == [second.pk, first.pk]
    assert listed(kind="backup") == [second.pk]
    assert listed(state="done") == []
    assert listed(before=second.pk) == [first.pk]
    assert sam.get("/api/v1/jobs/", {"who": "sam"}).status_code == 400


def test_a_job_tells_its_lines_in_the_readers_language(sam: APIClient) -> None:
    job = job_of(make_device())
    queue.cancel(job, datetime.now(UTC), who=None)
    JobLine.objects.create(job=job, level="note", template="%(path)s: 100%%", values={"path": "/a"})
    told = sam.get(f"/api/v1/jobs/{job.pk}/").json()
    assert [(line["level"], line["text"]) for line in told["lines"]] == [
        ("result", "Cancelled before it began; nothing was changed."),
        ("note", "/a: 100%"),
    ]
    assert (told["state"], told["may_cancel"], told["calibration"]) == ("cancelled", False, None)


def test_a_job_is_cancelled(sam: APIClient) -> None:
    waiting, running, over = (job_of(make_device(f"A{number}")) for number in range(3))
    taken(running, datetime.now(UTC))
    assert sam.post(f"/api/v1/jobs/{waiting.pk}/cancel/").json()["state"] == "cancelled"
    told = sam.post(f"/api/v1/jobs/{running.pk}/cancel/").json()
    assert (told["state"], told["cancel_wanted"]) == ("running", True)
    Job.objects.filter(pk=over.pk).update(state=State.DONE)
    late = sam.post(f"/api/v1/jobs/{over.pk}/cancel/")
    assert (late.status_code, "It is over" in late.json()["detail"]) == (409, True)


# --- Who may ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("call", ["status", *RESTARTS])
def test_each_call_needs_the_right_to_operate(call: str) -> None:
    client = operator(may=("configure", "calibrate", "files", "adopt"))
    answer = post(client, make_device(), call, typed_name="Meter")
    assert answer.status_code == 403
    assert answer.json() == {"detail": "You have no right to do this to Meter ('operate')."}


@pytest.mark.parametrize("call", ["status", *RESTARTS])
@pytest.mark.parametrize("scope", ["read", "configure"])
def test_a_token_needs_the_scope_operate(call: str, scope: str) -> None:
    answer = post(operator(scope=scope), make_device(), call, typed_name="Meter")
    assert answer.status_code == 403
    assert answer.json() == {"detail": "This needs a user who may do that, and over a token the scope 'operate'."}


@pytest.mark.parametrize(
    ("kind", "right"),
    [("reboot", "operate"), ("upgrade", "operate"), ("calibration", "calibrate"), ("restore", "calibrate")],
)
def test_a_job_is_cancelled_with_the_right_that_asking_for_it_needs(kind: str, right: str) -> None:
    job = job_of(make_device(), Job.Kind(kind))
    other = "calibrate" if right == "operate" else "operate"
    assert operator("anna", may=(other,)).post(f"/api/v1/jobs/{job.pk}/cancel/").status_code == 403
    assert state_of(job) == State.WAITING
    assert operator("bert", may=(right,)).post(f"/api/v1/jobs/{job.pk}/cancel/").status_code == 200
