//! Arrow streams, message by message. Messages are taken apart here, so that no length is believed
//! before its bytes are there; what they hold is the library's.
//!
//! A file in Arrow's file format is a stream between two signatures and is taken too.

use std::collections::{HashMap, VecDeque};
use std::io::{self, BufRead, Read};

use arrow_array::RecordBatch;
use arrow_buffer::Buffer;
use arrow_ipc::convert::try_fb_to_schema;
use arrow_ipc::reader::StreamDecoder;
use arrow_ipc::{Message, MessageHeader, root_as_message};
use arrow_schema::Schema;
use tagdb_query::Reserved;

use super::PIECE_BYTES_MAX;
use super::damage::Kind;
use crate::http::ApiResult;

/// Bytes of a message without its body.
const METADATA_BYTES_MAX: usize = 16 << 20;
/// Bytes of a message that are read between two looks at the memory of all requests.
const STEP_BYTES: usize = 1 << 20;
/// What each message begins with.
const CONTINUATION: [u8; 4] = [0xFF; 4];
/// Zeros between a file's signature and its first message.
const PADDING_BYTES_MAX: usize = 64;
/// What a file begins with.
const FILE_SIGNATURE: &[u8] = b"ARROW1\0\0";

/// An Arrow stream that is being read.
#[derive(Debug)]
pub struct ArrowStream<R> {
    source: R,
    decoder: StreamDecoder,
    schema: Schema,
    ready: VecDeque<RecordBatch>,
    /// By id of the dictionary.
    dictionary_bytes: HashMap<i64, usize>,
    ended: bool,
    /// The memory of all requests, if it counts.
    held: Option<Reserved>,
}

/// One message: its length as it was written, its metadata and its body.
struct Piece {
    head: Vec<u8>,
    metadata: Vec<u8>,
    body: Buffer,
}

impl<R: BufRead> ArrowStream<R> {
    /// Reads the schema.
    ///
    /// # Errors
    /// The source fails, or does not begin with a schema.
    pub fn new(source: R) -> ApiResult<Self> {
        Self::begin(source, None)
    }

    /// As [`Self::new`]; what is read counts as memory of all requests.
    ///
    /// # Errors
    /// As of [`Self::new`]; `overloaded`, here and later.
    pub fn counted(source: R, held: Reserved) -> ApiResult<Self> {
        Self::begin(source, Some(held))
    }

    fn begin(mut source: R, held: Option<Reserved>) -> ApiResult<Self> {
        let head = source.fill_buf()?;
        if head.starts_with(FILE_SIGNATURE) {
            // The first message begins at a multiple of 8, and some writers leave more room.
            let zeros = head[FILE_SIGNATURE.len()..].iter().take(PADDING_BYTES_MAX);
            let padding = zeros.take_while(|byte| **byte == 0).count() / 8 * 8;
            source.consume(FILE_SIGNATURE.len() + padding);
        }
        let mut stream = Self {
            source,
            decoder: StreamDecoder::new(),
            schema: Schema::empty(),
            ready: VecDeque::new(),
            dictionary_bytes: HashMap::new(),
            ended: false,
            held,
        };
        let Some(first) = stream.read_piece()? else {
            return Err(Kind::Arrow.damaged("it has no schema"));
        };
        stream.schema = Kind::Arrow.guard(|| {
            let message = root_as_message(&first.metadata).map_err(|error| error.to_string())?;
            let schema = message.header_as_schema().ok_or("it has no schema")?;
            try_fb_to_schema(schema).map_err(|error| error.to_string())
        })?;
        stream.decode(first)?;
        Ok(stream)
    }

    /// The columns.
    pub const fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The next rows; none at the stream's end, which has to be marked as such.
    ///
    /// # Errors
    /// The source fails, or the stream is damaged.
    pub fn next_batch(&mut self) -> ApiResult<Option<RecordBatch>> {
        while self.ready.is_empty() && !self.ended {
            match self.read_piece()? {
                Some(piece) => {
                    self.check(&piece)?;
                    self.decode(piece)?;
                }
                None => {
                    self.ended = true;
                    // The last message counts as read only when another one begins.
                    self.feed(Buffer::from(CONTINUATION.to_vec()))?;
                    self.read_to_end()?;
                }
            }
        }
        Ok(self.ready.pop_front())
    }

    /// The next message; none at the mark of the end.
    fn read_piece(&mut self) -> ApiResult<Option<Piece>> {
        let mut head = Vec::with_capacity(8);
        let mut word = self.word()?;
        if word == CONTINUATION {
            head.extend(word);
            word = self.word()?;
        }
        head.extend(word);
        let len = u32::from_le_bytes(word) as usize;
        if len == 0 {
            return Ok(None);
        }
        if len > METADATA_BYTES_MAX {
            let what = "bytes of a message";
            return Err(Kind::Arrow.too_large(what, len as u64, METADATA_BYTES_MAX));
        }
        let metadata = self.bytes(len)?;
        let body_len = Kind::Arrow.guard(|| root_as_message(&metadata).map(|m| m.bodyLength()))?;
        let body_len = match usize::try_from(body_len) {
            Ok(len) if len <= PIECE_BYTES_MAX => len,
            _ => {
                let what = "bytes of a record batch";
                let value = body_len.cast_unsigned();
                return Err(Kind::Arrow.too_large(what, value, PIECE_BYTES_MAX));
            }
        };
        let body = Buffer::from(self.bytes(body_len)?);
        Ok(Some(Piece {
            head,
            metadata,
            body,
        }))
    }

