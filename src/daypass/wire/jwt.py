"""JSON Web Tokens: as identity providers sign them, and as Daypass itself does.

Owns what may be in a header and which key may verify which algorithm. What a claim means, and for whom a token is,
is service.sts.web_identity's work. Only signed tokens in compact form are read, and only the asymmetric algorithms of
ALGORITHMS, each bound to one kind of key: whatever else a token asks for, it is refused. A key comes from the
provider's published set alone; keys and addresses of keys inside a token are never looked at.

The signatures themselves are `cryptography`'s; a library for all of JOSE would bring what has to be refused here.

Source: RFC 7515 (JWS), RFC 7517 (JWK), RFC 7518 (JWA), RFC 7519 (JWT), RFC 8725 (best current practices); AWS
Security Token Service API Reference, AssumeRoleWithWebIdentity, for the algorithms.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from daypass import limits
from daypass.names import Secret

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

_TYPES: Final = frozenset({"jwt", "at+jwt", "application/at+jwt"})
_BASE64URL: Final = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_STANDARD: Final = bytes.maketrans(b"-_", b"+/")
_RSA_BITS: Final = range(2048, 8193)  # RFC 7518, 3.3 asks for 2048; a longer key costs whoever verifies
_PADDING: Final = padding.PKCS1v15()


class InvalidJwt(ValueError):
    """A token that is not to be believed. Its text says why, and quotes nothing of it."""


class InvalidKeySet(ValueError):
    """A document that is no JSON Web Key Set. Its text says why."""


@dataclass(frozen=True, slots=True)
class Algorithm:
    """digest: of what is signed. curve: of its keys; None for RSA."""

    digest: hashes.HashAlgorithm
    curve: type[ec.EllipticCurve] | None = None
    signature_bytes: int = 0  # of an elliptic curve's: r and s, one behind the other


ALGORITHMS: Final[Mapping[str, Algorithm]] = {
    "RS256": Algorithm(hashes.SHA256()),
    "RS384": Algorithm(hashes.SHA384()),
    "RS512": Algorithm(hashes.SHA512()),
    "ES256": Algorithm(hashes.SHA256(), ec.SECP256R1, 64),
    "ES384": Algorithm(hashes.SHA384(), ec.SECP384R1, 96),
    "ES512": Algorithm(hashes.SHA512(), ec.SECP521R1, 132),
}
_CURVES: Final[Mapping[str, type[ec.EllipticCurve]]] = {
    "P-256": ec.SECP256R1,
    "P-384": ec.SECP384R1,
    "P-521": ec.SECP521R1,
}


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """One key of a provider's set. algorithms: those it may verify."""

    key_id: str | None
    algorithms: frozenset[str]
    public: PublicKey


@dataclass(frozen=True, slots=True, repr=False)
class Jwt:
    """A token as it was read: nothing in it is proven until `verify` has passed. It has no readable form."""

    algorithm: str
    key_id: str | None
    unverified_claims: Mapping[str, Any]
    signed: bytes
    signature: bytes


def parse(text: str) -> Jwt:
    """The token.

    text: at most limits.WEB_IDENTITY_TOKEN_CHARS characters.

    Raises:
        InvalidJwt: not a signed token in compact form, or one that asks for what is not done here.
    """
    if len(text) > limits.WEB_IDENTITY_TOKEN_CHARS:
        raise InvalidJwt("it is too long")
    parts = text.split(".")
    if len(parts) != 3:
        raise InvalidJwt("it does not have three parts")
    header = _object(_decode(parts[0]))
    algorithm = header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise InvalidJwt("it is signed with none of the algorithms that are taken")
    # RFC 7515, 4.1.11: what is critical has to be understood, and nothing is.
    if "crit" in header or "b64" in header or "zip" in header or "enc" in header:
        raise InvalidJwt("its header asks for an extension")
    # RFC 8725, 3.11: a token of another type was signed for another purpose.
    kind = header.get("typ", "JWT")
    if not isinstance(kind, str) or kind.lower() not in _TYPES:
        raise InvalidJwt("its type is another")
    key_id = header.get("kid")
    if key_id is not None and not isinstance(key_id, str):
        raise InvalidJwt("its key id is not a text")
    claims = _object(_decode(parts[1]))
    signed = f"{parts[0]}.{parts[1]}".encode("ascii")
    return Jwt(algorithm, key_id, claims, signed, _decode(parts[2]))


