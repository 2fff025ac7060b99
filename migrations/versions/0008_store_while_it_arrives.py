"""Remember how a version was cut whose storing began while it arrived."""

from alembic import op
import sqlalchemy as sa

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.add_column("versions", sa.Column("run_chunks", sa.Integer(), nullable=True))


def downgrade() -> None:
    # The earlier release would take the numbers of these runs for longer ones: it begins afresh
    # with one row, from which it makes its own, and passes over what is stored already.
    op.execute(
        "DELETE FROM work USING versions WHERE work.kind = 'store' AND work.run > 0"
        " AND work.key = versions.id AND versions.run_chunks IS NOT NULL"
    )
    op.execute(
        "UPDATE work SET state = 'due', due_at = now(), owner = NULL, lease_until = NULL,"
        " attempt = 0 FROM versions WHERE work.kind = 'store' AND work.run = 0"
        " AND work.key = versions.id AND versions.run_chunks IS NOT NULL"
        " AND versions.state IN ('queued', 'storing', 'waiting')"
    )
    op.execute(
        "DELETE FROM work USING versions WHERE work.kind = 'store' AND work.key = versions.id"
        " AND versions.run_chunks IS NOT NULL AND versions.state = 'receiving'"
    )
    op.drop_column("versions", "run_chunks")
