//! Whole-system tests: real nodes, real sockets, real faults. Each test's name is the sentence that it shows; each ends with the
//! invariants of `inro_tests::invariants`.

mod agreement;
mod architecture;
mod audit;
mod byzantine;
mod cheating_custodians;
mod copies;
mod crashes;
mod desk_api;
mod evidence;
mod exchange;
mod liars;
mod membership;
mod memory_of_signatures;
mod operator;
mod overload;
mod pruning;
mod receipts;
mod silence;
mod transfers;
mod witness;
// The small ledger of the tests of evidence.
#[path = "../../contracts/evidence/tests/world.rs"]
#[allow(dead_code)]
mod world;
