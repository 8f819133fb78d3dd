//! How the files begin that may be started.

use std::collections::HashMap;

use crate::format::start::Start;
use crate::tree::Node;

/// What the executable files of all layers begin with.
#[derive(Debug, Default)]
pub struct Starts {
    is_known: bool,
    by_node: HashMap<Node, Start>,
}

impl Starts {
    /// What was learned; files that are not among it are neither scripts nor programs.
    pub fn of(learned: impl IntoIterator<Item = (Node, Start)>) -> Self {
        Self { is_known: true, by_node: learned.into_iter().collect() }
    }

    /// Whether anybody looked.
    pub fn is_known(&self) -> bool {
        self.is_known
    }

    /// How an executable file begins; `None` for one that is neither a script nor a program.
    pub fn get(&self, node: Node) -> Option<&Start> {
        self.by_node.get(&node)
    }
}
