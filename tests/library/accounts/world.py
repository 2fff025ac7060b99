"""People, their accounts at the simulator, and what lies there."""

import hashlib
import secrets
import uuid
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests
from sqlalchemy import func
from sqlalchemy.orm import Session, sessionmaker

from balancecloud.clock import SYSTEM_CLOCK, Clock
from balancecloud.config import Config, OAuthClientConfig, Secret
from balancecloud.crypto.keys import MasterKeys
from balancecloud.library.account_tokens import TokenVault
from balancecloud.library.gateway import Gateway
from balancecloud.library.installation import installation_of
from balancecloud.library.linking import BegunLink, Callback, Linker, begin_link, link_by_callback
from balancecloud.library.open_accounts import OpenAccounts
from balancecloud.library.sealed_tokens import TokenPlace, unseal_tokens
from balancecloud.models.clouds import Chunk, CloudAccount, Pack, ShardRow
from balancecloud.models.library import Node, Version
from balancecloud.models.people import User
from balancecloud.models.states import NodeKind, ShardState, VersionState
from balancecloud.storage.spool import LocalSpool

CLIENT = OAuthClientConfig("balancecloud-demo", Secret(b"simulated-not-secret"))
SIM_NAMES = {"google_drive": "google", "onedrive": "microsoft"}


def with_clouds(config: Config, simulator_url: str, folder: Path) -> Config:
    """Return the settings with both providers at the simulator, and one folder allowed."""
    root = folder / "folders"
    root.mkdir()
    return replace(
        config,
        simulator_url=simulator_url,
        google=CLIENT,
        microsoft=CLIENT,
        folder_roots=(root,),
    )


def gateway_of(
    config: Config, sessions: sessionmaker[Session], clock: Clock = SYSTEM_CLOCK
) -> Gateway:
    """Build what app.py builds, as another process would."""
    keys = MasterKeys({number: key.reveal() for number, key in config.master_keys.items()})
    installation = installation_of(config, clock)
    opened = OpenAccounts(TokenVault(sessions, keys, clock), installation)
    spool = LocalSpool(config.spool_dir, config.spool_reserve_bytes)
    return Gateway(config, sessions, keys, spool, opened.open, clock, installation)


def new_person(sessions: sessionmaker[Session]) -> Linker:
    """Make a user, with a sign-in that needs no row here."""
    user_id = uuid.uuid4()
    with sessions.begin() as session:
        session.add(User(id=user_id, email=f"{user_id}@example.com", password_hash="-"))
    return Linker(user_id, uuid.uuid4())


def new_address() -> str:
    return f"person.{secrets.token_hex(6)}@example.com"


@dataclass(frozen=True)
class Sim:
    """The simulator's control interface."""

    url: str

    def account(self, provider: str, address: str) -> dict[str, Any]:
        return dict(self._call("GET", provider, address, ""))

    def objects(self, provider: str, address: str) -> list[dict[str, Any]]:
        listed = self._call("GET", provider, address, "/objects")["objects"]
        return [one for one in listed if not one["folder"]]

    def revoke(self, provider: str, address: str) -> None:
        self._call("POST", provider, address, "/revoke")

    def expire(self, provider: str, address: str) -> None:
        self._call("POST", provider, address, "/expire")

    def set_state(self, provider: str, address: str, state: str) -> None:
        self._call("PUT", provider, address, "/state", {"state": state})

    def set_quota(self, provider: str, address: str, total: int) -> None:
        self._call("PUT", provider, address, "/quota", {"total": total})

    def refreshes(self) -> int:
        """Count what reached a token endpoint since the log was last cleared."""
        entries = requests.get(f"{self.url}/_sim/log", timeout=10).json()["requests"]
        return sum(1 for entry in entries if "token" in str(entry) and "POST" in str(entry))

    def revocations(self) -> int:
        """Count the grants we asked to end since the log was last cleared."""
        entries = requests.get(f"{self.url}/_sim/log", timeout=10).json()["requests"]
        return sum(1 for entry in entries if entry["route"] == "oauth.revoke")

    def clear_log(self) -> None:
        requests.delete(f"{self.url}/_sim/log", timeout=10)

    def _call(
        self, method: str, provider: str, address: str, what: str, body: object = None
    ) -> Any:
        name = SIM_NAMES[provider]
        url = f"{self.url}/_sim/accounts/{name}/{address}{what}"
        answer = requests.request(method, url, json=body, timeout=10)
        answer.raise_for_status()
        return answer.json()


