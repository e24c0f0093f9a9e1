//! Amounts of resources as whole numbers: milli-CPU, bytes, counts.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::api::resource::Quantity as ApiQuantity;
use serde::Serialize;
use steersman_core::quantity::Quantity;

/// How much of each resource a node has or a pod asks for.
///
/// What every node has are fixed columns; extended resources, huge pages and attachable volumes are `scalars`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Amounts {
    /// Thousandths of a CPU.
    pub milli_cpu: i64,
    /// Bytes.
    pub memory: i64,
    /// Bytes.
    pub ephemeral_storage: i64,
    /// How many pods a node admits; 0 for a pod.
    pub pods: i64,
    /// Everything else that can be counted.
    pub scalars: Scalars,
}

/// Amounts of the resources that have no column of their own, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Scalars(Vec<(Arc<str>, i64)>);

/// A resource list with upstream's exact arithmetic, before it is rounded to whole numbers.
pub(crate) type Exact = BTreeMap<String, Quantity>;

impl Amounts {
    /// The amounts of a resource list of the API. Resources that are no scheduler's business are left out;
    /// quantities that do not parse count as absent (the API server admits none).
    pub fn of(list: &BTreeMap<String, ApiQuantity>) -> Self {
        Self::round(&exact(list))
    }

    /// Rounds each amount up, as upstream does.
    pub(crate) fn round(list: &Exact) -> Self {
        let mut amounts = Amounts::default();
        for (name, quantity) in list {
            match name.as_str() {
                "cpu" => amounts.milli_cpu = quantity.milli_value(),
                "memory" => amounts.memory = quantity.value(),
                "ephemeral-storage" => amounts.ephemeral_storage = quantity.value(),
                "pods" => amounts.pods = quantity.value(),
                name if is_scalar(name) => amounts.scalars.add(name, quantity.value()),
                _ => {}
            }
        }
        amounts
    }

    /// Adds what a pod takes.
    pub(crate) fn add(&mut self, other: &Amounts) {
        self.merge(other, 1);
    }

    /// Gives back what a pod took.
    pub(crate) fn subtract(&mut self, other: &Amounts) {
        self.merge(other, -1);
    }

    fn merge(&mut self, other: &Amounts, sign: i64) {
        // What overflows wraps, as upstream has it, and so comes back when it is given back.
        let add = |mine: &mut i64, more: i64| *mine = mine.wrapping_add(more.wrapping_mul(sign));
        add(&mut self.milli_cpu, other.milli_cpu);
        add(&mut self.memory, other.memory);
        add(&mut self.ephemeral_storage, other.ephemeral_storage);
        for (name, amount) in other.scalars.iter() {
            self.scalars.add(name, amount.wrapping_mul(sign));
        }
    }

    /// The amount of a resource by its name; `None` where nothing is said of it.
    pub fn get(&self, name: &str) -> Option<i64> {
        match name {
            "cpu" => Some(self.milli_cpu),
            "memory" => Some(self.memory),
            "ephemeral-storage" => Some(self.ephemeral_storage),
            "pods" => Some(self.pods),
            _ => self.scalars.get(name),
        }
    }
}

impl Scalars {
    /// The amount of a resource; `None` where nothing is said of it.
    pub fn get(&self, name: &str) -> Option<i64> {
        self.0.iter().find(|row| &*row.0 == name).map(|row| row.1)
    }

    /// Name and amount of each, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, i64)> {
        self.0.iter().map(|(name, amount)| (&**name, *amount))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn add(&mut self, name: &str, amount: i64) {
        match self.0.binary_search_by(|row| (*row.0).cmp(name)) {
            Ok(at) => self.0[at].1 = self.0[at].1.wrapping_add(amount),
            Err(at) => self.0.insert(at, (name.into(), amount)),
        }
    }
}

/// The list with its quantities parsed.
pub(crate) fn exact(list: &BTreeMap<String, ApiQuantity>) -> Exact {
    list.iter().filter_map(|(name, text)| Some((name.clone(), text.0.parse().ok()?))).collect()
}

/// Whether a resource without a column of its own is counted; upstream's `IsScalarResourceName`.
pub(crate) fn is_scalar(name: &str) -> bool {
    is_extended(name)
        || name.starts_with("hugepages-")
        || name.starts_with("attachable-volumes-")
        || (name.contains('/') && name.contains("kubernetes.io/"))
}

/// Whether a resource is one that node operators advertise themselves; upstream's `IsExtendedResourceName`.
pub(crate) fn is_extended(name: &str) -> bool {
    name.contains('/') && !name.contains("kubernetes.io/") && !name.starts_with("requests.")
}
