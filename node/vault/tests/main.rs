//! The vault from outside.

mod canary;
mod crashes;
mod damage;
mod erasure;
mod life;
mod reading;
mod rotation;
mod s3;
mod world;
