use std::io::BufReader;
use std::sync::Arc;

use tagdb_wire::BulkMode;

use super::{shown, target};
use crate::ingest::batch::BatchBuilder;
use crate::ingest::rows::{CsvForm, CsvRows, EmptyCell, NdJsonRows, Rows, Step};

/// Random bytes and random damage of good text never panic, and always come to an end.
#[test]
fn damaged_text_ends_in_faults() {
    let target = target(BulkMode::Upsert, None);
    let good_csv = "user_id,age,interests,visits\nu1,1,\"[\"\"a\"\"]\",\"{\"\"a\"\":1}\"\nu2,,,\n";
    let good_json =
        "{\"user_id\":\"u1\",\"age\":1,\"interests+\":[\"\\u00e9\"]}\n{\"user_id\":\"u2\"}\n";
    let mut state = 0x5EED_0002_u64;
    let mut next = |bound: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) as usize % bound
    };
    for _ in 0..3_000 {
        for (good, is_csv) in [(good_csv, true), (good_json, false)] {
            let mut bytes = good.as_bytes().to_vec();
            for _ in 0..1 + next(4) {
                let at = next(bytes.len());
                match next(3) {
                    0 => bytes[at] = u8::try_from(next(256)).unwrap(),
                    1 => bytes.truncate(at + 1),
                    _ => bytes.insert(at, b"\"\n,{}[]\\\0\xFF"[next(10)]),
                }
            }
            let source = BufReader::with_capacity(1 + next(20), &*bytes);
            let mut rows = if is_csv {
                let form = CsvForm {
                    delimiter: b',',
                    empty: EmptyCell::Null,
                };
                match CsvRows::new(source, form, 1000, Arc::clone(&target)) {
                    Ok(rows) => Rows::Csv(rows),
                    Err(_) => continue,
                }
            } else {
                Rows::NdJson(NdJsonRows::new(source, 1000, Arc::clone(&target)))
            };
            let mut batch = BatchBuilder::new(Arc::clone(&target));
            while !matches!(rows.step(&mut batch).unwrap(), Step::End) {}
            let _ = shown(&batch.take(), &target);
        }
    }
}
