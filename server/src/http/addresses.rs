//! How many connections each client's address has: one client must not take them all.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;

/// Connections by address.
#[derive(Debug, Default)]
pub(super) struct Addresses {
    open: Mutex<HashMap<IpAddr, usize>>,
}

/// One connection of an address, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    all: Arc<Addresses>,
    address: IpAddr,
}

impl Addresses {
    /// Counts a connection; none if the address has `most` already.
    pub(super) fn enter(self: &Arc<Self>, address: IpAddr, most: usize) -> Option<Place> {
        // An IPv4 address may come in the clothes of IPv6.
        let address = address.to_canonical();
        let mut open = self.open.lock();
        let count = open.entry(address).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Place {
            all: Arc::clone(self),
            address,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.all.open.lock();
        if let Some(count) = open.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_has_places_of_its_own() {
        let all = Arc::new(Addresses::default());
        let [first, second] = [[1, 1, 1, 1], [2, 2, 2, 2]].map(IpAddr::from);
        let places: Vec<_> = (0..3).map(|_| all.enter(first, 2)).collect();
        assert!(places[0].is_some() && places[1].is_some() && places[2].is_none());
        let mapped = "::ffff:1.1.1.1".parse().unwrap();
        assert!(all.enter(mapped, 2).is_none());
        assert!(all.enter(second, 2).is_some());
        drop(places);
        assert!(all.enter(first, 2).is_some());
        assert!(all.open.lock().is_empty());
    }
}
