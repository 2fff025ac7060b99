"""Let a pack be made to replace another one."""

from alembic import op
import sqlalchemy as sa

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.add_column("packs", sa.Column("replaces_id", sa.Uuid(), nullable=True))
    op.create_index(
        "ix_packs_replaces",
        "packs",
        ["replaces_id"],
        postgresql_where=sa.text("replaces_id IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_packs_replaces", table_name="packs")
    op.drop_column("packs", "replaces_id")
