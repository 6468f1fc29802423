//! Opening a data folder: the newest manifest, its segments, the log on top.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::clock::Clock;
use crate::engine::apply::{apply_catalog, apply_sections, localise};
use crate::engine::batch::Batch;
use crate::engine::damaged::DamagedFiles;
use crate::engine::files::Files;
use crate::engine::maintenance::Maintenance;
use crate::engine::recorded::RecordedWrites;
use crate::engine::root::{DbState, PartitionState};
use crate::engine::segments::{LiveSegment, SegmentSet, Vocabularies};
use crate::engine::{Engine, Roots, Sequencer, Settings};
use crate::error::{Error, ErrorKind, Result};
use crate::ids::Lsn;
use crate::keys::{KeyMemory, PartitionKeys};
use crate::log::{Log, LogSettings};
use crate::manifest::{self, FileRecord, Manifest, PartitionFiles, RecordedWrite, TagFile};
use crate::paths;
use crate::schema::TableSchema;
use crate::segment::BlobCache;
use crate::segment::keys::KeySegment;
use crate::segment::tags::TagSegment;
use crate::segment::vocabulary::VocabularySegment;
use crate::subjects::Dead;
use crate::sync::Mutex;
use crate::vfs::{LockGuard, RelPath, Vfs, ensure_dir};

/// Bytes of the log that are kept for deletions on a full disk, at most.
const LOG_RESERVE_BYTES: u64 = 256 << 10;

impl Engine {
    /// Opens the database in a folder, which is made if it is empty.
    ///
    /// # Errors
    /// Another process has it open, a file is missing, damaged or of a newer format, or the folder
    /// cannot be read or written.
    pub fn open(vfs: Arc<dyn Vfs>, settings: Settings, clock: Clock) -> Result<Arc<Self>> {
        let lock = prepare_folder(&*vfs)?;
        let cache = Arc::new(BlobCache::new(settings.cache_bytes));
        let mut manifest = newest_manifest(&*vfs)?;
        let mut state = load_state(&*vfs, &cache, &manifest)?;
        let mut writes = RecordedWrites::default();
        let mut remember = |write: RecordedWrite| {
            let oldest = write
                .commit_time
                .saturating_sub(settings.idempotency_micros);
            writes.push(write, oldest, settings.recorded_max());
        };
        manifest.writes.iter().cloned().for_each(&mut remember);
        manifest.begin_epoch();
        let log_settings = log_settings(&settings, manifest.epoch);
        let first_lsn = manifest.lsn.0 + 1;
        let (log, report) =
            Log::open(vfs.clone(), log_settings, first_lsn, &mut |lsn, payload| {
                let mut batch = Batch::decode(Lsn(lsn), payload)?;
                replay(&mut state, &mut batch)?;
                if let Some(idempotency) = batch.idempotency.take() {
                    remember(RecordedWrite {
                        idempotency,
                        lsn: batch.lsn,
                        commit_time: batch.commit_time,
                        outcome: batch.outcome,
                    });
                }
                Ok::<(), Error>(())
            })?;
        log.keep_reserve(settings.log_file_bytes.min(LOG_RESERVE_BYTES));
        tracing::info!(?report, lsn = state.lsn.0, epoch = manifest.epoch, "opened");
        manifest.remember_opening(state.lsn);
        let (epoch, openings) = (manifest.epoch, manifest.openings.clone());
        let mut files = Files::new(vfs.clone(), cache.clone(), manifest);
        files.publish(files.manifest().clone())?;
        files.delete_strays()?;
        let state = Arc::new(state);
        let roots = Arc::new(Roots::new(state.clone()));
        publish_what_is_durable(&log, &roots);
        let engine = Arc::new(Self {
            vfs,
            settings,
            clock,
            cache,
            log,
            epoch,
            openings,
            sequencer: Mutex::new(Sequencer {
                pending: state,
                barrier: None,
                writes,
                replacing: BTreeSet::new(),
                loads: 0,
            }),
            roots,
            files: Mutex::new(files),
            flushing: Mutex::new(()),
            compacting: Mutex::new(()),
            maintenance: Maintenance::default(),
            damaged: DamagedFiles::default(),
            _lock: lock,
        });
        if settings.background {
            engine.start_workers()?;
        }
        Ok(engine)
    }
}

/// Lets readers see what the log has made certain.
fn publish_what_is_durable(log: &Log, roots: &Arc<Roots>) {
    let roots = roots.clone();
    log.set_on_durable(Box::new(move |lsn| roots.publish(Lsn(lsn))));
}

fn log_settings(settings: &Settings, epoch: u32) -> LogSettings {
    LogSettings {
        file_bytes: settings.log_file_bytes,
        log_id: 0,
        epoch,
    }
}

