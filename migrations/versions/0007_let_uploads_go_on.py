"""Let an upload that broke off go on, and uploads of one batch be one job."""

from alembic import op
import sqlalchemy as sa

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.add_column("jobs", sa.Column("batch", sa.Uuid(), nullable=True))
    op.add_column("jobs", sa.Column("session_id", sa.Uuid(), nullable=True))
    op.create_index(
        "uq_jobs_batch",
        "jobs",
        ["user_id", "batch"],
        unique=True,
        postgresql_where=sa.text("batch IS NOT NULL"),
    )
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "resumables",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("version_id", sa.Uuid(), nullable=True),
        sa.Column("length", sa.BigInteger(), nullable=False),
        sa.Column("told", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("next_part", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("owner", sa.Uuid(), nullable=True),
        sa.Column("lease_until", moment, nullable=True),
        sa.Column("expires_at", moment, nullable=False),
        sa.Column("created_at", moment, server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("length >= 0", name=op.f("ck_resumables_length")),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_resumables_user_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["version_id"],
            ["versions.id"],
            name=op.f("fk_resumables_version_id"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_resumables")),
        sa.UniqueConstraint("version_id", name=op.f("uq_resumables_version_id")),
    )
    op.create_index("ix_resumables_user_id", "resumables", ["user_id"])
    op.create_index("ix_resumables_expires_at", "resumables", ["expires_at"])


def downgrade() -> None:
    # What is still arriving by tus would stay for ever: nobody of the earlier release ends it.
    op.drop_table("resumables")
    op.drop_index("uq_jobs_batch", table_name="jobs")
    op.drop_column("jobs", "session_id")
    op.drop_column("jobs", "batch")
