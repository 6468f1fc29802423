pub(crate) mod sample;

mod algebra;
mod damage;
mod interpreted;
mod kernels;
mod roundtrip;
