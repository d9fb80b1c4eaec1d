"""Vendor errors: passing, final or lost; and no secret in what is repeated of them."""

from __future__ import annotations

import traceback

import pytest
import requests

import qml_dynamics as qd
from qml_dynamics.backends.failures import failure, is_transient, redacted, vendor_error

TOKEN = "pLaNtEd-0123456789abcdefghijklmnopqrstuvwxyzAB"


def http(status: int) -> requests.HTTPError:
    response = requests.Response()
    response.status_code = status
    return requests.HTTPError(f"{status} error", response=response)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ConnectionResetError(104, "reset"), "transient"),
        (TimeoutError(), "transient"),
        (requests.ConnectionError("no route"), "transient"),
        (requests.ReadTimeout(), "transient"),
        (http(429), "transient"),
        (http(500), "transient"),
        (http(503), "transient"),
        (http(400), "permanent"),
        (http(401), "permanent"),
        (http(403), "permanent"),
        (ValueError("rzz angle"), "permanent"),
        (KeyError("x"), "permanent"),
        (qd.JobLost("gone"), "lost"),
    ],
)
def test_kinds(error: Exception, kind: str) -> None:
    assert failure(error) == kind


def test_the_runtime_packages_own_errors() -> None:
    from qiskit_ibm_runtime.api.exceptions import RequestsApiError
    from qiskit_ibm_runtime.exceptions import IBMRuntimeError, RuntimeJobFailureError, RuntimeJobNotFound

    assert failure(RequestsApiError("busy", 429)) == "transient"
    assert failure(RequestsApiError("bad request", 400)) == "permanent"
    assert failure(RuntimeJobNotFound("job")) == "lost"
    assert failure(RuntimeJobFailureError("failed")) == "permanent"
    assert failure(IBMRuntimeError("Failed to run program: '503 Server Error: unavailable for url'")) == "transient"
    assert failure(IBMRuntimeError("Failed to run program: '400 Client Error: bad'")) == "permanent"


def test_a_wrapped_connection_error_is_still_one() -> None:
    wrapped = RuntimeError("request failed")
    wrapped.__cause__ = ConnectionResetError("reset")
    assert is_transient(wrapped)
    told = vendor_error(wrapped, "Submitting")
    assert is_transient(told)
    assert "Submitting failed: RuntimeError" in str(told)


def test_aws_errors_carry_their_status() -> None:
    error = Exception("throttled")
    error.response = {"ResponseMetadata": {"HTTPStatusCode": 503}}  # type: ignore[attr-defined]
    assert failure(error) == "transient"
    assert failure(PermissionError("denied")) == "permanent"


def test_the_librarys_own_errors_pass_through() -> None:
    mine = qd.BudgetExceeded("too much")
    assert vendor_error(mine, "x") is mine
    assert isinstance(vendor_error(type("RuntimeJobNotFound", (Exception,), {})("no"), "x"), qd.JobLost)


@pytest.mark.parametrize(
    "text",
    [
        f"401 for apikey={TOKEN}",
        f"headers: {{'Authorization': 'Bearer {TOKEN}'}}",
        f"Authorization: apikey {TOKEN}",
        f"token: {TOKEN[:12]}",
        f"wrong value {TOKEN} here",
        '{"password": "hunter2hunter2"}',
        "instance crn:v1:bluemix:public:quantum-computing:us-east:a/0123:4567::",
    ],
)
def test_secrets_are_hidden(text: str) -> None:
    out = redacted(text)
    assert "[hidden]" in out
    for secret in (TOKEN, TOKEN[:12], "hunter2hunter2", "bluemix"):
        assert secret not in out


def test_secrets_of_the_environment_are_hidden_wherever_they_stand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QISKIT_IBM_TOKEN", "short-one")
    assert redacted("prefix/short-one/suffix") == "prefix/[hidden]/suffix"


def test_ordinary_words_stay() -> None:
    text = "Circuit 3 has 12 two-qubit gates; job d1a2b3c4e5f6g7h8i9j0 is queued on ibm_fez, the token is invalid"
    kept = redacted(text)
    assert "job d1a2b3c4e5f6g7h8i9j0 is queued on ibm_fez" in kept


def test_no_token_in_a_printed_traceback() -> None:
    def vendor() -> None:
        raise ConnectionError(f"url with apikey={TOKEN}")

    def mine() -> None:
        try:
            vendor()
        except Exception as error:
            raise vendor_error(error, "Asking") from None

    with pytest.raises(qd.BackendError) as caught:
        mine()
    assert TOKEN not in "".join(traceback.format_exception(caught.value))
