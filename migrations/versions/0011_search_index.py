"""Let names be found by any part of them, and a folder be read in its order, from an index."""

from alembic import op
import sqlalchemy as sa

revision = "0011"
down_revision = "0009"
branch_labels = None
depends_on = None

FOLD = r"""
CREATE FUNCTION fold_name(name text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS
$$ SELECT regexp_replace(normalize(lower(name), NFD), '[\u0300-\u036f]', '', 'g') $$
"""
GRAMS = """
CREATE FUNCTION name_grams(owner uuid, folded text) RETURNS integer[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS
$$ SELECT coalesce(array_agg(hashtext(owner::text || substr(folded, i, n))), '{}')
   FROM generate_series(1, length(folded)) AS i, generate_series(2, 3) AS n
   WHERE i + n - 1 <= length(folded) $$
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.execute(FOLD)
    op.execute(GRAMS)
    folded = sa.Column("folded", sa.Text(), sa.Computed("fold_name(name)", persisted=True))
    op.add_column("nodes", folded)
    here = sa.text("trashed_at IS NULL")
    op.create_index(
        "ix_nodes_order",
        "nodes",
        ["user_id", "parent_id", sa.text("kind DESC"), "folded", "id"],
        postgresql_where=here,
    )
    op.create_index("ix_nodes_folded", "nodes", ["user_id", "folded", "id"], postgresql_where=here)
    op.create_index(
        "ix_nodes_grams",
        "nodes",
        [sa.text("name_grams(user_id, folded)")],
        postgresql_using="gin",
        postgresql_where=here,
        postgresql_with={"gin_pending_list_limit": "256"},
    )


def downgrade() -> None:
    for name in ("ix_nodes_grams", "ix_nodes_folded", "ix_nodes_order"):
        op.drop_index(name, table_name="nodes")
    op.drop_column("nodes", "folded")
    op.execute("DROP FUNCTION name_grams(uuid, text)")
    op.execute("DROP FUNCTION fold_name(text)")
