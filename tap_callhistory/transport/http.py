"""Takes one request to the vendor and brings its answer back, within bounds of time and size.

Nothing is retried here. A credential goes to the host that the settings name and to no other.
"""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urljoin

import msgspec
import requests
from urllib3 import exceptions as urllib3_errors
from urllib3.util import parse_url

from tap_callhistory.errors import (
    CallHistoryError,
    SettingsError,
    StoppedError,
    VendorRefusal,
    VendorUnavailable,
)
from tap_callhistory.transport.bodies import TooLarge, read_body
from tap_callhistory.transport.sessions import Cut, Exchange, Sessions, Watch

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping

LONGEST_CONNECT_SECONDS = 10.0
MAX_REDIRECTS = 3

_UNSENDABLE = (
    requests.exceptions.InvalidHeader,
    requests.exceptions.InvalidSchema,
    requests.exceptions.InvalidURL,
    requests.exceptions.MissingSchema,
    urllib3_errors.LocationValueError,
    UnicodeError,
)
_BROKEN = (requests.RequestException, urllib3_errors.HTTPError, HTTPException, OSError)
_TIMED_OUT = (requests.Timeout, urllib3_errors.TimeoutError, TimeoutError)
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_REDIRECTS_THAT_KEEP_THE_METHOD = frozenset({307, 308})


@dataclass(frozen=True, slots=True)
class Request:
    """What to ask a vendor.

    Attributes:
        method: GET or POST.
        url: Without a query.
        params: The query's names and values, not encoded, in order.
        body: Sent as JSON; None for no body.
        headers: Beside those that every request carries.
    """

    method: str
    url: str
    params: tuple[tuple[str, str], ...] = ()
    body: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


class FailedTry(Exception):  # noqa: N818 - a reason to try again, not yet an error
    """A try that came to nothing, and may not the next time.

    Attributes:
        unreadable: The answer came, and could not be read.
        status: The HTTP status of the answer; None where none came.
        may_carry_less: Whether a smaller question may be answered.
    """

    def __init__(
        self,
        reason: str,
        *,
        unreadable: bool = False,
        status: int | None = None,
        may_carry_less: bool = True,
    ) -> None:
        super().__init__(reason)
        self.unreadable = unreadable
        self.status = status
        self.may_carry_less = may_carry_less


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back.

    Attributes:
        status: The HTTP status.
        headers: With names in any case.
        body: Decompressed; empty where it could not be had.
        failed: Why the body could not be had.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes | bytearray = b""
    failed: FailedTry | None = None


