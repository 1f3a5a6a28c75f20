"""Requests to a model server: redirects by hand, so that no other host gets the token; errors as sentences.

No error text holds the token, or a signed address of a download.
"""

from __future__ import annotations

import http.client
import os
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPMessage, HTTPResponse
from pathlib import Path
from typing import IO
from urllib.error import HTTPError, URLError
from urllib.parse import urljoin, urlsplit
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

from backends import __version__
from backends.domain.errors import BadInput, JobFailed
from backends.frameworks.base import JobContext

ENDPOINT = "https://huggingface.co"
TIMEOUT_S = 30.0
MOST_REDIRECTS = 5
LONGEST_WAIT_S = 120.0  # for a rate limit; beyond it the user decides
LOOK_S = 0.1
_TRUE = ("1", "true", "yes", "on")
_MOVED = (301, 302, 303, 307, 308)
_GONE = (ConnectionError, TimeoutError, http.client.HTTPException)


class Interrupted(Exception):
    """The connection broke, or the server has trouble that may pass. ``sentence`` is for the user."""

    def __init__(self, sentence: str, remedy: str, wait_s: float | None = None) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.remedy = remedy
        self.wait_s = wait_s  # where the server said how long

    def final(self) -> JobFailed:
        return JobFailed(self.sentence, self.remedy)


class _NoRedirect(HTTPRedirectHandler):
    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> None:
        return None


@dataclass(frozen=True)
class Server:
    """Where models come from. The token is shown nowhere, not even in this object's own text."""

    endpoint: str
    token: str = field(default="", repr=False)

    @property
    def host(self) -> str:
        return urlsplit(self.endpoint).netloc

    def open(self, url: str, headers: Mapping[str, str], what: str) -> HTTPResponse:
        """The answer to a GET after all redirects; the caller closes it. ``what``: whose name errors say.

        Raises BadInput for what the user has to change, :class:`Interrupted` for what may pass.
        """
        opener = build_opener(_NoRedirect(), ProxyHandler())
        for _ in range(MOST_REDIRECTS):
            request = Request(url, headers={**_OURS, **headers, **self._authorization(url)})
            try:
                response: HTTPResponse = opener.open(request, timeout=TIMEOUT_S)
                return response
            except HTTPError as error:
                with error:
                    if error.code not in _MOVED:
                        raise self._explained(error, what) from None
                    url = self._next(url, error.headers.get("Location", ""))
            except URLError as error:
                raise self._unreachable(error.reason) from None
            except _GONE as error:
                raise self._unreachable(error) from None
        raise BadInput(f"{self.host} sends in circles.", "Check HF_ENDPOINT.")

    def _authorization(self, url: str) -> dict[str, str]:
        """To the server itself only, and never in the clear over a network."""
        here, there = urlsplit(self.endpoint), urlsplit(url)
        if not self.token or (here.scheme, here.netloc) != (there.scheme, there.netloc):
            return {}
        if there.scheme != "https" and there.hostname not in _LOOPBACK:
            return {}
        return {"Authorization": f"Bearer {self.token}"}

    def _next(self, url: str, location: str) -> str:
        target = urljoin(url, location)
        allowed = ("https",) if urlsplit(url).scheme == "https" else ("https", "http")
        if not location or urlsplit(target).scheme not in allowed:
            raise BadInput(f"{self.host} redirects to an address that is not safe.", "Check HF_ENDPOINT.")
        return target

    def _unreachable(self, reason: object) -> Exception:
        if isinstance(reason, ssl.SSLError):
            return BadInput(
                f"The connection to {self.host} cannot be trusted: its certificate was refused.",
                "Check the clock of this machine, its proxy, and HF_ENDPOINT.",
            )
        return Interrupted(
            f"{self.host} cannot be reached.",
            "Check the connection; or copy the model's folder here from another machine and open that.",
        )

    def _explained(self, error: HTTPError, what: str) -> Exception:
        code = error.headers.get("X-Error-Code", "")
        if code == "RevisionNotFound":
            return BadInput(f"{what} has no such revision.", "Check the branch, tag or commit.")
        if code == "EntryNotFound":
            return BadInput(f"A file of {what} is gone.", "Ask for the model again.")
        if error.code == 403 or code == "GatedRepo":
            return BadInput(
                f"{what} is gated: {self.host} gives it only to those who accepted its terms.",
                f"Accept them on the model's page, then use a token of your account. {_HOW_TO_TOKEN}",
            )
        if error.code == 401:
            return BadInput(
                f"{self.host} does not show {what}: it does not exist, or it is private or gated"
                + (", and the token does not open it." if self.token else "."),
                f"Check the name; for a private or gated model use a token that may read it. {_HOW_TO_TOKEN}",
            )
        if error.code in (404, 410):
            return BadInput(f"{self.host} has no {what}.", "Check the name and the revision.")
        if error.code == 429:
            return self._limited(error)
        if error.code >= 500 or error.code == 408:
            return Interrupted(
                f"{self.host} has trouble (answer {error.code}).", "Try again later; what is there stays."
            )
        return BadInput(f"{self.host} refuses {what} (answer {error.code}).", "Check the name.")

    def _limited(self, error: HTTPError) -> Exception:
        text = error.headers.get("Retry-After", "")
        wait_s = float(text) if text.isdigit() else None
        when = f"in {wait_s:.0f} s" if wait_s else "in some minutes"
        sentence = f"{self.host} says that there were too many requests from here."
        if wait_s is not None and wait_s <= LONGEST_WAIT_S:
            return Interrupted(sentence, f"Try again {when}.", wait_s)
        return JobFailed(sentence, f"Try again {when}; what is there stays. A token raises the limit.")


_OURS = {"User-Agent": f"edgewright/{__version__}", "Accept-Encoding": "identity"}
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_HOW_TO_TOKEN = "Set HF_TOKEN, or log in with Hugging Face's own tool."


def server(token: str = "") -> Server:
    """The server that ``HF_ENDPOINT`` names, with ``token`` or the one that is found here.

    Raises BadInput, and JobFailed where the user wants no network.
    """
    if os.environ.get("HF_HUB_OFFLINE", "").lower() in _TRUE:
        raise JobFailed("HF_HUB_OFFLINE is set: nothing is downloaded.", "Unset it, or open a local folder.")
    endpoint = (os.environ.get("HF_ENDPOINT") or ENDPOINT).rstrip("/")
    parts = urlsplit(endpoint)
    if parts.scheme not in ("https", "http") or not parts.hostname or parts.username or parts.query:
        raise BadInput("HF_ENDPOINT is no address of a server.", f"Set it to {ENDPOINT}, or unset it.")
    return Server(endpoint, token or stored_token())


def stored_token() -> str:
    """From ``HF_TOKEN``, else from the file where Hugging Face's own tools keep it; else ""."""
    named = os.environ.get("HF_TOKEN") or os.environ.get("HUGGING_FACE_HUB_TOKEN")
    if named:
        return named.strip()
    home = os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface"
    path = Path(os.environ.get("HF_TOKEN_PATH") or Path(home) / "token")
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""


def wait(seconds: float, job: JobContext) -> None:
    """Sleep, and hear a cancel meanwhile."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        job.check_cancelled()
        time.sleep(min(LOOK_S, max(0.0, end - time.monotonic())))
