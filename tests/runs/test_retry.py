"""Which errors pass by themselves, how long they are waited for, and what is told of them."""

from __future__ import annotations

import errno
import time
from pathlib import Path
from typing import Any

import pytest
from shared_runs import QUICK, Device
from standin import RequestsApiError

from qml_dynamics.base.errors import BackendError, BudgetExceeded, JobLost, MethodError
from qml_dynamics.runs.retry import Hang, Patience, bounded, is_transient, persistently


class Response:
    """Of requests: the status is on the response."""

    def __init__(self, status_code: int) -> None:
        self.status_code = status_code


def with_response(status: int) -> Exception:
    error = RuntimeError("no")
    error.response = Response(status)  # type: ignore[attr-defined]
    return error


@pytest.mark.parametrize(
    ("error", "passes"),
    [
        (ConnectionResetError(), True),
        (BrokenPipeError(), True),
        (TimeoutError(), True),
        (OSError(errno.ENETUNREACH, "network is unreachable"), True),
        (OSError(errno.ENOSPC, "no space left"), False),
        (FileNotFoundError(), False),
        (RequestsApiError("no", 429), True),
        (RequestsApiError("no", 503), True),
        (RequestsApiError("no", 404), False),
        (RequestsApiError("no", 401), False),
        (with_response(502), True),
        (with_response(400), False),
        (ValueError("connection"), False),
        (JobLost("gone"), False),
        (BudgetExceeded("quota"), False),
        (RequestsApiError("your quota is exceeded", 429), False),
    ],
)
def test_classes_of_errors(error: Exception, passes: bool) -> None:
    assert is_transient(error) is passes


def test_a_backend_may_know_better(tmp_path: Path) -> None:
    class Knowing(Device):
        def transient(self, error: BaseException) -> bool | None:
            return {"yes": True, "no": False}.get(str(error))

    knowing = Knowing(tmp_path / "ran.txt")
    assert is_transient(ValueError("yes"), knowing)
    assert not is_transient(ConnectionError("no"), knowing)
    assert is_transient(ConnectionError("who knows"), knowing)


def test_pauses_double_are_jittered_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)

    def failing() -> None:
        raise ConnectionError("down")

    with pytest.raises(BackendError, match="asking, after 7 attempts: ConnectionError: down"):
        persistently("asking", failing, Patience(attempts=7, first=1.0, longest=8.0))
    assert len(slept) == 6
    for pause, full in zip(slept, (1, 2, 4, 8, 8, 8), strict=True):
        assert full / 2 <= pause <= full
    assert len({pause / full for pause, full in zip(slept, (1, 2, 4, 8, 8, 8))}) > 1


def test_what_passes_and_what_is_told() -> None:
    answers: list[Any] = [ConnectionError(), RequestsApiError("no", 500), 7]

    def call() -> int:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert persistently("asking", call, QUICK) == 7
    answers[:] = [ValueError("one\n  two"), 7]
    with pytest.raises(BackendError) as caught:
        persistently("asking", call, QUICK)
    assert str(caught.value) == "asking: ValueError: one two"
    assert answers == [7]
    assert caught.value.__context__ is caught.value.__cause__ is None  # no vendor's exception hangs on it


def test_a_bound_for_a_call() -> None:
    assert bounded(lambda: 3, 5.0) == 3
    with pytest.raises(ZeroDivisionError):
        bounded(lambda: 1 // 0, 5.0)
    with pytest.raises(Hang, match=r"no answer within 0.05 s"):
        bounded(lambda: time.sleep(1.0), 0.05)


@pytest.mark.parametrize("wrong", [{"attempts": 0}, {"first": -1.0}, {"call": 0}, {"poll": "slow"}])
def test_bad_patience(wrong: dict[str, Any]) -> None:
    with pytest.raises(MethodError, match=next(iter(wrong))):
        Patience(**wrong)
