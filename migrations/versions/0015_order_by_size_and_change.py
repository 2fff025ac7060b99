"""Let a folder be read by size and by change from an index, and cut names into grams faster."""

from alembic import op
import sqlalchemy as sa

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

# What it returns is what it returned before, so the index on it stays good.
GRAMS = """
CREATE OR REPLACE FUNCTION name_grams(owner uuid, folded text) RETURNS integer[]
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL RESTRICTED COST 400 AS $$
DECLARE
  who text := owner::text;
  grams integer[] := '{}';
BEGIN
  FOR i IN 1 .. length(folded) - 1 LOOP
    grams := grams || hashtext(who || substr(folded, i, 2));
    IF i < length(folded) - 1 THEN
      grams := grams || hashtext(who || substr(folded, i, 3));
    END IF;
  END LOOP;
  RETURN grams;
END $$
"""
GRAMS_BEFORE = """
CREATE OR REPLACE FUNCTION name_grams(owner uuid, folded text) RETURNS integer[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE COST 100 AS
$$ SELECT coalesce(array_agg(hashtext(owner::text || substr(folded, i, n))), '{}')
   FROM generate_series(1, length(folded)) AS i, generate_series(2, 3) AS n
   WHERE i + n - 1 <= length(folded) $$
"""
# Of a word that is sought: threes alone where it has any.
SOUGHT = """
CREATE FUNCTION sought_grams(owner uuid, folded text) RETURNS integer[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS
$$ SELECT array_agg(hashtext(owner::text || substr(folded, i, n)))
   FROM (SELECT least(length(folded), 3) AS n) AS of,
     generate_series(1, length(folded) - n + 1) AS i
   WHERE n > 1 $$
"""
SIZES = """
UPDATE nodes SET size = versions.size FROM versions
WHERE versions.file_id = nodes.file_id AND versions.number = nodes.version AND versions.size > 0
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.execute(GRAMS)
    op.execute(SOUGHT)
    size = sa.Column("size", sa.BigInteger(), nullable=False, server_default=sa.text("0"))
    op.add_column("nodes", size)
    # Built anew: faster than kept while sizes are written, and with the trash in it, for of what a
    # partial index holds the planner believes no statistics.
    op.drop_index("ix_nodes_grams", table_name="nodes")
    op.execute(SIZES)
    op.create_check_constraint(op.f("ck_nodes_size"), "nodes", "size >= 0")
    # Room for the row that shows the first version: next to the old one it needs no index entries.
    op.execute("ALTER TABLE nodes SET (fillfactor = 80)")
    here = sa.text("trashed_at IS NULL")
    op.create_index(
        "ix_nodes_grams",
        "nodes",
        [sa.text("name_grams(user_id, folded)")],
        postgresql_using="gin",
        postgresql_with={"gin_pending_list_limit": "256"},
    )
    changed = ["user_id", "parent_id", "kind", "updated_at", "id"]
    op.create_index("ix_nodes_changed", "nodes", changed, postgresql_where=here)
    op.create_index(
        "ix_nodes_size",
        "nodes",
        ["user_id", "parent_id", "size", "id"],
        postgresql_where=sa.text("trashed_at IS NULL AND kind = 'file'"),
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.drop_index("ix_nodes_size", table_name="nodes")
    op.drop_index("ix_nodes_changed", table_name="nodes")
    op.execute("ALTER TABLE nodes RESET (fillfactor)")
    op.drop_column("nodes", "size")
    op.drop_index("ix_nodes_grams", table_name="nodes")
    op.execute("DROP FUNCTION sought_grams(uuid, text)")
    op.execute(GRAMS_BEFORE)
    op.create_index(
        "ix_nodes_grams",
        "nodes",
        [sa.text("name_grams(user_id, folded)")],
        postgresql_using="gin",
        postgresql_where=sa.text("trashed_at IS NULL"),
        postgresql_with={"gin_pending_list_limit": "256"},
    )