def verify(token: Jwt, key: VerificationKey) -> Mapping[str, Any]:
    """The claims, once the key has proven that its owner signed them.

    Raises:
        InvalidJwt: the signature is not right, or the key is not one for the token's algorithm.
    """
    if token.algorithm not in key.algorithms:
        raise InvalidJwt("its key is not one for its algorithm")
    algorithm = ALGORITHMS[token.algorithm]
    try:
        if isinstance(key.public, rsa.RSAPublicKey):
            key.public.verify(token.signature, token.signed, _PADDING, algorithm.digest)
        else:
            key.public.verify(_dss(token.signature, algorithm), token.signed, ec.ECDSA(algorithm.digest))
    except InvalidSignature:
        raise InvalidJwt("its signature is not right") from None
    return token.unverified_claims


def parse_key_set(document: bytes) -> tuple[VerificationKey, ...]:
    """The keys of a JSON Web Key Set that may verify a signature; others are passed over (RFC 7517, 5).

    document: bounded by the caller.

    Raises:
        InvalidKeySet: not a key set, or of more than limits.JWKS_KEYS keys.
    """
    try:
        keys = parse_object(document).get("keys")
    except InvalidJwt:
        raise InvalidKeySet("it is not a JSON object") from None
    if not isinstance(keys, list) or len(keys) > limits.JWKS_KEYS:
        raise InvalidKeySet(f"it does not have a list of at most {limits.JWKS_KEYS} keys")
    return tuple([key for jwk in keys if isinstance(jwk, dict) and (key := _key(jwk)) is not None])


def choose(keys: Iterable[VerificationKey], token: Jwt) -> VerificationKey | None:
    """The one key that the token is to be verified with; None if there is none, or it is not clear which.

    A key id that a key has, but for another algorithm, chooses no key.
    """
    fitting = [key for key in keys if token.algorithm in key.algorithms and token.key_id in (None, key.key_id)]
    return fitting[0] if len(fitting) == 1 else None


@dataclass(frozen=True, slots=True, repr=False)
class SigningKey:
    """A private key of ours, which signs with one algorithm. It has no readable form."""

    key_id: str
    algorithm: str
    private: PrivateKey


def make_private_key(algorithm: str) -> PrivateKey:
    """A new key for one of ALGORITHMS. Its randomness is the cryptographic library's own."""
    curve = ALGORITHMS[algorithm].curve
    if curve is None:
        return rsa.generate_private_key(public_exponent=65_537, key_size=_RSA_BITS.start)
    return ec.generate_private_key(curve())


def load_signing_key(key_id: str, algorithm: str, private: Secret) -> SigningKey:
    """private: PKCS #8 in PEM."""
    key = serialization.load_pem_private_key(private.reveal().encode("ascii"), None)
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise ValueError("a key of another kind")
    return SigningKey(key_id, algorithm, key)


def public_jwk(key: SigningKey) -> dict[str, str]:
    """The key as its verifiers need it (RFC 7517; RFC 7518, 6)."""
    shared = {"kid": key.key_id, "alg": key.algorithm, "use": "sig"}
    public = key.private.public_key()
    if isinstance(public, rsa.RSAPublicKey):
        rsa_numbers = public.public_numbers()
        return {"kty": "RSA", **shared, "n": _unsigned(rsa_numbers.n), "e": _unsigned(rsa_numbers.e)}
    point, size = public.public_numbers(), (public.curve.key_size + 7) // 8
    name = next(name for name, curve in _CURVES.items() if isinstance(public.curve, curve))
    x, y = encode(point.x.to_bytes(size)), encode(point.y.to_bytes(size))
    return {"kty": "EC", **shared, "crv": name, "x": x, "y": y}


def encode_claims(claims: Mapping[str, Any]) -> bytes:
    """The payload of a token."""
    return json.dumps(claims, separators=(",", ":"), ensure_ascii=False).encode()


