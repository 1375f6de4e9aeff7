//! What people meet first: settings, right and wrong, as the built binary answers them.

mod place;
mod secure;
mod refusals;
mod shown;
mod start;
mod wrong;
