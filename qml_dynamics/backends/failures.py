"""Exceptions of vendors sorted into transient, permanent and lost jobs, and repeated without credentials.

Exceptions are recognised by class name and HTTP status, so that no vendor package is imported here.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, TypeVar
from urllib.parse import quote

from ..base.errors import BackendError, JobLost

T = TypeVar("T")
Kind = Literal["transient", "permanent", "lost"]

_TRANSIENT_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524})
_TRANSIENT_NAMES = frozenset(
    (
        *("ConnectionError", "ConnectionResetError", "ConnectionAbortedError", "ConnectionRefusedError"),
        *("BrokenPipeError", "RemoteDisconnected", "NewConnectionError", "ConnectionClosedError"),
        *("Timeout", "TimeoutError", "ReadTimeout", "ConnectTimeout", "ReadTimeoutError", "ConnectTimeoutError"),
        *("MaxRetryError", "RetryError", "ProtocolError", "IncompleteRead", "ChunkedEncodingError", "gaierror"),
        *("EndpointConnectionError", "ThrottlingException", "TooManyRequestsException", "ServiceUnavailable"),
        "RuntimeJobTimeoutError",
    )
)
_LOST_NAMES = frozenset({"RuntimeJobNotFound", "JobLost", "ResourceNotFoundException"})
_SECRET_NAMES = re.compile(r"TOKEN|SECRET|PASSWORD|API_?KEY|ACCESS_KEY|CREDENTIAL", re.IGNORECASE)
_CREDENTIALS = re.compile(r"token|secret|passw|api_?key|access_key|credential|authorization", re.IGNORECASE)
_WHOLE = 10**9  # descriptions are not shortened
_SECRET_WORD = r"bearer|basic|apikey|api[-_ ]?key|x-access-token|token|password|secret"
_SECRET_TEXT = (
    re.compile(rf"(?i)\b({_SECRET_WORD})(['\"]?\s*[=:]\s*['\"]?|\s+)[^\s'\",;&)]{{6,}}"),
    re.compile(r"\bcrn:[^\s'\",)]+"),
    re.compile(r"[A-Za-z0-9+/_\-.]{40,}={0,2}"),
)


class VendorError(BackendError):
    """A vendor's failure, without its secrets.

    Attributes:
        transient: whether the same request may succeed later.
    """

    transient: bool = False

    def __init__(self, message: str, transient: bool = False) -> None:
        super().__init__(message)
        self.transient = transient


def failure(error: BaseException) -> Kind:
    """Whether a failure will pass (connection, 429, 5xx), is final, or says that the job is unknown.

    The chain of causes is searched too: a client that wraps a connection error in its own class is still transient. An
    explicit HTTP status decides where there is one; 4xx other than 408, 425 and 429 are final.

    >>> failure(ConnectionResetError()), failure(ValueError("no such option"))
    ('transient', 'permanent')
    """
    if isinstance(error, VendorError):
        return "transient" if error.transient else "permanent"
    for link in _chain(error):
        names = {c.__name__ for c in type(link).__mro__}
        if names & _LOST_NAMES:
            return "lost"
        status = _status(link)
        if status is not None:
            return "transient" if status in _TRANSIENT_STATUS else "permanent"
        if names & _TRANSIENT_NAMES:
            return "transient"
    return "permanent"


def is_transient(error: BaseException) -> bool:
    """Whether trying again can help; see :func:`failure`."""
    return failure(error) == "transient"


def vendor_error(error: BaseException, doing: str) -> BackendError:
    """The library's error for a vendor's: :class:`JobLost` or :class:`VendorError`, redacted.

    Raise it outside the handler, as :func:`told` does: the original may carry a request header, and ``from None`` leaves it in
    ``__context__``.
    """
    if isinstance(error, BackendError):
        return error
    kind = failure(error)
    text = f"{doing} failed: {type(error).__name__}: {redacted(str(error)) or 'it says no more'}"
    return JobLost(text) if kind == "lost" else VendorError(text, transient=kind == "transient")


def told(call: Callable[[], T], doing: str) -> T:
    """``call()``; a vendor's exception becomes ours, which nothing of the original hangs on."""
    try:
        return call()
    except Exception as error:
        ours = vendor_error(error, doing)
    raise ours


def redacted(text: str, limit: int = 400) -> str:
    """``text`` on one line without credentials: what the environment holds as secret, what is named one, what looks like one.

    >>> redacted("401 for url with apikey=abcdef123456")
    '401 for url with apikey=[hidden]'
    """
    for name, value in os.environ.items():
        if len(value) >= 6 and _SECRET_NAMES.search(name):
            text = text.replace(value, "[hidden]").replace(quote(value, safe=""), "[hidden]")
    text = _SECRET_TEXT[0].sub(r"\1\2[hidden]", text)
    for pattern in _SECRET_TEXT[1:]:
        text = pattern.sub("[hidden]", text)
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 3] + "..."


def names_a_credential(name: str) -> bool:
    """Whether a keyword, or the key of a description, is that of a credential.

    >>> names_a_credential("api_key"), names_a_credential("shots")
    (True, False)
    """
    return _CREDENTIALS.search(name) is not None


def without_credentials(data: object) -> Any:
    """Plain data without the keys that name a credential, and with credentials hidden in its texts.

    >>> without_credentials({"name": "device", "api_key": "abc", "note": "token=abcdefgh"})
    {'name': 'device', 'note': 'token=[hidden]'}
    """
    if isinstance(data, Mapping):
        return {str(k): without_credentials(v) for k, v in data.items() if not names_a_credential(str(k))}
    if isinstance(data, (list, tuple)):
        return [without_credentials(v) for v in data]
    return redacted(data, _WHOLE) if isinstance(data, str) else data


def shown(given: object) -> str:
    """A wrong argument for a message: plain values without credentials, objects by their type alone.

    >>> shown("aer"), shown(3), shown(object())
    ("'aer'", '3', 'an object of type object')
    """
    if given is None or isinstance(given, (str, bytes, bool, int, float, list, tuple, type)):
        try:
            return redacted(repr(given), 120)
        except Exception:  # a list inside of itself, an integer of too many digits, members of somebody else
            pass
    return f"an object of type {type(given).__name__}"


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = link.__cause__ or link.__context__


def _status(error: BaseException) -> int | None:
    """The HTTP status of requests, ibm-cloud-sdk, botocore and runtime errors; also from the text of wrapped ones."""
    response = getattr(error, "response", None)
    for source in (
        getattr(error, "status_code", None),
        getattr(error, "code", None),
        getattr(response, "status_code", None),
    ):
        if isinstance(source, int) and 400 <= source < 600:
            return source
    if isinstance(response, dict):
        code = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        if isinstance(code, int) and 400 <= code < 600:
            return code
    found = re.match(r"['\"]?(?:Failed to [a-z ]+: )?['\"]?([45]\d\d) (?:Client|Server) Error", str(error))
    return int(found.group(1)) if found else None
