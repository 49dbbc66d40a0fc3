"""A small OpenID Connect provider on this machine: discovery, keys, token with PKCE, user information.

It is strict where a real one is (PKCE, client secret, one use of a code, exact redirect address) and can be told to
misbehave through its fields.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

CLIENT, SECRET = "medassist-alpha", "the provider's secret"


@dataclass
class FakeProvider:
    key: Any = field(default_factory=lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048))
    claims: dict[str, Any] = field(default_factory=dict)
    """Of who signs in at the provider."""
    token_changes: dict[str, Any] = field(default_factory=dict)
    info_changes: dict[str, Any] = field(default_factory=dict)
    config_changes: dict[str, Any] = field(default_factory=dict)
    sign_with: Any = None
    algorithm: str = "RS256"
    down: bool = False
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    port: int = 0

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def consent(self, address: str) -> str:
        """What the browser does at the provider: the callback's path, with the code."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        assert asked["response_type"] == "code"
        assert asked["client_id"] == CLIENT
        assert asked["code_challenge_method"] == "S256"
        code = hashlib.sha256(address.encode()).hexdigest()
        self.codes[code] = asked
        back = urlsplit(asked["redirect_uri"])
        assert back.hostname == "alpha.localhost"
        return f"{back.path}?code={code}&state={asked['state']}"

    def discovery(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer, "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token", "userinfo_endpoint": f"{self.issuer}/me",
            "jwks_uri": f"{self.issuer}/keys", "token_endpoint_auth_methods_supported": ["client_secret_post"],
            **self.config_changes,
        }  # fmt: skip

    def keys(self) -> dict[str, Any]:
        public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key()))
        return {"keys": [{**public, "kid": "one", "alg": "RS256", "use": "sig"}]}

    def token(self, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        asked = self.codes.pop(form.get("code", ""), None)
        if asked is None:
            return 400, {"error": "invalid_grant"}
        proof = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        if (
            proof.decode().rstrip("=") != asked["code_challenge"]
            or form.get("client_secret") != SECRET
            or form.get("redirect_uri") != asked["redirect_uri"]
        ):
            return 400, {"error": "invalid_grant"}
        now = int(time.time())
        claims = {
            "iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 300, **self.claims, **self.token_changes
        }  # fmt: skip
        claims = {name: value for name, value in claims.items() if value is not None}
        key = self.sign_with if self.sign_with is not None else self.key
        return 200, {
            "access_token": "access", "token_type": "Bearer", "expires_in": 300,
            "id_token": jwt.encode(claims, key, algorithm=self.algorithm, headers={"kid": "one"}),
        }  # fmt: skip

    def start(self) -> ThreadingHTTPServer:
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def _say(self, status: int, body: dict[str, Any]) -> None:
                raw = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def do_GET(self) -> None:
                provider.asked.append(self.path)
                if provider.down:
                    self._say(503, {})
                elif self.path == "/.well-known/openid-configuration":
                    self._say(200, provider.discovery())
                elif self.path == "/keys":
                    self._say(200, provider.keys())
                elif self.path == "/me" and self.headers["Authorization"] == "Bearer access":
                    self._say(200, {**provider.claims, **provider.info_changes})
                elif self.path == "/elsewhere":
                    self.send_response(302)
                    self.send_header("Location", f"{provider.issuer}/keys")
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                else:
                    self._say(404, {})

            def do_POST(self) -> None:
                provider.asked.append(self.path)
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                self._say(*provider.token({name: values[0] for name, values in parse_qs(body).items()}))

            def log_message(self, *_: Any) -> None:
                """Says nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = server.server_port
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        return server