class HttpSender:
    """Sends requests, one per thread at a time.

    Args:
        name: Who asks, for errors.
        request_timeout: Seconds of silence that end an exchange; twice as long ends it anyway.
        stop: Ends all exchanges when set.
    """

    def __init__(self, *, name: str, request_timeout: float, stop: threading.Event) -> None:
        self._name = name
        self._timeouts = (min(LONGEST_CONNECT_SECONDS, request_timeout), request_timeout)
        self._deadline_seconds = 2 * request_timeout
        self._sessions = Sessions()
        self._watch = Watch(stop)

    def ask(
        self, request: Request, headers: Mapping[str, str], before_each: Callable[[], None]
    ) -> Answer:
        """Send a request, and follow redirects that stay on its host.

        Args:
            request: What to ask.
            headers: All headers, the credential among them.
            before_each: Called before every HTTP request: waits for its turn.

        Raises:
            FailedTry: No answer came.
            VendorRefusal: A redirect that leads elsewhere, or in a circle.
            VendorUnavailable: The vendor's certificate is not to be trusted.
            SettingsError: The request cannot be sent at all.
            StoppedError: The run is being stopped.
        """
        body = None if request.body is None else msgspec.json.encode(request.body)
        if body is not None:
            headers = {**headers, "Content-Type": "application/json"}
        url = request.url
        if request.params:
            url = f"{url}?{urlencode(request.params)}"
        for _ in range(MAX_REDIRECTS + 1):
            before_each()
            answer = self._exchange(method=request.method, url=url, headers=headers, data=body)
            target = answer.headers.get("Location")
            if answer.status not in _REDIRECTS or not target:
                return answer
            url = self._redirected(request.method, url, answer.status, target)
        raise self._refusal("the vendor redirects over and over", answer.status)

    def close(self) -> None:
        """End the exchanges under way, with StoppedError, and close all connections."""
        self._watch.close()
        self._sessions.close()

    def _exchange(self, **sent: Any) -> Answer:
        with Exchange(self._watch, self._deadline_seconds) as exchange:
            try:
                with self._sessions.mine().request(
                    **sent, timeout=self._timeouts, allow_redirects=False, stream=True
                ) as response:
                    answer = self._answer(response)
            except requests.exceptions.InvalidProxyURL:
                raise SettingsError(
                    f"{self._name}: the proxy that the environment names is no URL; check "
                    "HTTPS_PROXY, HTTP_PROXY and ALL_PROXY"
                ) from None
            except _UNSENDABLE as error:
                raise SettingsError(
                    f"{self._name}: a request that cannot be sent ({type(error).__name__}); "
                    "check the vendor's api_url, and user_agent"
                ) from None
            except _BROKEN as error:
                answer = Answer(0, {}, failed=self._failed(error))
        return self._unless_cut(answer, exchange.cut)

    def _answer(self, response: requests.Response) -> Answer:
        status, headers = response.status_code, response.headers
        if status in _REDIRECTS:
            return Answer(status, headers)
        try:
            return Answer(status, headers, read_body(response.raw))
        except TooLarge as error:
            return Answer(status, headers, failed=FailedTry(str(error), unreadable=True))
        except _BROKEN as error:
            return Answer(status, headers, failed=self._failed(error))

    def _unless_cut(self, answer: Answer, cut: Cut | None) -> Answer:
        if cut is Cut.STOPPED:
            raise StoppedError("stopped during a request")
        if cut is Cut.LATE:
            raise FailedTry(f"the answer did not end within {self._deadline_seconds:g} s")
        if not answer.status and answer.failed is not None:
            raise answer.failed
        return answer

    def _failed(self, error: Exception) -> FailedTry:
        """Name what broke by its kind; its text would hold the URL and its query."""
        if isinstance(error, requests.ConnectTimeout):
            return FailedTry(f"no connection within {self._timeouts[0]:g} s")
        if isinstance(error, _TIMED_OUT):
            return FailedTry(f"no answer within {self._timeouts[1]:g} s")
        roots = list(_causes(error))
        if any(isinstance(root, ssl.SSLCertVerificationError) for root in roots):
            raise VendorUnavailable(
                f"{self._name}: the vendor's TLS certificate is not to be trusted; nothing was "
                "sent. Check the vendor's api_url, and the certificates of this machine."
            ) from None
        if type(error) is OSError:  # as requests says that a file of certificates is not there
            raise SettingsError(
                f"{self._name}: the certificates that the environment names cannot be read; check "
                "REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE"
            ) from None
        if any(isinstance(root, socket.gaierror) for root in roots):
            return FailedTry("the host's name is not known")
        return FailedTry(f"the connection failed ({type(roots[-1]).__name__})")

    def _redirected(self, method: str, url: str, status: int, target: str) -> str:
        try:
            new_url = urljoin(url, target)
        except ValueError:
            new_url = ""
        keeps_method = method == "GET" or status in _REDIRECTS_THAT_KEEP_THE_METHOD
        if keeps_method and _origin(new_url) == _origin(url) is not None:
            return new_url
        raise self._refusal("the vendor redirects to where no credential is sent", status)

    def _refusal(self, what: str, status: int) -> CallHistoryError:
        advice = "Check the vendor's api_url."
        return VendorRefusal(
            f"{self._name}: {what} (HTTP {status}). {advice}", status=status, advice=advice
        )


def _origin(url: str) -> tuple[str, str, int] | None:
    """Scheme, host and port as the HTTP library will read them; None where it could be fooled."""
    try:
        parsed = parse_url(url)
    except urllib3_errors.LocationParseError:
        return None
    if parsed.auth or "\\" in url or not parsed.host or parsed.scheme not in {"http", "https"}:
        return None
    return parsed.scheme, parsed.host, parsed.port or {"http": 80, "https": 443}[parsed.scheme]


def _causes(error: BaseException | None) -> list[BaseException]:
    """An error and what lies beneath it, outermost first."""
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        inner = [part for part in (*error.args, getattr(error, "reason", None)) if _is_error(part)]
        error = error.__cause__ or error.__context__ or (inner[0] if inner else None)
    return found


def _is_error(part: object) -> bool:
    return isinstance(part, BaseException)
