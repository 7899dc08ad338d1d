//! Black-box tests of the generator, the committed data sets and the peer.

mod fixtures;
mod peer;
