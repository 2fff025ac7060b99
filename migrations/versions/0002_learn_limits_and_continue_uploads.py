"""Keep what accounts taught, when their grants end, and uploads to be continued."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

NEW_COLUMNS = (
    ("grant_used_at", sa.DateTime(timezone=True)),
    ("grant_expires_at", sa.DateTime(timezone=True)),
    ("learned_in_flight", sa.Integer()),
    ("learned_creations_per_second", sa.Float()),
)


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '10s'")
    for name, kind in NEW_COLUMNS:
        op.add_column("cloud_accounts", sa.Column(name, kind, nullable=True))
    # A grant is renewed at least each time an account's room is read.
    op.execute("UPDATE cloud_accounts SET grant_used_at = room_read_at WHERE wrapped_token IS NOT NULL")
    op.add_column("link_attempts", sa.Column("account_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        op.f("fk_link_attempts_account_id"),
        "link_attempts",
        "cloud_accounts",
        ["account_id"],
        ["id"],
        ondelete="CASCADE",
    )
    op.create_table(
        "upload_sessions",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("wrapped_address", sa.LargeBinary(), nullable=True),
        sa.Column("master_version", sa.Integer(), nullable=True),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["cloud_accounts.id"],
            name=op.f("fk_upload_sessions_account_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("account_id", "name", name=op.f("pk_upload_sessions")),
    )


def downgrade() -> None:
    op.drop_table("upload_sessions")
    op.drop_constraint(
        op.f("fk_link_attempts_account_id"), "link_attempts", type_="foreignkey"
    )
    op.drop_column("link_attempts", "account_id")
    for name, _ in reversed(NEW_COLUMNS):
        op.drop_column("cloud_accounts", name)
