"""How names are folded and cut for the search index; the migration makes the same functions.

The embedded PostgreSQL has no pg_trgm, so the grams are ours: every two and three neighbouring
letters, hashed together with the owner, which keeps one person's search out of another's names.
A loop takes half the time of one query over all places, and every new name is cut. What is
sought is cut into threes alone, which hold its twos: fewer lists to meet, and a better guess how
many fit. The cost is what a call takes, so that plans make few; workers of a query are not worth
their start.
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
)
SOUGHT: Final = DDL(  # type: ignore[no-untyped-call] # likewise
    """
CREATE OR REPLACE FUNCTION sought_grams(owner uuid, folded text) RETURNS integer[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS
$$ SELECT array_agg(hashtext(owner::text || substr(folded, i, n)))
   FROM (SELECT least(length(folded), 3) AS n) AS of,
     generate_series(1, length(folded) - n + 1) AS i
   WHERE n > 1 $$
"""
)
