//! The columns that other systems are measured on: one little-endian file a column.
//!
//! `user_id` is dense from 1, and so is not read. Row `i` is user `i + 1`. A prefix of the files is
//! a smaller table of the same kind.

use std::fs::File;
use std::io::{Error, ErrorKind, Read, Result};
use std::path::Path;

use crate::Random;

/// The columns of some users.
#[derive(Debug)]
pub struct Raw {
    /// 1 or 2.
    pub gender: Vec<u8>,
    /// 13 to 90.
    pub age: Vec<u8>,
    /// 1 to 300.
    pub city: Vec<u16>,
    /// 0 to 8.
    pub vip_level: Vec<u8>,
    /// 0 to 1000.
    pub last_login_days: Vec<u16>,
    /// 0 to 10,000,000; 0 for about half.
    pub spend_30d: Vec<u32>,
    /// 0 or 1.
    pub is_active: Vec<u8>,
    /// 0 to 49.
    pub device: Vec<u8>,
    offsets: Vec<u64>,
    interests: Vec<u8>,
}

impl Raw {
    /// Reads the columns of the first `users` users from a folder.
    ///
    /// # Errors
    /// A file is missing, or has fewer users.
    pub fn read(folder: &Path, users: usize) -> Result<Self> {
        let bytes = |name: &str, count: usize| column(folder, name, count);
        let short = |name: &str| -> Result<Vec<u16>> {
            let bytes = column(folder, name, 2 * users)?;
            let numbers = bytes.chunks_exact(2);
            Ok(numbers.map(|n| u16::from_le_bytes([n[0], n[1]])).collect())
        };
        let spend = bytes("spend_30d.uint32", 4 * users)?;
        let spend = spend.chunks_exact(4);
        let offsets = bytes("int_off.uint64", 8 * (users + 1))?;
        let offsets: Vec<u64> = offsets
            .chunks_exact(8)
            .map(|n| u64::from_le_bytes([n[0], n[1], n[2], n[3], n[4], n[5], n[6], n[7]]))
            .collect();
        let members = *offsets.last().unwrap_or(&0) as usize;
        Ok(Self {
            gender: bytes("gender.uint8", users)?,
            age: bytes("age.uint8", users)?,
            city: short("city.uint16")?,
            vip_level: bytes("vip_level.uint8", users)?,
            last_login_days: short("last_login_days.uint16")?,
            spend_30d: spend
                .map(|n| u32::from_le_bytes([n[0], n[1], n[2], n[3]]))
                .collect(),
            is_active: bytes("is_active.uint8", users)?,
            device: bytes("device.uint8", users)?,
            interests: bytes("int_val.uint8", members)?,
            offsets,
        })
    }

    /// The number of users.
    #[must_use]
    pub fn users(&self) -> usize {
        self.gender.len()
    }

    /// The interests of a row: 0 to 199, rising.
    #[must_use]
    pub fn interests(&self, row: usize) -> &[u8] {
        &self.interests[self.offsets[row] as usize..self.offsets[row + 1] as usize]
    }
}

fn column(folder: &Path, name: &str, bytes: usize) -> Result<Vec<u8>> {
    let path = folder.join(name);
    let named = |error: Error| Error::new(error.kind(), format!("{}: {error}", path.display()));
    let mut read = Vec::with_capacity(bytes);
    let file = File::open(&path).map_err(named)?;
    file.take(bytes as u64)
        .read_to_end(&mut read)
        .map_err(named)?;
    if read.len() < bytes {
        return Err(named(Error::new(
            ErrorKind::UnexpectedEof,
            "it has fewer users than asked for",
        )));
    }
    Ok(read)
}

/// Which row's tags each user has.
#[derive(Clone, Debug)]
pub struct Sources {
    rows: Vec<u32>,
}

impl Sources {
    /// Each user has those of his own row.
    #[must_use]
    pub fn own(users: usize) -> Self {
        Self {
            rows: (0..users as u32).collect(),
        }
    }

    /// The row of a user.
    #[must_use]
    pub fn row(&self, user: usize) -> usize {
        self.rows[user] as usize
    }

    /// The rows by user.
    pub fn rows(&self) -> impl Iterator<Item = usize> + '_ {
        self.rows.iter().map(|row| *row as usize)
    }

    /// Gives random users the tags of random rows; `(user, row)` in the order of the writes.
    pub fn redraw(&mut self, count: usize, seed: u64) -> Vec<(usize, usize)> {
        let mut random = Random(seed);
        let users = self.rows.len() as u64;
        let pairs: Vec<(usize, usize)> = (0..count)
            .map(|_| (random.below(users) as usize, random.below(users) as usize))
            .collect();
        for (user, row) in &pairs {
            self.rows[*user] = *row as u32;
        }
        pairs
    }
}
