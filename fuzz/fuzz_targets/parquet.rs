#![no_main]
//! See `tagdb_tests::decoders`. The libraries that read columns panic at some damage, and are
//! caught: the hook that would end the process there is taken away.

use libfuzzer_sys::fuzz_target;
use tagdb_tests::decoders;

fuzz_target!(
    init: std::panic::set_hook(Box::new(|_| {})),
    |data: &[u8]| decoders::run("parquet", data)
);
