//! What the compiler says about mistakes: one per case, each message read as carefully as code.
//!
//! The messages are those of the toolchain named in `Cargo.toml`; after a new one, `TRYBUILD=overwrite cargo test
//! --test derive` writes them again, to be read again.

#[test]
fn mistakes_are_reported_well() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/pass.rs");
    cases.compile_fail("tests/ui/*/*.rs");
}
