"""Takes one request to the vendor and brings its answer back, within bounds of time and size.

Nothing is retried here. A credential goes to the host that the settings name and to no other.
"""

from __future__ import annotations

import socket
import ssl
import zlib
from dataclasses import dataclass, field
from functools import lru_cache
from http import HTTPStatus
from http.client import HTTPException
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urljoin

import msgspec
import requests
from requests.cookies import RequestsCookieJar
from urllib3 import exceptions as urllib3_errors
from urllib3.util import parse_url

from tap_callhistory.errors import (
    CallHistoryError,
    SettingsError,
    StoppedError,
    VendorRefusal,
    VendorUnavailable,
)
from tap_callhistory.transport.bodies import MAX_BODY_BYTES, TooLarge, read_body, read_plain_body
from tap_callhistory.transport.sessions import (
    Sent,
    Sessions,
    keep_cookies,
    proxy_of,
    with_cookies,
)
from tap_callhistory.transport.watch import Cut, Exchange, Watch

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping

    from urllib3.response import BaseHTTPResponse

LONGEST_CONNECT_SECONDS = 10.0
MAX_REDIRECTS = 3
PARAMETERS_REMEMBERED = 1_024
"""Encoded parameters: the pages of a window have nearly all of theirs in common."""

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
        undecodable: It could not be decompressed.
        hopeless: It would be so again.
        status: The HTTP status of the answer; None where none came.
        may_carry_less: Whether a smaller question may be answered.
        timed_out: Whether nothing came in all the time that it was given.
        too_often: Whether the vendor wants to be asked less often.
        advice: What the user can do if it stays so.
    """

    too_often = False

    def __init__(
        self,
        reason: str,
        *,
        unreadable: bool = False,
        undecodable: bool = False,
        hopeless: bool = False,
        status: int | None = None,
        may_carry_less: bool = True,
        timed_out: bool = False,
        advice: str | None = None,
    ) -> None:
        super().__init__(reason)
        self.unreadable = unreadable
        self.undecodable = undecodable
        self.hopeless = hopeless
        self.status = status
        self.may_carry_less = may_carry_less
        self.timed_out = timed_out
        self.advice = advice


def too_large(error: TooLarge) -> FailedTry:
    """A try whose answer was beyond the bounds: only a smaller page would not be."""
    advice = "Lower the vendor's page_size"
    return FailedTry(str(error), unreadable=True, hopeless=True, advice=advice)


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
        sessions: What sends; by default sessions of its own.
        most_body_bytes: The longest body of one answer, decompressed.
    """

    def __init__(
        self,
        *,
        name: str,
        request_timeout: float,
        stop: threading.Event,
        sessions: Sessions | None = None,
        most_body_bytes: int = MAX_BODY_BYTES,
    ) -> None:
        self._name = name
        self._timeouts = (min(LONGEST_CONNECT_SECONDS, request_timeout), request_timeout)
        self._deadline_seconds = 2 * request_timeout
        self._sessions = sessions or Sessions()
        self._watch = Watch(stop)
        self._most_body_bytes = most_body_bytes

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
        url, query = request.url, "&".join(map(_encoded, request.params))
        cookies = RequestsCookieJar()
        for _ in range(MAX_REDIRECTS + 1):
            before_each()
            answer = self._exchange(Sent(request.method, url, query, headers, body), cookies)
            target = answer.headers.get("Location")
            if answer.status not in _REDIRECTS or not target:
                return answer
            asked = f"{url}?{query}" if query else url
            url, query = self._redirected(request.method, asked, answer.status, target), ""
            headers = with_cookies(cookies, Sent(request.method, url, query, headers, body))
        raise self._refusal("the vendor redirects over and over", answer.status)

    def close(self) -> None:
        """End the exchanges under way, with StoppedError, and close all connections."""
        self._watch.close()
        self._sessions.close()

    def _exchange(self, sent: Sent, cookies: RequestsCookieJar) -> Answer:
        with Exchange(self._watch, self._deadline_seconds) as exchange:
            try:
                response = self._sessions.mine().send_prepared(sent, self._timeouts)
                try:
                    answer = self._answer(sent, response)
                finally:
                    response.close()
                    response.release_conn()
                if answer.status in _REDIRECTS:
                    keep_cookies(cookies, sent, response)
            except requests.exceptions.InvalidProxyURL:
                raise SettingsError(
                    f"{self._name}: the proxy that the environment names is no URL; check "
                    "HTTPS_PROXY, HTTP_PROXY and ALL_PROXY"
                ) from None
            except _UNSENDABLE as error:
                raise self._unsendable(sent, error) from None
            except _BROKEN as error:
                answer = Answer(0, {}, failed=self._failed(sent, error))
        return self._unless_cut(answer, exchange.cut)

    def _unsendable(self, sent: Sent, error: Exception) -> SettingsError:
        proxy = proxy_of(sent.url)
        if (
            proxy is not None
            and proxy.is_socks
            and type(error) is requests.exceptions.InvalidSchema
        ):
            return SettingsError(
                f"{self._name}: {proxy.variable} names a SOCKS proxy, which needs the extra socks: "
                "pip install 'tap-callhistory[socks]', or name an HTTP proxy there"
            )
        return SettingsError(
            f"{self._name}: a request that cannot be sent ({type(error).__name__}); "
            "check the vendor's api_url, and user_agent"
        )

    def _answer(self, sent: Sent, response: BaseHTTPResponse) -> Answer:
        status, headers = response.status, response.headers
        if status in _REDIRECTS:
            return Answer(status, headers)
        uncompressed = sent.headers.get("Accept-Encoding") == "identity"
        try:
            read = read_plain_body if uncompressed else read_body
            return Answer(status, headers, read(response, self._most_body_bytes))
        except TooLarge as error:
            return Answer(status, headers, failed=too_large(error))
        except (urllib3_errors.DecodeError, zlib.error):
            # Not quoted: it is the vendor's to choose, and could be anything.
            failed = FailedTry(
                "the answer is not compressed as its Content-Encoding says",
                unreadable=True,
                undecodable=True,
                advice="Check the proxy on the way to the vendor, and the vendor's api_url",
            )
            return Answer(status, headers, failed=failed)
        except _BROKEN as error:
            return Answer(status, headers, failed=self._failed(sent, error))

    def _unless_cut(self, answer: Answer, cut: Cut | None) -> Answer:
        if cut is Cut.STOPPED:
            raise StoppedError("stopped during a request")
        if cut is Cut.LATE:
            late = f"the answer did not end within {self._deadline_seconds:g} s"
            raise FailedTry(late, timed_out=True)
        if not answer.status and answer.failed is not None:
            raise answer.failed
        return answer

    def _failed(self, sent: Sent, error: Exception) -> FailedTry:
        """Name what broke by its kind; its text would hold the URL and its query."""
        proxy = proxy_of(sent.url)
        on_the_way = f"Check the proxy that {proxy.variable} names" if proxy else None
        if isinstance(error, requests.ConnectTimeout):
            return FailedTry(f"no connection within {self._timeouts[0]:g} s", advice=on_the_way)
        if isinstance(error, _TIMED_OUT):
            silence = f"no answer within {self._timeouts[1]:g} s"
            return FailedTry(silence, timed_out=True, advice=on_the_way)
        roots = list(_causes(error))
        if any(isinstance(root, ssl.SSLCertVerificationError) for root in roots):
            raise VendorUnavailable(
                f"{self._name}: the vendor's TLS certificate is not to be trusted; nothing was "
                "sent. Check the vendor's api_url. A certificate of your own authority belongs "
                "into this machine's store, or into a file that REQUESTS_CA_BUNDLE names"
            ) from None
        if type(error) is OSError:  # as requests says that a file of certificates is not there
            raise SettingsError(
                f"{self._name}: the certificates that the environment names cannot be read; check "
                "REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE"
            ) from None
        kind = type(roots[-1]).__name__
        if proxy is not None and _never_reached_the_vendor(error, roots):
            what = f"no way through the proxy that {proxy.variable} names ({kind})"
            return FailedTry(what, advice=on_the_way)
        if any(isinstance(root, socket.gaierror) for root in roots):
            return FailedTry("the host's name is not known")
        return FailedTry(f"the connection failed ({kind})", advice=on_the_way)

    def _redirected(self, method: str, url: str, status: int, target: str) -> str:
        try:
            new_url = urljoin(url, target)
        except ValueError:
            new_url = ""
        # A gate that sets a cookie sends back to the same address, and means the same question.
        sent_back = new_url == url and status != HTTPStatus.SEE_OTHER
        keeps_method = method == "GET" or sent_back or status in _REDIRECTS_THAT_KEEP_THE_METHOD
        if keeps_method and _origin(new_url) == _origin(url) is not None:
            return new_url
        raise self._refusal("the vendor redirects to where no credential is sent", status)

    def _refusal(self, what: str, status: int) -> CallHistoryError:
        advice = "Check the vendor's api_url."
        return VendorRefusal(
            f"{self._name}: {what} (HTTP {status}). {advice}", status=status, advice=advice
        )


@lru_cache(PARAMETERS_REMEMBERED)
def _encoded(parameter: tuple[str, str]) -> str:
    return urlencode((parameter,))


def _origin(url: str) -> tuple[str, str, int] | None:
    """Scheme, host and port as the HTTP library will read them; None where it could be fooled."""
    try:
        parsed = parse_url(url)
    except urllib3_errors.LocationParseError:
        return None
    if parsed.auth or "\\" in url or not parsed.host or parsed.scheme not in {"http", "https"}:
        return None
    return parsed.scheme, parsed.host, parsed.port or {"http": 80, "https": 443}[parsed.scheme]


def _never_reached_the_vendor(error: Exception, roots: list[BaseException]) -> bool:
    """Whether an error came up before the proxy let a request through."""
    refused = (requests.exceptions.ProxyError, urllib3_errors.NewConnectionError, socket.gaierror)
    return isinstance(error, refused) or any(isinstance(root, refused) for root in roots)


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
