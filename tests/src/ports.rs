//! Ports for nodes on loopback.
//!
//! They lie below the range from which the system takes ports for outgoing connections: a node that is killed and started again
//! must find its port free, and a dialling neighbour must not have been given it meanwhile.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::sync::Mutex;

use rand::Rng;

/// Ports given out by this process; they are not given twice, even after they are free again.
static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

/// A port on which nobody listens now.
pub fn free_port() -> u16 {
    let mut given = GIVEN.lock().expect("no holder of this lock can panic");
    for _ in 0..10_000 {
        let port = rand::thread_rng().gen_range(10_000..32_000);
        if !given.contains(&port) && TcpListener::bind(("127.0.0.1", port)).is_ok() {
            given.insert(port);
            return port;
        }
    }
    panic!("no free port was found between 10,000 and 32,000");
}
