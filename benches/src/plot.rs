//! The report's plots, as SVG.

use anyhow::{Result, anyhow};
use plotters::prelude::*;

const SIZE: (u32, u32) = (900, 420);

/// The values of a series and its name.
pub type Series<'a> = (&'a str, Vec<f64>);

/// The cumulative distribution of each series: which part of its values is at most x.
///
/// # Errors
/// The plotting library fails.
#[allow(clippy::cast_precision_loss)] // counts of samples
pub fn cumulative_distribution(x_axis: &str, series: &[Series<'_>]) -> Result<String> {
    let largest = series.iter().flat_map(|(_, values)| values).copied().fold(0.0, f64::max);
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        let mut chart = ChartBuilder::on(&area)
            .margin(12)
            .x_label_area_size(40)
            .y_label_area_size(50)
            .build_cartesian_2d(0.0..(largest * 1.05).max(f64::MIN_POSITIVE), 0.0..1.0)
            .map_err(failed)?;
        chart.configure_mesh().x_desc(x_axis).y_desc("part of the runs").draw().map_err(failed)?;
        for (number, (name, values)) in series.iter().enumerate() {
            let color = Palette99::pick(number).to_rgba();
            let mut sorted = values.clone();
            sorted.sort_by(f64::total_cmp);
            let count = sorted.len() as f64;
            let steps = sorted
                .iter()
                .enumerate()
                .flat_map(|(below, value)| [(*value, below as f64 / count), (*value, (below + 1) as f64 / count)]);
            chart
                .draw_series(LineSeries::new(steps, color.stroke_width(2)))
                .map_err(failed)?
                .label(*name)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], color.stroke_width(3)));
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::LowerRight)
            .background_style(WHITE.mix(0.8))
            .border_style(BLACK.mix(0.3))
            .draw()
            .map_err(failed)?;
        area.present().map_err(failed)?;
    }
    Ok(svg)
}

/// One bar for each name, divided into phases that follow each other from 0 on.
///
/// # Errors
/// The plotting library fails.
pub fn phases(x_axis: &str, phases: &[&str], bars: &[Series<'_>]) -> Result<String> {
    let largest = bars.iter().map(|(_, values)| values.iter().sum()).fold(0.0, f64::max);
    let count = i32::try_from(bars.len())?;
    let height = 120 + 46 * u32::try_from(bars.len())?;
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (SIZE.0, height)).into_drawing_area();
        let mut chart = ChartBuilder::on(&area)
            .margin(12)
            .x_label_area_size(40)
            .y_label_area_size(190)
            .margin_right(190)
            .build_cartesian_2d(0.0..(largest * 1.02).max(f64::MIN_POSITIVE), (0..count).into_segmented())
            .map_err(failed)?;
        let name_of = |place: &SegmentValue<i32>| match place {
            SegmentValue::CenterOf(place) => {
                // The first bar is at the top.
                let bar = usize::try_from(count - 1 - place).ok().and_then(|bar| bars.get(bar));
                bar.map_or_else(String::new, |(name, _)| (*name).to_owned())
            }
            _ => String::new(),
        };
        chart
            .configure_mesh()
            .disable_y_mesh()
            .y_labels(bars.len())
            .y_label_formatter(&name_of)
            .x_desc(x_axis)
            .draw()
            .map_err(failed)?;
        for (number, phase) in phases.iter().enumerate() {
            let color = Palette99::pick(number).to_rgba();
            let rectangles = (0..).zip(bars).filter_map(|(place, (_, values)): (i32, _)| {
                let start: f64 = values.iter().take(number).sum();
                let place = count - 1 - place;
                let (low, high) = (SegmentValue::Exact(place), SegmentValue::Exact(place + 1));
                let mut bar = Rectangle::new([(start, low), (start + values.get(number)?, high)], color.filled());
                bar.set_margin(8, 8, 0, 0);
                Some(bar)
            });
            chart
                .draw_series(rectangles)
                .map_err(failed)?
                .label(*phase)
                .legend(move |(x, y)| Rectangle::new([(x, y - 5), (x + 14, y + 5)], color.filled()));
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperRight)
            .background_style(WHITE.mix(0.8))
            .draw()
            .map_err(failed)?;
        area.present().map_err(failed)?;
    }
    Ok(svg)
}

fn failed(error: impl std::fmt::Display) -> anyhow::Error {
    anyhow!("A plot cannot be drawn: {error}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_distribution_has_a_line_and_a_name_for_each_series() {
        let svg = cumulative_distribution("ms", &[("floor <a>", vec![3.0, 1.0, 2.0]), ("ours", vec![4.0])]).unwrap();
        assert!(svg.starts_with("<svg"), "{svg}");
        assert!(svg.contains("floor &lt;a&gt;") && svg.contains("ours"), "{svg}");
        assert!(svg.matches("<polyline").count() >= 2, "{svg}");
    }

    #[test]
    fn phases_of_no_length_and_no_bars_can_be_drawn() {
        let svg = phases("ms", &["first", "second"], &[("floor", vec![1.0, 0.0]), ("ours", vec![0.0, 0.0])]).unwrap();
        assert!(svg.contains("first") && svg.contains("ours"), "{svg}");
        phases("ms", &["first"], &[]).unwrap();
        cumulative_distribution("ms", &[]).unwrap();
    }
}
