//! Applies the numbered migrations of a view generation, records each, and makes the views for people anew.
//!
//! **Invariant:** a migration is recorded after its statements; a crash between repeats statements that can be
//! repeated. A database that is newer, or was made by another text, is refused before anything is changed.

use hindsight_schemas::ddl::{self, Dialect, MIGRATIONS, Migration};
use serde::Deserialize;

use super::{Analytics, MigrateError, Query, QueryError, query_rows};

#[derive(Deserialize)]
struct Applied {
    number: u32,
    name: String,
    digest: String,
}

pub(super) async fn migrate(
    engine: &dyn Analytics,
    dialect: Dialect,
    cluster: &str,
    generation: u32,
) -> Result<(), MigrateError> {
    let database = ddl::database(generation);
    apply(engine, dialect, cluster, &database, Again::No).await?;
    let views = ddl::on_cluster(ddl::people_views(dialect, &database), cluster);
    Ok(run_all(engine, views).await?)
}

/// The tables alone: no view for people is pointed at them, and those that are gone are made again.
pub(super) async fn make_tables(
    engine: &dyn Analytics,
    dialect: Dialect,
    cluster: &str,
    database: &str,
) -> Result<(), MigrateError> {
    apply(engine, dialect, cluster, database, Again::Yes).await
}

/// Whether migrations that are recorded as applied are applied again, which only makes what is missing.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Again {
    Yes,
    No,
}

async fn apply(
    engine: &dyn Analytics,
    dialect: Dialect,
    cluster: &str,
    database: &str,
    again: Again,
) -> Result<(), MigrateError> {
    let everywhere = |statements| ddl::on_cluster(statements, cluster);
    run_all(engine, everywhere(ddl::bootstrap(dialect, database))).await?;
    let sql = format!("SELECT number, name, digest FROM {database}.schema_migrations FINAL ORDER BY number");
    let applied: Vec<Applied> = query_rows(engine, Query::new(sql)).await?;
    check(&applied)?;
    for migration in MIGRATIONS
        .iter()
        .filter(|step| again == Again::Yes || applied.iter().all(|done| done.number != step.number))
    {
        run_all(engine, everywhere(migration.statements(dialect, database))).await?;
        record(engine, database, migration).await?;
    }
    Ok(())
}

fn check(applied: &[Applied]) -> Result<(), MigrateError> {
    let known = u32::try_from(MIGRATIONS.len()).expect("a handful of migrations");
    for done in applied {
        match MIGRATIONS.iter().find(|step| step.number == done.number) {
            None => {
                return Err(MigrateError::Newer {
                    found: done.number,
                    known,
                });
            }
            Some(step) if step.digest() != done.digest => {
                return Err(MigrateError::Changed {
                    number: done.number,
                    name: done.name.clone(),
                });
            }
            Some(_) => {}
        }
    }
    Ok(())
}

async fn record(engine: &dyn Analytics, database: &str, step: &Migration) -> Result<(), QueryError> {
    let sql = format!(
        "INSERT INTO {database}.schema_migrations (number, name, digest) \
         SELECT {{number:UInt32}}, {{name:String}}, {{digest:String}}"
    );
    let query = Query::new(sql)
        .param("number", step.number)
        .param("name", step.name)
        .param("digest", step.digest());
    engine.execute(query).await
}

async fn run_all(engine: &dyn Analytics, statements: Vec<String>) -> Result<(), QueryError> {
    for statement in statements {
        engine.execute(Query::new(statement)).await?;
    }
    Ok(())
}
