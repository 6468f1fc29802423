pub(crate) mod sample;

mod algebra;
mod kernels;
mod roundtrip;
