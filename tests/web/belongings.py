"""One of each thing that a path can name, belonging to one person."""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from balancecloud.extensions import db
from balancecloud.models.clouds import CloudAccount, LinkAttempt
from balancecloud.models.jobs import Job
from balancecloud.models.library import Node
from balancecloud.models.people import SessionRow, User
from balancecloud.models.resumables import Resumable
from balancecloud.models.states import AccountState, JobKind, JobState, NodeKind


@dataclass(frozen=True)
class Belongings:
    """The ids of them."""

    ids: dict[str, uuid.UUID]

    def id_of(self, thing: str) -> uuid.UUID:
        """Return the id of the one of this kind."""
        return self.ids[thing]


def belongings_of(app: Flask, email: str) -> Belongings:
    """Make one of each for this person."""
    with app.app_context():
        session = db.session()
        user_id = session.scalars(select(User.id).where(User.email == email)).one()
        session_id = session.scalars(
            select(SessionRow.id).where(SessionRow.user_id == user_id)
        ).first()
        assert session_id
        made = _make(session, user_id, session_id)
        session.commit()
    return Belongings({**made, "session": session_id})


def _make(session: Session, user_id: uuid.UUID, session_id: uuid.UUID) -> dict[str, uuid.UUID]:
    node, file_id, trashed = uuid.uuid4(), uuid.uuid4(), uuid.uuid4()
    rows: dict[str, Node | Job | CloudAccount | LinkAttempt | Resumable] = {
        "folder": Node(id=uuid.uuid4(), user_id=user_id, kind=NodeKind.FOLDER, name="Travel"),
        "node": Node(id=node, user_id=user_id, kind=NodeKind.FILE, name="a.txt", file_id=file_id),
        "trashed": Node(
            id=trashed,
            user_id=user_id,
            kind=NodeKind.FOLDER,
            name="Old",
            trashed_at=datetime.now(UTC),
            trashed_with=trashed,
            trashed_from="",
        ),
        "job": Job(
            id=uuid.uuid4(),
            user_id=user_id,
            kind=JobKind.STORE,
            state=JobState.RUNNING,
            source="web",
        ),
        "account": CloudAccount(
            id=uuid.uuid4(),
            user_id=user_id,
            provider="google_drive",
            subject="1",
            domain="google_drive:1",
            label="Google Drive",
            color=0,
            state=AccountState.HEALTHY,
        ),
        "upload": _upload(user_id),
        "attempt": LinkAttempt(
            id=uuid.uuid4(),
            state_sha256=b"s" * 32,
            user_id=user_id,
            session_id=session_id,
            provider="google_drive",
            redirect_uri="http://localhost/clouds/callback/google_drive",
            wrapped_verifier=b"v",
            master_version=1,
            expires_at=datetime.now(UTC) + timedelta(minutes=5),
            subject="1",
        ),
    }
    session.add_all(rows.values())
    session.flush()
    return {name: row.id for name, row in rows.items()}


def _upload(user_id: uuid.UUID) -> Resumable:
    """Return an upload that was given up: its owner hears so, others hear of none."""
    return Resumable(
        id=uuid.uuid4(),
        user_id=user_id,
        length=1,
        told="",
        path="a.txt",
        expires_at=datetime.now(UTC) + timedelta(minutes=5),
    )
