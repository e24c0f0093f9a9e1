//! Amounts of resources, by their names.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::api::resource::Quantity as Wire;
use steersman_core::Quantity;
use steersman_core::quantity::Format;

/// Quantities by the name of the resource; upstream's `ResourceList`.
pub(super) type Amounts = BTreeMap<String, Quantity>;

/// The amounts in a list; the API has found them valid.
pub(super) fn read(list: Option<&BTreeMap<String, Wire>>) -> Amounts {
    let parsed = |(name, amount): (&String, &Wire)| Some((name.clone(), Quantity::try_from(amount).ok()?));
    list.into_iter().flatten().filter_map(parsed).collect()
}

/// The amounts as the API has them.
pub(super) fn write(amounts: &Amounts) -> BTreeMap<String, Wire> {
    amounts.iter().map(|(name, amount)| (name.clone(), amount.into())).collect()
}

/// So many.
pub(super) fn count(count: usize) -> Quantity {
    Quantity::new(i64::try_from(count).unwrap_or(i64::MAX), Format::DecimalSI)
}

/// Adds amounts to others.
pub(super) fn add(sum: &mut Amounts, amounts: &Amounts) {
    for (name, amount) in amounts {
        match sum.get_mut(name) {
            Some(sum) => *sum += amount,
            None => drop(sum.insert(name.clone(), amount.clone())),
        }
    }
}

/// Raises amounts to others, where those are more.
pub(super) fn raise(most: &mut Amounts, amounts: &Amounts) {
    for (name, amount) in amounts {
        if most.get(name).is_none_or(|most| most < amount) {
            most.insert(name.clone(), amount.clone());
        }
    }
}
