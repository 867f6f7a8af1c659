//! Medians, other quantiles, and ratios of medians with their intervals.

use fastrand::Rng;

/// Bootstrap samples of a ratio.
const RESAMPLES: usize = 10_000;

/// The value below which the part `q` (0 to 1) of `values` lies, interpolated between neighbours; `None` if there are none.
pub fn quantile(values: &[f64], q: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    quantile_of_sorted(&sorted, q)
}

/// The median of `values`.
pub fn median(values: &[f64]) -> Option<f64> {
    quantile(values, 0.5)
}

#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)] // an index of a slice
fn quantile_of_sorted(sorted: &[f64], q: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let place = q.clamp(0.0, 1.0) * last as f64;
    let below = place.floor() as usize;
    let (low, high) = (*sorted.get(below)?, *sorted.get((below + 1).min(last))?);
    Some(low + (high - low) * (place - below as f64))
}

/// A ratio of two medians, with the interval that holds it with 95 % confidence.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ratio {
    /// The medians' ratio.
    pub ratio: f64,
    /// The interval's lower end.
    pub low: f64,
    /// The interval's upper end: what a bound is compared with.
    pub high: f64,
}

/// The ratio of the medians of `ours` and `theirs`. The interval is that of the percentile bootstrap: both are drawn again
/// with replacement, each by itself. `None` where one of them is empty or `theirs` has a median that is not positive.
pub fn ratio_of_medians(ours: &[f64], theirs: &[f64], rng: &mut Rng) -> Option<Ratio> {
    let ratio = |ours: f64, theirs: f64| (theirs > 0.0).then(|| ours / theirs);
    let whole = ratio(median(ours)?, median(theirs)?)?;
    let mut drawn = Vec::with_capacity(RESAMPLES);
    for _ in 0..RESAMPLES {
        drawn.extend(ratio(median_of_redrawn(ours, rng)?, median_of_redrawn(theirs, rng)?));
    }
    drawn.sort_by(f64::total_cmp);
    Some(Ratio { ratio: whole, low: quantile_of_sorted(&drawn, 0.025)?, high: quantile_of_sorted(&drawn, 0.975)? })
}

fn median_of_redrawn(values: &[f64], rng: &mut Rng) -> Option<f64> {
    let mut drawn: Vec<f64> =
        (0..values.len()).filter_map(|_| values.get(rng.usize(..values.len())).copied()).collect();
    drawn.sort_by(f64::total_cmp);
    quantile_of_sorted(&drawn, 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_lie_between_neighbours() {
        let values = [4.0, 1.0, 3.0, 2.0];
        assert_eq!(median(&values), Some(2.5));
        assert_eq!(quantile(&values, 0.0), Some(1.0));
        assert_eq!(quantile(&values, 1.0), Some(4.0));
        assert_eq!(quantile(&[7.0], 0.99), Some(7.0));
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn equal_values_have_an_interval_without_width() {
        let ratio = ratio_of_medians(&[3.0; 9], &[2.0; 5], &mut Rng::with_seed(1)).unwrap();
        assert_eq!(ratio, Ratio { ratio: 1.5, low: 1.5, high: 1.5 });
    }

    #[test]
    fn the_interval_holds_the_ratio_and_is_wider_for_fewer_values() {
        let mut rng = Rng::with_seed(7);
        let draw = |count: usize, rng: &mut Rng| (0..count).map(|_| 10.0 + rng.f64()).collect::<Vec<_>>();
        let (few, many) = (draw(8, &mut rng), draw(200, &mut rng));
        let wide = ratio_of_medians(&few, &many, &mut rng).unwrap();
        let narrow = ratio_of_medians(&many, &many, &mut rng).unwrap();
        assert!(wide.low <= wide.ratio && wide.ratio <= wide.high, "{wide:?}");
        assert!(narrow.low < 1.0 && 1.0 < narrow.high, "{narrow:?}");
        assert!(wide.high - wide.low > narrow.high - narrow.low, "{wide:?} {narrow:?}");
    }

    #[test]
    fn the_interval_holds_the_true_ratio_as_often_as_it_says() {
        let mut rng = Rng::with_seed(42);
        let held = (0..100).filter(|_| {
            let mut draw = |scale: f64| (0..15).map(|_| scale * (1.0 + rng.f64())).collect::<Vec<_>>();
            let (ours, theirs) = (draw(2.0), draw(1.0));
            let ratio = ratio_of_medians(&ours, &theirs, &mut Rng::with_seed(3)).unwrap();
            ratio.low <= 2.0 && 2.0 <= ratio.high
        });
        let held = held.count();
        assert!((88..=100).contains(&held), "{held} of 100 intervals hold the ratio");
    }

    #[test]
    fn nothing_is_no_ratio() {
        let mut rng = Rng::with_seed(1);
        assert_eq!(ratio_of_medians(&[], &[1.0], &mut rng), None);
        assert_eq!(ratio_of_medians(&[1.0], &[], &mut rng), None);
        assert_eq!(ratio_of_medians(&[1.0], &[0.0], &mut rng), None);
    }
}
