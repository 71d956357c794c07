//! What the engine puts on the wire and into its log, in Borsh. Every decoder is exact: no byte may be left over.

use borsh::{BorshDeserialize, BorshSerialize};
use bytes::Bytes;
use inro_contracts::key::Signature;
use malachite::app::engine::util::streaming::{StreamContent, StreamId, StreamMessage};
use malachite::app::types::codec::{Codec, HasEncodedLen};
use malachite_core_consensus::{LivenessMsg, ProposedValue, SignedConsensusMsg};
use malachite_core_types::{ExtendedCommitCertificate, ExtendedCommitSignature, PolkaCertificate, Round, ValidatorProof};
use malachite_sync::{RawDecidedValue, Request, Response, Status, ValueRequest, ValueResponse};

use crate::context::{Address, Context, Height, Part, ValueId};

/// The one codec for all of the engine's messages.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wire;

macro_rules! borsh_codec {
    ($($type:ty),* $(,)?) => { $(
        impl Codec<$type> for Wire {
            type Error = std::io::Error;
            fn decode(&self, bytes: Bytes) -> Result<$type, Self::Error> {
                borsh::from_slice(&bytes)
            }
            fn encode(&self, message: &$type) -> Result<Bytes, Self::Error> {
                borsh::to_vec(message).map(Bytes::from)
            }
        }
    )* };
}
borsh_codec!(Part, SignedConsensusMsg<Context>, LivenessMsg<Context>, ProposedValue<Context>, PolkaCertificate<Context>);

/// Types whose fields the engine's crates do not encode themselves: each as a plain twin.
macro_rules! twin_codec {
    ($($type:ty as $twin:ty),* $(,)?) => { $(
        impl Codec<$type> for Wire {
            type Error = std::io::Error;
            fn decode(&self, bytes: Bytes) -> Result<$type, Self::Error> {
                borsh::from_slice::<$twin>(&bytes).map(Into::into)
            }
            fn encode(&self, message: &$type) -> Result<Bytes, Self::Error> {
                borsh::to_vec(&<$twin>::from(message)).map(Bytes::from)
            }
        }
    )* };
}
twin_codec!(
    StreamMessage<Part> as WireStream,
    ValidatorProof<Context> as WireProof,
    Status<Context> as WireStatus,
    Request<Context> as WireRequest,
    Response<Context> as WireResponse,
);

impl HasEncodedLen<Response<Context>> for Wire {
    fn encoded_len(&self, message: &Response<Context>) -> Result<usize, std::io::Error> {
        borsh::object_length(&WireResponse::from(message))
    }
}

#[derive(BorshSerialize, BorshDeserialize)]
struct WireStream {
    stream: Vec<u8>,
    sequence: u64,
    part: Option<Part>,
}

impl From<&StreamMessage<Part>> for WireStream {
    fn from(message: &StreamMessage<Part>) -> Self {
        let part = message.content.as_data().cloned();
        Self { stream: message.stream_id.to_bytes().to_vec(), sequence: message.sequence, part }
    }
}

impl From<WireStream> for StreamMessage<Part> {
    fn from(wire: WireStream) -> Self {
        let content = wire.part.map_or(StreamContent::Fin, StreamContent::Data);
        Self::new(StreamId::new(wire.stream.into()), wire.sequence, content)
    }
}

#[derive(BorshSerialize, BorshDeserialize)]
struct WireProof {
    key: Vec<u8>,
    peer: Vec<u8>,
    signature: Signature,
}

impl From<&ValidatorProof<Context>> for WireProof {
    fn from(proof: &ValidatorProof<Context>) -> Self {
        Self { key: proof.public_key.clone(), peer: proof.peer_id.clone(), signature: proof.signature }
    }
}

impl From<WireProof> for ValidatorProof<Context> {
    fn from(wire: WireProof) -> Self {
        Self::new(wire.key, wire.peer, wire.signature)
    }
}

#[derive(BorshSerialize, BorshDeserialize)]
struct WireStatus {
    peer: WirePeerId,
    tip: Height,
    first: Height,
}

/// A peer's id in its bytes.
struct WirePeerId(malachite::app::types::PeerId);

impl BorshSerialize for WirePeerId {
    fn serialize<W: std::io::Write>(&self, writer: &mut W) -> std::io::Result<()> {
        self.0.to_bytes().serialize(writer)
    }
}

impl BorshDeserialize for WirePeerId {
    fn deserialize_reader<R: std::io::Read>(reader: &mut R) -> std::io::Result<Self> {
        let bytes = Vec::<u8>::deserialize_reader(reader)?;
        malachite::app::types::PeerId::from_bytes(&bytes)
            .map(Self)
            .map_err(|error| std::io::Error::new(std::io::ErrorKind::InvalidData, error.to_string()))
    }
}

impl From<&Status<Context>> for WireStatus {
    fn from(status: &Status<Context>) -> Self {
        Self { peer: WirePeerId(status.peer_id), tip: status.tip_height, first: status.history_min_height }
    }
}

impl From<WireStatus> for Status<Context> {
    fn from(wire: WireStatus) -> Self {
        Self { peer_id: wire.peer.0, tip_height: wire.tip, history_min_height: wire.first }
    }
}

#[derive(BorshSerialize, BorshDeserialize)]
struct WireRequest {
    first: Height,
    last: Height,
}

impl From<&Request<Context>> for WireRequest {
    fn from(request: &Request<Context>) -> Self {
        let Request::ValueRequest(request) = request;
        Self { first: *request.range.start(), last: *request.range.end() }
    }
}

impl From<WireRequest> for Request<Context> {
    fn from(wire: WireRequest) -> Self {
        Self::ValueRequest(ValueRequest::new(wire.first..=wire.last))
    }
}

#[derive(BorshSerialize, BorshDeserialize)]
struct WireResponse {
    first: Height,
    values: Vec<WireDecided>,
}

#[derive(BorshSerialize, BorshDeserialize)]
struct WireDecided {
    block: Vec<u8>,
    height: Height,
    round: Round,
    value: ValueId,
    signatures: Vec<(Address, Signature)>,
}

impl From<&Response<Context>> for WireResponse {
    fn from(response: &Response<Context>) -> Self {
        let Response::ValueResponse(response) = response;
        Self { first: response.start_height, values: response.values.iter().map(WireDecided::from).collect() }
    }
}

impl From<WireResponse> for Response<Context> {
    fn from(wire: WireResponse) -> Self {
        Self::ValueResponse(ValueResponse::new(wire.first, wire.values.into_iter().map(Into::into).collect()))
    }
}

impl From<&RawDecidedValue<Context>> for WireDecided {
    fn from(decided: &RawDecidedValue<Context>) -> Self {
        let certificate = &decided.certificate;
        Self {
            block: decided.value_bytes.to_vec(),
            height: certificate.height,
            round: certificate.round,
            value: certificate.value_id,
            signatures: certificate.commit_signatures.iter().map(|part| (part.address, part.signature)).collect(),
        }
    }
}

impl From<WireDecided> for RawDecidedValue<Context> {
    fn from(wire: WireDecided) -> Self {
        let part = |(address, signature)| ExtendedCommitSignature::new(address, signature, None);
        let certificate = ExtendedCommitCertificate {
            height: wire.height,
            round: wire.round,
            value_id: wire.value,
            commit_signatures: wire.signatures.into_iter().map(part).collect(),
        };
        Self::new(wire.block.into(), certificate)
    }
}
