//! Who plays: facilities with a node, a physician and an authority, and a patient with a wallet.

use inro_client::desk::Desk;
use inro_client::wallet::{Wallet, WalletSecret, WordList, Words};
use inro_client::{ClientError, NodeClient};
use inro_contracts::id::{ChainId, Label, OrganisationId, PractitionerId};
use inro_contracts::key::SecretKey;

/// A facility with everything that it acts with.
#[derive(Debug, Clone)]
pub struct Facility {
    /// Its short name: that of its folder of documents.
    pub slug: String,
    /// Its public name.
    pub name: String,
    /// Its id.
    pub id: OrganisationId,
    /// Speaks for it in governance.
    pub authority: SecretKey,
    /// Its physician.
    pub physician: PractitionerId,
    /// The physician at the facility's own node.
    pub desk: Desk,
}

impl Facility {
    /// A facility at its own node.
    pub async fn at(
        slug: &str,
        name: &str,
        id: OrganisationId,
        authority: SecretKey,
        physician: SecretKey,
        node: NodeClient,
    ) -> Result<Self, ClientError> {
        let id_of_physician = inro_contracts::organisation::Practitioner::id_of(&physician.public());
        let desk = Desk::at(node, physician).await?;
        Ok(Self { slug: slug.into(), name: name.into(), id, authority, physician: id_of_physician, desk })
    }
}

/// The patient: a wallet, and one account at each facility.
pub struct Patient {
    /// The wallet.
    pub wallet: Wallet,
    /// The account at each facility, in the facilities' order.
    pub accounts: Vec<Label>,
}

impl Patient {
    /// A patient with a new wallet and no account.
    pub fn new(chain: ChainId) -> Self {
        let words = Words::fresh(WordList::Japanese);
        Self { wallet: Wallet::new(WalletSecret::new(&words, ""), chain, false), accounts: Vec::new() }
    }
}
