"""Let work be a run of chunks, a pack to form, to repair or to move."""

from alembic import op
import sqlalchemy as sa

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

WORK_BEFORE = ("store", "delete")
WORK_AFTER = ("store", "form", "delete", "repair", "move")
JOBS_BEFORE = ("store", "delete")
JOBS_AFTER = ("store", "delete", "repair")


def allow(table: str, kinds: tuple[str, ...]) -> None:
    op.drop_constraint(op.f(f"ck_{table}_kind"), table, type_="check")
    listed = ", ".join(f"'{kind}'" for kind in kinds)
    op.create_check_constraint(op.f(f"ck_{table}_kind"), table, f"kind IN ({listed})")


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '10s'")
    allow("work", WORK_AFTER)
    allow("jobs", JOBS_AFTER)
    op.add_column("work", sa.Column("run", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.drop_index("uq_work_key", table_name="work")
    op.create_index("uq_work_key", "work", ["kind", "key", "run"], unique=True)


def downgrade() -> None:
    op.execute("DELETE FROM work WHERE run <> 0 OR kind NOT IN ('store', 'delete')")
    op.execute("DELETE FROM jobs WHERE kind NOT IN ('store', 'delete')")
    op.drop_index("uq_work_key", table_name="work")
    op.create_index("uq_work_key", "work", ["kind", "key"], unique=True)
    op.drop_column("work", "run")
    allow("work", WORK_BEFORE)
    allow("jobs", JOBS_BEFORE)
