//! Rearranging a blob before it is compressed, so that bytes that are alike stand together.
//!
//! A blob is taken as parts of items of the same width. Items may be replaced by their differences;
//! then the lowest bytes of all items of a part come first, then all next ones, and so on.

use crate::codec::{Decoder, Encoder};

/// What becomes of the items of a part before their bytes are taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing.
    None = 0,
    /// Each becomes its difference from the one before.
    Rising = 1,
    /// They are lists, whose bounds are the last part that is `Rising`; each becomes its difference
    /// from the one before in its list.
    Lists = 2,
}

/// A part of a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// Bytes of an item: 1, 2, 4 or 8.
    width: u8,
    step: Step,
    /// Items.
    count: u32,
}

impl Part {
    /// Items of 1, 2, 4 or 8 bytes.
    pub(super) const fn new(width: usize, step: Step, count: usize) -> Self {
        Self {
            width: width as u8,
            step,
            count: count as u32,
        }
    }

    /// Bytes as they are.
    pub(super) const fn bytes(count: usize) -> Self {
        Self::new(1, Step::None, count)
    }

    fn len(self) -> usize {
        usize::from(self.width) * self.count as usize
    }

    pub(super) fn encode(self, out: &mut Encoder) {
        out.u8(self.width | (self.step as u8) << 4);
        out.u32(self.count);
    }

    pub(super) fn decode(input: &mut Decoder<'_>) -> Option<Self> {
        let form = input.u8().ok()?;
        let step = match form >> 4 {
            0 => Step::None,
            1 => Step::Rising,
            2 => Step::Lists,
            _ => return None,
        };
        let width = form & 15;
        let count = input.u32().ok()?;
        matches!(width, 1 | 2 | 4 | 8).then_some(Self { width, step, count })
    }
}

/// The bytes of a blob, which has exactly these parts, rearranged.
pub(super) fn arrange(bytes: &[u8], parts: &[Part]) -> Option<Vec<u8>> {
    walk(bytes, parts, Way::There)
}

/// A blob from its rearranged bytes; nothing if they do not fit the parts.
pub(super) fn restore(bytes: &[u8], parts: &[Part]) -> Option<Vec<u8>> {
    walk(bytes, parts, Way::Back)
}

#[derive(Clone, Copy, PartialEq)]
enum Way {
    There,
    Back,
}

fn walk(bytes: &[u8], parts: &[Part], way: Way) -> Option<Vec<u8>> {
    let mut out = vec![0; bytes.len()];
    let (mut from, mut to) = (bytes, &mut out[..]);
    let mut bounds: Vec<u64> = Vec::new();
    for part in parts {
        let (own, rest) = from.split_at_checked(part.len())?;
        let (own_out, rest_out) = to.split_at_mut_checked(part.len())?;
        (from, to) = (rest, rest_out);
        match part.width {
            1 => walk_part::<1>(own, own_out, part.step, way, &mut bounds)?,
            2 => walk_part::<2>(own, own_out, part.step, way, &mut bounds)?,
            4 => walk_part::<4>(own, own_out, part.step, way, &mut bounds)?,
            _ => walk_part::<8>(own, own_out, part.step, way, &mut bounds)?,
        }
    }
    from.is_empty().then_some(out)
}

fn walk_part<const N: usize>(
    own: &[u8],
    out: &mut [u8],
    step: Step,
    way: Way,
    bounds: &mut Vec<u64>,
) -> Option<()> {
    match way {
        Way::There => {
            let mut items = own.as_chunks::<N>().0.to_vec();
            if step == Step::Rising {
                *bounds = items.iter().map(number).collect();
            }
            for_each_run(&mut items, step, bounds, differences)?;
            take_apart(&items, out);
        }
        Way::Back => {
            let items = out.as_chunks_mut::<N>().0;
            put_together(own, items);
            for_each_run(items, step, bounds, sums)?;
            if step == Step::Rising {
                *bounds = items.iter().map(number).collect();
            }
        }
    }
    Some(())
}

