//! Parquet files and Arrow streams that are cut, changed, or lie about themselves.

use std::sync::Arc;

use arrow_array::{ArrayRef, Int16Array, ListArray, RecordBatch, StringArray};
use arrow_buffer::OffsetBuffer;
use arrow_ipc::CompressionType;
use arrow_ipc::writer::{IpcWriteOptions, StreamWriter};
use arrow_schema::{DataType, Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::{WriterProperties, WriterVersion};

use super::{Answered, Server};

const ARROW: &str = "application/vnd.apache.arrow.stream";
const PARQUET: &str = "application/vnd.apache.parquet";

fn rows() -> RecordBatch {
    let keys: StringArray = (0..200).map(|row| Some(format!("key-{row}"))).collect();
    let ages: Int16Array = (0..200).map(|row| (row % 3 > 0).then_some(row)).collect();
    let genders: StringArray = (0..200)
        .map(|row| (row % 5 > 0).then(|| format!("g{}", row % 4)))
        .collect();
    let members: StringArray = (0..200).map(|row| Some(format!("m{}", row % 9))).collect();
    let offsets = OffsetBuffer::from_lengths((0..200).map(|row| usize::from(row % 2 == 0) * 2));
    let field = Arc::new(Field::new("item", DataType::Utf8, true));
    let sets = ListArray::new(field, offsets, Arc::new(members), None);
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("user_id", Arc::new(keys)),
        ("age", Arc::new(ages)),
        ("gender", Arc::new(genders)),
        ("interests", Arc::new(sets)),
    ];
    let fields: Vec<_> = columns
        .iter()
        .map(|(name, array)| Field::new(*name, array.data_type().clone(), true))
        .collect();
    let arrays = columns.into_iter().map(|(_, array)| array).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap()
}

fn arrow(compression: Option<CompressionType>) -> Vec<u8> {
    let options = IpcWriteOptions::default()
        .try_with_compression(compression)
        .unwrap();
    let batch = rows();
    let mut writer =
        StreamWriter::try_new_with_options(Vec::new(), &batch.schema(), options).unwrap();
    writer.write(&batch).unwrap();
    writer.write(&batch.slice(0, 7)).unwrap();
    writer.finish().unwrap();
    writer.into_inner().unwrap()
}

fn parquet(version: WriterVersion, compression: Compression) -> Vec<u8> {
    let properties = WriterProperties::builder()
        .set_writer_version(version)
        .set_compression(compression)
        .set_data_page_row_count_limit(50)
        .set_write_batch_size(10)
        .build();
    let batch = rows();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

async fn send(server: &Server, media: &str, body: Vec<u8>) -> Answered {
    let headers = [("content-type", media)];
    server
        .call("POST", "/v1/tables/users/rows", &headers, body)
        .await
}

/// Sends a damaged body, which must be refused as the client's fault, or read all the same.
async fn survives(server: &Server, media: &str, body: Vec<u8>, what: &str) {
    let answered = send(server, media, body).await;
    let status = answered.status.as_u16();
    assert!(
        [200, 400, 413, 422].contains(&status),
        "{what}: {status} {}",
        answered.text()
    );
}

#[tokio::test]
async fn bodies_that_are_cut_are_refused() {
    let server = Server::new();
    let whole = arrow(None);
    for end in (0..whole.len() - 1)
        .step_by(13)
        .chain([whole.len() - 4, whole.len() - 8])
    {
        let answered = send(&server, ARROW, whole[..end].to_vec()).await;
        answered.problem(400, "syntax_error");
    }
    let whole = parquet(WriterVersion::PARQUET_1_0, Compression::SNAPPY);
    for end in (0..whole.len()).step_by(29) {
        let answered = send(&server, PARQUET, whole[..end].to_vec()).await;
        answered.problem(400, "syntax_error");
    }
    send(&server, PARQUET, arrow(None))
        .await
        .problem(400, "syntax_error");
    send(&server, ARROW, whole)
        .await
        .problem(400, "limit_exceeded");
    send(&server, ARROW, b"user_id\nu1\n".to_vec())
        .await
        .problem(400, "limit_exceeded");
    assert_eq!(server.count().await, 0);
}

#[tokio::test]
async fn changed_bytes_are_no_fault_of_the_server() {
    let mut state = 0x0DA_u64;
    let mut random = |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) as usize % below
    };
    let bodies = [
        (ARROW, arrow(None)),
        (ARROW, arrow(Some(CompressionType::ZSTD))),
        (ARROW, arrow(Some(CompressionType::LZ4_FRAME))),
        (
            PARQUET,
            parquet(WriterVersion::PARQUET_1_0, Compression::UNCOMPRESSED),
        ),
        (
            PARQUET,
            parquet(
                WriterVersion::PARQUET_2_0,
                Compression::ZSTD(Default::default()),
            ),
        ),
        (
            PARQUET,
            parquet(WriterVersion::PARQUET_2_0, Compression::SNAPPY),
        ),
        (
            PARQUET,
            parquet(
                WriterVersion::PARQUET_1_0,
                Compression::GZIP(Default::default()),
            ),
        ),
    ];
    let server = Server::new();
    for case in 0..700 {
        let (media, whole) = &bodies[case % bodies.len()];
        let mut body = whole.clone();
        for _ in 0..=random(3) {
            let at = random(body.len());
            body[at] = [0, 0xFF, 0x7F, 0x80, random(256) as u8][random(5)];
        }
        survives(&server, media, body, &format!("case {case}")).await;
    }
}

