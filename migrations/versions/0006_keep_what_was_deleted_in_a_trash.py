"""Let what was deleted together lie in the trash together, and know where it was."""

from alembic import op
import sqlalchemy as sa

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.add_column("nodes", sa.Column("trashed_with", sa.Uuid(), nullable=True))
    op.add_column("nodes", sa.Column("trashed_from", sa.Text(), nullable=True))
    op.create_index(
        "ix_nodes_trash",
        "nodes",
        ["user_id", "trashed_at"],
        postgresql_where=sa.text("trashed_with = id"),
    )
    op.create_check_constraint(
        op.f("ck_nodes_trashed"), "nodes", "(trashed_at IS NULL) = (trashed_with IS NULL)"
    )
    op.create_check_constraint(
        op.f("ck_nodes_trashed_from"),
        "nodes",
        "(trashed_with IS NOT DISTINCT FROM id) = (trashed_from IS NOT NULL)",
    )


def downgrade() -> None:
    # What lies in the trash stays hidden, as before there was one: only where it was is forgotten.
    op.drop_constraint(op.f("ck_nodes_trashed_from"), "nodes", type_="check")
    op.drop_constraint(op.f("ck_nodes_trashed"), "nodes", type_="check")
    op.drop_index("ix_nodes_trash", table_name="nodes")
    op.drop_column("nodes", "trashed_from")
    op.drop_column("nodes", "trashed_with")
