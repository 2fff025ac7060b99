"""Let a copy leave the version it showed, so that one that nobody shows any more is removed."""

from alembic import op
import sqlalchemy as sa

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.create_table(
        "left_versions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("file_id", sa.Uuid(), nullable=False),
        sa.Column(
            "left_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_left_versions")),
    )
    op.create_index(op.f("ix_left_versions_file_id"), "left_versions", ["file_id"])


def downgrade() -> None:
    op.drop_table("left_versions")
