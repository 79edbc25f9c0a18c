//! Storage on both engines: every test runs on a SQLite file and on a real PostgreSQL.

mod schema;
