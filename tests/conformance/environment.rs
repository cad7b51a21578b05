//! Environments: opening, closing, copying, and what is set and told while they are open.

use mdbx_core::key;
use mdbx_core::tools::check::check;
use mdbx_core::tools::copy::CopyOptions;
use mdbx_core::tools::defrag::{DefragOptions, Why};
use mdbx_core::{Env, Error, Geometry, PageSize, ReclaimOrder, TableFlags, max_value_len_dup_sort};
use serde_json::{Value, json};

use crate::answers::{Answer, Outcome, Stop, refused};
use crate::bytes::answer as shown;
use crate::common;
use crate::modes::{self, Modes};
use crate::quirks;
use crate::snapshots;
use crate::tables;
use crate::trace::Step;
use crate::world::{Stage, World};

/// Flags of an opening that ask for something the engine does anyway, or that change speed and no answer.
///
/// `accede` would join other processes in their modes, and `validation` look at every page, which is always done.
const WITHOUT_EFFECT: [&str; 6] = [
    "durable",
    "coalesce",
    "no_readahead",
    "no_meminit",
    "accede",
    "validation",
];

/// How many bytes of changed pages are kept in memory where that is not left to the engine.
const DIRTY_LIMIT: usize = 32 << 10;

pub(crate) fn perform(stage: &mut Stage<'_, '_>, step: &Step) -> Outcome {
    let world = &mut *stage.world;
    match step.op() {
        "open" => open(world, step),
        "close" => close(world, step),
        "snapshot_files" => Ok(snapshots::take(world, step)),
        "sync" => modes::sync(world, step),
        "delete_env" => Ok(quirks::delete(&world.path(step.name("path")))),
        "copy" => copy(world, step),
        "check_size" => {
            let len = world.env()?.info()?.file_len;
            let bound = |member: &str, default| step.number(member).unwrap_or(default);
            let is_within = (bound("min", 0)..=bound("max", u64::MAX)).contains(&len);
            Ok(Answer::ok().with("ok", is_within))
        }
        "set_geometry" => set_geometry(stage, step),
        "get_geometry" => get_geometry(world),
        "set_option" => modes::set_option(world, step),
        "get_option" => modes::get_option(world, step),
        "set_flags" => modes::set_flags(world, step),
        "limits" => limits(world, step),
        "defrag" => defrag(world),
        "sleep" => {
            let ms = step.number("ms").unwrap_or_default();
            std::thread::sleep(std::time::Duration::from_millis(ms));
            Ok(Answer::ok())
        }
        "key_of" => Ok(Answer::ok().with("rv", shown(&key_of(step)))),
        op => panic!("{op} is no known operation"),
    }
}

fn open(world: &mut World, step: &Step) -> Outcome {
    world.close();
    let mut options = Env::options()
        .sub_directory(true)
        .create(!step.flag("existing", false))
        .max_tables(quirks::max_tables(
            number(step.value("tables")).unwrap_or(0),
        ));
    for (name, order) in &world.orders {
        options = options.table_order(name, *order);
    }
    if world.page_size.is_some() {
        // The other order of reuse, and pages written before the commit, get their share too.
        options = options
            .reclaim_order(ReclaimOrder::OldestFirst)
            .dirty_limit(DIRTY_LIMIT);
    }
    if let Some(readers) = number(step.value("readers")) {
        options = options.max_readers(readers);
    }
    let mut modes = Modes::default();
    let mut name = step.text("path").unwrap_or("db").to_owned();
    for flag in step.words("flags") {
        match flag.as_str() {
            "read_only" => options = options.read_only(true),
            "exclusive" => options = options.exclusive(true),
            "writemap" => options = options.write_map(true),
            "lifo" => options = options.reclaim_order(ReclaimOrder::NewestFirst),
            "no_subdir" => {
                options = options.sub_directory(false);
                name.push_str(".mdbx");
            }
            flag if WITHOUT_EFFECT.contains(&flag) => {}
            flag if modes.set(flag, true) => {}
            _ => return Err(Stop::Waiting("modes of opening")),
        }
    }
    if let Some(wanted) = step.value("geometry") {
        match geometry(world, wanted) {
            Some(geometry) => options = options.geometry(geometry),
            None => return Ok(Answer::of("invalid").with("at", "geometry")),
        }
    }
    match options
        .durability(modes.durability())
        .open(world.path(&name))
    {
        Err(Error::Geometry { .. }) => Ok(Answer::of("invalid").with("at", "geometry")),
        opened => {
            world.env = Some(opened?);
            world.modes = modes;
            Ok(Answer::ok())
        }
    }
}

/// Copies a snapshot to a new database.
fn copy(world: &World, step: &Step) -> Outcome {
    let flags = step.words("f");
    let has = |wanted: &str| flags.iter().any(|flag| flag == wanted);
    let options = CopyOptions::new()
        .compact(has("compact"))
        .overwrite(has("overwrite"));
    let target = world.path(step.name("to"));
    match step.text("t") {
        Some(name) => options.to_path(world.reader(name)?, target)?,
        None => options.to_path(&world.env()?.read()?, target)?,
    };
    Ok(Answer::ok())
}

