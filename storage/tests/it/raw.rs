//! A look at the database from outside: every table, every column, every byte.

use std::{collections::BTreeMap, time::Duration};

use portolan_storage::{Engine, testing::TestDatabase};
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, Statement, TryGetable};

/// A connection of its own to a test's database.
pub struct Raw {
    connection: DatabaseConnection,
    engine: Engine,
}

/// All that the database holds: table, row, column, each value as its bytes in hexadecimal.
pub type Contents = BTreeMap<String, Vec<Vec<String>>>;

/// One column as the schema has it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Column {
    pub name: String,
    pub nullable: bool,
}

impl Raw {
    pub async fn of(database: &TestDatabase) -> Self {
        Self::connect(&database.settings.url).await
    }

    pub async fn connect(url: &str) -> Self {
        Self {
            connection: Database::connect(url).await.unwrap(),
            engine: Engine::of_url(url).unwrap(),
        }
    }

    pub fn connection(&self) -> &DatabaseConnection {
        &self.connection
    }

    pub async fn run(&self, sql: &str) {
        self.connection.execute_unprepared(sql).await.unwrap();
    }

    /// The first column of all rows.
    pub async fn column<T: TryGetable>(&self, sql: &str) -> Vec<T> {
        let statement = Statement::from_string(self.connection.get_database_backend(), sql);
        let rows = self.connection.query_all_raw(statement).await.unwrap();
        let first = |row: &sea_orm::QueryResult| row.try_get_by_index(0).unwrap();
        rows.iter().map(first).collect()
    }

    pub async fn count(&self, table: &str) -> i64 {
        let sql = format!("SELECT count(*) FROM {table}");
        self.column::<i64>(&sql).await[0]
    }

    pub async fn tables(&self) -> Vec<String> {
        self.column(match self.engine {
            Engine::Sqlite => {
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' \
                 ORDER BY name"
            }
            Engine::Postgres => {
                "SELECT table_name::text FROM information_schema.tables \
                 WHERE table_schema = 'public' ORDER BY table_name"
            }
        })
        .await
    }

    pub async fn columns(&self, table: &str) -> Vec<Column> {
        let sql = match self.engine {
            Engine::Sqlite => format!(
                "SELECT CASE \"notnull\" WHEN 1 THEN ' ' ELSE '?' END || name \
                 FROM pragma_table_info('{table}')"
            ),
            Engine::Postgres => format!(
                "SELECT CASE is_nullable WHEN 'NO' THEN ' ' ELSE '?' END || column_name \
                 FROM information_schema.columns \
                 WHERE table_schema = 'public' AND table_name = '{table}'"
            ),
        };
        let marked = self.column::<String>(&sql).await;
        let column = |marked: &String| Column {
            name: marked[1..].to_owned(),
            nullable: marked.starts_with('?'),
        };
        marked.iter().map(column).collect()
    }

    /// All but the audit log and the generations, which grow with every change; the log has tests of
    /// its own.
    pub async fn contents(&self) -> Contents {
        let mut contents = self.everything().await;
        contents.retain(|table, _| !table.starts_with("audit_") && table != "generations");
        contents
    }

    pub async fn everything(&self) -> Contents {
        let mut contents = Contents::new();
        for table in self.tables().await {
            let rows = self.rows(&table).await;
            contents.insert(table, rows);
        }
        contents
    }

    async fn rows(&self, table: &str) -> Vec<Vec<String>> {
        let columns = self.columns(table).await;
        let values: Vec<_> = columns.iter().map(|c| self.in_hexadecimal(c)).collect();
        let sql = format!("SELECT {} FROM \"{table}\"", values.join(" || ' ' || "));
        let mut rows = self.column::<String>(&sql).await;
        rows.sort();
        let values = |row: &String| row.split(' ').map(str::to_owned).collect();
        rows.iter().map(values).collect()
    }

    fn in_hexadecimal(&self, column: &Column) -> String {
        let name = &column.name;
        match self.engine {
            Engine::Sqlite => {
                format!("CASE WHEN \"{name}\" IS NULL THEN 'null' ELSE lower(hex(\"{name}\")) END")
            }
            // A value of bytes shows itself as `\x` and hexadecimal digits; any other as text.
            Engine::Postgres => format!(
                "coalesce(CASE pg_typeof(\"{name}\")::text \
                 WHEN 'bytea' THEN substr(\"{name}\"::text, 3) \
                 ELSE encode(convert_to(\"{name}\"::text, 'UTF8'), 'hex') END, 'null')"
            ),
        }
    }

    /// Goes on once so many wait for a lock in this PostgreSQL database.
    pub async fn waiting_for_locks(&self, wanted: i64) {
        let all_wait = tokio::time::timeout(Duration::from_secs(20), self.until_waiting(wanted));
        all_wait.await.expect("they wait for a lock");
    }

    async fn until_waiting(&self, wanted: i64) {
        let waiting = "SELECT count(*) FROM pg_stat_activity \
                       WHERE datname = current_database() AND wait_event_type = 'Lock'";
        while self.column::<i64>(waiting).await[0] < wanted {
            tokio::task::yield_now().await;
        }
    }

    /// From now on, whoever writes to this table fails.
    pub async fn forbid_writing(&self, table: &str) {
        if self.engine == Engine::Postgres {
            self.run(&format!(
                "CREATE FUNCTION forbid_{table}() RETURNS trigger LANGUAGE plpgsql AS \
                 $$ BEGIN RAISE EXCEPTION 'written: {table}'; END $$"
            ))
            .await;
        }
        for verb in ["INSERT", "UPDATE", "DELETE"] {
            let body = match self.engine {
                Engine::Sqlite => format!("BEGIN SELECT RAISE(ABORT, 'written: {table}'); END"),
                Engine::Postgres => format!("FOR EACH ROW EXECUTE FUNCTION forbid_{table}()"),
            };
            let name = format!("forbid_{table}_{verb}");
            self.run(&format!(
                "CREATE TRIGGER {name} BEFORE {verb} ON {table} {body}"
            ))
            .await;
        }
    }
}

/// The tables whose rows differ.
pub fn changed(before: &Contents, after: &Contents) -> Vec<String> {
    assert!(
        before.keys().eq(after.keys()),
        "the tables themselves changed"
    );
    let differs = |table: &&String| before[*table] != after[*table];
    before.keys().filter(differs).cloned().collect()
}

/// The tables in which these bytes stand.
pub fn places_of(contents: &Contents, text: &str) -> Vec<String> {
    let wanted = hexadecimal(text.as_bytes());
    let holds = |rows: &Vec<Vec<String>>| rows.iter().flatten().any(|v| v.contains(&wanted));
    let tables = contents.iter().filter(|(_, rows)| holds(rows));
    tables.map(|(table, _)| table.clone()).collect()
}

pub fn hexadecimal(bytes: &[u8]) -> String {
    let digits: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.concat()
}
