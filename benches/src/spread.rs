//! Medians and percentiles.

use std::time::Duration;

use serde::Serialize;

/// How a figure spread, in the unit of its samples.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Spread {
    /// Number of samples.
    pub samples: usize,
    /// Half are no greater.
    pub p50: f64,
    /// 99 of 100 are no greater.
    pub p99: f64,
    /// The greatest.
    pub max: f64,
}

impl Spread {
    /// Of these samples.
    pub fn of(mut samples: Vec<f64>) -> Self {
        samples.sort_by(f64::total_cmp);
        let at = |share: f64| {
            let index = (samples.len() as f64 * share).ceil() as usize;
            samples.get(index.saturating_sub(1)).copied().unwrap_or(0.0)
        };
        Self {
            samples: samples.len(),
            p50: at(0.50),
            p99: at(0.99),
            max: at(1.0),
        }
    }

    /// Of these times, in milliseconds.
    pub fn of_times(times: &[Duration]) -> Self {
        Self::of(times.iter().map(|time| time.as_secs_f64() * 1_000.0).collect())
    }
}

/// The middle one.
pub fn median(samples: &[f64]) -> f64 {
    Spread::of(samples.to_vec()).p50
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_samples() {
        let spread = Spread::of((1..=200).map(f64::from).collect());
        assert_eq!((spread.p50, spread.p99, spread.max), (100.0, 198.0, 200.0));
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(Spread::of(vec![]).samples, 0);
    }
}