/// The place of a number in the metadata of a stream, as little-endian bytes.
fn replace(body: &mut [u8], from: i64, to: i64) -> usize {
    let (from, to) = (from.to_le_bytes(), to.to_le_bytes());
    let places: Vec<_> = (0..body.len() - 8)
        .filter(|at| body[*at..at + 8] == from)
        .collect();
    for at in &places {
        body[*at..at + 8].copy_from_slice(&to);
    }
    places.len()
}

#[tokio::test]
async fn claims_are_not_believed() {
    let server = Server::new();
    // A message that says it is 2 GiB long, and one whose body does.
    let mut long = vec![0xFF; 4];
    long.extend(0x7FFF_FFFF_u32.to_le_bytes());
    send(&server, ARROW, long)
        .await
        .problem(400, "limit_exceeded");
    let mut body = arrow(None);
    assert!(replace(&mut body, 200, 1 << 40) > 0);
    survives(&server, ARROW, body, "rows").await;
    // Parts that say they decompress to a terabyte.
    let mut body = arrow(Some(CompressionType::LZ4_FRAME));
    let mut found = 0;
    for len in 100..2_000 {
        found += replace(&mut body, len, 1 << 40);
    }
    assert!(found > 0);
    survives(&server, ARROW, body, "decompressed").await;
    // A footer of 4 GiB, and one deeper than any stack.
    let mut file = b"PAR1".to_vec();
    file.extend(vec![0x1C; 100_000]);
    file.extend(100_000_u32.to_le_bytes());
    file.extend(b"PAR1");
    send(&server, PARQUET, file)
        .await
        .problem(400, "syntax_error");
    let mut file = b"PAR1".to_vec();
    file.extend(u32::MAX.to_le_bytes());
    file.extend(b"PAR1");
    send(&server, PARQUET, file)
        .await
        .problem(400, "limit_exceeded");
    // A schema of groups inside each other: {1: 1, 2: [{4: "a", 5: 1}, ...]}.
    let mut footer = vec![0x15, 2, 0x19, 0xFC];
    footer.extend([0xC0, 0x9A, 0x0C]);
    for _ in 0..200_000 {
        footer.extend([0x48, 1, b'a', 0x15, 2, 0]);
    }
    footer.push(0);
    let mut file = b"PAR1".to_vec();
    let len = u32::try_from(footer.len()).unwrap();
    file.extend(footer);
    file.extend(len.to_le_bytes());
    file.extend(b"PAR1");
    let problem = send(&server, PARQUET, file)
        .await
        .problem(400, "syntax_error");
    assert!(
        problem["detail"].as_str().unwrap().contains("deep"),
        "{problem}"
    );
}
