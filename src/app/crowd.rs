//! How many connections one network may have open.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use ipnet::IpNet;
use protocol::client_address::network_of;

/// One network may have this part of all connections: who opens as many as they can leaves
/// room for others.
const SHARE: usize = 4;

/// Counts the connections of each network to a listener.
#[derive(Debug)]
pub(super) struct Crowd {
    most: usize,
    /// They bring everybody's requests.
    proxies: Vec<IpNet>,
    open: Mutex<HashMap<IpAddr, usize>>,
}

impl Crowd {
    /// Of `connections` in all.
    pub(super) fn new(connections: usize, proxies: &[IpNet]) -> Arc<Crowd> {
        let most = (connections / SHARE).max(1);
        Arc::new(Crowd { most, proxies: proxies.to_vec(), open: Mutex::default() })
    }

    /// A place for one more connection from `peer`, until it is dropped; `None` within when
    /// that peer is not counted.
    ///
    /// # Errors
    /// When its network has as many as it may have.
    pub(super) fn enter(self: &Arc<Self>, peer: IpAddr) -> Result<Option<Place>, Full> {
        let peer = peer.to_canonical();
        if self.proxies.iter().any(|proxies| proxies.contains(&peer)) {
            return Ok(None);
        }
        let network = network_of(peer);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(network).or_insert(0);
        if *count >= self.most {
            return Err(Full);
        }
        *count += 1;
        Ok(Some(Place { crowd: Arc::clone(self), network }))
    }
}

/// The network has as many connections as it may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Full;

/// A connection that counts.
#[derive(Debug)]
pub(super) struct Place {
    crowd: Arc<Crowd>,
    network: IpAddr,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.crowd.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.network) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.network);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn one_network_has_a_quarter_and_what_it_gives_back_is_forgotten() {
        let crowd = Crowd::new(40, &[]);
        let mut places: Vec<_> =
            (0..10).map(|_| crowd.enter(address("2001:db8::1")).unwrap()).collect();
        assert!(places.iter().all(Option::is_some));
        assert!(crowd.enter(address("2001:db8::ffff")).is_err(), "the same /64");
        let other = crowd.enter(address("2001:db8:0:1::1")).unwrap();
        places.pop();
        places.push(crowd.enter(address("2001:db8::2")).unwrap());
        drop((places, other));
        assert!(crowd.open.lock().unwrap().is_empty());
    }

    #[test]
    fn a_proxy_brings_everybody() {
        let crowd = Crowd::new(4, &["10.0.0.0/8".parse().unwrap()]);
        let places: Vec<_> =
            (0..100).map(|_| crowd.enter(address("::ffff:10.1.2.3")).unwrap()).collect();
        assert!(places.iter().all(Option::is_none));
        assert!(crowd.enter(address("192.0.2.1")).is_ok());
        assert!(crowd.open.lock().unwrap().is_empty(), "given back");
    }
}
