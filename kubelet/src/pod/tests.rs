//! What a pod's life promises, each promise a test: the machine in a world that answers at once.

mod containers;
mod ends;
mod stories;
mod world;
