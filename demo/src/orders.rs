//! The orders of this process: in memory, the newest [`MOST_ORDERS`].

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Zoned;

use crate::order::{Order, Refused};

/// Most orders that are kept; the oldest goes first.
const MOST_ORDERS: usize = 1_000;
/// Letters that nobody takes for another.
const LETTERS: &[u8] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
const LETTERS_OF_ID: usize = 6;

/// All orders that are kept.
#[derive(Debug, Default)]
pub(crate) struct Orders(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    by_id: HashMap<String, Order>,
    oldest_first: VecDeque<String>,
}

impl Orders {
    /// A new id: `O-20261125-K7QF2M`. Ids of an earlier process don't come again, but by chance in a thousand million.
    pub(crate) fn mint() -> String {
        let day = Zoned::now().strftime("%Y%m%d").to_string();
        let letters: String = (0..LETTERS_OF_ID)
            .map(|_| char::from(LETTERS[fastrand::usize(..LETTERS.len())]))
            .collect();
        format!("O-{day}-{letters}")
    }

    pub(crate) fn add(&self, order: Order) {
        let mut kept = self.lock();
        kept.oldest_first.push_back(order.id.clone());
        kept.by_id.insert(order.id.clone(), order);
        if kept.oldest_first.len() > MOST_ORDERS
            && let Some(oldest) = kept.oldest_first.pop_front()
        {
            kept.by_id.remove(&oldest);
        }
    }

    pub(crate) fn get(&self, id: &str) -> Option<Order> {
        self.lock().by_id.get(id).cloned()
    }

    /// The newest, newest first.
    pub(crate) fn newest(&self, most: usize) -> Vec<Order> {
        let kept = self.lock();
        let ids = kept.oldest_first.iter().rev().take(most);
        ids.filter_map(|id| kept.by_id.get(id).cloned()).collect()
    }

    /// Takes one step of an order, alone: two at once come one after the other.
    pub(crate) fn step<T>(
        &self,
        id: &str,
        step: impl FnOnce(&mut Order) -> Result<T, Refused>,
    ) -> Result<T, Refused> {
        step(self.lock().by_id.get_mut(id).ok_or(Refused::UnknownOrder)?)
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        // A step leaves an order whole or as it was, so one that panicked harmed nothing.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cart::Cart;

    #[test]
    fn the_oldest_go() {
        let orders = Orders::default();
        for number in 0..=MOST_ORDERS {
            orders.add(Order::of(number.to_string(), "guest", &Cart::read("mug:1")).unwrap());
        }
        assert_eq!(orders.get("0"), None);
        assert!(orders.get("1").is_some());
        assert_eq!(orders.newest(1)[0].id, MOST_ORDERS.to_string());
        assert_eq!(orders.lock().by_id.len(), MOST_ORDERS);
    }
}
