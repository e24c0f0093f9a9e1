//! Which plugins of a profile are asked at which extension point, in which order.

use crate::plugin::Plugin;

/// An extension point. PreFilter and Filter are one, and so are PreScore, Score and NormalizeScore.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Point {
    PreEnqueue,
    QueueSort,
    Filter,
    PostFilter,
    Score,
    Reserve,
    Permit,
    PreBind,
    Bind,
    PostBind,
}

/// The plugins of each extension point, by their place in the profile, and what their scores weigh.
#[derive(Clone, Debug, Default)]
pub(crate) struct Points {
    orders: [Vec<usize>; Point::ALL.len()],
    weights: Vec<i64>,
}

impl Point {
    pub(crate) const ALL: [Point; 10] = [
        Point::PreEnqueue,
        Point::QueueSort,
        Point::Filter,
        Point::PostFilter,
        Point::Score,
        Point::Reserve,
        Point::Permit,
        Point::PreBind,
        Point::Bind,
        Point::PostBind,
    ];

    /// Whether the plugin takes part in it.
    pub(crate) fn is_of(self, plugin: &dyn Plugin) -> bool {
        match self {
            Point::PreEnqueue => plugin.pre_enqueue().is_some(),
            Point::QueueSort => plugin.queue_sort().is_some(),
            Point::Filter => plugin.filter().is_some(),
            Point::PostFilter => plugin.post_filter().is_some(),
            Point::Score => plugin.score().is_some(),
            Point::Reserve => plugin.reserve().is_some(),
            Point::Permit => plugin.permit().is_some(),
            Point::PreBind => plugin.pre_bind().is_some(),
            Point::Bind => plugin.bind().is_some(),
            Point::PostBind => plugin.post_bind().is_some(),
        }
    }
}

impl Points {
    /// So many plugins, of which none is asked yet.
    pub(crate) fn new(plugins: usize) -> Self {
        Points { weights: vec![1; plugins], ..Points::default() }
    }

    pub(crate) fn at(&self, point: Point) -> &[usize] {
        &self.orders[point as usize]
    }

    pub(crate) fn set(&mut self, point: Point, order: Vec<usize>) {
        self.orders[point as usize] = order;
    }

    pub(crate) fn weight(&self, plugin: usize) -> i64 {
        self.weights.get(plugin).copied().unwrap_or(1)
    }

    pub(crate) fn weigh(&mut self, plugin: usize, weight: i64) {
        if let Some(place) = self.weights.get_mut(plugin) {
            *place = weight;
        }
    }

    /// One more plugin, asked last wherever it takes part.
    pub(crate) fn push(&mut self, plugin: &dyn Plugin, weight: i64) {
        let at = self.weights.len();
        self.weights.push(weight);
        for point in Point::ALL.into_iter().filter(|point| point.is_of(plugin)) {
            self.orders[point as usize].push(at);
        }
    }

    /// Another plugin stands in a place: it is asked where the one before was, and last where that did not take part.
    pub(crate) fn replace(&mut self, at: usize, plugin: &dyn Plugin) {
        for point in Point::ALL {
            let order = &mut self.orders[point as usize];
            match (point.is_of(plugin), order.contains(&at)) {
                (true, false) => order.push(at),
                (false, true) => order.retain(|have| *have != at),
                _ => {}
            }
        }
    }

    /// The plugin in a place is gone; the later ones move up.
    pub(crate) fn remove(&mut self, at: usize) {
        self.weights.remove(at);
        for order in &mut self.orders {
            order.retain(|have| *have != at);
            order.iter_mut().filter(|have| **have > at).for_each(|have| *have -= 1);
        }
    }
}
