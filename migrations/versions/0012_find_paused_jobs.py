"""Find paused jobs at once: whoever claims work leaves theirs alone."""

from alembic import op
import sqlalchemy as sa

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.create_index("ix_jobs_paused", "jobs", ["id"], postgresql_where=sa.text("state = 'paused'"))


def downgrade() -> None:
    # An older release does not know a pause: what was paused goes on.
    op.execute("UPDATE jobs SET state = 'queued' WHERE state = 'paused'")
    op.drop_index("ix_jobs_paused", table_name="jobs")
