#![no_main]
//! See `tagdb_tests::decoders`.

use libfuzzer_sys::fuzz_target;
use tagdb_tests::decoders;

fuzz_target!(|data: &[u8]| decoders::run("exec_diff", data));