    fn word(&mut self) -> ApiResult<[u8; 4]> {
        let mut word = [0; 4];
        let read = self.source.read_exact(&mut word);
        read.map_err(|error| Kind::Arrow.unreadable(error))?;
        Ok(word)
    }

    /// So many bytes; memory grows with those that come.
    fn bytes(&mut self, len: usize) -> ApiResult<Vec<u8>> {
        let mut bytes = Vec::new();
        let dictionaries = self.dictionary_bytes.values().sum::<usize>();
        while bytes.len() < len {
            let more = (len - bytes.len()).min(STEP_BYTES);
            if let Some(held) = &mut self.held {
                // A buffer that grows is there twice for a moment.
                held.set_to(dictionaries + 2 * (bytes.len() + more))?;
            }
            let read = (&mut self.source)
                .take(more as u64)
                .read_to_end(&mut bytes)?;
            if read < more {
                break;
            }
        }
        if bytes.len() < len {
            return Err(Kind::Arrow.unreadable(io::ErrorKind::UnexpectedEof.into()));
        }
        Ok(bytes)
    }

    /// What follows the end is no part of the stream, but of the request.
    fn read_to_end(&mut self) -> ApiResult<()> {
        io::copy(&mut self.source, &mut io::sink())?;
        Ok(())
    }

    fn decode(&mut self, piece: Piece) -> ApiResult<()> {
        self.feed(Buffer::from(piece.head))?;
        self.feed(Buffer::from(piece.metadata))?;
        self.feed(piece.body)
    }

    fn feed(&mut self, mut bytes: Buffer) -> ApiResult<()> {
        let (decoder, ready) = (&mut self.decoder, &mut self.ready);
        Kind::Arrow.guard(|| {
            while !bytes.is_empty() {
                ready.extend(decoder.decode(&mut bytes)?);
            }
            Ok::<_, arrow_schema::ArrowError>(())
        })
    }

    /// Looks at the parts of a message's body before memory is taken for them.
    fn check(&mut self, piece: &Piece) -> ApiResult<()> {
        let message = Kind::Arrow.guard(|| root_as_message(&piece.metadata))?;
        let bytes = unpacked_bytes(&message, &piece.body)
            .ok_or_else(|| Kind::Arrow.damaged("a part lies outside of its message"))?;
        let what = "bytes of a record batch";
        if bytes > PIECE_BYTES_MAX as u64 {
            return Err(Kind::Arrow.too_large(what, bytes, PIECE_BYTES_MAX));
        }
        if let Some(held) = &mut self.held {
            let dictionaries = self.dictionary_bytes.values().sum::<usize>();
            let unpacked = usize::try_from(bytes).unwrap_or(usize::MAX);
            held.grow_to(dictionaries + piece.body.len() + unpacked)?;
        }
        let Some(dictionary) = message.header_as_dictionary_batch() else {
            return Ok(());
        };
        let kept = self.dictionary_bytes.entry(dictionary.id()).or_default();
        if !dictionary.isDelta() {
            *kept = 0;
        }
        *kept += usize::try_from(bytes).unwrap_or(usize::MAX);
        let all: usize = self.dictionary_bytes.values().sum();
        if all > PIECE_BYTES_MAX {
            let what = "bytes of dictionaries";
            return Err(Kind::Arrow.too_large(what, all as u64, PIECE_BYTES_MAX));
        }
        Ok(())
    }
}

/// The bytes of a message's parts, decompressed, as they claim; nothing if a part lies outside.
fn unpacked_bytes(message: &Message<'_>, body: &[u8]) -> Option<u64> {
    let rows = match message.header_type() {
        MessageHeader::RecordBatch => message.header_as_record_batch()?,
        MessageHeader::DictionaryBatch => message.header_as_dictionary_batch()?.data()?,
        _ => return Some(0),
    };
    let is_compressed = rows.compression().is_some();
    let mut bytes = 0_u64;
    for part in rows.buffers().into_iter().flatten() {
        let start = usize::try_from(part.offset()).ok()?;
        let len = usize::try_from(part.length()).ok()?;
        let part = body.get(start..start.checked_add(len)?)?;
        let claimed = match part.first_chunk() {
            Some(head) if is_compressed => i64::from_le_bytes(*head),
            _ => -1,
        };
        // Parts that are stored as they are say -1.
        let unpacked = u64::try_from(claimed).unwrap_or(len as u64);
        bytes = bytes.checked_add(unpacked)?;
    }
    Some(bytes)
}
