"""A large library made in SQL: for what pages cost and which indexes they use."""

import uuid

from sqlalchemy import Connection, text

CROWDED = 10_000  # files in one folder
TOPS, BELOW = 100, 100  # folders in the root, and folders in each of them

FOLDERS = """
WITH tops AS (
  INSERT INTO nodes (id, user_id, kind, name)
  SELECT gen_random_uuid(), :user, 'folder', 'Area ' || i FROM generate_series(1, :tops) AS i
  RETURNING id, name
)
INSERT INTO nodes (id, user_id, parent_id, kind, name)
SELECT gen_random_uuid(), :user, tops.id, 'folder', 'Set ' || i || ' of ' || tops.name
FROM tops, generate_series(1, :below) AS i
"""
# Every second name is a picture's: half a library can match a search.
NAMED = """
CASE i % 4 WHEN 0 THEN 'IMG_' || lpad(i::text, 7, '0') || '.jpg'
           WHEN 1 THEN 'Café notes ' || i || '.txt'
           WHEN 2 THEN 'img ' || md5(i::text) || '.png'
           ELSE initcap(translate(md5(i::text), '0123456789', 'ghijklmnop')) || ' ' || i || '.pdf'
END
"""
SIZE = "1000 + hashint4(i) % 900"
CHANGED = "now() - make_interval(mins => hashint4(i) % 400000 + 400000)"
FILES = f"""
WITH homes AS (
  SELECT id, row_number() OVER (ORDER BY id) - 1 AS place FROM nodes
  WHERE user_id = :user AND parent_id IS NOT NULL AND kind = 'folder'
), named AS (
  SELECT gen_random_uuid() AS id, i, {NAMED} AS name FROM generate_series(1, :files) AS i
)
INSERT INTO nodes (id, user_id, parent_id, kind, name, file_id, version, size, updated_at)
SELECT named.id, :user, homes.id, 'file', named.name, named.id, 1, {SIZE}, {CHANGED}
FROM named JOIN homes ON homes.place = named.i % (SELECT count(*) FROM homes)
"""
CROWD = f"""
WITH named AS (
  SELECT gen_random_uuid() AS id, i FROM generate_series(1, :files) AS i
)
INSERT INTO nodes (id, user_id, parent_id, kind, name, file_id, version, size, updated_at)
SELECT id, :user, :folder, 'file', 'Scan ' || lpad(i::text, 6, '0') || '.pdf', id, 1, {SIZE},
  {CHANGED}
FROM named
"""
VERSIONS = """
INSERT INTO versions (id, user_id, file_id, number, state, size, chunk_size, frame_log2, pad,
                      epoch, file_key, protection, mime_type, stored_at)
SELECT gen_random_uuid(), user_id, file_id, 1, 'stored', size, 10485760,
       16, false, 1, '', 1, 'image/jpeg', now()
FROM nodes WHERE user_id = :user AND kind = 'file'
"""


def fill(connection: Connection, user_id: uuid.UUID, nodes: int) -> uuid.UUID:
    """Give a person so many nodes; return the crowded folder. The index is built anew at the end.

    A GIN index takes a million rows far faster in one go than one by one.
    """
    definition = connection.scalar(
        text("SELECT indexdef FROM pg_indexes WHERE indexname = 'ix_nodes_grams'")
    )
    connection.execute(text("DROP INDEX ix_nodes_grams"))
    folder = uuid.uuid4()
    below = min(BELOW, nodes // 1000)
    crowd = min(CROWDED, nodes // 4)
    values = {"user": user_id, "tops": TOPS, "below": below, "folder": folder}
    connection.execute(text(FOLDERS), values)
    rest = nodes - TOPS - TOPS * below - crowd - 1
    connection.execute(text(FILES), {**values, "files": rest})
    crowded = (
        "INSERT INTO nodes (id, user_id, kind, name) VALUES (:folder, :user, 'folder', 'Many')"
    )
    connection.execute(text(crowded), values)
    connection.execute(text(CROWD), {**values, "files": crowd})
    connection.execute(text(VERSIONS), values)
    connection.execute(text("SET LOCAL maintenance_work_mem = '512MB'"))
    connection.execute(text(str(definition)))
    return folder


def settle(connection: Connection) -> None:
    """Let the planner know what is there, as autovacuum does; not within a transaction."""
    for table in ("nodes", "versions"):
        connection.execute(text(f"VACUUM ANALYZE {table}"))
