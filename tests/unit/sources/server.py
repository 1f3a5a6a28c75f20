"""A model server on loopback that speaks as the Hub does, and misbehaves as a test asks it to."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

COMMIT = "c0ffee" + "0" * 34
OTHER_COMMIT = "beef" + "1" * 36


def weights(size: int = 300_000) -> bytes:
    return bytes(i * 7 % 251 for i in range(size))


def small_model() -> dict[str, bytes]:
    return {
        "config.json": b'{"architectures": ["LlamaForCausalLM"]}',
        "tokenizer.model": b"pieces",
        "model.safetensors": weights(),
        "modeling_own.py": b"print('never')",
        "pytorch_model.bin": b"never",
    }


@dataclass
class Asked:
    path: str
    headers: dict[str, str]


@dataclass
class Behaviour:
    """``break_after``: for each coming answer with content, after how many bytes it breaks; empty: never."""

    files: dict[str, bytes] = field(default_factory=small_model)
    commit: str = COMMIT
    extra: dict[str, object] = field(default_factory=dict)  # fields of the listing
    names: dict[str, str] = field(default_factory=dict)  # file -> the name that the listing gives it
    break_after: list[int] = field(default_factory=list)
    token: str = ""  # required where it is set
    refuse: list[tuple[int, dict[str, str]]] = field(default_factory=list)  # answers given instead, in turn
    redirect: str = ""  # address of another server for the weights
    served: dict[str, bytes] = field(default_factory=dict)  # what really comes, where it is not ``files``
    tags: dict[str, str] = field(default_factory=dict)  # ETags, where they are not made of the content
    asked: list[Asked] = field(default_factory=list)
    hold: threading.Event | None = None  # answers with weights stop half-way until it is set
    holding: threading.Event = field(default_factory=threading.Event)

    def downloads(self, name: str) -> list[Asked]:
        return [asked for asked in self.asked if asked.path.endswith(f"/{name}")]


@contextmanager
def serving(behaviour: Behaviour) -> Iterator[str]:
    """The server's address."""

    class Handler(_Handler):
        state = behaviour

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = False
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        if behaviour.hold is not None:
            behaviour.hold.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    state: Behaviour

    def log_message(self, format: str, *args: object) -> None: ...

    def do_GET(self) -> None:
        state, path = self.state, unquote(urlsplit(self.path).path)
        state.asked.append(Asked(path, {k.lower(): v for k, v in self.headers.items()}))
        if state.refuse:
            code, headers = state.refuse.pop(0)
            self._send(code, b"", headers)
        elif state.token and self.headers.get("Authorization") != f"Bearer {state.token}":
            self._send(401, b"", {"X-Error-Code": "RepoNotFound"})
        elif path.startswith("/api/models/"):
            self._send(200, json.dumps(self._listing()).encode(), {})
        else:
            self._file(path.split("/", 5)[5] if "/resolve/" in path else path.rsplit("/", 1)[1])

    def _listing(self) -> dict[str, object]:
        state = self.state
        siblings = []
        for name, content in state.files.items():
            entry: dict[str, object] = {"rfilename": state.names.get(name, name), "size": len(content)}
            if len(content) > 1000:
                entry["lfs"] = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
            git = hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()
            siblings.append({**entry, "blobId": git})
        return {"id": "owner/name", "sha": state.commit, "siblings": siblings, **state.extra}

    def _file(self, name: str) -> None:
        state = self.state
        content = state.served.get(name, state.files.get(name))
        if content is None:
            self._send(404, b"", {"X-Error-Code": "EntryNotFound"})
            return
        if state.redirect and len(content) > 1000:
            self._send(302, b"", {"Location": f"{state.redirect}/{name}", "X-Repo-Commit": state.commit})
            return
        tag = state.tags.get(name, f'"{hashlib.sha256(content).hexdigest()}"')
        begin = self._begin(tag)
        headers = {"ETag": tag, "X-Linked-Etag": tag, "X-Repo-Commit": state.commit}
        if begin:
            headers["Content-Range"] = f"bytes {begin}-{len(content) - 1}/{len(content)}"
        self._send(206 if begin else 200, content[begin:], headers)

    def _begin(self, tag: str) -> int:
        """Where the answer starts: a range counts only while the tag is still the same."""
        wanted = self.headers.get("Range", "")
        if not wanted or self.headers.get("If-Range", tag) != tag:
            return 0
        return int(wanted.removeprefix("bytes=").rstrip("-"))

    def _send(self, code: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(code)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        large = len(content) > 1000
        if large and self.state.hold is not None:
            self.wfile.write(content[:1000])
            self.wfile.flush()
            self.state.holding.set()
            self.state.hold.wait(30)
            return
        until = self.state.break_after.pop(0) if large and self.state.break_after else len(content)
        self.wfile.write(content[:until])
