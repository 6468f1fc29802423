//! `tagdb quickstart`: a working database in one go.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tagdb::config::Config;
use tagdb_query::{Answer, Context, Database, Value};
use tagdb_storage::batch::RowMode;
use tagdb_storage::clock::Clock;
use tagdb_storage::engine::WriteOptions;

use crate::cli::args::ServeArgs;
use crate::cli::failure::Failure;
use crate::cli::output;
use crate::cli::sample::{CREATE_TABLE, USERS, Users, rows};
use crate::cli::serve;
use crate::cli::shell::render::text_table;

const TABLE: &str = "users";
/// Rows of a batch: a chunk of subjects.
const BATCH_ROWS: u32 = 1 << 16;

const AUDIENCE: &str = "has_any(interests, ['coffee', 'tea']) AND spend_30d >= 20
  AND last_login >= now() - INTERVAL '30 days'";

/// Makes the data folder if need be, shows what can be asked, and serves.
///
/// # Errors
/// The settings are wrong, the data cannot be opened or written, or the address is taken.
pub(crate) fn run(args: &ServeArgs) -> Result<(), Failure> {
    let config = serve::settings(args)?;
    let is_default_log = config.log == Config::default().log;
    serve::start_logging(&config, if is_default_log { "warn" } else { &config.log })?;
    let listener = serve::listen(config.listen)?;
    let database = serve::open(&config)?;
    if needs_sample(&database) {
        output::line(&format!("{CREATE_TABLE};\n"))?;
        load(&database)?;
        show(&database)?;
    } else {
        output::line(&format!(
            "{} holds a table {TABLE} already; serving what is there",
            config.data.display()
        ))?;
    }
    let told = next_steps(serve::local_address(&listener)?);
    serve::serve(config, database, listener, || output::line(&told))
}

/// Whether there are no users, or only the table that a quickstart made before it was stopped.
fn needs_sample(database: &Database) -> bool {
    let snapshot = database.engine().snapshot();
    let Some(schema) = snapshot.catalog().table(TABLE) else {
        return true;
    };
    snapshot.table(schema.id).is_none_or(|table| {
        let partitions = table.partitions().iter();
        let is_ours = schema.tag("brand_visits_30d").is_some();
        is_ours
            && partitions
                .map(|partition| partition.subjects())
                .sum::<u64>()
                == 0
    })
}

fn load(database: &Database) -> Result<(), Failure> {
    let failed = |error: tagdb_storage::Error| Failure::Failed(error.to_string());
    if database
        .engine()
        .snapshot()
        .catalog()
        .table(TABLE)
        .is_none()
    {
        query(database, CREATE_TABLE)?;
    }
    let engine = database.engine();
    let schema = engine.snapshot().catalog().table(TABLE).map(Arc::clone);
    let schema = schema.ok_or_else(|| Failure::Failed("the table is gone".to_owned()))?;
    let start = Instant::now();
    let mut loader = engine.loader(schema.id, RowMode::Upsert).map_err(failed)?;
    let bar = progress();
    let mut users = Users::new(Clock::system().now_micros());
    let mut first = 0;
    while first < USERS {
        let count = BATCH_ROWS.min(USERS - first);
        let batch = rows(&mut users, &schema, first, count);
        loader.push(&batch).map_err(failed)?;
        bar.inc(count.into());
        first += count;
    }
    loader.finish(&WriteOptions::default()).map_err(failed)?;
    bar.finish_and_clear();
    let seconds = start.elapsed().as_secs_f64();
    let rate = f64::from(USERS) / seconds;
    output::line(&format!(
        "{USERS} users written in {seconds:.1} s ({rate:.0} users/s)\n"
    ))
}

fn progress() -> ProgressBar {
    if !output::shows_progress() {
        return ProgressBar::hidden();
    }
    let target = ProgressDrawTarget::stderr();
    let bar = ProgressBar::with_draw_target(Some(USERS.into()), target);
    let template = "{bar:30} {human_pos} of {human_len} users, {per_sec}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// Asks the questions that tag databases are for.
fn show(database: &Database) -> Result<(), Failure> {
    let count = format!("SELECT count(*) AS audience\nFROM users\nWHERE {AUDIENCE}");
    let portrait = format!(
        "SELECT gender, city, count(*) AS users, sum(spend_30d) AS spent\nFROM users\nWHERE {AUDIENCE}\n\
         GROUP BY gender, city\nORDER BY users DESC\nLIMIT 8"
    );
    show_table(
        database,
        "How many like coffee or tea, spend, and came lately?",
        &count,
    )?;
    show_table(database, "Who are they?", &portrait)?;
    show_user(database, "SELECT * FROM users WHERE user_id = 'u262219'")
}

fn show_table(database: &Database, title: &str, sql: &str) -> Result<(), Failure> {
    let result = query(database, sql)?;
    let header: Vec<&str> = result.names.iter().map(String::as_str).collect();
    let table = text_table(&header, result.rows.into_iter());
    let time = result.time;
    output::line(&format!("{title}\n\n{sql};\n{table}\n({time:.1?})\n"))
}

fn show_user(database: &Database, sql: &str) -> Result<(), Failure> {
    let result = query(database, sql)?;
    let values = result.rows.into_iter().next().unwrap_or_default();
    let pairs = result.names.into_iter().zip(values);
    let table = text_table(
        &["tag", "value"],
        pairs.map(|(name, value)| vec![name, value]),
    );
    let time = result.time;
    output::line(&format!(
        "What is known of one?\n\n{sql};\n{table}\n({time:.1?})\n"
    ))
}

/// A result as text.
struct Shown {
    names: Vec<String>,
    rows: Vec<Vec<String>>,
    time: Duration,
}

fn query(database: &Database, sql: &str) -> Result<Shown, Failure> {
    let failed = |error: tagdb_query::Error| Failure::Failed(error.to_string());
    let start = Instant::now();
    let mut result = Shown {
        names: Vec::new(),
        rows: Vec::new(),
        time: Duration::ZERO,
    };
    for statement in database.parse(sql).map_err(failed)? {
        let context = Context::default();
        if let Answer::Rows(mut stream) = database.run(&statement, &context).map_err(failed)? {
            let columns = stream.columns().iter();
            result.names = columns.map(|column| column.name.clone()).collect();
            while let Some(batch) = stream.next().map_err(failed)? {
                let rows = batch.iter().map(|row| row.iter().map(text).collect());
                result.rows.extend(rows);
            }
        }
    }
    result.time = start.elapsed();
    Ok(result)
}

fn text(value: &Value) -> String {
    if *value == Value::Null {
        return "NULL".to_owned();
    }
    let mut text = String::new();
    tagdb_query::literal::write_value(value, &mut text);
    text
}

fn next_steps(address: SocketAddr) -> String {
    format!(
        "\
Serving http://{address} until Ctrl-C; the next tagdb quickstart serves the same data.
Try in another terminal:

  curl http://{address}/v1/tables/users/rows/u262219
  curl -G http://{address}/v1/sql --data-urlencode \"sql=SELECT count(*) FROM users WHERE age < 30\"
  curl -X PATCH http://{address}/v1/tables/users/rows/me \\
       -H 'content-type: application/json' -d '{{\"city\": \"ulm\", \"interests+\": [\"tea\"]}}'
  tagdb sql --url http://{address}"
    )
}