def consent(oauth_url: str, address: str) -> dict[str, str]:
    """Consent as that person; return what the provider's redirect carries."""
    answer = requests.get(f"{oauth_url}&sim_person={address}", allow_redirects=False, timeout=10)
    assert answer.status_code in {302, 303}, answer.text
    values = parse_qs(urlsplit(answer.headers["Location"]).query)
    return {name: value[0] for name, value in values.items()}


def begin(gateway: Gateway, who: Linker, provider: str) -> BegunLink:
    with gateway.sessions.begin() as session:
        return begin_link(session, gateway, who, provider)


def callback_of(provider: str, answer: dict[str, str]) -> Callback:
    return Callback(
        provider,
        answer.get("state", ""),
        answer.get("code", ""),
        answer.get("iss"),
        answer.get("error"),
    )


def link(gateway: Gateway, who: Linker, provider: str, address: str | None = None) -> uuid.UUID:
    """Link an account as a program does, and return its id."""
    begun = begin(gateway, who, provider)
    answer = consent(begun.oauth_url, address or new_address())
    return link_by_callback(gateway, who, callback_of(provider, answer)).account_id


def row_of(gateway: Gateway, account_id: uuid.UUID) -> CloudAccount:
    with gateway.sessions() as session:
        return session.get_one(CloudAccount, account_id)


def access_token(gateway: Gateway, account_id: uuid.UUID) -> str:
    row = row_of(gateway, account_id)
    place = TokenPlace(row.user_id, row.id, row.provider, row.token_version)
    return unseal_tokens(gateway.keys, place, row.wrapped_token or b"").access_token


def store_file(
    gateway: Gateway, who: Linker, name: str, accounts: list[uuid.UUID], k: int
) -> uuid.UUID:
    """Write the rows of a stored file of one pack, a shard on each account; return its version."""
    node, version, pack = uuid.uuid4(), uuid.uuid4(), uuid.uuid4()
    with gateway.sessions.begin() as session:
        session.add(Node(id=node, user_id=who.user_id, kind=NodeKind.FILE, name=name, file_id=node))
        session.add(_version(who, version, node, len(accounts) - k))
        session.add(
            Pack(
                id=pack,
                user_id=who.user_id,
                epoch=1,
                length=100,
                digest=hashlib.sha256(name.encode()).digest(),
                k=max(k, 1),
                m=max(len(accounts) - k, 0),
            )
        )
        session.flush()
        session.add(Chunk(version_id=version, index=0, pack_id=pack, offset=0, salt=b"s" * 32))
        session.add_all(shard_of(pack, index, one) for index, one in enumerate(accounts))
    return version


def shard_of(pack: uuid.UUID, index: int, account_id: uuid.UUID) -> ShardRow:
    return ShardRow(
        pack_id=pack,
        index=index,
        account_id=account_id,
        name=f"shard-{pack}-{index}",
        object_id=f"object-{pack}-{index}",
        length=100,
        sha256=b"h" * 32,
        state=ShardState.STORED,
        stored_at=func.now(),
    )


def _version(who: Linker, version: uuid.UUID, node: uuid.UUID, protection: int) -> Version:
    return Version(
        id=version,
        user_id=who.user_id,
        file_id=node,
        number=1,
        state=VersionState.STORED,
        size=100,
        chunk_size=1 << 20,
        frame_log2=16,
        pad=False,
        epoch=1,
        file_key=b"k",
        protection=protection,
        mime_type="application/octet-stream",
    )


def version_state(gateway: Gateway, version_id: uuid.UUID) -> VersionState:
    with gateway.sessions() as session:
        return session.get_one(Version, version_id).state
