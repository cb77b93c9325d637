"""HTTP sessions, one per thread, that send what they are given and nothing else.

No cookies of earlier requests, nothing from ~/.netrc. Proxies and certificates are those of the
environment and of the machine.
"""

from __future__ import annotations

import ipaddress
import logging
import os
import ssl
import threading
from copy import copy
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import requests
import truststore
from requests.adapters import HTTPAdapter
from requests.cookies import extract_cookies_to_jar, get_cookie_header
from requests.utils import DEFAULT_CA_BUNDLE_PATH, get_environ_proxies, select_proxy
from typing_extensions import override
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool

from tap_callhistory.transport.watch import exchange_of_this_thread

if TYPE_CHECKING:
    from collections.abc import Mapping

    from requests.cookies import RequestsCookieJar
    from urllib3.connectionpool import ConnectionPool
    from urllib3.response import BaseHTTPResponse

# urllib3 warns of broken headers with the whole URL and a traceback, and at DEBUG tells every URL
# with its query; what came of the request is told by the transport.
logging.getLogger("urllib3.connection").setLevel(logging.ERROR)
logging.getLogger("urllib3.connectionpool").setLevel(logging.INFO)

TEMPLATES_REMEMBERED = 64
_BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


class Sent(NamedTuple):
    """A request as it goes out.

    Attributes:
        method: GET or POST.
        url: Without the query, unless it comes from a redirect.
        query: Encoded; "" for none.
        headers: All of them, the credential among them.
        body: None for no body.
    """

    method: str
    url: str
    query: str
    headers: Mapping[str, str]
    body: bytes | None


class Proxy(NamedTuple):
    """A proxy that a request goes through.

    Attributes:
        variable: The environment variable that names it.
        is_socks: Whether it speaks SOCKS, which needs an extra.
    """

    variable: str
    is_socks: bool


def proxy_of(url: str) -> Proxy | None:
    """The proxy that a request to this address goes through; None for none."""
    try:
        address = None if is_loopback(url) else select_proxy(url, get_environ_proxies(url, None))
    except ValueError:
        return None
    if not address:
        return None
    names = [f"{urlsplit(url).scheme}_proxy", "all_proxy"]
    forms = [form for name in names for form in (name.upper(), name)]
    variable = next((form for form in forms if os.environ.get(form) == address), "HTTPS_PROXY")
    return Proxy(variable.upper(), address.lower().startswith("socks"))


def is_loopback(url: str) -> bool:
    """Whether an address is on this machine, where no proxy could ask for it."""
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def keep_cookies(jar: RequestsCookieJar, sent: Sent, response: BaseHTTPResponse) -> None:
    """Keep the cookies that came with a redirect, for the next request to its target."""
    extract_cookies_to_jar(jar, _for_cookies(sent), response)  # type: ignore[no-untyped-call]


def with_cookies(jar: RequestsCookieJar, sent: Sent) -> Mapping[str, str]:
    """A request's headers with the cookies that are for its address."""
    bare = {name: value for name, value in sent.headers.items() if name != "Cookie"}
    cookies = get_cookie_header(jar, _for_cookies(sent))  # type: ignore[no-untyped-call]
    return {**bare, "Cookie": cookies} if cookies else bare


def _for_cookies(sent: Sent) -> requests.PreparedRequest:
    prepared = requests.PreparedRequest()
    prepared.prepare(method=sent.method, url=sent.url)
    return prepared


class _ShowsItsSocket(HTTPConnection):
    """A connection that shows the exchange of its thread which socket it waits on."""

    @override
    def getresponse(self) -> Any:
        exchange = exchange_of_this_thread()
        if exchange is not None:
            exchange.socket = self.sock
        return super().getresponse()


class _ShowsItsTlsSocket(_ShowsItsSocket, HTTPSConnection):
    """The same over TLS."""


@cache
def machine_certificates() -> ssl.SSLContext:
    """Trust in what this machine trusts (and SSL_CERT_FILE names), and in the usual authorities.

    Containers often have no store of their own, hence the bundle that requests brings.
    """
    context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(DEFAULT_CA_BUNDLE_PATH)
    return context


class _Prepared(requests.PreparedRequest):
    """A request as requests prepares it, and what the adapter would find out for it every time."""

    pool: ConnectionPool
    target: str


