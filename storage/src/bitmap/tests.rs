pub(crate) mod sample;

mod algebra;
mod damage;
mod kernels;
mod roundtrip;
