//! What is on the simulated disk: for bytes and for names the state that programs see (live) and
//! the state that survives a power cut (durable), with the changes in between.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Weak};

use super::super::RelPath;

pub(super) type Id = u64;

pub(super) const ROOT: Id = 0;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Node {
    File(Id),
    Directory(Id),
}

/// A change of a file's bytes that is not durable yet.
#[derive(Debug, Clone)]
pub(super) enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Zeros { offset: usize, len: usize },
    Resize(usize),
}

impl Change {
    pub(super) fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Write { offset, bytes: new } => {
                let end = offset + new.len();
                if bytes.len() < end {
                    bytes.resize(end, 0);
                }
                bytes[*offset..end].copy_from_slice(new);
            }
            Self::Zeros { offset, len } => {
                let end = offset + len;
                if bytes.len() < end {
                    bytes.resize(end, 0);
                }
                bytes[*offset..end].fill(0);
            }
            Self::Resize(len) => bytes.resize(*len, 0),
        }
    }
}

#[derive(Debug, Clone, Default)]
pub(super) struct File {
    pub(super) live: Vec<u8>,
    pub(super) durable: Vec<u8>,
    pub(super) pending: Vec<Change>,
    /// Alive while somebody has the file open.
    handle: Weak<()>,
}

impl File {
    pub(super) fn change(&mut self, change: Change) {
        change.apply(&mut self.live);
        self.pending.push(change);
    }

    pub(super) fn sync(&mut self) {
        for change in self.pending.drain(..) {
            change.apply(&mut self.durable);
        }
    }
}

type Names = BTreeMap<String, Node>;

#[derive(Debug, Clone, Default)]
pub(super) struct Directory {
    pub(super) live: Names,
    pub(super) durable: Names,
}

/// A change of one directory's names that is not durable yet; a rename is one change.
#[derive(Debug, Clone)]
pub(super) struct NameChange {
    pub(super) directory: Id,
    removed: Option<String>,
    added: Option<(String, Node)>,
}