/// Closes the environment, after a look at every page of it.
fn close(world: &mut World, step: &Step) -> Outcome {
    let env = world.env()?.clone();
    let path = env.path().to_owned();
    let report = check(&env.read()?);
    world.close();
    let leaves_unsynced = step.flag("dont_sync", false);
    if leaves_unsynced {
        env.close_without_sync();
    } else {
        env.close()?;
    }
    // It takes its time, so not at every page size; and it does not know the orders that an application gives.
    if world.page_size.is_none() && world.orders.is_empty() && !leaves_unsynced {
        common::inspect(&path);
    }
    if report.is_sound() {
        Ok(Answer::ok())
    } else {
        refused(&format!("unsound: {report}"))
    }
}

/// Returns the geometry asked for; `None` if there is no such page size.
fn geometry(world: &World, wanted: &Value) -> Option<Geometry> {
    let bytes = |member: &str| wanted.get(member).and_then(Value::as_u64);
    let mut geometry = Geometry::default();
    let page_size = bytes("pagesize").map(|size| u32::try_from(size).unwrap_or(0));
    if let Some(size) = page_size {
        // There, 0 stands for the smallest.
        let size = PageSize::new(if size == 0 { 256 } else { size })?;
        geometry = geometry.page_size(world.page_size.unwrap_or(size));
    }
    if let Some(lower) = bytes("lower") {
        geometry = geometry.lower(lower);
    }
    if let Some(now) = bytes("now") {
        geometry = geometry.now(now);
    }
    if let Some(upper) = bytes("upper") {
        geometry = geometry.upper(upper);
    }
    if let Some(step) = bytes("growth") {
        geometry = geometry.growth_step(step);
    }
    if let Some(threshold) = bytes("shrink") {
        geometry = geometry.shrink_threshold(threshold);
    }
    Some(geometry)
}

/// Returns the key that a number becomes.
fn key_of(step: &Step) -> Vec<u8> {
    let bits = step.operand("bits");
    let eight = || bits[..].try_into().unwrap();
    match step.name("what") {
        "double" => key::f64(f64::from_le_bytes(eight())).to_vec(),
        "float" => key::f32(f32::from_le_bytes(bits[..].try_into().unwrap())).to_vec(),
        "json" => key::json(i64::from_le_bytes(eight())).to_vec(),
        what => panic!("{what} is no kind of number"),
    }
}

fn defrag(world: &World) -> Outcome {
    match DefragOptions::new().run(world.env()?)?.stopped {
        Why::HeldUp => refused("laggard_reader"),
        _ => Ok(Answer::ok()),
    }
}

fn get_geometry(world: &World) -> Outcome {
    let info = world.env()?.info()?;
    let geometry = info.geometry;
    let answer = json!({
        "lower": geometry.lower,
        "upper": geometry.upper,
        "now": geometry.now,
        "growth": geometry.growth_step,
        "shrink": geometry.shrink_threshold,
        "pagesize": info.page_size.bytes(),
    });
    Ok(Answer::ok().with("geometry", answer))
}

fn set_geometry(stage: &mut Stage<'_, '_>, step: &Step) -> Outcome {
    let world = &mut *stage.world;
    let wanted = step.value("geometry").unwrap_or(&Value::Null);
    let Some(geometry) = geometry(world, wanted) else {
        return refused("invalid");
    };
    match &mut stage.writer {
        Some(writer) => writer.txn.resize(geometry)?,
        None => world.env()?.resize(geometry)?,
    }
    Ok(Answer::ok())
}

/// Answers the shortest and longest key, and the shortest and longest value, of a kind of table.
fn limits(world: &World, step: &Step) -> Outcome {
    /// The longest value of a table with one value for each key, whatever the page size.
    const LONGEST: usize = 0x7FF0_0000;
    let page_size = world.env()?.info()?.page_size;
    let kind = tables::flags_of(step);
    let keys = if kind.contains(TableFlags::INTEGER_KEY) {
        [4, 8]
    } else {
        [0, kind.max_key_len(page_size)]
    };
    let values = if kind.contains(TableFlags::INTEGER_DUP) {
        [4, 8]
    } else if kind.contains(TableFlags::DUP_FIXED) {
        [2, max_value_len_dup_sort(page_size)]
    } else if kind.contains(TableFlags::DUP_SORT) {
        [0, max_value_len_dup_sort(page_size)]
    } else {
        [0, LONGEST]
    };
    Ok(Answer::ok().with("limits", [keys, values].concat()))
}

fn number(value: Option<&Value>) -> Option<usize> {
    usize::try_from(value?.as_u64()?).ok()
}
