-- The application's own role: it reads and writes rows, and changes no table.
-- Run once, by the owner, on the empty database; DATABASE_PASSWORD_FILE names the role's password.
\set ON_ERROR_STOP on
\getenv password_file DATABASE_PASSWORD_FILE
\set password `cat :'password_file'`
CREATE ROLE balancecloud_app LOGIN PASSWORD :'password';
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO balancecloud_app;
ALTER DEFAULT PRIVILEGES IN SCHEMA public
  GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO balancecloud_app;
ALTER DEFAULT PRIVILEGES IN SCHEMA public
  GRANT USAGE, SELECT ON SEQUENCES TO balancecloud_app;
