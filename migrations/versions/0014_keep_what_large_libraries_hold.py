"""Keep what large libraries hold by kind and by folder, and find packs thinner than asked."""

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.create_table(
        "usage_summaries",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("counted_at", sa.DateTime(timezone=True)),
        sa.Column("took_ms", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("less_protected", sa.BigInteger(), nullable=False, server_default=sa.text("0")),
        sa.Column(
            "kinds",
            postgresql.JSONB(),
            nullable=False,
            server_default=sa.text("'[]'::jsonb"),
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name="fk_usage_summaries_user_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", name="pk_usage_summaries"),
    )
    op.create_table(
        "folder_usages",
        sa.Column("folder_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("parent_id", sa.Uuid()),
        sa.Column("files", sa.BigInteger(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name="fk_folder_usages_user_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("folder_id", name="pk_folder_usages"),
    )
    op.create_index("ix_folder_usages_largest", "folder_usages", ["user_id", "parent_id", "bytes"])
    op.drop_index("ix_packs_user_id", table_name="packs")
    op.create_index("ix_packs_user_id", "packs", ["user_id", "m"])


def downgrade() -> None:
    op.drop_index("ix_packs_user_id", table_name="packs")
    op.create_index("ix_packs_user_id", "packs", ["user_id"])
    op.drop_table("folder_usages")
    op.drop_table("usage_summaries")
