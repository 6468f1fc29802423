//! What a predicate takes, and what it took: of EXPLAIN.

use std::time::{Duration, Instant};

use tagdb_storage::traffic::{self, Traffic};

use crate::exec::predicate::{Filter, Node, NodeKind};

/// What a node of a predicate did, over chunks.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Profile {
    /// Chunks that it was asked about.
    pub(crate) chunks: u64,
    /// Subjects that it was asked about.
    pub(crate) candidates: u64,
    /// Subjects that it kept.
    pub(crate) found: u64,
    /// With the nodes below.
    pub(crate) time: Duration,
    /// With the nodes below.
    pub(crate) traffic: Traffic,
}

/// What a node of a predicate takes and took, over partitions. Its children are in the order of the
/// predicate's terms.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// In chunk operations, roughly.
    pub(crate) cost: u32,
    /// How a leaf is met, each way once.
    pub(crate) methods: Vec<String>,
    /// Subjects that keys name.
    pub(crate) keys: Option<usize>,
    pub(crate) profile: Profile,
    pub(crate) children: Vec<Report>,
}

impl Profile {
    fn add(&mut self, other: &Self) {
        self.chunks += other.chunks;
        self.candidates += other.candidates;
        self.found += other.found;
        self.time += other.time;
        self.traffic.add(other.traffic);
    }
}

/// A node that is being evaluated.
pub(super) struct Running {
    started: Instant,
    traffic: Traffic,
}

impl Running {
    pub(super) fn start() -> Self {
        Self {
            started: Instant::now(),
            traffic: traffic::so_far(),
        }
    }

    /// Says what became of so many candidates.
    pub(super) fn finish(self, profile: &mut Profile, candidates: u32, found: u32) {
        profile.add(&Profile {
            chunks: 1,
            candidates: candidates.into(),
            found: found.into(),
            time: self.started.elapsed(),
            traffic: traffic::so_far().since(self.traffic),
        });
    }
}

impl Report {
    /// Adds what another partition says of the same predicate.
    pub(crate) fn merge(&mut self, other: Self) {
        self.cost = self.cost.max(other.cost);
        for method in other.methods {
            if !self.methods.contains(&method) {
                self.methods.push(method);
            }
        }
        self.keys = match (self.keys, other.keys) {
            (Some(own), Some(other)) => Some(own + other),
            (own, other) => own.or(other),
        };
        self.profile.add(&other.profile);
        if self.children.is_empty() {
            self.children = other.children;
            return;
        }
        for (own, other) in self.children.iter_mut().zip(other.children) {
            own.merge(other);
        }
    }

    /// How a leaf is met, in words.
    pub(crate) fn method(&self) -> String {
        match self.keys {
            Some(found) => format!("look-up of keys, {found} found"),
            None => self.methods.join(" or "),
        }
    }
}

impl Filter {
    /// From now on, what each node does is counted.
    pub(crate) fn watch(&mut self) {
        watch(&mut self.root);
    }

    /// What it takes, and took since it is watched.
    pub(crate) fn report(&self) -> Report {
        report(&self.root)
    }
}

fn watch(node: &mut Node) {
    node.profile = Some(Box::default());
    match &mut node.kind {
        NodeKind::And(nodes) | NodeKind::Or(nodes) => nodes.iter_mut().for_each(watch),
        NodeKind::Not(inner)
        | NodeKind::IsTrue(inner)
        | NodeKind::IsFalse(inner)
        | NodeKind::IsNull(inner) => watch(inner),
        NodeKind::Constant(_) | NodeKind::Leaf(_) => {}
    }
}

fn report(node: &Node) -> Report {
    let mut found = Report {
        cost: node.cost,
        profile: node.profile.as_deref().copied().unwrap_or_default(),
        ..Report::default()
    };
    match &node.kind {
        NodeKind::And(nodes) | NodeKind::Or(nodes) => {
            let mut written: Vec<&Node> = nodes.iter().collect();
            written.sort_by_key(|node| node.place);
            found.children = written.into_iter().map(report).collect();
        }
        NodeKind::Not(inner)
        | NodeKind::IsTrue(inner)
        | NodeKind::IsFalse(inner)
        | NodeKind::IsNull(inner) => found.children.push(report(inner)),
        NodeKind::Constant(_) => found.methods.push("constant".to_owned()),
        NodeKind::Leaf(leaf) => match leaf.ordinals() {
            Some(ordinals) => found.keys = Some(ordinals.len()),
            None => found.methods.push(leaf.method()),
        },
    }
    found
}
