"""Web identity tokens, made by hand, so that what no library would sign can be sent as well."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

_HASHES: Mapping[str, type[hashes.HashAlgorithm]] = {
    "256": hashes.SHA256,
    "384": hashes.SHA384,
    "512": hashes.SHA512,
}
_CURVES = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}


def encode(raw: bytes | Mapping[str, Any]) -> str:
    """base64url without padding; of a mapping, its JSON."""
    body = raw if isinstance(raw, bytes) else json.dumps(raw).encode()
    return base64.urlsafe_b64encode(body).rstrip(b"=").decode()


def token(
    claims: Mapping[str, Any] | bytes,
    key: PrivateKey,
    *,
    alg: str = "RS256",
    kid: str | None = "key-1",
    header: Mapping[str, Any] | None = None,
) -> str:
    """A signed token. header: more of it, or what it says instead; a None leaves a member out."""
    said = {"alg": alg, "typ": "JWT", "kid": kid, **(header or {})}
    signed = f"{encode({name: value for name, value in said.items() if value is not None})}.{encode(claims)}"
    return f"{signed}.{encode(signature(signed.encode(), key, alg))}"


def signature(signed: bytes, key: PrivateKey, alg: str) -> bytes:
    digest = _HASHES[alg[2:]]()
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(signed, padding.PKCS1v15(), digest)
    first, second = decode_dss_signature(key.sign(signed, ec.ECDSA(digest)))
    size = (key.curve.key_size + 7) // 8
    return first.to_bytes(size) + second.to_bytes(size)


def signed_with_public_key(claims: Mapping[str, Any], key: rsa.RSAPrivateKey) -> str:
    """HS256 whose secret is the RSA public key in PEM: the confusion of kinds of keys."""
    secret = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    signed = f"{encode({'alg': 'HS256', 'typ': 'JWT', 'kid': 'key-1'})}.{encode(claims)}"
    return f"{signed}.{encode(hmac.digest(secret, signed.encode(), hashlib.sha256))}"


def jwk(key: PrivateKey, kid: str | None = "key-1", **more: Any) -> dict[str, Any]:
    """The public key as a provider publishes it. more: members that it has beside; a None leaves one out."""
    public = key.public_key()
    if isinstance(public, rsa.RSAPublicKey):
        numbers = public.public_numbers()
        members = {"kty": "RSA", "n": _integer(numbers.n), "e": _integer(numbers.e)}
    else:
        point, size = public.public_numbers(), (public.curve.key_size + 7) // 8
        members = {
            "kty": "EC",
            "crv": _CURVES[public.curve.name],
            "x": encode(point.x.to_bytes(size)),
            "y": encode(point.y.to_bytes(size)),
        }
    whole = {**members, "kid": kid, "use": "sig", **more}
    return {name: value for name, value in whole.items() if value is not None}


def _integer(value: int) -> str:
    return encode(value.to_bytes((value.bit_length() + 7) // 8))
