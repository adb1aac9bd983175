"""An OCSP responder and a contract certificate provider on loopback, as simple as their answers are real."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ocsp

Answer = tuple[int, bytes]


@contextmanager
def answering(answer: Callable[[bytes], Answer]) -> Iterator[str]:
    """A server whose POST answers are `answer(body)`; its address without the scheme."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            status, content = answer(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args: Any) -> None:
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def ocsp_answer(issuer: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Callable[[bytes], Answer]:
    """Every certificate is good; a request that is none is malformed, as RFC 6960 says it."""

    def answer(body: bytes) -> Answer:
        try:
            asked = ocsp.load_der_ocsp_request(body)
        except ValueError:
            refused = ocsp.OCSPResponseBuilder.build_unsuccessful(ocsp.OCSPResponseStatus.MALFORMED_REQUEST)
            return 200, refused.public_bytes(serialization.Encoding.DER)
        now = datetime.now(UTC)
        response = (
            ocsp.OCSPResponseBuilder()
            .add_response_by_hash(
                issuer_name_hash=asked.issuer_name_hash,
                issuer_key_hash=asked.issuer_key_hash,
                serial_number=asked.serial_number,
                algorithm=hashes.SHA256(),
                cert_status=ocsp.OCSPCertStatus.GOOD,
                this_update=now,
                next_update=now + timedelta(days=7),
                revocation_time=None,
                revocation_reason=None,
            )
            .responder_id(ocsp.OCSPResponderEncoding.HASH, issuer)
            .sign(key, hashes.SHA256())
        )
        return 200, response.public_bytes(serialization.Encoding.DER)

    return answer


def contract_answer(body: bytes) -> Answer:
    """The answer holds the request, so that a test sees it went there and back."""
    asked = orjson.loads(body)
    exi = base64.b64encode(b"res:" + base64.b64decode(asked["exiRequest"])).decode()
    return 200, orjson.dumps({"exiResponse": exi, "action": asked["action"]})
