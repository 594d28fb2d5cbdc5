//! Statements: parameters, errors, formats, concurrency.

use futures::TryStreamExt;
use futures::future::join_all;

use super::super::{Analytics, Query, QueryError, query_rows};
use super::{count, event_row, fresh, insert};

const ODD: &str = "it's\ta \\ \n'q' \0 购物车 \"x\" {p:String}";

pub(super) async fn parameters_arrive_as_they_are(engine: &dyn Analytics) {
    #[derive(serde::Deserialize)]
    struct Values {
        text: String,
        list: Vec<String>,
        number: u64,
        long: u64,
    }
    let query = Query::new(
        "SELECT {text:String} AS text, {list:Array(String)} AS list, {number:UInt64} AS number, \
         length({long:String}) AS long",
    )
    .param("text", ODD)
    .param("list", &[ODD.to_owned(), String::new()][..])
    .param("number", u64::MAX)
    .param("long", "x".repeat(1 << 20));
    let rows: Vec<Values> = query_rows(engine, query).await.expect("values come back");
    assert_eq!(rows[0].text, ODD);
    assert_eq!(rows[0].list, [ODD, ""]);
    assert_eq!((rows[0].number, rows[0].long), (u64::MAX, 1 << 20));
}

pub(super) async fn errors_carry_the_engines_code(engine: &dyn Analytics) {
    let cases = [
        ("SELECT * FROM hindsight.nowhere", 60),
        ("SELECTED 1", 62),
        ("SELECT nowhere", 47),
        ("SELECT 1; SELECT 2", 62),
        ("SELECT throwIf(number = 0) FROM numbers(1)", 395),
    ];
    for (sql, expected) in cases {
        match engine.execute(Query::new(sql)).await {
            Err(QueryError::Engine { code, .. }) => assert_eq!(code, expected, "{sql}"),
            other => panic!("{sql}: {other:?}"),
        }
    }
    let slow = Query::new("SELECT sum(sleepEachRow(0.1)) FROM numbers(1000) SETTINGS max_block_size = 1");
    match engine.execute(slow.setting("max_execution_time", 1)).await {
        Err(QueryError::Engine { code, .. }) => assert_eq!(code, 159, "time-out"),
        other => panic!("{other:?}"),
    }
}

pub(super) async fn an_error_in_mid_stream_is_not_a_short_result(engine: &dyn Analytics) {
    let sql = "SELECT throwIf(number = 3000000, 'mid') AS a, number FROM numbers(4000000)";
    for format in ["JSONEachRow", "RowBinary", "CSVWithNames"] {
        let mut chunks = engine
            .stream(Query::new(sql).format(format))
            .await
            .expect("it begins well");
        let mut bytes = 0;
        let error = loop {
            match chunks.try_next().await {
                Ok(Some(chunk)) => bytes += chunk.len(),
                Ok(None) => panic!("{format}: a whole result of {bytes} bytes"),
                Err(error) => break error,
            }
        };
        assert!(
            matches!(error, QueryError::Engine { code: 395, .. }),
            "{format}: {error:?}"
        );
        assert!(
            bytes > 1_000_000,
            "{format}: the rows before the error came first ({bytes} bytes)"
        );
    }
}

pub(super) async fn formats_are_whole(engine: &dyn Analytics) {
    let rows = 200_000;
    let read = async |format: &str| {
        let query = Query::new(format!("SELECT number AS n FROM numbers({rows})")).format(format);
        let chunks: Vec<_> = engine
            .stream(query)
            .await
            .expect(format)
            .try_collect()
            .await
            .expect(format);
        chunks.concat()
    };
    let csv = read("CSVWithNames").await;
    assert_eq!(csv.iter().filter(|byte| **byte == b'"').count(), 2, "one header");
    assert_eq!(memchr::memchr_iter(b'\n', &csv).count(), rows + 1);
    assert_eq!(read("RowBinary").await.len(), rows * 8);
    let json: serde_json::Value = serde_json::from_slice(&read("JSON").await).expect("one document");
    assert_eq!(json["rows"], rows);
    let parquet = read("Parquet").await;
    assert!(parquet.starts_with(b"PAR1") && parquet.ends_with(b"PAR1"));
}

pub(super) async fn reads_and_inserts_run_at_once(engine: &dyn Analytics) {
    let database = fresh(engine, 911).await;
    let database = database.as_str();
    let table = format!("{database}.recorder_events");
    let insert_one = |seq: u32| async move {
        let rows: Vec<_> = (0..100)
            .map(|index| event_row(seq, index, u64::from(seq)))
            .collect();
        insert(engine, database, &format!("at once/{seq}"), &rows).await;
    };
    let reading = join_all((0..24).map(|_| count(engine, &table)));
    let (_, counts) = futures::join!(join_all((0..24).map(insert_one)), reading);
    assert!(
        counts.iter().all(|rows| rows % 100 == 0),
        "a block shows whole or not at all: {counts:?}"
    );
    assert_eq!(count(engine, &table).await, 2400);
}
