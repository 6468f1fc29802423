//! Buckets of keys: the same for everybody who knows the hash.

use tagdb_storage::batch::KeyRef;
use xxhash_rust::xxh3::xxh3_64;

/// XXH3-64 of the key's bytes (of an integer its decimal text), a zero byte and the salt.
#[must_use]
pub fn bucket_hash(key: KeyRef<'_>, salt: &str) -> u64 {
    let decimal;
    let key = match key {
        KeyRef::Text(key) => key,
        KeyRef::Int(key) => {
            decimal = key.to_string();
            &decimal
        }
    };
    xxh3_64(&[key.as_bytes(), &[0], salt.as_bytes()].concat())
}

/// The bucket of a key, from 0 to `buckets - 1`; `buckets` is at least 1.
#[must_use]
pub fn bucket_of(key: KeyRef<'_>, buckets: i64, salt: &str) -> i64 {
    let buckets = buckets.unsigned_abs().max(1);
    i64::try_from(bucket_hash(key, salt) % buckets).unwrap_or(0)
}