class _Adapter(HTTPAdapter):
    """Sends what is prepared, and gives urllib3's own answer: nobody needs more of it."""

    def prepare(self, request: _Prepared, settings: Mapping[str, Any]) -> None:
        """Find out what depends on the address alone."""
        verify, cert, proxies = (settings[name] for name in ("verify", "cert", "proxies"))
        pool = super().get_connection_with_tls_context(request, verify, proxies, cert)
        if isinstance(pool, HTTPConnectionPool):
            over_tls = pool.scheme == "https"
            pool.ConnectionCls = _ShowsItsTlsSocket if over_tls else _ShowsItsSocket
        request.pool, request.target = pool, super().request_url(request, proxies)

    @override
    def get_connection_with_tls_context(self, request: Any, *_: Any, **__: Any) -> Any:
        return request.pool

    @override
    def request_url(self, request: Any, proxies: Any) -> str:
        target: str = request.target
        return target

    @override
    def build_response(self, req: Any, resp: Any) -> Any:
        return resp


class _MachineAdapter(_Adapter):
    """Trusts the certificates of this machine, with and without a proxy."""

    @override
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs, ssl_context=machine_certificates())

    @override
    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        return super().proxy_manager_for(proxy, **kwargs, ssl_context=machine_certificates())

    @override
    def cert_verify(self, *_: Any) -> None:
        """Leave the trust to the context, which has all that there is."""


class Session(requests.Session):
    """Sends requests from templates.

    What a method, an address and its headers come to (the pool of connections, the proxy, the
    certificates) is found out once: it holds for the run, and costs more than sending.
    """

    def __init__(self) -> None:
        super().__init__()
        self.adapters.clear()
        self._templates: dict[tuple[Any, ...], tuple[_Prepared, _Adapter, Mapping[str, Any]]] = {}

    def send_prepared(self, sent: Sent, timeouts: tuple[float, float]) -> BaseHTTPResponse:
        """Send a request; the answer's body is not read yet.

        Raises:
            requests.RequestException: It did not go out, or no answer came.
        """
        known = (sent.method, sent.url, *sent.headers.items())
        if known not in self._templates:
            if len(self._templates) >= TEMPLATES_REMEMBERED:
                self._templates.clear()
            self._templates[known] = self._template(sent)
        template, adapter, settings = self._templates[known]
        prepared = copy(template)
        if sent.query:
            prepared.target = f"{template.target}?{sent.query}"
        if sent.body is not None:
            prepared.body = sent.body
            length = str(len(sent.body))
            prepared.headers = {**template.headers, "Content-Length": length}  # type: ignore[assignment]
        response: Any = adapter.send(prepared, timeout=timeouts, **settings)
        return response  # type: ignore[no-any-return]

    def _template(self, sent: Sent) -> tuple[_Prepared, _Adapter, Mapping[str, Any]]:
        prepared = _Prepared()
        prepared.prepare(method=sent.method, url=sent.url, headers=sent.headers)
        prepared.headers = dict(prepared.headers)  # type: ignore[assignment]
        url = str(prepared.url)
        settings = self.merge_environment_settings(url, {}, True, None, None)  # noqa: FBT003
        if is_loopback(url):
            settings["proxies"] = {}
        adapter = self._adapter(url)
        adapter.prepare(prepared, settings)
        return prepared, adapter, settings

    def _adapter(self, url: str) -> _Adapter:
        """The adapter for an address, opened at first need: certificates take time to load."""
        scheme = "https://" if url.lower().startswith("https://") else "http://"
        if scheme not in self.adapters:
            own_bundle = any(map(os.environ.get, _BUNDLES))
            of_machine = scheme == "https://" and not own_bundle
            kind = _MachineAdapter if of_machine else _Adapter
            self.mount(scheme, kind(pool_connections=2, pool_maxsize=1))
        adapter = self.get_adapter(url)
        assert isinstance(adapter, _Adapter)  # noqa: S101 - no other is ever mounted
        return adapter


class Sessions:
    """One session for each thread, since a requests session is not made to be shared."""

    def __init__(self) -> None:
        self._own = threading.local()
        self._lock = threading.Lock()
        self._all: list[Session] = []

    def mine(self) -> Session:
        """The session of this thread."""
        session: Session | None = getattr(self._own, "session", None)
        if session is None:
            session = self._own.session = Session()
            with self._lock:
                self._all.append(session)
        return session

    def close(self) -> None:
        """Close the sessions of all threads."""
        with self._lock:
            for session in self._all:
                session.close()
            self._all.clear()
