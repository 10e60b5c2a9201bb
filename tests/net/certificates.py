"""Certificates for the tests, made by openssl once per run."""

import functools
import shutil
import ssl
import subprocess
import tempfile
from pathlib import Path

import pytest


@functools.cache
def folder() -> Path:
    """ca.pem, another.pem, server.pem and client.pem, each with its .key; skips where there is no openssl."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    path = Path(tempfile.mkdtemp(prefix="myna-certificates-"))
    for authority in ("ca", "another"):
        usage = ["-addext", "keyUsage=critical,keyCertSign,cRLSign"]  # Python 3.13 looks for it
        _openssl(
            path, "req", "-x509", *_key(authority), "-out", f"{authority}.pem", "-subj", f"/CN={authority}", *usage
        )
    _sign(path, "server", "/CN=server", "subjectAltName=DNS:localhost,IP:127.0.0.1")
    _sign(path, "client", "/O=Birds/CN=myna-1", "subjectAltName=DNS:one.example,DNS:two.example,URI:urn:myna:1")
    return path


def client_context(*, certificate: bool = False) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(folder() / "ca.pem"))
    if certificate:
        context.load_cert_chain(folder() / "client.pem", folder() / "client.key")
    return context


def _key(name: str) -> list[str]:
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    return [*curve, "-nodes", "-keyout", f"{name}.key", "-days", "30"]


def _sign(path: Path, name: str, subject: str, extension: str) -> None:
    identified = "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid:always"
    (path / f"{name}.ext").write_text(f"{extension}\n{identified}\n")
    _openssl(path, "req", *_key(name)[:-2], "-out", f"{name}.csr", "-subj", subject)
    authority = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "30"]
    _openssl(path, "x509", "-req", "-in", f"{name}.csr", *authority, "-extfile", f"{name}.ext", "-out", f"{name}.pem")


def _openssl(path: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=path, check=True, capture_output=True, timeout=30)