def sign(payload: bytes, key: SigningKey) -> str:
    """The token of a payload."""
    header = json.dumps({"alg": key.algorithm, "kid": key.key_id, "typ": "JWT"}, separators=(",", ":"))
    signed = f"{encode(header.encode())}.{encode(payload)}"
    algorithm = ALGORITHMS[key.algorithm]
    if isinstance(key.private, rsa.RSAPrivateKey):
        signature = key.private.sign(signed.encode("ascii"), _PADDING, algorithm.digest)
    else:
        first, second = decode_dss_signature(key.private.sign(signed.encode("ascii"), ec.ECDSA(algorithm.digest)))
        half = algorithm.signature_bytes // 2
        signature = first.to_bytes(half) + second.to_bytes(half)
    return f"{signed}.{encode(signature)}"


def encode(raw: bytes) -> str:
    """base64url without padding, as RFC 7515 has it."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def _unsigned(value: int) -> str:
    return encode(value.to_bytes((value.bit_length() + 7) // 8))


def parse_object(document: bytes) -> dict[str, Any]:
    """A JSON object without a name given twice, at any depth. The caller bounds its length.

    Raises:
        InvalidJwt: it is not one.
    """
    return _object(document)


def _object(raw: bytes) -> dict[str, Any]:
    try:
        value = _decode_json(raw.decode("utf-8"))
    except (ValueError, RecursionError):  # ValueError: bad JSON or UTF-8, and integers of thousands of digits
        raise InvalidJwt("it does not consist of JSON objects") from None
    if not isinstance(value, dict):
        raise InvalidJwt("it does not consist of JSON objects")
    return value


def _without_duplicates(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """RFC 7519, 4: a claim twice would be read one way here and another way there."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name twice")
    return found


def _no_number(_: str) -> NoReturn:
    raise ValueError("NaN and Infinity are not JSON")


# Made once: json.loads makes a decoder of its own for each call that asks for something.
_decode_json: Final = json.JSONDecoder(object_pairs_hook=_without_duplicates, parse_constant=_no_number).decode


def _decode(text: str) -> bytes:
    """base64url without padding, as RFC 7515 has it."""
    if _BASE64URL.fullmatch(text) is None:
        raise InvalidJwt("it is not base64url")
    try:
        padded = text.encode("ascii").translate(_STANDARD) + b"=" * (-len(text) % 4)
        return binascii.a2b_base64(padded, strict_mode=True)
    except binascii.Error:
        raise InvalidJwt("it is not base64url") from None


def _dss(signature: bytes, algorithm: Algorithm) -> bytes:
    """The two halves of an elliptic curve's signature in DER, as the verifier takes them."""
    if len(signature) != algorithm.signature_bytes:
        raise InvalidJwt("its signature is not right")
    half = algorithm.signature_bytes // 2
    return encode_dss_signature(int.from_bytes(signature[:half]), int.from_bytes(signature[half:]))


def _key(jwk: Mapping[str, Any]) -> VerificationKey | None:
    """The key; None if it is not one for signatures of our algorithms."""
    key_id, operations = jwk.get("kid"), jwk.get("key_ops", ["verify"])
    if (
        not (key_id is None or isinstance(key_id, str))
        or jwk.get("use", "sig") != "sig"
        or not isinstance(operations, list)
        or "verify" not in operations
    ):
        return None
    try:
        match jwk.get("kty"):
            case "RSA":
                public: PublicKey = _rsa_key(jwk)
                fitting = {name for name, algorithm in ALGORITHMS.items() if algorithm.curve is None}
            case "EC":
                curve = _CURVES[jwk["crv"]]
                public = ec.EllipticCurvePublicNumbers(_integer(jwk, "x"), _integer(jwk, "y"), curve()).public_key()
                fitting = {name for name, algorithm in ALGORITHMS.items() if algorithm.curve is curve}
            case _:
                return None
    except (KeyError, TypeError, ValueError):  # a member that is missing, of another type, or not a point or modulus
        return None
    algorithms = frozenset(fitting & {jwk["alg"]} if isinstance(jwk.get("alg"), str) else fitting)
    return VerificationKey(key_id, algorithms, public) if algorithms else None


def _rsa_key(jwk: Mapping[str, Any]) -> rsa.RSAPublicKey:
    modulus, exponent = _integer(jwk, "n"), _integer(jwk, "e")
    if modulus.bit_length() not in _RSA_BITS or exponent.bit_length() > 32:
        raise ValueError("a modulus or exponent that is too short or too long")
    return rsa.RSAPublicNumbers(exponent, modulus).public_key()


def _integer(jwk: Mapping[str, Any], name: str) -> int:
    return int.from_bytes(_decode(jwk[name]))
