//! Scene: what all parts of a run meet.

use std::time::Instant;

use super::{
    chance::{Dice, Plan},
    chronicle::Chronicle,
    cluster::Shared,
    database::Database,
    truth::Truth,
};

/// The time, the dice, both servers, and the judge.
pub(super) struct Scene {
    pub(super) now: Instant,
    pub(super) plan: Plan,
    pub(super) dice: Dice,
    pub(super) database: Database,
    pub(super) cluster: Shared,
    pub(super) truth: Truth,
    pub(super) chronicle: Chronicle,
    pub(super) is_healed: bool,
}