/// Makes sure that nobody else has the folder open, and makes what it lacks.
fn prepare_folder(vfs: &dyn Vfs) -> Result<LockGuard> {
    let lock = vfs.lock().map_err(|error| {
        let detail = format!("the data folder is in use by another process: {error}");
        Error::new(ErrorKind::Conflict, "in_use", detail)
    })?;
    for directory in [paths::manifest_dir(), paths::data_dir()] {
        ensure_dir(vfs, &directory).map_err(|error| Error::io(&directory, error))?;
    }
    // A name may be seen that an earlier process made and did not sync.
    let manifests = paths::manifest_dir();
    vfs.sync_dir(&manifests)
        .map_err(|error| Error::io(&manifests, error))?;
    Ok(lock)
}

fn newest_manifest(vfs: &dyn Vfs) -> Result<Manifest> {
    let Some(number) = manifest::numbers(vfs)?.last().copied() else {
        return Ok(Manifest::default());
    };
    let path = paths::manifest(number);
    let manifest = manifest::read(vfs, &path)?;
    if manifest.number != number {
        return Err(Error::corrupt(
            path,
            24,
            format!("manifest number {number}"),
        ));
    }
    Ok(manifest)
}

/// The state that a manifest's files hold.
pub(crate) fn load_state(
    vfs: &dyn Vfs,
    cache: &Arc<BlobCache>,
    manifest: &Manifest,
) -> Result<DbState> {
    let mut state = DbState {
        lsn: manifest.lsn,
        catalog: Arc::default(),
        tables: BTreeMap::new(),
    };
    apply_catalog(&mut state, manifest.catalog.clone());
    for files in &manifest.partitions {
        let Some(table) = state.tables.get_mut(&files.table) else {
            continue;
        };
        let index = usize::from(files.partition.0);
        if let Some(partition) = Arc::make_mut(table).partitions.get_mut(index) {
            load_partition(vfs, cache, files, Arc::make_mut(partition))?;
        }
    }
    Ok(state)
}

fn load_partition(
    vfs: &dyn Vfs,
    cache: &Arc<BlobCache>,
    files: &PartitionFiles,
    partition: &mut PartitionState,
) -> Result<()> {
    let mut live = Vec::with_capacity(files.segments.len());
    for segment in &files.segments {
        let path = segment.file.name.path();
        let opened = TagSegment::open(vfs, &path, cache.clone())
            .and_then(|opened| check_len(&path, opened.file().len(), segment.file, opened))
            .or_else(|error| set_apart(vfs, cache, segment, &partition.schema, error))?;
        let (first_lsn, last_lsn) = (segment.first_lsn, segment.last_lsn);
        live.push(LiveSegment {
            segment: opened,
            first_lsn,
            last_lsn,
            tags: segment.tags.clone(),
        });
    }
    let mut keys = Vec::with_capacity(files.keys.len());
    for file in &files.keys {
        let path = file.name.path();
        let opened = KeySegment::open(vfs, &path, cache.clone())?;
        keys.push(check_len(&path, opened.file().len(), *file, opened)?);
    }
    keys.sort_by_key(|segment| segment.first);
    let mut vocabularies = Vec::with_capacity(files.vocabularies.len());
    for file in &files.vocabularies {
        let path = file.name.path();
        let opened = VocabularySegment::open(vfs, &path, cache.clone())?;
        vocabularies.push(check_len(&path, opened.file().len(), *file, opened)?);
    }
    let memory = Arc::new(KeyMemory::new(
        files.next_ordinal,
        partition.schema.key_type,
    ));
    partition.next_ordinal = files.next_ordinal;
    partition.dead = Dead::from_bitmap(&files.dead);
    partition.segments = Arc::new(SegmentSet::new(live));
    partition.keys = PartitionKeys {
        segments: keys,
        memory: vec![memory],
    };
    partition.vocabularies = Arc::new(Vocabularies::new(vocabularies));
    Ok(())
}

/// A segment that is damaged keeps its place: what reads it fails, and the rest is served.
fn set_apart(
    vfs: &dyn Vfs,
    cache: &Arc<BlobCache>,
    segment: &TagFile,
    schema: &TableSchema,
    error: Error,
) -> Result<Arc<TagSegment>> {
    let Some(damage) = error.damage().cloned() else {
        return Err(error);
    };
    let path = segment.file.name.path();
    tracing::error!(%path, %error, "a segment is damaged; its tags cannot be read");
    let tags = segment.tags.iter().filter_map(|id| schema.tag_by_id(*id));
    let tags = tags.map(|tag| (tag.id, tag.kind.family()));
    TagSegment::damaged(vfs, &path, cache.clone(), damage, tags)
}

fn check_len<T>(path: &RelPath, len: u64, file: FileRecord, opened: T) -> Result<T> {
    if len == file.len {
        return Ok(opened);
    }
    Err(Error::corrupt(
        path,
        len.min(file.len),
        format!("a file of {} bytes", file.len),
    ))
}

/// Applies a batch that was read from the log.
pub(crate) fn replay(state: &mut DbState, batch: &mut Batch) -> Result<()> {
    if let Some(change) = &batch.schema {
        let catalog = state.catalog.apply(change)?;
        apply_catalog(state, catalog);
    }
    localise(state, batch)?;
    apply_sections(state, batch, None)
}
