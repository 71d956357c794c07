//! Network addresses: an IP address and a TCP port. Names are not resolved, so nobody's resolver is asked about members.

use std::net::{IpAddr, SocketAddr};

use libp2p::Multiaddr;
use libp2p::multiaddr::Protocol;

use crate::error::BadAddress;

/// Parses `/ip4/<address>/tcp/<port>` or `/ip6/<address>/tcp/<port>` as one dials it: a port, and an address of one machine.
pub fn exchange_address(text: &str) -> Result<Multiaddr, BadAddress> {
    let (address, socket) = parse(text)?;
    let ip = socket.ip().to_canonical();
    let one_machine = !ip.is_unspecified() && !ip.is_multicast() && ip != IpAddr::from([255, 255, 255, 255]);
    if socket.port() == 0 || !one_machine { Err(BadAddress::new(text)) } else { Ok(address) }
}

/// Parses an address to listen on: port 0 and the unspecified address are allowed here.
pub(crate) fn listen_address(text: &str) -> Result<(Multiaddr, SocketAddr), BadAddress> {
    parse(text)
}

fn parse(text: &str) -> Result<(Multiaddr, SocketAddr), BadAddress> {
    let address: Multiaddr = text.parse().map_err(|_| BadAddress::new(text))?;
    let mut parts = address.iter();
    let ip = match parts.next() {
        Some(Protocol::Ip4(ip)) => IpAddr::from(ip),
        Some(Protocol::Ip6(ip)) => IpAddr::from(ip),
        _ => return Err(BadAddress::new(text)),
    };
    match (parts.next(), parts.next()) {
        (Some(Protocol::Tcp(port)), None) => Ok((address, SocketAddr::new(ip, port))),
        _ => Err(BadAddress::new(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_ip_address_and_a_tcp_port_are_dialled() {
        for good in ["/ip4/10.1.2.3/tcp/7001", "/ip6/2001:db8::1/tcp/7001", "/ip4/127.0.0.1/tcp/1"] {
            assert_eq!(exchange_address(good).unwrap().to_string(), good);
        }
        let bad = [
            "",
            "10.1.2.3:7001",
            "/dns4/example.org/tcp/7001",
            "/ip4/10.1.2.3",
            "/ip4/10.1.2.3/udp/7001",
            "/ip4/10.1.2.3/tcp/7001/ws",
            "/ip4/10.1.2.3/tcp/0",
            "/ip4/0.0.0.0/tcp/7001",
            "/ip6/::/tcp/7001",
            "/ip6/::ffff:0.0.0.0/tcp/7001",
            "/ip4/224.0.0.1/tcp/7001",
            "/ip4/255.255.255.255/tcp/7001",
        ];
        for bad in bad {
            assert!(exchange_address(bad).is_err(), "{bad} was accepted");
        }
    }

    #[test]
    fn a_node_may_listen_on_every_address_and_on_a_port_that_the_system_chooses() {
        assert!(listen_address("/ip4/0.0.0.0/tcp/0").is_ok());
        assert!(listen_address("/dns4/example.org/tcp/0").is_err());
    }
}
