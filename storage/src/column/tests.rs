mod damage;
mod kernels;
mod lists;
mod text;
mod vector;
