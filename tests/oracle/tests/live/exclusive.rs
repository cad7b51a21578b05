//! A process that wants the database for itself gets it, or an answer at once; so do all others meanwhile.

use crate::answer::Class;
use crate::command::Command;
use crate::database::Live;
use crate::opening::Opening;
use crate::together::PAIRS;

#[test]
fn nobody_joins_a_process_of_the_other_engine_that_has_the_database_for_itself() {
    for (holding, opening) in PAIRS {
        let live = Live::created_by(holding, 4096);
        let holder = live.opened(holding, Opening::new().exclusive());
        let mut other = live.worker("other");
        let ways = [
            Opening::new(),
            Opening::new().read_only(),
            Opening::new().exclusive(),
        ];
        for way in ways {
            other.refused_opening(opening, way, Class::Busy);
        }
        holder.close();
        other.ask(Command::Open(opening, Opening::new()));
        other.close();
        let holder = live.opened(holding, Opening::new().exclusive());
        holder.kill();
        let other = live.opened(opening, Opening::new().exclusive());
        other.close();
        live.verify_closed();
    }
}

#[test]
fn nobody_gets_a_database_alone_that_a_process_of_the_other_engine_has_open() {
    for (holding, opening) in PAIRS {
        for read_only in [false, true] {
            let live = Live::created_by(opening, 4096);
            let way = if read_only {
                Opening::new().read_only()
            } else {
                Opening::new()
            };
            let holder = live.opened(holding, way);
            let mut other = live.worker("other");
            other.refused_opening(opening, Opening::new().exclusive(), Class::Busy);
            other.ask(Command::Open(opening, Opening::new()));
            other.ask(Command::Close);
            holder.close();
            other.ask(Command::Open(opening, Opening::new().exclusive()));
            other.close();
            live.verify_closed();
        }
    }
}

/// Who has the database for itself works as everybody else.
#[test]
fn one_that_has_the_database_for_itself_can_do_everything() {
    for (engine, other) in PAIRS {
        let live = Live::created_by(other, 4096);
        let mut worker = live.opened(engine, Opening::new().exclusive());
        worker.ask(Command::Empty);
        worker.ask(Command::Check);
        worker.close();
        assert_eq!(live.verify_closed().number, 1);
    }
}
