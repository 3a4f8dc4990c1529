"""Whose signature content credentials bear: an own certificate, or one that this machine makes for itself.

The self-made one is an authority, whose key is thrown away, and one certificate from it, as C2PA refuses certificates
that vouch for themselves. Key and certificates lie in one file, so that two processes starting at once cannot end with
a key of the one and a certificate of the other.
"""

import os
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pipelines.errors import MediaError
from studio.store import home

CERT, KEY = "EDDYLINE_C2PA_CERT", "EDDYLINE_C2PA_KEY"
NAME = "Eddyline, self-signed"
_YEARS = 10
_KEY_USES = ("key_encipherment", "data_encipherment", "key_agreement", "encipher_only", "decipher_only")


@dataclass(frozen=True)
class Identity:
    """A signing key and its certificates, all PEM, and C2PA's name of the algorithm."""

    algorithm: str
    chain: bytes
    key: bytes


def identity() -> Identity:
    """The certificate named by the environment, or else this machine's own, made if there is none.

    Raises:
        MediaError: a file is missing or holds no key or certificate that can sign.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization

    own = own_path()
    named = os.environ.get(CERT), os.environ.get(KEY)
    if any(named) and not all(named):
        raise MediaError(f"sign: {CERT} and {KEY} must be set together")
    if not any(named) and not own.exists():
        _make(own)
    try:
        chain, key = (Path(name).expanduser().read_bytes() if name else own.read_bytes() for name in named)
        private = serialization.load_pem_private_key(key, None)
        certificates = x509.load_pem_x509_certificates(chain)
    except (OSError, ValueError, TypeError) as error:  # TypeError: the key has a password
        field = f"{CERT}, {KEY}" if any(named) else own.name
        reason = getattr(error, "strerror", None) or error
        raise MediaError(f"sign: {field}: no usable certificate and unlocked key in PEM ({reason})") from error
    pem = serialization.Encoding.PEM
    return Identity(
        _algorithm(private),
        b"".join(certificate.public_bytes(pem) for certificate in certificates),
        private.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    )


def own_path() -> Path:
    """Where this machine's own key and certificates lie."""
    return home() / "credentials" / "signing.pem"


def anchors() -> str | None:
    """The authority that this machine trusts: its own, if it has made one."""
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization

    try:
        authority = x509.load_pem_x509_certificates(own_path().read_bytes())[-1]
    except (OSError, ValueError):
        return None
    return authority.public_bytes(serialization.Encoding.PEM).decode()


def _algorithm(key: Any) -> str:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    if isinstance(key, ed25519.Ed25519PrivateKey):
        return "ed25519"
    if isinstance(key, rsa.RSAPrivateKey):
        return "ps256"
    curves = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in curves:
        return curves[key.curve.name]
    raise MediaError(f"sign: {KEY}: C2PA knows keys of Ed25519, RSA, P-256, P-384 and P-521 only")


def _make(path: Path) -> None:
    """Make key and certificates; whoever comes second keeps what the first made."""
    from cryptography.hazmat.primitives import serialization

    key, chain = _certificates()
    text = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, temporary = tempfile.mkstemp(dir=path.parent)  # readable by its owner alone
        with os.fdopen(handle, "wb") as file:
            file.write(text + b"".join(one.public_bytes(serialization.Encoding.PEM) for one in chain))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(temporary, path)
        except FileExistsError:
            pass
        finally:
            os.unlink(temporary)
    except OSError as error:
        raise MediaError(f"sign: no key can be kept in {path.parent.name!r} ({error.strerror})") from error


def _certificates() -> tuple[Any, list[Any]]:
    """A fresh key, and its certificate followed by that of the authority that signed it."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    top, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority, name = _name("authority"), _name("this machine")
    signs = x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.EMAIL_PROTECTION])  # the use that C2PA asks for
    root = (
        _draft(authority, authority, top, x509.BasicConstraints(ca=True, path_length=0))
        .add_extension(_uses(key_cert_sign=True, crl_sign=True), critical=True)
        .sign(top, hashes.SHA256())
    )
    leaf = (
        _draft(name, authority, key, x509.BasicConstraints(ca=False, path_length=None))
        .add_extension(_uses(digital_signature=True), critical=True)
        .add_extension(signs, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(top.public_key()), critical=False)
        .sign(top, hashes.SHA256())
    )
    return key, [leaf, root]


def _draft(subject: Any, issuer: Any, key: Any, constraints: Any) -> Any:
    from cryptography import x509

    start = datetime.now(UTC) - timedelta(days=1)  # clocks of other machines may run behind
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=365 * _YEARS))
        .add_extension(constraints, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _name(common: str) -> Any:
    from cryptography import x509

    pairs = ((x509.NameOID.ORGANIZATION_NAME, NAME), (x509.NameOID.COMMON_NAME, common))
    return x509.Name([x509.NameAttribute(kind, text) for kind, text in pairs])


def _uses(*, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False) -> Any:
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        content_commitment=False,
        **dict.fromkeys(_KEY_USES, False),
    )
