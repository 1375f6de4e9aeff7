//! What people meet first: settings, right and wrong, as the built binary answers them.

mod place;
mod refusals;
mod secure;
mod shown;
mod start;
mod wrong;
