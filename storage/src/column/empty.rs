//! Columns of nothing, and texts in one go.

use super::{Lists, ListsBuilder, TextBlocks, TextBlocksBuilder, Vector};

impl Default for Vector {
    fn default() -> Self {
        Self::from_values(&[])
    }
}

impl Default for Lists {
    fn default() -> Self {
        ListsBuilder::new().finish()
    }
}

impl Default for TextBlocks {
    fn default() -> Self {
        TextBlocksBuilder::new().finish()
    }
}

impl TextBlocks {
    /// The given strings in order.
    pub fn from_texts<'a>(texts: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut builder = TextBlocksBuilder::new();
        texts.for_each(|text| builder.push(text));
        builder.finish()
    }
}