/// Calls `visit` with the items that follow from each other.
fn for_each_run<const N: usize>(
    items: &mut [[u8; N]],
    step: Step,
    bounds: &[u64],
    visit: impl Fn(&mut [[u8; N]]),
) -> Option<()> {
    match step {
        Step::None => {}
        Step::Rising => visit(items),
        Step::Lists => {
            for pair in bounds.windows(2) {
                let start = usize::try_from(pair[0]).ok()?;
                let end = usize::try_from(pair[1]).ok()?;
                visit(items.get_mut(start..end)?);
            }
        }
    }
    Some(())
}

fn number<const N: usize>(item: &[u8; N]) -> u64 {
    let mut bytes = [0; 8];
    bytes[..N].copy_from_slice(item);
    u64::from_le_bytes(bytes)
}

fn item<const N: usize>(number: u64) -> [u8; N] {
    let mut item = [0; N];
    item.copy_from_slice(&number.to_le_bytes()[..N]);
    item
}

fn differences<const N: usize>(items: &mut [[u8; N]]) {
    let mut before = 0;
    for own in items {
        let value = number(own);
        *own = item(value.wrapping_sub(before));
        before = value;
    }
}

fn sums<const N: usize>(items: &mut [[u8; N]]) {
    let mut sum = 0_u64;
    for own in items {
        sum = sum.wrapping_add(number(own));
        *own = item(sum);
    }
}

fn take_apart<const N: usize>(items: &[[u8; N]], out: &mut [u8]) {
    for place in 0..N {
        let plane = &mut out[place * items.len()..][..items.len()];
        for (byte, item) in plane.iter_mut().zip(items) {
            *byte = item[place];
        }
    }
}

fn put_together<const N: usize>(planes: &[u8], items: &mut [[u8; N]]) {
    let count = items.len();
    for place in 0..N {
        for (item, byte) in items.iter_mut().zip(&planes[place * count..][..count]) {
            item[place] = *byte;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(seed: &mut u64) -> u64 {
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        *seed >> 33
    }

    #[test]
    fn whatever_is_rearranged_is_restored() {
        let mut seed = 7;
        for _ in 0..2_000 {
            let mut parts = Vec::new();
            let mut bytes = Vec::new();
            for _ in 0..draw(&mut seed) % 4 {
                let width = 1 << (draw(&mut seed) % 4);
                let step = [Step::None, Step::Rising][(draw(&mut seed) % 2) as usize];
                let count = (draw(&mut seed) % 40) as usize;
                parts.push(Part::new(width, step, count));
                bytes.extend((0..width * count).map(|_| draw(&mut seed) as u8));
            }
            let arranged = arrange(&bytes, &parts).unwrap();
            assert_eq!(restore(&arranged, &parts).unwrap(), bytes, "{parts:?}");
        }
    }

    #[test]
    fn lists_count_from_their_own_beginning() {
        let bounds = [0_u8, 2, 2, 5];
        let items = [7_u8, 9, 1, 4, 200];
        let bytes = [&bounds[..], &items].concat();
        let parts = [Part::new(1, Step::Rising, 4), Part::new(1, Step::Lists, 5)];
        let arranged = arrange(&bytes, &parts).unwrap();
        assert_eq!(arranged, [0, 2, 0, 3, 7, 2, 1, 3, 196]);
        assert_eq!(restore(&arranged, &parts).unwrap(), bytes);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let lists = [Part::new(1, Step::Rising, 2), Part::new(1, Step::Lists, 3)];
        assert_eq!(restore(&[0, 4, 1, 1, 1], &lists), None, "beyond the items");
        assert_eq!(restore(&[3, 255, 1, 1, 1], &lists), None, "falling bounds");
        assert_eq!(restore(&[0, 3, 1, 1], &lists), None, "too few bytes");
        assert_eq!(restore(&[0; 6], &lists), None, "too many bytes");
        for form in [0, 3, 5, 9, 0x31, 0xf8] {
            let mut input = Encoder::new();
            input.u8(form);
            input.u32(1);
            assert_eq!(Part::decode(&mut Decoder::new(&input.finish())), None);
        }
    }
}
