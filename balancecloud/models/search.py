"""How names are folded and cut for the search index; the migration makes the same functions.

The embedded PostgreSQL has no pg_trgm, so the grams are ours: every two and three neighbouring
letters, hashed together with the owner, which keeps one person's search out of another's names.
"""

from typing import Final

from sqlalchemy import DDL

FOLD: Final = DDL(  # type: ignore[no-untyped-call] # SQLAlchemy has no types for it
    r"""
CREATE OR REPLACE FUNCTION fold_name(name text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS
$$ SELECT regexp_replace(normalize(lower(name), NFD), '[\u0300-\u036f]', '', 'g') $$
"""
)
GRAMS: Final = DDL(  # type: ignore[no-untyped-call] # likewise
    """
CREATE OR REPLACE FUNCTION name_grams(owner uuid, folded text) RETURNS integer[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS
$$ SELECT coalesce(array_agg(hashtext(owner::text || substr(folded, i, n))), '{}')
   FROM generate_series(1, length(folded)) AS i, generate_series(2, 3) AS n
   WHERE i + n - 1 <= length(folded) $$
"""
)
