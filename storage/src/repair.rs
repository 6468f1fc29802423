//! Repair: makes a damaged database one that opens, by giving up what cannot be read. Nothing is
//! deleted: what is taken out is kept in a folder beside the rest.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::check::verify_file;
use crate::error::{Error, ErrorKind, Result};
use crate::ids::{Lsn, TagId};
use crate::log::{self, LogSettings};
use crate::manifest::{self, Manifest, PartitionFiles};
use crate::paths::{self, SegmentKind, SegmentName};
use crate::segment::BlobCache;
use crate::vfs::{RelPath, Vfs, ensure_dir, remove_if_there};

/// What a repair has done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Repair {
    /// What was given up, a sentence each; nothing if the database was sound.
    pub lost: Vec<String>,
    /// The folder that holds what was taken out, if anything was.
    pub aside: Option<RelPath>,
}

/// Repairs the database in a folder that no process has open. Batches of the log from the first
/// damaged one on are given up. Of a damaged segment all values of its tags in its partition are
/// given up, those of other segments too: older values must not come back as though they were new.
///
/// # Errors
/// `in_use`, `not_found`; `corrupt` for what cannot be repaired: the manifest, keys and
/// vocabularies. The folder is then as it was.
pub fn repair(vfs: &dyn Vfs) -> Result<Repair> {
    let _lock = vfs.lock().map_err(|error| {
        let detail = format!("the data folder is in use by another process: {error}");
        Error::new(ErrorKind::Conflict, "in_use", detail)
    })?;
    let Some(number) = manifest::numbers(vfs)?.last().copied() else {
        let detail = "there is no database in this folder";
        return Err(Error::new(ErrorKind::NotFound, "not_found", detail));
    };
    let manifest = manifest::read(vfs, &paths::manifest(number))?;
    let damaged = damaged_segments(vfs, &manifest)?;
    let aside = free_folder(vfs)?;
    let mut repair = Repair::default();
    if !damaged.is_empty() {
        give_up_segments(vfs, &manifest, &damaged, &aside, &mut repair)?;
    }
    let first_lsn = manifest.lsn.0 + 1;
    let settings = LogSettings {
        // What is copied gets a file of its own size.
        file_bytes: 0,
        ..LogSettings::default()
    };
    let salvaged = log::salvage(vfs, settings, first_lsn, &aside)?;
    if let Some(salvaged) = salvaged {
        let (damage, last) = (salvaged.damage, Lsn(salvaged.last_lsn));
        repair
            .lost
            .push(format!("{damage}: all writes after write {last}"));
        repair.aside = Some(aside);
    }
    Ok(repair)
}

/// A folder for what is taken out, which is not there yet.
fn free_folder(vfs: &dyn Vfs) -> Result<RelPath> {
    let root = RelPath::root();
    let names = vfs.list(&root).map_err(|error| Error::io(&root, error))?;
    (1..=u32::MAX)
        .map(paths::given_up)
        .find(|path| !names.contains(path))
        .ok_or_else(|| Error::internal("there is no name left for a folder"))
}

/// A tag segment that cannot be read, and why.
struct Damaged {
    name: SegmentName,
    why: String,
}

fn damaged_segments(vfs: &dyn Vfs, manifest: &Manifest) -> Result<Vec<Damaged>> {
    let cache = Arc::new(BlobCache::new(0));
    let mut damaged: Vec<Damaged> = Vec::new();
    for file in manifest.files() {
        let mut first = None;
        verify_file(vfs, &RelPath::root(), &cache, file, &mut |error| {
            first.get_or_insert(error);
        });
        match (first, file.name.kind) {
            (None, _) => {}
            (Some(error), SegmentKind::Tags) => damaged.push(Damaged {
                name: file.name,
                why: error.to_string(),
            }),
            (Some(error), SegmentKind::Keys | SegmentKind::Vocabulary) => {
                let detail = format!(
                    "{error}: keys and vocabularies cannot be repaired, restore a snapshot"
                );
                return Err(Error::new(ErrorKind::Corrupt, "corrupt", detail));
            }
        }
    }
    Ok(damaged)
}

fn give_up_segments(
    vfs: &dyn Vfs,
    manifest: &Manifest,
    damaged: &[Damaged],
    aside: &RelPath,
    repair: &mut Repair,
) -> Result<()> {
    ensure_dir(vfs, aside).map_err(|error| Error::io(aside, error))?;
    for one in damaged {
        let path = one.name.path();
        let name = path.as_str().replace('/', "-");
        let target = aside
            .join(&name)
            .map_err(|error| Error::internal(error.to_string()))?;
        match vfs.link(&path, &target) {
            // A file that is missing is damaged as well.
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::io(&target, error));
            }
            _ => {}
        }
    }
    let mut next = manifest.clone();
    next.number += 1;
    for files in &mut next.partitions {
        give_up(manifest, files, damaged, &mut repair.lost);
    }
    vfs.sync_dir(aside)
        .map_err(|error| Error::io(aside, error))?;
    manifest::publish(vfs, &next)?;
    let old = paths::manifest(manifest.number);
    remove_if_there(vfs, &old).map_err(|error| Error::io(&old, error))?;
    repair.aside = Some(aside.clone());
    Ok(())
}

/// Takes the tags of damaged segments out of a partition.
fn give_up(
    manifest: &Manifest,
    files: &mut PartitionFiles,
    damaged: &[Damaged],
    lost: &mut Vec<String>,
) {
    let mut tags: BTreeSet<TagId> = BTreeSet::new();
    for segment in &files.segments {
        if let Some(one) = damaged.iter().find(|one| one.name == segment.file.name) {
            let table = manifest.catalog.table_by_id(files.table);
            let name = |id: &TagId| {
                let tag = table.and_then(|table| table.tag_by_id(*id));
                tag.map_or_else(|| id.0.to_string(), |tag| tag.name.to_string())
            };
            let names: Vec<String> = segment.tags.iter().map(name).collect();
            lost.push(format!(
                "{}: all values of {} in partition {} of table {}",
                one.why,
                names.join(", "),
                files.partition,
                table.map_or("?", |table| &table.name)
            ));
            tags.extend(&segment.tags);
        }
    }
    for segment in &mut files.segments {
        segment.tags.retain(|tag| !tags.contains(tag));
    }
    files.segments.retain(|segment| !segment.tags.is_empty());
}
