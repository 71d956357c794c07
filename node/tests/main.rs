//! All integration tests of the node, as one program.

mod store;
