//! The picture: a bar for each goal, as SVG that reads on light and dark ground.

use std::fmt::Write as _;

use crate::report::Goal;

const WIDTH: u64 = 720;
const LEFT: u64 = 190;
const RIGHT: u64 = 130;
const ROW: u64 = 44;

/// Bars of what was done; a full bar is the goal of a release, and a line marks the first goal.
pub fn svg(goals: &[Goal], done: &[u64]) -> String {
    let room = WIDTH - LEFT - RIGHT;
    let height = ROW * goals.len() as u64 + 34;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" \
         font-family=\"system-ui, sans-serif\" font-size=\"13\" fill=\"#6b7280\">\n\
         <title>What was done, beside the goals</title>\n"
    );
    for (row, (goal, done)) in goals.iter().zip(done).enumerate() {
        let top = row as u64 * ROW + 12;
        let middle = top + 15;
        let share = (*done as f64 / goal.release as f64).min(1.0);
        let bar = (share * room as f64).round() as u64;
        let first = LEFT + room * goal.first / goal.release;
        let (name, release) = (goal.name, goal.release);
        let _ = writeln!(
            text,
            "<text x=\"{}\" y=\"{middle}\" text-anchor=\"end\">{name}</text>\n\
             <rect x=\"{LEFT}\" y=\"{top}\" width=\"{room}\" height=\"20\" rx=\"3\" fill=\"#9ca3af\" fill-opacity=\"0.25\"/>\n\
             <rect x=\"{LEFT}\" y=\"{top}\" width=\"{bar}\" height=\"20\" rx=\"3\" fill=\"#2563eb\"/>\n\
             <line x1=\"{first}\" x2=\"{first}\" y1=\"{}\" y2=\"{}\" stroke=\"#d97706\" stroke-width=\"2\"/>\n\
             <text x=\"{}\" y=\"{middle}\">{done} of {release}</text>",
            LEFT - 10,
            top - 4,
            top + 24,
            LEFT + room + 8,
        );
    }
    let bottom = height - 8;
    let _ = writeln!(
        text,
        "<text x=\"{LEFT}\" y=\"{bottom}\">full bar: the goal of a release; orange line: the first goal</text>\n</svg>"
    );
    text
}
