"""A small object store on loopback that speaks as much of S3 as the archive uses, and fails on demand.

Objects live in memory; credentials are not looked at. Lists come in short pages, as those of large buckets do.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit
from xml.etree import ElementTree
from xml.sax.saxutils import escape

BUCKET = "readings"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "someone", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_EC2_METADATA_DISABLED": "true"}
_PAGE = 5
_NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'


class ObjectStore:
    """``objects`` by key; ``requests`` counts by method. ``hang`` and ``refuse`` hold until ``recover``."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.written_s: dict[str, float] = {}
        self.uploads: dict[str, dict[int, bytes]] = {}
        self.requests: list[str] = []
        self.refuses_with: int | None = None
        self.breaks_off = False
        self._may_answer = threading.Event()
        self._may_answer.set()
        self._server = _Server(("127.0.0.1", 0), _Answer)
        self._server.store = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="object store")

    @property
    def uri(self) -> str:
        port = self._server.server_address[1]
        return f"s3://{BUCKET}/ct6?scheme=http&endpoint_override=127.0.0.1:{port}&region=eu-central-1"

    def files(self) -> set[str]:
        """The keys below the archive's root, without the empty ones that stand for folders."""
        return {key.removeprefix("ct6/") for key in self.objects if not key.endswith("/")}

    def hang(self) -> None:
        """Take connections and requests, and answer none."""
        self._may_answer.clear()

    def refuse(self, status: int) -> None:
        self.refuses_with = status

    def break_off_reads(self) -> None:
        """Send half of what is asked for, and close the connection."""
        self.breaks_off = True

    def stop_listening(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def recover(self) -> None:
        self.refuses_with, self.breaks_off = None, False
        self._may_answer.set()

    def keep(self, key: str, content: bytes) -> None:
        self.objects[key] = content
        self.written_s[key] = time.time()

    def wait_for_leave(self) -> None:
        self._may_answer.wait()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self.recover()
        self.stop_listening()
        self._thread.join()


@contextmanager
def object_store() -> Iterator[ObjectStore]:
    store = ObjectStore()
    store.start()
    try:
        yield store
    finally:
        store.stop()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    store: ObjectStore


class _Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the base class calls it so
        pass

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except ConnectionError:
            self.close_connection = True

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def do_PUT(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_DELETE(self) -> None:
        self._answer()

    def _answer(self) -> None:
        store = self.server.store
        address = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(address.query, keep_blank_values=True).items()}
        _, bucket, *rest = unquote(address.path).split("/", 2)
        key = rest[0] if rest else ""
        body = self._body()
        store.requests.append(f"{self.command} {key}")
        store.wait_for_leave()
        if store.refuses_with is not None:
            self._send(store.refuses_with, _error("Refused"))
        elif bucket != BUCKET:
            self._send(404, _error("NoSuchBucket"))
        elif not key:
            self._of_bucket(query, body)
        elif self.command in ("GET", "HEAD"):
            self._read(key)
        else:
            self._change(key, query, body)

    def _of_bucket(self, query: dict[str, str], body: bytes) -> None:
        objects = self.server.store.objects
        if "delete" in query:
            for one in ElementTree.fromstring(body).iter():
                if one.tag.endswith("Key"):
                    objects.pop(one.text or "", None)
            self._send(200, _document("DeleteResult"))
        elif "list-type" in query:
            self._send(200, _listed(self.server.store, query).encode())
        else:
            self._send(200, b"", {"x-amz-bucket-region": "eu-central-1"})

    def _read(self, key: str) -> None:
        store = self.server.store
        content = store.objects.get(key)
        if content is None:
            self._send(404, _error("NoSuchKey"))
            return
        headers = {
            "ETag": _etag(content),
            "Last-Modified": formatdate(store.written_s[key], usegmt=True),
            "Accept-Ranges": "bytes",
        }
        asked = self.headers.get("Range")
        if asked is None:
            self._send(200, content, headers)
            return
        first, _, last = asked.removeprefix("bytes=").partition("-")
        start = int(first) if first else max(0, len(content) - int(last))
        end = min(int(last), len(content) - 1) if first and last else len(content) - 1
        headers["Content-Range"] = f"bytes {start}-{end}/{len(content)}"
        self._send(206, content[start : end + 1], headers)

    def _change(self, key: str, query: dict[str, str], body: bytes) -> None:
        store = self.server.store
        if self.command == "DELETE":
            store.uploads.pop(query.get("uploadId", ""), None)
            if "uploadId" not in query:
                store.objects.pop(key, None)
            self._send(204, b"")
        elif "uploads" in query:
            upload = f"upload-{len(store.requests)}"
            store.uploads[upload] = {}
            self._send(200, _document("InitiateMultipartUploadResult", Key=key, UploadId=upload))
        elif "partNumber" in query:
            store.uploads[query["uploadId"]][int(query["partNumber"])] = body
            self._send(200, b"", {"ETag": _etag(body)})
        elif "uploadId" in query:
            parts = store.uploads.pop(query["uploadId"])
            store.keep(key, b"".join(parts[number] for number in sorted(parts)))
            self._send(200, _document("CompleteMultipartUploadResult", Key=key, ETag=_etag(store.objects[key])))
        else:
            store.keep(key, body)
            self._send(200, b"", {"ETag": _etag(body)})

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            content = b"".join(self._chunks())
        else:
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        return _unwrapped(content) if "aws-chunked" in self.headers.get("Content-Encoding", "") else content

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self.rfile.readline().split(b";")[0], 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass

    def _send(self, status: int, content: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command == "GET" and self.server.store.breaks_off:
            self.wfile.write(content[: len(content) // 2])
            self.close_connection = True
        elif self.command != "HEAD":
            self.wfile.write(content)


def _listed(store: ObjectStore, query: dict[str, str]) -> str:
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    after = query.get("continuation-token", "")
    found: dict[str, bool] = {}
    for key in sorted(store.objects):
        if key.startswith(prefix):
            head, cut, _ = key[len(prefix) :].partition(delimiter) if delimiter else (key, "", "")
            found[prefix + head + cut if cut else key] = bool(cut)
    names = [name for name in found if name > after][: min(_PAGE, int(query.get("max-keys", _PAGE)))]
    is_cut = bool(names) and names[-1] != list(found)[-1]
    lines = [f"<IsTruncated>{str(is_cut).lower()}</IsTruncated><KeyCount>{len(names)}</KeyCount>"]
    lines += [f"<NextContinuationToken>{escape(names[-1])}</NextContinuationToken>"] if is_cut else []
    lines += [_entry(store, name, is_folder=found[name]) for name in names]
    return f"<ListBucketResult {_NAMESPACE}><Name>{BUCKET}</Name>{''.join(lines)}</ListBucketResult>"


def _entry(store: ObjectStore, name: str, *, is_folder: bool) -> str:
    if is_folder:
        return f"<CommonPrefixes><Prefix>{escape(name)}</Prefix></CommonPrefixes>"
    when = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(store.written_s[name]))
    content = store.objects[name]
    return (
        f"<Contents><Key>{escape(name)}</Key><LastModified>{when}</LastModified><Size>{len(content)}</Size>"
        f"<ETag>{escape(_etag(content))}</ETag></Contents>"
    )


def _document(name: str, **values: str) -> bytes:
    inner = "".join(f"<{tag}>{escape(value)}</{tag}>" for tag, value in values.items())
    return f"<{name} {_NAMESPACE}>{inner}</{name}>".encode()


def _unwrapped(content: bytes) -> bytes:
    """What aws-chunked holds: lengths before each part, a checksum behind all."""
    parts = []
    while content:
        head, _, content = content.partition(b"\r\n")
        size = int(head.split(b";")[0], 16)
        if not size:
            break
        parts.append(content[:size])
        content = content[size + 2 :]
    return b"".join(parts)


def _etag(content: bytes) -> str:
    return f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'


def _error(code: str) -> bytes:
    return f"<Error><Code>{code}</Code><Message>{code}</Message></Error>".encode()
