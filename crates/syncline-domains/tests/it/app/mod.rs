//! Sending to real sockets: what arrives, what fails in which way, and what is never reached; and
//! whether others verify what is signed.

mod guarded;
mod hosts;
mod official;
mod receiver;
mod sending;
