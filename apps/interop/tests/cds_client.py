"""A CDS Hooks client written from the specification's text (CDS Hooks 2.0), sharing nothing with the product: it signs its own
tokens by hand, judges discovery and cards by the specification's tables, and knows nothing of our classes."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import Any
from uuid import UUID, uuid4

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

Json = dict[str, Any]
ISSUER = "https://fhir-ehr.example.com/"
ADVICE = ("prescrib", "administer", " mg", "tablet", "dose", "start taking", "suggestions", "systemActions")


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Ehr:
    """One EHR with an ES384 key, as the specification recommends."""

    def __init__(self, kid: str = "example-kid") -> None:
        self.kid = kid
        self.key = ec.generate_private_key(ec.SECP384R1())

    def jwks(self) -> Json:
        numbers = self.key.public_key().public_numbers()
        return {
            "keys": [
                {
                    "kty": "EC", "use": "sig", "crv": "P-384", "kid": self.kid, "alg": "ES384",
                    "x": b64(numbers.x.to_bytes(48, "big")), "y": b64(numbers.y.to_bytes(48, "big")),
                }
            ]
        }  # fmt: skip

    def token(self, audience: str, header: Json | None = None, **claims: Any) -> str:
        now = int(time.time())
        said = {"iss": ISSUER, "aud": audience, "exp": now + 300, "iat": now, "jti": str(uuid4())} | claims
        head = {"alg": "ES384", "typ": "JWT", "kid": self.kid} | (header or {})
        signed = f"{b64(json.dumps(head).encode())}.{b64(json.dumps({k: v for k, v in said.items() if v is not None}).encode())}"
        return f"{signed}.{b64(self._sign(str(head['alg']), signed.encode()))}"

    def _sign(self, algorithm: str, signed: bytes) -> bytes:
        if algorithm == "none":
            return b""
        if algorithm.startswith("HS"):
            # The old trick: the public key as a shared secret.
            return hmac.new(json.dumps(self.jwks()["keys"][0]).encode(), signed, hashlib.sha256).digest()
        r, s = decode_dss_signature(self.key.sign(signed, ec.ECDSA(hashes.SHA384())))
        return r.to_bytes(48, "big") + s.to_bytes(48, "big")


def rsa_jwks() -> Json:
    numbers = rsa.generate_private_key(65537, 2048).public_key().public_numbers()
    n = numbers.n.to_bytes(256, "big")
    return {"keys": [{"kty": "RSA", "kid": "example-kid", "n": b64(n), "e": b64(numbers.e.to_bytes(3, "big"))}]}


def check_discovery(body: Json) -> dict[str, Json]:
    """The table of "Discovery > Response"."""
    assert set(body) == {"services"}
    for service in body["services"]:
        assert isinstance(service["hook"], str)
        assert isinstance(service["description"], str)
        assert service["id"]
        assert all(letter.isalnum() or letter in "-_." for letter in service["id"])
        for key, query in service.get("prefetch", {}).items():
            assert isinstance(key, str)
            assert isinstance(query, str)
            assert query.count("{{") == query.count("}}") >= 1
            assert "{{context." in query
        assert set(service) <= {"hook", "title", "description", "id", "prefetch", "usageRequirements", "extension"}
    return {service["id"]: service for service in body["services"]}


def check_cards(body: Json) -> list[Json]:
    """The tables of "CDS Service Response", and that no card advises on treatment."""
    assert isinstance(body["cards"], list)
    for card in body["cards"]:
        assert 0 < len(card["summary"]) < 140
        assert "\n" not in card["summary"]
        assert card["indicator"] in {"info", "warning", "critical"}
        assert card["source"]["label"]
        UUID(card["uuid"])
        for reason in card.get("overrideReasons", []):
            assert reason["code"]
            assert reason["display"]
        for link in card.get("links", []):
            assert link["label"]
            assert link["type"] in {"absolute", "smart"}
            assert link["url"].startswith(("http://", "https://"))
            assert link["type"] == "smart" or "appContext" not in link
        whole = json.dumps(card).lower()
        assert not any(word.lower() in whole for word in ADVICE), whole
    assert "systemActions" not in body
    return list(body["cards"])


def call(hook: str, prefetch: Json, **context: Any) -> Json:
    return {
        "hookInstance": str(uuid4()), "hook": hook, "fhirServer": "http://hooks.smarthealthit.org:9080",
        "fhirAuthorization": {
            "access_token": "some-opaque-fhir-access-token", "token_type": "Bearer", "expires_in": 300,
            "scope": "user/Patient.read", "subject": "cds-service4",
        },
        "context": {"userId": "Practitioner/example", "patientId": "p1", "encounterId": "89284"} | context,
        "prefetch": prefetch,
    }  # fmt: skip