impl NameChange {
    pub(super) fn apply(&self, names: &mut Names) {
        if let Some(name) = &self.removed {
            names.remove(name);
        }
        if let Some((name, node)) = &self.added {
            names.insert(name.clone(), *node);
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Disk {
    pub(super) files: BTreeMap<Id, File>,
    pub(super) directories: BTreeMap<Id, Directory>,
    /// In the order they were made, all directories together, as a journal has them.
    pub(super) pending_names: Vec<NameChange>,
    next_id: Id,
}

impl Disk {
    pub(super) fn new() -> Self {
        Self {
            files: BTreeMap::new(),
            directories: BTreeMap::from([(ROOT, Directory::default())]),
            pending_names: Vec::new(),
            next_id: ROOT + 1,
        }
    }

    pub(super) fn file_mut(&mut self, id: Id) -> io::Result<&mut File> {
        self.files.get_mut(&id).ok_or_else(not_found)
    }

    pub(super) fn used_bytes(&self) -> u64 {
        let names = self.directories.values();
        let named: BTreeSet<_> = names
            .flat_map(|directory| directory.live.values())
            .filter_map(|node| match node {
                Node::File(id) => Some(*id),
                Node::Directory(_) => None,
            })
            .collect();
        let files = self.files.iter();
        files
            .filter(|(id, file)| named.contains(id) || file.handle.strong_count() > 0)
            .map(|(_, file)| file.live.len() as u64)
            .sum()
    }

    pub(super) fn directory_id(&self, path: &RelPath) -> io::Result<Id> {
        let mut id = ROOT;
        for part in path.parts() {
            id = match self.names(id)?.get(part) {
                Some(Node::Directory(below)) => *below,
                Some(Node::File(_)) => return Err(io::ErrorKind::NotADirectory.into()),
                None => return Err(not_found()),
            };
        }
        Ok(id)
    }

    pub(super) fn names(&self, directory: Id) -> io::Result<&Names> {
        let directory = self.directories.get(&directory).ok_or_else(not_found)?;
        Ok(&directory.live)
    }

    pub(super) fn node(&self, path: &RelPath) -> io::Result<Node> {
        let directory = self.directory_id(&path.parent())?;
        let names = self.names(directory)?;
        names.get(path.name()).copied().ok_or_else(not_found)
    }

    pub(super) fn file_id(&self, path: &RelPath) -> io::Result<Id> {
        match self.node(path)? {
            Node::File(id) => Ok(id),
            Node::Directory(_) => Err(io::ErrorKind::IsADirectory.into()),
        }
    }

    /// A token that keeps the file's bytes for as long as it is held.
    pub(super) fn hold(&mut self, id: Id) -> io::Result<Arc<()>> {
        let file = self.file_mut(id)?;
        let held = file.handle.upgrade().unwrap_or_default();
        file.handle = Arc::downgrade(&held);
        Ok(held)
    }

    pub(super) fn create(&mut self, path: &RelPath) -> io::Result<()> {
        self.refuse_existing(path)?;
        let id = self.new_id();
        self.add_name(path, Node::File(id))?;
        self.files.insert(id, File::default());
        Ok(())
    }

    pub(super) fn create_dir(&mut self, path: &RelPath) -> io::Result<()> {
        match self.node(path) {
            Ok(Node::Directory(_)) => return Ok(()),
            Ok(Node::File(_)) => return Err(io::ErrorKind::AlreadyExists.into()),
            Err(_) => {}
        }
        let id = self.new_id();
        self.add_name(path, Node::Directory(id))?;
        self.directories.insert(id, Directory::default());
        Ok(())
    }

    pub(super) fn link(&mut self, from: &RelPath, to: &RelPath) -> io::Result<()> {
        let id = self.file_id(from)?;
        self.refuse_existing(to)?;
        self.add_name(to, Node::File(id))
    }

    pub(super) fn rename(&mut self, from: &RelPath, to: &RelPath) -> io::Result<()> {
        if from.parent() != to.parent() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let node = self.node(from)?;
        match (node, self.node(to)) {
            (_, Err(_)) | (Node::File(_), Ok(Node::File(_))) => {}
            _ => return Err(io::ErrorKind::AlreadyExists.into()),
        }
        let directory = self.directory_id(&from.parent())?;
        self.change_names(NameChange {
            directory,
            removed: Some(from.name().to_owned()),
            added: Some((to.name().to_owned(), node)),
        });
        Ok(())
    }

    pub(super) fn remove(&mut self, path: &RelPath) -> io::Result<()> {
        self.file_id(path)?;
        self.remove_name(path)
    }

    pub(super) fn remove_dir(&mut self, path: &RelPath) -> io::Result<()> {
        let id = self.directory_id(path)?;
        if !self.names(id)?.is_empty() {
            return Err(io::ErrorKind::DirectoryNotEmpty.into());
        }
        self.remove_name(path)
    }

    pub(super) fn sync_dir(&mut self, path: &RelPath) -> io::Result<()> {
        let id = self.directory_id(path)?;
        let directory = self.directories.get_mut(&id).ok_or_else(not_found)?;
        self.pending_names.retain(|change| {
            let here = change.directory == id;
            if here {
                change.apply(&mut directory.durable);
            }
            !here
        });
        self.forget_unreachable();
        Ok(())
    }

    /// The process that had files open is gone.
    pub(super) fn forget_handles(&mut self) {
        for file in self.files.values_mut() {
            file.handle = Weak::new();
        }
        self.forget_unreachable();
    }

    /// Drops what no name and no open file leads to.
    pub(super) fn forget_unreachable(&mut self) {
        let directories = self.directories.values();
        let nodes = directories
            .flat_map(|directory| directory.live.values().chain(directory.durable.values()))
            .chain(
                self.pending_names
                    .iter()
                    .filter_map(|change| change.added.as_ref().map(|(_, node)| node)),
            );
        let mut reachable = BTreeSet::from([ROOT]);
        for node in nodes {
            match node {
                Node::File(id) | Node::Directory(id) => reachable.insert(*id),
            };
        }
        self.files
            .retain(|id, file| reachable.contains(id) || file.handle.strong_count() > 0);
        self.directories.retain(|id, _| reachable.contains(id));
    }

    fn new_id(&mut self) -> Id {
        let id = self.next_id;
        self.next_id += 1;
        id
    }

    fn refuse_existing(&self, path: &RelPath) -> io::Result<()> {
        match self.node(path) {
            Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
            Err(_) => Ok(()),
        }
    }

    fn add_name(&mut self, path: &RelPath, node: Node) -> io::Result<()> {
        let directory = self.directory_id(&path.parent())?;
        self.change_names(NameChange {
            directory,
            removed: None,
            added: Some((path.name().to_owned(), node)),
        });
        Ok(())
    }

    fn remove_name(&mut self, path: &RelPath) -> io::Result<()> {
        let directory = self.directory_id(&path.parent())?;
        self.change_names(NameChange {
            directory,
            removed: Some(path.name().to_owned()),
            added: None,
        });
        Ok(())
    }

    fn change_names(&mut self, change: NameChange) {
        if let Some(directory) = self.directories.get_mut(&change.directory) {
            change.apply(&mut directory.live);
        }
        self.pending_names.push(change);
    }
}

fn not_found() -> io::Error {
    io::ErrorKind::NotFound.into()
}
