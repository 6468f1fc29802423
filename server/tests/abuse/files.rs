//! Parquet files and Arrow streams that are damaged or lie.

use std::sync::Arc;

use arrow_array::{ArrayRef, Int16Array, RecordBatch, StringArray};
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{DataType, Field, Fields, Schema};
use parquet::arrow::ArrowWriter;

use crate::raw::{Case, Expect};
use Expect::{Code, Refused};

const ROWS: &str = "/v1/tables/users/rows";
const ARROW: &str = "application/vnd.apache.arrow.stream";
const PARQUET: &str = "application/vnd.apache.parquet";

/// All of them.
pub(crate) fn cases() -> Vec<Case> {
    let mut cases = garbage();
    cases.extend(damaged(ARROW, &arrow(&rows())));
    cases.extend(damaged(PARQUET, &parquet(&rows())));
    cases.extend(shapes());
    cases
}

fn rows() -> RecordBatch {
    let keys: StringArray = (0..100).map(|row| Some(format!("key-{row}"))).collect();
    let ages: Int16Array = (0..100).map(Some).collect();
    let columns: [(&str, ArrayRef); 2] = [("user_id", Arc::new(keys)), ("age", Arc::new(ages))];
    RecordBatch::try_from_iter(columns).unwrap()
}

fn arrow(batch: &RecordBatch) -> Vec<u8> {
    let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    writer.write(batch).unwrap();
    writer.finish().unwrap();
    writer.into_inner().unwrap()
}

fn parquet(batch: &RecordBatch) -> Vec<u8> {
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), None).unwrap();
    writer.write(batch).unwrap();
    writer.into_inner().unwrap()
}

/// What is neither.
fn garbage() -> Vec<Case> {
    let noise: Vec<u8> = (0..100_000_u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    let mut footer = b"PAR1".to_vec();
    footer.extend_from_slice(&u32::MAX.to_le_bytes());
    footer.extend_from_slice(b"PAR1");
    let mut small_footer = b"PAR1".to_vec();
    small_footer.extend_from_slice(&64_u32.to_le_bytes());
    small_footer.extend_from_slice(b"PAR1");
    let mut message = vec![0xFF; 4];
    message.extend_from_slice(&0x7FFF_FFFF_u32.to_le_bytes());
    let bodies: [(&str, &[u8]); 8] = [
        ("nothing", b""),
        ("noise", &noise),
        ("a signature", b"PAR1"),
        ("two signatures", b"PAR1PAR1PAR1"),
        ("a footer of 4 GiB", &footer),
        ("a footer longer than the file", &small_footer),
        ("a message of 2 GiB", &message),
        ("zeros", &[0; 4_096]),
    ];
    let mut cases = Vec::new();
    for (name, body) in bodies {
        for media in [PARQUET, ARROW] {
            let name = format!("{media}: {name}");
            cases.push(Case::request(
                name,
                ("POST", ROWS),
                media,
                body,
                Refused(400),
            ));
        }
    }
    cases
}

/// A good file with bytes changed: refused, or read all the same, and never worse.
fn damaged(media: &str, whole: &[u8]) -> Vec<Case> {
    let mut cases = Vec::new();
    for place in (0..whole.len()).step_by(whole.len() / 30) {
        for byte in [0x00, 0xFF] {
            let mut body = whole.to_vec();
            body[place] = byte;
            let name = format!("{media}: byte {place} is {byte}");
            cases.push(Case::request(
                name,
                ("POST", ROWS),
                media,
                body,
                Expect::Survived,
            ));
        }
    }
    cases
}

/// Files whose columns are not what a table takes.
fn shapes() -> Vec<Case> {
    let nested = (0..20).fold(DataType::Int16, |inner, _| {
        DataType::List(Arc::new(Field::new("item", inner, true)))
    });
    let structs = (0..20).fold(DataType::Int16, |inner, _| {
        DataType::Struct(Fields::from(vec![Field::new("x", inner, true)]))
    });
    let wide: Vec<Field> = (0..5_000)
        .map(|n| Field::new(format!("c{n}"), DataType::Int16, true))
        .collect();
    let with_key = |kind: &DataType| {
        vec![
            Field::new("user_id", DataType::Utf8, true),
            Field::new("age", kind.clone(), true),
        ]
    };
    let schemas = [
        ("lists in lists", with_key(&nested), Refused(400)),
        ("structs in structs", with_key(&structs), Refused(400)),
        ("5,000 columns", wide, Refused(400)),
        (
            "text for a number",
            with_key(&DataType::Utf8),
            Expect::Survived,
        ),
        (
            "bytes for a number",
            with_key(&DataType::Binary),
            Code(400, "type_mismatch"),
        ),
    ];
    let mut cases = Vec::new();
    for (name, fields, expect) in schemas {
        let batch = RecordBatch::new_empty(Arc::new(Schema::new(fields)));
        for (media, body) in [(ARROW, arrow(&batch)), (PARQUET, parquet(&batch))] {
            let name = format!("{media}: {name}");
            cases.push(Case::request(
                name,
                ("POST", ROWS),
                media,
                body,
                expect.clone(),
            ));
        }
    }
    cases
}
