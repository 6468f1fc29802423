use super::{CodecError, Decoder, Encoder};
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Value {
    U8(u8),
    U16(u16),
    U32(u32),
    U64(u64),
    I64(i64),
    U128(u128),
    Varint(u64),
    Zigzag(i64),
    Bytes(Vec<u8>),
    Str(String),
}

fn values() -> impl Strategy<Value = Vec<Value>> {
    let bits = (any::<u64>(), 0u32..64).prop_map(|(value, shift)| value >> shift);
    let value = prop_oneof![
        any::<u8>().prop_map(Value::U8),
        any::<u16>().prop_map(Value::U16),
        any::<u32>().prop_map(Value::U32),
        any::<u64>().prop_map(Value::U64),
        any::<i64>().prop_map(Value::I64),
        any::<u128>().prop_map(Value::U128),
        bits.clone().prop_map(Value::Varint),
        bits.prop_map(|value| Value::Zigzag(value.cast_signed())),
        proptest::collection::vec(any::<u8>(), 0..300).prop_map(Value::Bytes),
        ".{0,40}".prop_map(Value::Str),
    ];
    proptest::collection::vec(value, 0..20)
}

fn encode(values: &[Value]) -> Vec<u8> {
    let mut encoder = Encoder::new();
    for value in values {
        match value {
            Value::U8(value) => encoder.u8(*value),
            Value::U16(value) => encoder.u16(*value),
            Value::U32(value) => encoder.u32(*value),
            Value::U64(value) => encoder.u64(*value),
            Value::I64(value) => encoder.i64(*value),
            Value::U128(value) => encoder.u128(*value),
            Value::Varint(value) => encoder.varint(*value),
            Value::Zigzag(value) => encoder.zigzag(*value),
            Value::Bytes(value) => encoder.bytes(value),
            Value::Str(value) => encoder.str(value),
        }
    }
    encoder.finish()
}

/// Reads values of the given types; equality is checked by the caller's encoding again.
fn decode(types: &[Value], bytes: &[u8]) -> Result<Vec<Value>, CodecError> {
    let mut decoder = Decoder::new(bytes);
    let mut values = Vec::new();
    for value in types {
        values.push(match value {
            Value::U8(_) => Value::U8(decoder.u8()?),
            Value::U16(_) => Value::U16(decoder.u16()?),
            Value::U32(_) => Value::U32(decoder.u32()?),
            Value::U64(_) => Value::U64(decoder.u64()?),
            Value::I64(_) => Value::I64(decoder.i64()?),
            Value::U128(_) => Value::U128(decoder.u128()?),
            Value::Varint(_) => Value::Varint(decoder.varint()?),
            Value::Zigzag(_) => Value::Zigzag(decoder.zigzag()?),
            Value::Bytes(_) => Value::Bytes(decoder.bytes()?.to_vec()),
            Value::Str(_) => Value::Str(decoder.str()?.to_owned()),
        });
    }
    decoder.finish()?;
    Ok(values)
}

proptest! {
    #[test]
    fn what_is_encoded_is_decoded(values in values()) {
        let bytes = encode(&values);
        let decoded = decode(&values, &bytes).unwrap();
        prop_assert_eq!(format!("{decoded:?}"), format!("{values:?}"));
    }

    #[test]
    fn a_cut_or_longer_encoding_is_refused(values in values(), cut in any::<prop::sample::Index>()) {
        let mut bytes = encode(&values);
        if !bytes.is_empty() {
            prop_assert!(decode(&values, &bytes[..cut.index(bytes.len())]).is_err());
        }
        bytes.push(0);
        prop_assert!(decode(&values, &bytes).is_err());
    }

    #[test]
    fn any_bytes_decode_to_an_error_or_to_their_only_encoding(
        types in values(),
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        if let Ok(values) = decode(&types, &bytes) {
            prop_assert_eq!(encode(&values), bytes);
        }
    }
}

#[test]
fn varints_at_their_boundaries() {
    for (value, len) in [
        (0, 1),
        (0x7f, 1),
        (0x80, 2),
        (0x3fff, 2),
        (0x4000, 3),
        (u64::from(u32::MAX), 5),
        (u64::MAX >> 1, 9),
        (u64::MAX, 10),
    ] {
        let mut encoder = Encoder::new();
        encoder.varint(value);
        assert_eq!(encoder.len(), len, "{value}");
        assert_eq!(Decoder::new(encoder.as_slice()).varint(), Ok(value));
    }
    for value in [0, 1, -1, i64::MAX, i64::MIN] {
        let mut encoder = Encoder::new();
        encoder.zigzag(value);
        assert_eq!(Decoder::new(encoder.as_slice()).zigzag(), Ok(value));
    }
}

#[test]
fn overlong_and_overflowing_varints_are_refused() {
    let too_big = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02];
    for bytes in [
        &[0x80, 0x00][..],
        &[0xff, 0x80, 0x00],
        &too_big,
        &[0xff; 11],
    ] {
        let error = Decoder::new(bytes).varint().unwrap_err();
        assert_eq!(
            (error.offset, error.expected),
            (0, "varint in its shortest form")
        );
    }
}

#[test]
fn a_length_is_believed_only_if_the_bytes_are_there() {
    let mut encoder = Encoder::new();
    encoder.u8(7);
    encoder.varint(u64::MAX);
    encoder.raw(b"abc");
    let mut decoder = Decoder::new(encoder.as_slice());
    decoder.u8().unwrap();
    let error = decoder.bytes().unwrap_err();
    assert_eq!(
        (error.offset, error.expected),
        (1, "count within the input")
    );

    let mut items = Encoder::new();
    items.varint(3);
    items.raw(&[0; 11]);
    assert!(Decoder::new(items.as_slice()).count(4).is_err());
    assert_eq!(Decoder::new(items.as_slice()).count(3), Ok(3));
}
