//! Readers and a writer, in all orders.
use mdbx_interleavings::backend::{Program, explore};
use mdbx_interleavings::programs::*;
use std::time::Instant;

fn run(name: &str, program: impl Fn() -> Program + Send + Sync + 'static) {
    let start = Instant::now();
    let r = explore(None, program);
    println!("{name}: {r:?} {:?}", start.elapsed());
}

#[test]
fn trial() {
    run("clone parked", clone_where_a_parked_reader_was);
    run("mixed again", || metas_are_written(1, Detail::Words, true));
    run("mixed no", || metas_are_written(3, Detail::Words, false));
    run("parked", parked_reader_comes_back);
    run("parked no ask", parked_reader_that_does_not_ask);
    run("clone", || clone_takes_over(true));
    run("clone not told", || clone_takes_over(false));
    run("1 reader 1 commit", || readers_and_commits(1, 1, Engine::Own));
    run("no look again", || reader_that_does_not_look_again(2));
    run("moves", || reader_moves_on(1));
}
