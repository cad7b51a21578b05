use mdbx_typed::prelude::*;

#[derive(Key, Clone, Copy)]
#[key(as = f64)]
struct Celsius(f64);

impl From<&Celsius> for f64 {
    fn from(degrees: &Celsius) -> f64 {
        degrees.0
    }
}

impl From<f64> for Celsius {
    fn from(degrees: f64) -> Celsius {
        Celsius(degrees)
    }
}

fn main() {}
