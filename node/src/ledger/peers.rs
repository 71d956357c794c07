//! Who may connect: the machines of members in good standing, as committed state has them (rule X-7).

use std::collections::BTreeMap;

use inro_contracts::bytes::Canonical;
use inro_contracts::id::OrganisationId;
use inro_contracts::key::PublicKey;
use inro_contracts::organisation::{Organisation, Peer, PeerKind, Standing};
use inro_contracts::state::{StateKey, load};
use inro_contracts::validator::ValidatorSet;
use inro_network::AllowedPeer;

use crate::store::Snapshot;
use inro_engine::Fault;

/// Most machines that are looked at.
const PEERS_MAX: usize = 10_000;

/// One machine that may connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownPeer {
    /// Its network identity.
    pub key: PublicKey,
    /// Whose it is.
    pub organisation: OrganisationId,
    /// What it does.
    pub kind: PeerKind,
    /// Where its engine listens.
    pub consensus_address: String,
    /// Where its exchange listens.
    pub exchange_address: String,
}

/// All machines that may connect.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Directory {
    peers: Vec<KnownPeer>,
    validators: BTreeMap<PublicKey, OrganisationId>,
}

impl Directory {
    /// Reads the machines of members in good standing.
    pub fn read(state: &Snapshot<'_>) -> Result<Self, Fault> {
        let fault = |error: String| Fault(error);
        let mut peers = Vec::new();
        let mut standings = BTreeMap::new();
        let rows = state.list(&[StateKey::PEER_PREFIX], None, PEERS_MAX).map_err(|error| fault(error.to_string()))?;
        for (_, bytes) in rows {
            let peer = Peer::from_bytes(&bytes).map_err(|error| fault(format!("a peer in the store is damaged: {error}")))?;
            let standing = match standings.get(&peer.organisation) {
                Some(standing) => *standing,
                None => {
                    let organisation: Option<Organisation> =
                        load(state, &StateKey::Organisation(peer.organisation)).map_err(|error| fault(error.to_string()))?;
                    let standing = organisation.map_or(Standing::Suspended, |organisation| organisation.standing);
                    standings.insert(peer.organisation, standing);
                    standing
                }
            };
            if standing == Standing::Active {
                peers.push(KnownPeer {
                    key: peer.record.key,
                    organisation: peer.organisation,
                    kind: peer.record.kind,
                    consensus_address: peer.record.consensus_address.as_str().to_owned(),
                    exchange_address: peer.record.exchange_address.as_str().to_owned(),
                });
            }
        }
        let validators: Option<ValidatorSet> = load(state, &StateKey::Validators).map_err(|error| fault(error.to_string()))?;
        let validators =
            validators.iter().flat_map(|set| set.validators()).map(|validator| (validator.key, validator.organisation)).collect();
        Ok(Self { peers, validators })
    }

    /// The machines.
    pub fn peers(&self) -> &[KnownPeer] {
        &self.peers
    }

    /// The machine with this network identity.
    pub fn find(&self, key: &PublicKey) -> Option<&KnownPeer> {
        self.peers.iter().find(|peer| peer.key == *key)
    }

    /// The machines of an organisation.
    pub fn machines_of(&self, organisation: &OrganisationId) -> Vec<PublicKey> {
        self.peers.iter().filter(|peer| peer.organisation == *organisation).map(|peer| peer.key).collect()
    }

    /// The machines of the organisation whose validator this is.
    pub fn machines_of_validator(&self, validator: &PublicKey) -> Vec<PublicKey> {
        let Some(organisation) = self.validators.get(validator) else { return Vec::new() };
        self.peers.iter().filter(|peer| peer.organisation == *organisation).map(|peer| peer.key).collect()
    }

    /// All machines but this one, for the exchange network.
    pub fn allowed(&self, own: &PublicKey) -> Vec<AllowedPeer> {
        let others = self.peers.iter().filter(|peer| peer.key != *own);
        others.map(|peer| AllowedPeer { key: peer.key, address: peer.exchange_address.clone() }).collect()
    }

    /// All machines, for the consensus network.
    pub fn consensus_peers(&self) -> Vec<(PublicKey, String)> {
        self.peers.iter().map(|peer| (peer.key, peer.consensus_address.clone())).collect()
    }
}
